/** Times in text: what SQL decodes for every row, and what JavaScript shows zod, are the same instant or none. */
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { instantOfText } from '../src/domain/zonedTime.ts'
import { decoderOf } from '../src/engine/duckdb/decode.ts'
import { instantSql } from '../src/engine/duckdb/instantSql.ts'
import { readSchema } from '../src/validation/readSchema.ts'
import { documents, quern } from './kit/cli.ts'
import { orders, project } from './kit/project.ts'
import { cases } from './kit/scratch.ts'

const connection = await (await DuckDBInstance.create(':memory:')).connect()
await connection.run("SET TimeZone = 'UTC'")

async function microsOf(texts: readonly string[], value: string): Promise<(bigint | null)[]> {
  const list = texts.map(text => `('${text.replaceAll("'", "''")}')`).join(', ')
  const reader = await connection.runAndReadAll(`SELECT epoch_us(${value}) FROM (VALUES ${list}) t(x)`)
  return reader.getRows().map(([micros]) => micros as bigint | null)
}

const read = readSchema(z.object({ time: z.date() }))
const [field] = 'schema' in read ? read.schema.fields : []

const DATES = '2026-01-05 0001-01-01 9999-12-31 1969-12-31 2026-02-30 0000-01-01 2026-13-01 2024-02-29 2026-03-29 2026-10-25'
const HOURS = ['', 'T12:00', 'T00:00', 'T02:30', 'T23:59', 'T24:00', 'T23:60', 'T99:00', 'T1:00', 'T12', 'T']
const SECONDS = ['', ':00', ':59', ':60', ':59.', ':59.1', ':00.999999', ':59.9999999', ':59.9999995', ':00.000000999', ':1']
const OFFSETS = [
  '',
  'Z',
  '+02',
  '+0200',
  '+02:00',
  '-23:59',
  '+15:30',
  '-00:00',
  '-2359',
  '+24',
  '+02:60',
  ' Z',
  'z',
  '+2',
  'Z ',
  '\n',
]
const ZONES = [undefined, 'UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu', 'Pacific/Apia']

it('a text means the same instant in SQL and in JavaScript, in every zone and without one', async () => {
  const times = HOURS.flatMap(hour => SECONDS.map(second => hour + second))
  const texts = DATES.split(' ').flatMap(date => times.flatMap(time => OFFSETS.map(offset => date + time + offset)))
  texts.push(
    ...texts.filter((_, at) => at % 7 === 0).map(text => text.replace('T', ' ')),
    ' 2026-01-05T12:00Z',
    '',
    'now',
    'epoch',
    'infinity',
  )
  for (const zone of ZONES) {
    const { value } = decoderOf(field!, { sql: 'x', type: 'TEXT' }, zone, 'a.csv')
    const micros = await microsOf(texts, value!)
    const apart = texts.map((text, at) => [zone, text, micros[at], instantOfText(text, zone) ?? null] as const)
    expect(apart.filter(([, , sql, js]) => sql !== js)).toEqual([])
    expect(micros.filter(one => one !== null).length).toBeGreaterThan(500)
  }
  // The texts of `z.iso.datetime()` that are event times.
  const micros = await microsOf(texts, instantSql('x'))
  expect(micros).toEqual(texts.map(text => instantOfText(text, undefined) ?? null))
})

it('so do generated texts', async () => {
  const number = (max: number, digits = 2): fc.Arbitrary<string> =>
    fc.integer({ min: 0, max }).map(value => String(value).padStart(digits, '0'))
  const time = fc
    .tuple(number(25), number(61), fc.option(number(61)), fc.option(number(999_999_999, 1)))
    .map(([h, m, s, f]) => `${h}:${m}${s === null ? '' : `:${s}${f === null ? '' : `.${f}`}`}`)
  const text = fc
    .tuple(number(9999, 4), number(13), number(32), fc.constantFrom('T', ' '), fc.option(time), fc.constantFrom(...OFFSETS))
    .map(([y, m, d, between, at, offset]) => `${y}-${m}-${d}${at === null ? '' : between + at}${offset}`)
  await fc.assert(
    fc.asyncProperty(fc.array(text, { minLength: 50, maxLength: 200 }), fc.constantFrom(...ZONES), async (texts, zone) => {
      const { value } = decoderOf(field!, { sql: 'x', type: 'TEXT' }, zone, 'a.csv')
      const micros = await microsOf(texts, value!)
      expect(texts.map((one, at) => [one, micros[at]])).toEqual(texts.map(one => [one, instantOfText(one, zone) ?? null]))
    }),
    { numRuns: cases(10, 200) },
  )
})

it('every format takes and refuses the same times', async () => {
  const [whole, short, finest] = ['2026-01-05T12:00:00Z', '2026-01-05T12:00+00', '2026-01-05T12:00:00.999999999Z']
  const [tooFine, late] = ['2026-01-05T12:00:00.0000000001Z', '2026-01-05T24:00:00Z']
  for (const [time, times, rejected] of [
    ['z.coerce.date()', [whole, short, finest, late, tooFine], [4, 5]],
    // zod wants seconds itself.
    ['z.iso.datetime()', [whole, whole, finest, late, tooFine], [4, 5]],
  ] as const) {
    for (const [file, content] of [
      ['a.csv', `time,customer\n${times.map(text => `${text},ada\n`).join('')}`],
      ['a.ndjson', times.map(text => `{"time":"${text}","customer":"ada"}\n`).join('')],
    ] as const) {
      const schema = `time: ${time}, customer: z.string()`
      const cwd = project({
        'transforms/o.ts': orders({ uri: 'data', schema, source: '', features: "n: count().over('1d')" }),
        [`data/${file}`]: content,
      })
      const run = await quern(['run', '--json', '--max-rejected', '1'], { cwd })
      expect(documents(run)[0]).toMatchObject({ outcome: 'committed', rowsRead: 5, rowsRejected: 2 })
      const rows = documents(await quern(['rejected', 'orders', '--json'], { cwd }))
      expect(rows.map(({ row }) => row)).toEqual(rejected)
      const [first] = documents(await quern(['read', 'orders_daily', '--format', 'json'], { cwd }))
      expect(first).toMatchObject({ cutoff: '2026-01-06T00:00:00.000000Z', n_1d: 3 })
    }
  }
})
