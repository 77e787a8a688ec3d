// The main job on real data: validate 3,000,000 flights, compute 18 features an airport and day, commit, and have a look.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { linkFlights } from './data.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Runs quern as a person would; a failure ends the demo with quern's own exit code. */
function quern(...args: string[]): void {
  console.log(`\n$ quern ${args.map(arg => (/[\s']/.test(arg) ? `"${arg}"` : arg)).join(' ')}`)
  const { status } = spawnSync(process.execPath, [join(root, 'bin', 'quern.js'), ...args], { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

await linkFlights()
quern('run', 'origin_delays')
quern('ls')
quern(
  'read',
  'origin_delays',
  '--where',
  "cutoff = '2001-07-01' AND flights_7d > 3000",
  '--columns',
  'origin,cutoff,flights_1d,delay_mean_7d,delay_stddev_30d,late_share_7d,destinations_30d',
)
const { uri } = JSON.parse(
  spawnSync(process.execPath, [join(root, 'bin', 'quern.js'), 'ls', '--json'], { cwd: root, encoding: 'utf8' }).stdout,
) as { uri: string }
console.log(`
The same table in Python, after \`pip install polars deltalake\`:

  python -c "import polars as pl; print(pl.read_delta('${uri.replace(/^file:(\/\/)?/, '')}'))"
`)
