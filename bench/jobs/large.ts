/** Ten times the rows within bounded memory. */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import type { Cost } from '../measure.ts'
import { inTurns } from '../measure.ts'
import { report, verdict } from '../report.ts'
import { FLIGHTS, firstRun, project, ROOT, WORK } from '../setting.ts'

export async function large(rounds: number): Promise<void> {
  await makeLarge(join(WORK, 'large/data/flights-30m.parquet'))
  const limit = { QUERN_MEMORY: '1GiB' }
  const costs = inTurns(Math.min(rounds, 3), {
    '3,000,000 rows': () => firstRun(ROOT, limit),
    '30,000,000 rows': () => firstRun(project('large'), limit),
  })
  report('large: ten times the rows within QUERN_MEMORY=1GiB', costs)
  const [small, big] = Object.values(costs) as [Cost, Cost]
  verdict('CPU per row beside 3,000,000 rows', big.cpuSeconds / 10 / small.cpuSeconds, 1)
  verdict('peak memory beside 1 GiB and 150 MB', big.peakMegabytes / (2 ** 30 / 1e6 + 150), 1)
}

/** The flights again in each of ten years. */
async function makeLarge(path: string): Promise<void> {
  if (existsSync(path)) return
  mkdirSync(join(path, '..'), { recursive: true })
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  await connection.run(`COPY (
    SELECT date + INTERVAL (year) YEAR AS date, origin, destination, delay, distance
    FROM range(10) years(year) CROSS JOIN '${FLIGHTS}'
  ) TO '${path}' (FORMAT parquet)`)
  connection.closeSync()
}
