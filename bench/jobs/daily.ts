/** A year of daily runs: what one costs at its end, beside what one cost at its beginning and beside the day's file alone. */
import { join } from 'node:path'
import { arrivals, DAYS, dayFile, makeDays, midnight } from '../days.ts'
import type { Cost } from '../measure.ts'
import { measure, medianOf } from '../measure.ts'
import { report, verdict } from '../report.ts'
import { project, quern, ROOT, WORK } from '../setting.ts'

/** Runs on either side of the one that is meant: a single one may be the tenth, which writes a checkpoint. */
const AROUND = 2

export async function daily(): Promise<void> {
  await makeDays()
  const { arrive } = arrivals('year')
  const place = { cwd: project('year'), store: join(WORK, 'year/store') }
  const runs: Cost[] = []
  const peers: Cost[] = []
  for (let n = 1; n <= DAYS; n++) {
    arrive(n)
    runs[n] = quern(['run', 'origin_delays', '--until', midnight(n)], place)
    if (n >= DAYS - 2 * AROUND) {
      const target = join(WORK, 'year/peer.parquet')
      peers.push(measure([process.execPath, join(ROOT, 'bench/peers/day_sql.js'), dayFile(n), target], { cwd: ROOT }))
    }
    process.stderr.write(`  run ${n}: ${runs[n]!.cpuSeconds.toFixed(2)} s\n`)
  }
  const costs = {
    'DuckDB on Node, one file': medianOf(peers),
    'run 40': medianOf(runs.slice(40 - AROUND, 40 + AROUND + 1)),
    'run 365': medianOf(runs.slice(DAYS - 2 * AROUND)),
  }
  report('daily: a year of runs, one a day', costs)
  verdict('CPU of run 365 beside run 40', costs['run 365'].cpuSeconds / costs['run 40'].cpuSeconds, 1.5)
  verdict(
    "CPU of run 365 beside DuckDB on the day's file",
    costs['run 365'].cpuSeconds / costs['DuckDB on Node, one file'].cpuSeconds,
    3,
  )
}
