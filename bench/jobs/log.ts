/** What a long history costs those who only look: `show` and `log` at version 10,000, beside version 10. */
import { copyFileSync, existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Batch } from '../../src/domain/batch.ts'
import type { FeatureSet } from '../../src/domain/featureSet.ts'
import type { BatchRecord, Lineage } from '../../src/domain/lineage.ts'
import type { Table } from '../../src/domain/tableStore.ts'
import { parseInstant } from '../../src/domain/time.ts'
import { loadDefinitions } from '../../src/registry.ts'
import { recordedInputs, recordInputs } from '../../src/run/recordedInputs.ts'
import { inProcess } from '../../test/kit/inProcess.ts'
import { arrivals, makeDays, midnight } from '../days.ts'
import { inTurns } from '../measure.ts'
import { report, verdict } from '../report.ts'
import { project, quern, WORK } from '../setting.ts'

const NAME = 'origin_delays'
const [SHORT, LONG] = [10, 10_000]
/** A compaction after so many runs. */
const COMPACTED = 100

export async function log(rounds: number): Promise<void> {
  await makeTables()
  const look = (args: string[], versions: number) => () =>
    quern([...args, NAME], { cwd: project('year'), store: storeOf(versions) })
  const costs = inTurns(Math.max(rounds, 5), {
    'show, version 10': look(['show', '--json'], SHORT),
    'show, version 10,000': look(['show', '--json'], LONG),
    'log, version 10': look(['log', '--limit', '20'], SHORT),
    'log, version 10,000': look(['log', '--limit', '20'], LONG),
  })
  report('log: looking at a table of many versions', costs)
  for (const command of ['show', 'log']) {
    const ratio = costs[`${command}, version 10,000`]!.cpuSeconds / costs[`${command}, version 10`]!.cpuSeconds
    verdict(`CPU of ${command} at version 10,000 beside version 10`, ratio, 2)
  }
}

const folderOf = (versions: number): string => join(WORK, 'versions', String(versions))
const storeOf = (versions: number): string => join(folderOf(versions), 'store')

/** Version 0 by a run, the later ones by commits that are like those of runs: what they add and record is what that run did. */
async function makeTables(): Promise<void> {
  const done = join(WORK, 'versions/done')
  if (existsSync(done)) return
  await makeDays()
  arrivals('year').arrive(1)
  const [set] = (await loadDefinitions(project('year'), [NAME])) as [FeatureSet]
  for (const versions of [SHORT, LONG]) {
    rmSync(folderOf(versions), { recursive: true, force: true })
    const parts = inProcess(folderOf(versions))
    await parts.run(set, { until: parseInstant(midnight(1))! })
    await extend(parts.store.table(`features/${NAME}`), folderOf(versions), versions)
    await parts.close()
  }
  writeFileSync(done, '')
}

async function extend(table: Table, folder: string, versions: number): Promise<void> {
  let base = (await table.snapshot('latest'))!
  const [data] = await table.localPaths(base.files)
  const { columns, rows, size } = base.files[0]!
  const inputs = new GrowingInputs(table, base.lineage as Lineage)
  for (let version = 1; version <= versions; version++) {
    const localPath = join(folder, 'staged.parquet')
    copyFileSync(data!, localPath)
    const compacts = version % COMPACTED === 0
    if (compacts) base = (await table.snapshot('latest'))!
    const outcome = await table.commit({
      base,
      operation: compacts ? 'compact' : 'run',
      add: [{ localPath, rows, size, columns }],
      remove: compacts ? base.files.slice(1 - COMPACTED).map(({ path }) => path) : [],
      lineage: await inputs.extended(version),
      isolation: 'plan',
    })
    if (outcome.outcome === 'conflict') throw new Error('another writer commits')
    base = { ...base, version, committedAt: BigInt(Date.now()) * 1000n }
    if (version % 1000 === 0) process.stderr.write(`  version ${version}\n`)
  }
}

/** What runs record that each read a file more: lists of all of them, eight of one length joined to one. */
class GrowingInputs {
  readonly #table: Table
  readonly #lineage: Lineage
  #batches: { batch: Batch; record: BatchRecord }[] = []

  constructor(table: Table, lineage: Lineage) {
    this.#table = table
    this.#lineage = lineage
  }

  async extended(version: number): Promise<Lineage> {
    const [first] = (await recordedInputs(this.#table, this.#lineage)).batches[0]!.files
    const file = { ...first!, path: `${first!.path}.${version}`, hash: first!.hash.slice(6) + String(version).padStart(6, '0') }
    let batch: Batch = { files: [file], tiles: undefined, weight: 1, except: [] }
    for (;;) {
      const alike = this.#batches.filter(({ batch: { files } }) => files.length === batch.files.length)
      if (alike.length < 7) break
      batch = { ...batch, files: [...alike.flatMap(({ batch: { files } }) => files), ...batch.files] }
      this.#batches = this.#batches.filter(one => !alike.includes(one))
    }
    const { source } = this.#lineage.inputs
    const recorded = await recordInputs(this.#table, source, { batches: [batch], formers: [] })
    this.#batches.push({ batch, record: recorded.batches[0]! })
    const batches = this.#batches.map(({ record }) => record)
    const total = (of: (record: BatchRecord) => number): number => batches.reduce((sum, record) => sum + of(record), 0)
    const inputs = { source, files: total(({ files }) => files), bytes: total(({ bytes }) => bytes), batches, formers: [] }
    return { ...this.#lineage, inputs }
  }
}
