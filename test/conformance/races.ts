/** What tables in a bucket must bear: any number of writers at the same time. */
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { deltaTableStore } from '../../src/delta/deltaTableStore.ts'
import type { Table, TableChange } from '../../src/domain/tableStore.ts'
import { checkpointWriter } from '../../src/engine/duckdb/checkpointWriter.ts'
import type { Line } from '../kit/buckets.ts'
import { envOf, storeAt } from '../kit/buckets.ts'
import type { Outcome } from '../kit/cli.ts'
import { program, REPOSITORY } from '../kit/cli.ts'
import { writeParquet } from '../kit/parquet.ts'
import { cases, scratch } from '../kit/scratch.ts'

export interface Races {
  /** Launches a process that appends until it has appended `count` times; killed after some milliseconds, if told. */
  committer: (name: string, prefix: string, count: number, endpoint: string) => (kill?: number) => Promise<Outcome>
  /** Every name has appended its `count`, each version is one append, and none is missing. */
  holdsAll: (prefix: string, names: readonly string[], count: number) => Promise<void>
}

/** Of those that go on for long. */
export const TIMEOUT = 3_600_000

export function describeRaces(line: Line, bucket: string): Races {
  const template = join(scratch('template'), 'file.parquet')
  beforeAll(() => writeParquet(template, { id: 'VARCHAR' }, [{ id: 'a row' }]))

  const tableAt = (prefix: string): Table =>
    deltaTableStore(storeAt(line, bucket, prefix), {
      now: () => Date.now(),
      engineInfo: 'test',
      writeCheckpoint: checkpointWriter(scratch('checkpoint')),
    }).table('t')

  const idsIn = async (table: Table): Promise<unknown[]> =>
    (await table.snapshot('latest'))!.files.map(({ columns }) => columns.id!.min).sort()

  const committer: Races['committer'] = (name, prefix, count, endpoint) => {
    const args = [join(REPOSITORY, 'test/kit/committer.ts'), bucket, prefix, name, String(count), template, scratch('committer')]
    const env = envOf({ ...line, endpoint })
    return (kill?: number) =>
      program(process.execPath, args, {
        cwd: REPOSITORY,
        env,
        ...(kill === undefined ? {} : { kill: { signal: 'SIGKILL' as const, after: kill } }),
      })
  }

  async function holdsAll(prefix: string, names: readonly string[], count: number): Promise<void> {
    const table = tableAt(prefix)
    const expected = names.flatMap(name => Array.from({ length: count }, (_, at) => `${name} ${at}`))
    expect(await idsIn(table)).toEqual(expected.sort())
    const history = await Array.fromAsync(table.history())
    expect(history.map(({ version }) => version)).toEqual([...expected.keys()].reverse())
    expect(await table.isWhole((await table.snapshot('latest'))!)).toBe(true)
  }

  it(
    'lets 32 writers of one table append, each version one of theirs and none lost',
    async () => {
      const [writers, count] = [32, cases(1, 2, 20)]
      const ids = Array.from({ length: writers }, (_, writer) => Array.from({ length: count }, (_, at) => `w${writer} ${at}`))
      await Promise.all(
        ids.map(async own => {
          const table = tableAt('many/')
          for (const id of own) {
            for (let outcome = ''; outcome !== 'committed'; ) {
              const localPath = join(scratch('staged'), 'file')
              await copyFile(template, localPath)
              const base = await table.snapshot('latest')
              const schema = { columns: [{ name: 'id', type: { kind: 'string' as const }, nullable: false }] }
              const change: TableChange = {
                base,
                operation: 'append',
                ...(base ? {} : { schema }),
                add: [{ localPath, size: 1, rows: 1, columns: { id: { min: id, max: id, nullCount: 0 } } }],
                remove: [],
                lineage: {},
                isolation: base ? 'append' : 'plan',
              }
              outcome = await table.commit(change).then(
                committed => committed.outcome,
                error => {
                  // Who has met too many others is told so, and comes again.
                  if (error.code === 'transient.conflict') return 'conflict'
                  throw error
                },
              )
            }
          }
        }),
      )
      expect(await idsIn(tableAt('many/'))).toEqual(ids.flat().sort())
      expect((await Array.fromAsync(tableAt('many/').history())).map(({ version }) => version)).toEqual(
        [...ids.flat().keys()].reverse(),
      )
    },
    TIMEOUT,
  )

  it(
    'keeps the appends of eight processes, without a gap',
    async () => {
      const count = cases(5, 25, 200)
      const names = Array.from({ length: 8 }, (_, at) => `p${at}`)
      const outcomes = await Promise.all(names.map(name => committer(name, 'processes/', count, line.endpoint)()))
      for (const { code, stderr } of outcomes) expect(code, stderr).toBe(0)
      await holdsAll('processes/', names, count)
    },
    TIMEOUT,
  )

  return { committer, holdsAll }
}
