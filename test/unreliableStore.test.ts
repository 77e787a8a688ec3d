/** Tables over a store that answers late, twice or not at all: nothing is doubled, lost or taken for another's. */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { deltaTableStore } from '../src/delta/deltaTableStore.ts'
import { TransientError } from '../src/domain/errors.ts'
import { lineageOf } from '../src/domain/lineage.ts'
import type { StagedFile, Table, TableChange } from '../src/domain/tableStore.ts'
import { checkpointWriter } from '../src/engine/duckdb/checkpointWriter.ts'
import { localObjectStore } from '../src/objects/localObjectStore.ts'
import type { RunResult } from '../src/run/runFeatureSet.ts'
import { describeObjectStore } from './conformance/objectStore.ts'
import { describeTableStore } from './conformance/tableStore.ts'
import { differences } from './kit/computing.ts'
import { inProcess } from './kit/inProcess.ts'
import { midnight, OrderDays, orderProject } from './kit/orderDays.ts'
import { writeParquet } from './kit/parquet.ts'
import type { Random } from './kit/random.ts'
import { seeded } from './kit/random.ts'
import { cases, scratch } from './kit/scratch.ts'
import type { Call, Mishap, UnreliableStore } from './kit/unreliableStore.ts'
import { unreliableStore } from './kit/unreliableStore.ts'

const options = { engineInfo: 'test', writeCheckpoint: checkpointWriter(scratch('checkpoint')) }

describeObjectStore('a store that answers late', () => unreliableStore(localObjectStore(scratch('late')), () => 'late'))

// Every request is sent twice, and only the second answer arrives.
describeTableStore('delta over a store that answers twice', now =>
  deltaTableStore(
    unreliableStore(localObjectStore(scratch('twice')), ({ writes }) => (writes ? 'twice' : undefined)),
    { ...options, now },
  ),
)

