import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { deltaTableStore } from '../src/delta/deltaTableStore.ts'
import type { ObjectStore } from '../src/domain/objectStore.ts'
import type { Table, TableStore } from '../src/domain/tableStore.ts'
import { checkpointWriter } from '../src/engine/duckdb/checkpointWriter.ts'
import { localObjectStore } from '../src/objects/localObjectStore.ts'
import { describeTableStore } from './conformance/tableStore.ts'
import { writeParquet } from './kit/parquet.ts'
import { scratch } from './kit/scratch.ts'

const storeIn = (root: string, now: () => number = () => Date.now()): TableStore => storeOver(localObjectStore(root), now)
const storeOver = (objects: ObjectStore, now: () => number = () => Date.now()): TableStore =>
  deltaTableStore(objects, { now, engineInfo: 'test', writeCheckpoint: checkpointWriter(scratch('checkpoint')) })

describeTableStore('delta', now => storeIn(scratch('delta'), now))

describe('a delta log', () => {
  async function tableOf(versions: number): Promise<{ root: string; log: string; table: Table }> {
    const root = scratch('delta')
    const table = storeIn(root).table('t')
    for (let id = 0; id < versions; id++) {
      const localPath = join(root, `staged-${id}`)
      await writeParquet(localPath, { id: 'BIGINT' }, [{ id: BigInt(id) }])
      const base = await table.snapshot('latest')
      await table.commit({
        base,
        operation: 'run',
        ...(base ? {} : { schema: { columns: [{ name: 'id', type: { kind: 'int64' }, nullable: false }] } }),
        add: [{ localPath, size: 1, rows: 1, columns: {} }],
        remove: [],
        lineage: {},
        isolation: 'plan',
      })
    }
    return { root, log: join(root, 't', '_delta_log'), table }
  }
  const commit = (version: number): string => `${String(version).padStart(20, '0')}.json`

  it('asks readers for no features', async () => {
    const { log } = await tableOf(1)
    const lines = readFileSync(join(log, commit(0)), 'utf8')
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(lines.find(line => line.protocol)).toEqual({ protocol: { minReaderVersion: 1, minWriterVersion: 2 } })
    expect(lines.find(line => line.metaData).metaData.configuration).toMatchObject({
      'delta.deletedFileRetentionDuration': 'interval 36500 days',
      'delta.logRetentionDuration': 'interval 36500 days',
    })
  })

  it('is read from its checkpoint on where earlier commits are gone', async () => {
    const { log, table } = await tableOf(13)
    for (let version = 0; version < 10; version++) rmSync(join(log, commit(version)))
    expect((await table.snapshot('latest'))!.files).toHaveLength(13)
    expect(await table.snapshot({ version: 5 })).toBeUndefined()
  })

  it('is read whole where the hint or the checkpoint is gone or broken', async () => {
    const { log, table } = await tableOf(13)
    writeFileSync(join(log, '_last_checkpoint'), '{"vers')
    expect((await table.snapshot('latest'))!.files).toHaveLength(13)
    for (const file of readdirSync(log).filter(name => /checkpoint/.test(name))) rmSync(join(log, file))
    expect((await table.snapshot('latest'))!.files).toHaveLength(13)
  })

  it('is read from the checkpoint where its quick copy is gone, damaged or of another commit', async () => {
    const { log, table } = await tableOf(13)
    const { log: other } = await tableOf(11)
    const copyIn = (folder: string): string => join(folder, '../_quern/state.ndjson.zst')
    const files = (await table.snapshot('latest'))!.files
    for (const bytes of [readFileSync(copyIn(other)), Buffer.from('half')]) {
      writeFileSync(copyIn(log), bytes)
      expect((await table.snapshot('latest'))!.files).toEqual(files)
    }
    rmSync(copyIn(log))
    expect((await table.snapshot('latest'))!.files).toEqual(files)
  })

  it('that is damaged says which file and which line', async () => {
    const { log, table } = await tableOf(3)
    writeFileSync(join(log, commit(1)), '{"commitInfo":{}}\n{"add":')
    const broken = table.snapshot('latest')
    await expect(broken).rejects.toMatchObject({ code: 'data.corrupt-log', exitCode: 3 })
    await expect(broken).rejects.toThrow(/00000000000000000001\.json has no JSON in line 2/)
    expect((await table.snapshot({ version: 0 }))!.files).toHaveLength(1)
  })

  it('with a gap is refused', async () => {
    const { log, table } = await tableOf(3)
    rmSync(join(log, commit(1)))
    await expect(table.snapshot('latest')).rejects.toThrow(/00000000000000000001\.json is missing/)
  })

  const nothings: [what: string, text: string, said: RegExp][] = [
    ['nothing', '', /1\.json is empty/],
    ['empty lines', '\n\n', /1\.json is empty/],
    ['a list', '[]\n', /1\.json has no action in line 1: \[\]/],
    ['a number', '{"commitInfo":{}}\n5\n', /1\.json has no action in line 2: 5/],
    ['null', 'null', /1\.json has no action in line 1: null/],
    ['an action of no members', '{"add":7}', /1\.json has no action in line 1: {"add":7}/],
  ]
  it.each(nothings)('with a commit of %s is refused', async (_, text, said) => {
    const { log, table } = await tableOf(3)
    writeFileSync(join(log, commit(1)), text)
    const broken = table.snapshot('latest')
    await expect(broken).rejects.toMatchObject({ code: 'data.corrupt-log', exitCode: 3 })
    await expect(broken).rejects.toThrow(said)
  })

  it('whose first commit tells nothing of the table is refused', async () => {
    const { log, table } = await tableOf(1)
    writeFileSync(join(log, commit(0)), '{"commitInfo":{"timestamp":1}}\n')
    await expect(table.snapshot('latest')).rejects.toMatchObject({
      code: 'data.corrupt-log',
      message: expect.stringMatching(/no metaData/),
    })
  })

  it('whose schema is none is refused', async () => {
    const { log, table } = await tableOf(1)
    const text = readFileSync(join(log, commit(0)), 'utf8')
    for (const schema of ['"{"', '"{}"', '"null"']) {
      writeFileSync(join(log, commit(0)), text.replace(/"schemaString":"(\\.|[^"])*"/, `"schemaString":${schema}`))
      await expect(table.snapshot('latest')).rejects.toMatchObject({ code: 'data.corrupt-log' })
    }
  })

  it('is read from an earlier checkpoint, or whole, where one is torn', async () => {
    const { log, table } = await tableOf(23)
    const files = (await table.snapshot('latest'))!.files.map(({ path }) => path)
    rmSync(join(log, '../_quern'), { recursive: true })
    for (const version of [20, 10]) {
      writeFileSync(join(log, `${String(version).padStart(20, '0')}.checkpoint.parquet`), 'PAR1torn')
      expect((await table.snapshot('latest'))!.files.map(({ path }) => path)).toEqual(files)
      expect((await table.snapshot({ version: 20 }))!.files).toHaveLength(21)
    }
    for (let version = 0; version < 10; version++) rmSync(join(log, commit(version)))
    await expect(table.snapshot('latest')).rejects.toMatchObject({
      code: 'data.corrupt-log',
      message: expect.stringMatching(/20\.checkpoint\.parquet is no whole checkpoint, and the log before it is gone/),
    })
  })

  /** Cleans the log up to version 2 when somebody reads the commit of version 1. */
  const cleanedUpWhileRead = (root: string, table: Table): ObjectStore => {
    const objects = localObjectStore(root)
    let done = false
    return {
      ...objects,
      get: async key => {
        if (!done && key.endsWith('1.json')) {
          done = true
          await table.checkpoint(2)
          await table.remove(await table.logBefore(2))
        }
        return objects.get(key)
      },
    }
  }
  const reads: [what: string, read: (table: Table) => Promise<unknown>, found: unknown][] = [
    ['the latest version', async table => (await table.snapshot('latest'))?.version, 3],
    ['a version that stays', async table => (await table.snapshot({ version: 2 }))?.version, 2],
    ['a version that goes', table => table.snapshot({ version: 1 }), undefined],
    ['an instant', async table => (await table.snapshot({ asOf: 4_000_000_000_000_000n }))?.version, 3],
    ['the history', async table => (await Array.fromAsync(table.history())).map(({ version }) => version), [3, 2]],
  ]
  it.each(reads)('that is cleaned up meanwhile still answers %s', async (_, read, found) => {
    const { root, table } = await tableOf(4)
    expect(await read(storeOver(cleanedUpWhileRead(root, table)).table('t'))).toEqual(found)
    expect(await read(table)).toEqual(found)
  })

  it('leaves no data file behind of a change that could not be moved in', async () => {
    const root = scratch('delta')
    const objects = localObjectStore(root)
    let puts = 0
    const full: ObjectStore = {
      ...objects,
      putFile: async (key, path) => {
        if (++puts === 2) throw new Error('full')
        await objects.putFile(key, path)
      },
    }
    const add = []
    for (let id = 0n; id < 30n; id++) {
      const localPath = join(scratch('staged'), `${id}.parquet`)
      await writeParquet(localPath, { id: 'BIGINT' }, [{ id }])
      add.push({ localPath, size: 1, rows: 1, columns: {} })
    }
    const schema = { columns: [{ name: 'id', type: { kind: 'int64' as const }, nullable: false }] }
    const change = { base: undefined, operation: 'run', schema, add, remove: [], lineage: {}, isolation: 'plan' as const }
    await expect(storeOver(full).table('t').commit(change)).rejects.toThrow('full')
    expect(await Array.fromAsync(objects.list(''))).toEqual([])
    // Those that were under way then end, and no other sets out.
    expect(puts).toBeLessThan(20)
  })
})
