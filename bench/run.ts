/** `npm run bench`: quern beside its peers, in one run, as ratios. README.md beside this file says what the jobs are. */
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { DuckDBInstance } from '@duckdb/node-api'
import { linkFlights } from '../scripts/data.ts'
import { virtualEnvironment } from '../test/kit/python.ts'
import type { Cost } from './measure.ts'
import { inTurns, measure } from './measure.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const WORK = join(ROOT, '.bench')
const QUERN = [process.execPath, join(ROOT, 'bin/quern.js')]
const PEERS = ['duckdb==2.0.1', 'polars==2.1.0', 'pandas==3.1.1', 'pyarrow==26.0.1']

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' }, only: { type: 'string' } } })
const rounds = Number(values.rounds)
mkdirSync(WORK, { recursive: true })
await linkFlights()
const jobs: Record<string, () => Promise<void>> = { job1, large, start }
for (const [name, job] of Object.entries(jobs)) if (values.only === undefined || values.only === name) await job()

/** A fresh store for each run: the first run of a feature set does all its work. */
function firstRun(cwd: string, env: Record<string, string> = {}): Cost {
  const store = join(WORK, 'store')
  rmSync(store, { recursive: true, force: true })
  return measure([...QUERN, 'run', 'origin_delays', '--store', `file:${store}`], { cwd, env })
}

async function job1(): Promise<void> {
  const interpreter = virtualEnvironment(join(WORK, 'venv'), PEERS)
  const flights = join(ROOT, 'data/flights-3m.parquet')
  const peer = (script: string) => () =>
    measure([interpreter, join(ROOT, 'bench/peers', script), flights, join(WORK, script)], { cwd: WORK })
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

async function large(): Promise<void> {
  await makeLarge(join(WORK, 'large/data/flights-30m.parquet'))
  const cwd = join(ROOT, 'bench/project')
  const limit = { QUERN_MEMORY: '1GiB' }
  const costs = inTurns(Math.min(rounds, 3), {
    '3,000,000 rows': () => firstRun(ROOT, limit),
    '30,000,000 rows': () => firstRun(cwd, limit),
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
    FROM range(10) years(year) CROSS JOIN '${join(ROOT, 'data/flights-3m.parquet')}'
  ) TO '${path}' (FORMAT parquet)`)
  connection.closeSync()
}

async function start(): Promise<void> {
  const node = (...args: string[]) => measure([process.execPath, ...args], { cwd: ROOT })
  const quern = (...args: string[]) => measure([...QUERN, ...args], { cwd: ROOT })
  firstRun(ROOT)
  const store = ['--store', `file:${join(WORK, 'store')}`]
  const costs = inTurns(Math.max(rounds, 5), {
    'node -e 0': () => node('-e', '0'),
    'quern --help': () => quern('--help'),
    'quern check': () => quern('check'),
    'quern run, unchanged': () => quern('run', 'origin_delays', ...store),
  })
  report('start: commands that do no work', costs)
  verdict('--help, CPU seconds beside 0.15', costs['quern --help']!.cpuSeconds / 0.15, 1)
  verdict('check, CPU seconds beside 0.15', costs['quern check']!.cpuSeconds / 0.15, 1)
  verdict('run with nothing to do, CPU seconds beside 0.3', costs['quern run, unchanged']!.cpuSeconds / 0.3, 1)
}

function report(title: string, costs: Record<string, Cost>): void {
  console.log(
    `\n${title}\n${''.padEnd(24)}${'CPU s'.padStart(9)}${'ratio'.padStart(8)}${'wall s'.padStart(9)}${'peak MB'.padStart(9)}`,
  )
  const [first] = Object.values(costs)
  for (const [name, { cpuSeconds, wallSeconds, peakMegabytes }] of Object.entries(costs)) {
    const ratio = (cpuSeconds / first!.cpuSeconds).toFixed(2)
    console.log(
      `${name.padEnd(24)}${cpuSeconds.toFixed(2).padStart(9)}${ratio.padStart(8)}${wallSeconds.toFixed(2).padStart(9)}${peakMegabytes.toFixed(0).padStart(9)}`,
    )
  }
}

function verdict(what: string, ratio: number, target: number): void {
  console.log(`${ratio <= target ? 'reached' : 'MISSED '}  ${what}: ${ratio.toFixed(3)}, target at most ${target}`)
}
