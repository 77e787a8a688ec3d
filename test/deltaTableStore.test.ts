import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { deltaTableStore } from '../src/delta/deltaTableStore.ts'
import { checkpointWriter } from '../src/engine/duckdb/checkpointWriter.ts'
import { localObjectStore } from '../src/objects/localObjectStore.ts'
import { describeTableStore } from './conformance/tableStore.ts'
import { writeParquet } from './kit/parquet.ts'
import { scratch } from './kit/scratch.ts'

const storeIn = (root: string, now: () => number = () => Date.now()): ReturnType<typeof deltaTableStore> =>
  deltaTableStore(localObjectStore(root), { now, engineInfo: 'test', writeCheckpoint: checkpointWriter(scratch('checkpoint')) })

describeTableStore('delta', now => storeIn(scratch('delta'), now))

describe('a delta log', () => {
  async function tableOf(versions: number): Promise<{ log: string; table: ReturnType<ReturnType<typeof storeIn>['table']> }> {
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
    return { log: join(root, 't', '_delta_log'), table }
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
})
