/** One late row in an old day: how much of the table its commit writes anew. */
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import type { FeatureSet } from '../../src/domain/featureSet.ts'
import { parseInstant } from '../../src/domain/time.ts'
import { loadDefinitions } from '../../src/registry.ts'
import { compactTable } from '../../src/run/compact.ts'
import type { InProcess } from '../../test/kit/inProcess.ts'
import { inProcess } from '../../test/kit/inProcess.ts'
import { arrivals, DAYS, makeDays, midnight } from '../days.ts'
import { verdict } from '../report.ts'
import { project, WORK } from '../setting.ts'

/** Days that a late row comes for, far from the end. */
const OLD = [100, 150, 200]
const TARGET = 0.05

export async function late(): Promise<void> {
  await makeDays()
  const [set] = (await loadDefinitions(project('week'), ['origin_week'])) as [FeatureSet]
  console.log('\nlate: one late row in an old day of windows of a week, by the share of the bytes that are written')

  const atOnce = arrivals('week')
  for (let n = 1; n <= DAYS; n++) atOnce.arrive(n)
  await inStore('full', async quern => {
    await runUntil(quern, set, DAYS)
    verdict('after a full run', await shareOfLateRow(quern, set, atOnce.folder, OLD[0]!), TARGET)
  })

  const daily = arrivals('week')
  await inStore('daily', async quern => {
    for (let n = 1; n <= DAYS; n++) {
      daily.arrive(n)
      await runUntil(quern, set, n)
    }
    verdict('after daily runs', await shareOfLateRow(quern, set, daily.folder, OLD[1]!), TARGET)
    await compactTable(quern.store.table(`features/${set.name}`), quern, new AbortController().signal)
    verdict('after compaction', await shareOfLateRow(quern, set, daily.folder, OLD[2]!), TARGET)
  })
}

async function inStore(name: string, work: (quern: InProcess) => Promise<void>): Promise<void> {
  const quern = inProcess(join(WORK, 'week', name))
  await work(quern).finally(quern.close)
}

const runUntil = (quern: InProcess, set: FeatureSet, day: number) => quern.run(set, { until: parseInstant(midnight(day))! })

async function shareOfLateRow(quern: InProcess, set: FeatureSet, folder: string, day: number): Promise<number> {
  const table = quern.store.table(`features/${set.name}`)
  const before = new Set((await table.snapshot('latest'))!.files.map(({ path }) => path))
  await writeLateRow(folder, day)
  const { outcome, reason } = await runUntil(quern, set, DAYS)
  if (outcome !== 'committed') throw new Error(`a late row changed nothing: ${reason}`)
  const { files } = (await table.snapshot('latest'))!
  const bytes = (some: typeof files): number => some.reduce((sum, { size }) => sum + size, 0)
  return bytes(files.filter(({ path }) => !before.has(path))) / bytes(files)
}

async function writeLateRow(folder: string, day: number): Promise<void> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  await connection.run(`COPY (
    SELECT TIMESTAMP '${midnight(day - 1).slice(0, 10)} 12:00:00' AS date, 'ORD' AS origin, 'LAX' AS destination,
      99::BIGINT AS delay, 1744::BIGINT AS distance
  ) TO '${join(folder, `late-${day}.parquet`)}' (FORMAT parquet)`)
  connection.closeSync()
}
