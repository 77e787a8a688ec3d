/** What quern writes, read by the libraries that training jobs use. */
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { envOf } from '../kit/buckets.ts'
import { documents, program, quern } from '../kit/cli.ts'
import { gatewayBinary, startGateway } from '../kit/gateway.ts'
import { orders, project, writeFiles } from '../kit/project.ts'
import { python } from '../kit/python.ts'

const SCRIPT = fileURLToPath(new URL('./readers.py', import.meta.url))
const SCHEMA =
  'time: z.date(), customer: z.string(), amount: z.int().nullable(), narrow: z.int32().nullable(), big: z.int64().nullable(), ratio: z.number().nullable(), flag: z.boolean().nullable(), note: z.string().nullable()'
const FEATURES = ['amount', 'narrow', 'big', 'ratio', 'flag', 'note', 'time'].map(
  name => `${name}: lastRow(f.${name}).over('1d')`,
)
const MORE = ["n: count().over('1d', '3d')", "wide: sum(f.big).as('decimal').over('1d')", "mean: mean(f.ratio).over('3d')"]
const csv = (seed: number): string =>
  `time,customer,amount,narrow,big,ratio,flag,note\n${Array.from({ length: 60 }, (_, at) => {
    const day = String(1 + ((at * seed) % 9)).padStart(2, '0')
    const some = (value: unknown): unknown => ((at * 7 + seed) % 3 === 0 ? '' : value)
    const time =
      at % 10 === 0 ? `1969-12-${10 + Number(day)}T23:59:59.999999Z` : `2026-01-${day}T0${at % 10}:00:00.00000${at % 10}Z`
    const row = [time, `c${at % 4} é`, some(at), some(at - 30), some(9007199254740993n + BigInt(at)), some(at / 7)]
    return [...row, some(at % 2 === 0), some(`"${at} \u{1f600}"`)].join(',')
  }).join('\n')}\n`

const found = python()
const why = 'missing' in found ? found.missing : ''

const gateway = await gatewayBinary()

describe.skipIf(why !== '')(`Python readers ${why && `(skipped: ${why})`}`, () => {
  it('agree row for row with quern read, in every version', () => agree({}), 180_000)

  it.skipIf('missing' in gateway)(
    'do so with a table in a bucket',
    async () => {
      const { endpoint, makeBucket, stop, ...account } = await startGateway()
      await agree({ ...envOf({ endpoint, account }), QUERN_STORE: `s3://${await makeBucket()}/quern` })
      await stop()
    },
    180_000,
  )
})

async function agree(env: Record<string, string>): Promise<void> {
  const definition = (features: readonly string[]): { 'transforms/o.ts': string } => ({
    'transforms/o.ts': orders({ schema: SCHEMA, features: features.join(', ') }),
  })
  const cwd = project({ ...definition(FEATURES), 'data/a.csv': csv(1) })
  // A new version for each input, a change of columns in the middle, and past a checkpoint at the end.
  for (let version = 0; version < 13; version++) {
    writeFiles(cwd, { 'data/a.csv': csv(version + 1), ...(version === 6 ? definition([...FEATURES, ...MORE]) : {}) })
    expect((await quern(['run'], { cwd, env })).code).toBe(0)
  }
  const versions = Array.from({ length: 13 }, (_, version) => version)
  const [listed] = documents(await quern(['ls', '--json'], { cwd, env })) as [{ uri: string }]
  const { interpreter } = found as { interpreter: string }
  const answer = await program(interpreter, [SCRIPT, listed.uri, ...versions.map(String)], { cwd, env })
  expect(answer.stderr).toBe('')
  const read = documents(answer) as { reader: string; version: number; rows: Record<string, unknown>[] }[]
  expect(read.map(({ reader, version }) => `${reader} ${version}`)).toEqual(
    ['deltalake', 'pandas', 'polars', 'duckdb'].flatMap(reader => versions.map(version => `${reader} ${version}`)),
  )
  for (const version of versions) {
    const own = documents(await quern(['read', `orders_daily@${version}`, '--format', 'json'], { cwd, env }))
    expect(own.length).toBeGreaterThan(20)
    for (const other of read.filter(each => each.version === version)) {
      expect({ reader: other.reader, rows: sorted(other.rows) }).toEqual({ reader: other.reader, rows: sorted(own) })
    }
  }
}

function sorted(rows: Record<string, unknown>[]): Record<string, unknown>[] {
  const key = ({ customer, cutoff }: Record<string, unknown>): string => `${customer} ${cutoff}`
  return [...rows].sort((a, b) => (key(a) < key(b) ? -1 : 1))
}
