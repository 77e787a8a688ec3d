/** Eight workers at once, on a feature set each and on one: all end well, and every cutoff is published once. */
import { copyFileSync, linkSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { quern } from '../../test/kit/cli.ts'
import { inProcess } from '../../test/kit/inProcess.ts'
import { dayFile, makeDays, midnight } from '../days.ts'
import { verdict } from '../report.ts'
import { project, ROOT, WORK } from '../setting.ts'

const WORKERS = 8
const SETS = Array.from({ length: WORKERS }, (_, at) => `set${at}`)
/** Runs until the ends of these days, one after another. */
const ENDS = [28, 29, 30]
const FOLDER = join(WORK, 'workers')

export async function workers(): Promise<void> {
  await makeDays()
  makeProject()
  const alone = await waves('alone', [SETS])
  const apart = await waves(
    'apart',
    SETS.map(name => [name]),
  )
  const together = await waves('together', Array(WORKERS).fill([SETS[0]!]))
  console.log('\nworkers: three runs over a month of flights, in wall seconds')
  console.log(`one worker, 8 sets      ${alone.seconds.toFixed(1)}`)
  console.log(`8 workers, a set each   ${apart.seconds.toFixed(1)}, ratio ${(apart.seconds / alone.seconds).toFixed(2)}`)
  console.log(`8 workers, all on one   ${together.seconds.toFixed(1)}, ratio ${(together.seconds / alone.seconds).toFixed(2)}`)
  const once = await published(alone.store, SETS)
  for (const [what, { failed, commits, store }, sets] of [
    ['a set each', apart, SETS],
    ['all on one', together, SETS.slice(0, 1)],
  ] as const) {
    const { rows, repeated } = await published(store, sets)
    verdict(`${what}: workers that failed`, failed, 0)
    verdict(`${what}: commits beyond one a run`, Math.abs(commits - ENDS.length * sets.length), 0)
    verdict(`${what}: rows missing or published twice`, Math.abs(rows - (once.rows / WORKERS) * sets.length) + repeated, 0)
  }
}

/** The same feature set under eight names. */
function makeProject(): void {
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(join(FOLDER, 'transforms'), { recursive: true })
  mkdirSync(join(FOLDER, 'data'))
  copyFileSync(join(project('year'), 'quern.config.ts'), join(FOLDER, 'quern.config.ts'))
  for (let n = 1; n <= ENDS.at(-1)!; n++) linkSync(dayFile(n), join(FOLDER, 'data', basename(dayFile(n))))
  for (const name of SETS) writeFileSync(join(FOLDER, 'transforms', `${name}.ts`), definitionText(name))
}

const definitionText = (name: string): string => `import { defineFeatureSet, objects } from 'quern'
import example from ${JSON.stringify(join(ROOT, 'transforms/originDelays.ts'))}

const { source, ...options } = example.options
export default defineFeatureSet({
  ...options,
  name: '${name}',
  source: objects({ ...source.options, uri: 'data/*.parquet' }),
})
`

interface Waves {
  store: string
  seconds: number
  /** Workers that ended with another code than 0. */
  failed: number
  /** Outcomes that say that they committed. */
  commits: number
}

/** A worker for each list of sets, all started at once, for each end. */
async function waves(name: string, lists: readonly (readonly string[])[]): Promise<Waves> {
  const store = join(FOLDER, name, 'store')
  const begun = performance.now()
  let [failed, commits] = [0, 0]
  for (const end of ENDS) {
    const args = (sets: readonly string[]) => ['run', ...sets, '--json', '--until', midnight(end), '--store', `file:${store}`]
    const outcomes = await Promise.all(lists.map(sets => quern(args(sets), { cwd: FOLDER, env: { QUERN_MEMORY: '256MiB' } })))
    for (const { code, stdout, stderr } of outcomes) {
      if (code !== 0) console.error(stderr)
      failed += code === 0 ? 0 : 1
      commits += stdout.match(/"outcome":"committed"/g)?.length ?? 0
    }
    process.stderr.write(`  ${name}: until day ${end}\n`)
  }
  return { store, seconds: (performance.now() - begun) / 1000, failed, commits }
}

/** The rows of the latest versions, and how many of them have the entity and the cutoff of another. */
async function published(store: string, sets: readonly string[]): Promise<{ rows: number; repeated: number }> {
  const parts = inProcess(join(store, '..'))
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  let [rows, repeated] = [0, 0]
  for (const name of sets) {
    const table = parts.store.table(`features/${name}`)
    const paths = await table.localPaths((await table.snapshot('latest'))!.files)
    const counts = `SELECT count(*), count(DISTINCT (origin, cutoff)) FROM read_parquet([${paths.map(path => `'${path}'`).join(', ')}])`
    const [all, different] = (await connection.runAndReadAll(counts)).getRows()[0]!.map(Number) as [number, number]
    rows += all
    repeated += all - different
  }
  connection.closeSync()
  await parts.close()
  return { rows, repeated }
}