describe('a commit whose answer gets lost', () => {
  const COMMIT = /_delta_log\/\d+\.json$/

  /** One table, seen over a line where `mishap` befalls every write of a key like `key`, and as it is. */
  function tableOf(key: RegExp, mishap: Mishap): { table: Table; plain: Table; store: UnreliableStore } {
    const objects = localObjectStore(scratch('lost'))
    const store = unreliableStore(objects, call => (call.writes && key.test(call.key) ? mishap : undefined))
    const tableIn = (line: typeof objects): Table => deltaTableStore(line, { ...options, now: () => Date.now() }).table('t')
    return { table: tableIn(store), plain: tableIn(objects), store }
  }
  async function change(table: Table, id: bigint, more: Partial<TableChange> = {}): Promise<TableChange> {
    const base = await table.snapshot('latest')
    return {
      base,
      operation: 'run',
      ...(base ? {} : { schema: { columns: [{ name: 'id', type: { kind: 'int64' }, nullable: false }] } }),
      add: [await staged(id)],
      remove: [],
      lineage: {},
      isolation: 'plan',
      ...more,
    }
  }
  async function staged(id: bigint): Promise<StagedFile> {
    const localPath = join(scratch('staged'), 'file')
    await writeParquet(localPath, { id: 'BIGINT' }, [{ id }])
    return { localPath, size: 1, rows: 1, columns: { id: { min: id, max: id, nullCount: 0 } } }
  }
  const idsIn = async (table: Table): Promise<unknown[]> =>
    ((await table.snapshot('latest'))?.files ?? []).map(({ columns }) => columns.id!.min).sort()

  for (const [mishap, words] of [
    ['twice', 'that the store calls taken'],
    ['lost', 'that the store says nothing about'],
  ] as const) {
    it(`is one's own, ${words}`, async () => {
      const { table, plain } = tableOf(COMMIT, mishap)
      for (let version = 0; version < 3; version++) {
        expect(await table.commit(await change(plain, BigInt(version)))).toEqual({ outcome: 'committed', version })
      }
      expect(await idsIn(plain)).toEqual([0n, 1n, 2n])
    })

    it(`is another's where he was first, ${words}`, async () => {
      const { table, plain } = tableOf(COMMIT, mishap)
      const [own, other] = [await change(plain, 1n), await change(plain, 2n)]
      await plain.commit(other)
      expect(await table.commit(own)).toMatchObject({ outcome: 'conflict', latest: 0 })
      expect(await idsIn(plain)).toEqual([2n])
    })

    it(`is appended once, behind those who were first, ${words}`, async () => {
      const { table, plain } = tableOf(COMMIT, mishap)
      await plain.commit(await change(plain, 0n))
      const own = await change(plain, 1n, { isolation: 'append' })
      await plain.commit(await change(plain, 2n))
      expect(await table.commit(own)).toEqual({ outcome: 'committed', version: 2 })
      expect(await idsIn(plain)).toEqual([0n, 1n, 2n])
    })

    it(`lets a tag's move be one's own, ${words}`, async () => {
      const { table, plain } = tableOf(/_quern\/tags\//, mishap)
      for (let id = 0n; id < 2n; id++) await plain.commit(await change(plain, id))
      expect(await table.moveTag('best', 1, undefined)).toBe('written')
      expect(await plain.tags()).toEqual(new Map([['best', 1]]))
    })
  }

  it('is undecided where nothing is there yet, and whole when it arrives after all', async () => {
    const { table, plain, store } = tableOf(COMMIT, 'tardy')
    await expect(table.commit(await change(plain, 7n))).rejects.toBeInstanceOf(TransientError)
    await store.settled()
    expect(await idsIn(plain)).toEqual([7n])
  })

  it('is no commit where the request was refused', async () => {
    const { table, plain } = tableOf(COMMIT, 'refused')
    await expect(table.commit(await change(plain, 7n))).rejects.toBeInstanceOf(TransientError)
    expect(await plain.snapshot('latest')).toBeUndefined()
    expect(await plain.commit(await change(plain, 8n))).toEqual({ outcome: 'committed', version: 0 })
  })

  it('stands though its checkpoint is lost', async () => {
    const { table, plain } = tableOf(/checkpoint/, 'refused')
    for (let id = 0n; id < 10n; id++) await plain.commit(await change(plain, id))
    expect(await table.commit(await change(plain, 10n))).toEqual({ outcome: 'committed', version: 10 })
    expect(await idsIn(plain)).toHaveLength(11)
  })
})

describe('runs over a store that answers late, twice or not at all', () => {
  it('end as committed, unchanged or to be tried again, and leave each row once', async () => {
    const random = seeded()
    const outcomes = { committed: 0, unchanged: 0, transient: 0 }
    for (let round = 0; round < cases(2, 15); round++) {
      const { cwd, set, table, parts } = await orderProject()
      const days = new OrderDays(random, [cwd])
      const stores: UnreliableStore[] = []
      const workers = [1, 2, 3].map(worker => {
        const objects = (store: Parameters<typeof unreliableStore>[0]): UnreliableStore => {
          stores.push(unreliableStore(store, call => mishap(random, call)))
          return stores.at(-1)!
        }
        return inProcess(cwd, { worker: `-${worker}`, objects })
      })
      const answered = new Set<number>()
      for (let day = 1; day <= 5; day++) {
        days.arrive(day)
        const until = midnight(day + 1)
        const before = (await table.snapshot('latest'))?.version ?? -1
        const results = await Promise.all(workers.map(worker => tried(() => worker.run(set, { until }), outcomes)))
        await Promise.all(stores.map(store => store.settled()))
        const committed = results.filter(({ outcome }) => outcome === 'committed').map(({ version }) => version!)
        // Whoever is told that he committed did so alone.
        expect(committed.filter(version => version <= before || answered.has(version))).toEqual([])
        expect(new Set(committed).size).toBe(committed.length)
        for (const version of committed) answered.add(version)
        const latest = (await table.snapshot('latest'))?.version ?? -1
        expect(latest - before).toBeLessThanOrEqual(1)
        expect(differences(set, await parts.rows(set), days.expected(set, until))).toEqual([])
      }
      const published = await publishedThrough(table)
      expect(published).toEqual([...new Set(published)])
      const rejected = await parts.store.table('rejected/orders').snapshot('latest')
      expect((rejected?.files ?? []).reduce((sum, { rows }) => sum + rows, 0)).toBe(days.refused)
      for (const each of [parts, ...workers]) await each.close()
    }
    for (const count of Object.values(outcomes)) expect(count).toBeGreaterThan(0)
  })
})

/** Commits fare worst. */
function mishap(random: Random, { writes, key }: Call): Mishap | undefined {
  const shares: [Mishap, number][] = !writes
    ? [
        ['refused', 0.003],
        ['late', 0.05],
      ]
    : /_delta_log\/\d+\.json$/.test(key)
      ? [
          ['twice', 0.25],
          ['lost', 0.2],
          ['tardy', 0.15],
          ['refused', 0.05],
          ['late', 0.2],
        ]
      : [
          ['twice', 0.1],
          ['lost', 0.02],
          ['refused', 0.01],
          ['late', 0.2],
        ]
  let at = random.next()
  for (const [name, share] of shares) {
    if (at < share) return name
    at -= share
  }
  return undefined
}

/** As a scheduler does it: what may be tried again is. */
async function tried(
  run: () => Promise<RunResult>,
  outcomes: Record<'committed' | 'unchanged' | 'transient', number>,
): Promise<RunResult> {
  for (let attempt = 0; attempt < 50; attempt++) {
    try {
      const result = await run()
      outcomes[result.outcome]++
      return result
    } catch (error) {
      if (!(error instanceof TransientError)) throw error
      outcomes.transient++
    }
  }
  throw new Error('50 attempts met the store in a bad hour')
}

/** Of each version, newest first: the last cutoff that it published. */
async function publishedThrough(table: Table): Promise<string[]> {
  const commits = await Array.fromAsync(table.history())
  return commits.map(({ lineage }) => lineageOf(lineage)!.through)
}
