/** The checks of columns: the scan and aggregation of the flights with the schema's checks, beside the same without any. */
import { rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { prepareScan } from '../../src/engine/duckdb/scan.ts'
import { DuckDBSession } from '../../src/engine/duckdb/session.ts'
import { shapeOf } from '../../src/engine/duckdb/shape.ts'
import { tilesSql } from '../../src/engine/duckdb/tilesSql.ts'
import { loadDefinitions } from '../../src/registry.ts'
import type { Cost } from '../measure.ts'
import { medianOf } from '../measure.ts'
import { report, verdict } from '../report.ts'
import { FLIGHTS, ROOT, WORK } from '../setting.ts'

export async function checkColumns(rounds: number): Promise<void> {
  const scratchDir = join(WORK, 'checks')
  const session = new DuckDBSession({ memory: 2 ** 31, threads: 2, scratchDir })
  const [set] = await loadDefinitions(ROOT, ['origin_delays'])
  const file = { path: FLIGHTS, hash: '', size: statSync(FLIGHTS).size, modifiedAt: '0', partition: {} }
  const costs: Record<string, Cost[]> = { 'without checks': [], 'with the schema of five columns': [] }
  await session.use(async connection => {
    const scan = await prepareScan(connection, {
      source: set!.source,
      inputs: { source: 'flights', files: [{ ...file, format: 'parquet', compression: 'none' }] },
      keys: ['origin'],
      setName: set!.name,
      scratchDir,
      onRejected: async () => {},
      onProgress: () => {},
      signal: new AbortController().signal,
    })
    const aggregate = (relation: string): Promise<unknown> =>
      connection.run(`CREATE OR REPLACE TEMP TABLE tiles AS ${tilesSql(shapeOf(set!), relation)}`)
    await aggregate(scan.relation)
    for (let round = 0; round < Math.max(7, rounds); round++) {
      costs['without checks']!.push(await costOf(() => aggregate(scan.unjudged)))
      costs['with the schema of five columns']!.push(await costOf(() => aggregate(scan.relation)))
    }
  })
  await session.close()
  rmSync(scratchDir, { recursive: true, force: true })
  const medians = Object.fromEntries(Object.entries(costs).map(([name, all]) => [name, medianOf(all)]))
  report('checkColumns: 3,000,000 flights scanned and gathered into tiles', medians)
  const { 'without checks': without, 'with the schema of five columns': judged } = medians
  verdict('with checks beside without', judged!.cpuSeconds / without!.cpuSeconds, 1.25)
}

/** Of work in this process. */
export async function costOf(work: () => Promise<unknown> | unknown): Promise<Cost> {
  const [cpu, begun] = [process.cpuUsage(), performance.now()]
  await work()
  const { user, system } = process.cpuUsage(cpu)
  return {
    cpuSeconds: (user + system) / 1e6,
    wallSeconds: (performance.now() - begun) / 1000,
    peakMegabytes: process.resourceUsage().maxRSS / 1000,
  }
}
