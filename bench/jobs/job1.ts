/** Flights to a committed version, beside what would be used instead. */
import { join } from 'node:path'
import { virtualEnvironment } from '../../test/kit/python.ts'
import { inTurns, measure } from '../measure.ts'
import { report, verdict } from '../report.ts'
import { FLIGHTS, firstRun, ROOT, WORK } from '../setting.ts'

const PEERS = ['duckdb==2.0.1', 'polars==2.1.0', 'pandas==3.1.1', 'pyarrow==26.0.1']

export async function job1(rounds: number): Promise<void> {
  const interpreter = virtualEnvironment(join(WORK, 'venv'), PEERS)
  const peer = (script: string) => () =>
    measure([interpreter, join(ROOT, 'bench/peers', script), FLIGHTS, join(WORK, script)], { cwd: WORK })
  const costs = inTurns(rounds, {
    quern: () => firstRun(ROOT),
    'DuckDB (Python)': peer('duckdb_sql.py'),
    Polars: peer('polars_frames.py'),
    pandas: peer('pandas_frames.py'),
  })
  report('job1: 3,000,000 flights to a committed version', costs)
  verdict('CPU beside DuckDB', costs.quern!.cpuSeconds / costs['DuckDB (Python)']!.cpuSeconds, 0.35)
  verdict('peak memory beside DuckDB', costs.quern!.peakMegabytes / costs['DuckDB (Python)']!.peakMegabytes, 1)
}
