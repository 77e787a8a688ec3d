/** Compiles: what an author may write. */
import {
  count,
  countDistinct,
  defineCases,
  defineFeatureSet,
  fresherThan,
  kafka,
  last,
  lateShareBelow,
  max,
  mean,
  nullShareBelow,
  objects,
  type RowOf,
  rowsBetween,
  share,
  stddev,
  sum,
  uniqueKey,
} from 'quern'
import { z } from 'zod'

const flight = z.object({
  date: z.date(),
  origin: z.string(),
  delay: z.int().nullable(),
  big: z.int64(),
  ratio: z.number().optional(),
  early: z.boolean(),
  millis: z.number(),
  written: z.iso.datetime(),
})
const flights = objects({ name: 'flights', uri: 'data/*.parquet', schema: flight, eventTime: 'date', knownTime: 'written' })
objects({ name: 'late', uri: 's3://bucket/**/*.parquet', schema: flight, eventTime: 'date', listing: 'afterLast' })
objects({ name: 'told', uri: 's3://bucket/in', schema: flight, eventTime: 'date', inventory: 's3://other/manifest.json' })
objects({
  name: 'numbers',
  uri: 'data/*.csv',
  schema: flight,
  eventTime: { column: 'millis', unit: 'ms' },
  rowKey: ['origin', 'date'],
})

const set = defineFeatureSet({
  name: 'origin_delays',
  source: flights,
  entity: ['origin'],
  every: '1d',
  offset: '90m',
  expect: [
    rowsBetween(1, 10),
    nullShareBelow('delay', 0.01),
    nullShareBelow('ratio', 0.5).warn(),
    uniqueKey('origin', 'date').warn(),
    fresherThan('2d'),
    lateShareBelow(0.05).warn(),
  ],
  features: f => ({
    flights: count().where(f.delay.gt(15).and(f.early)).over('1d', 'lifetime'),
    delay: mean(f.delay.plus(f.ratio).dividedBy(2)).over('7d'),
    worst: max(f.delay).over('1d'),
    spread: stddev(f.ratio, { population: true }).over('1d'),
    total: sum(f.big).over('1d'),
    exact: sum(f.big).as('decimal').over('1d'),
    late: share(f.delay.gt(15).or(f.early.not())).over('1d'),
    origins: countDistinct(f.origin)
      .where(f.date.between(new Date(0), f.date))
      .over('1d'),
    ones: count()
      .where(f.delay.in([1, 2n]).or(f.origin.startsWith('A')))
      .over('1d'),
    last_early: last(f.early).over('1d'),
  }),
})

type Row = RowOf<typeof set>
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type Expected = {
  origin: string
  cutoff: Date
  flights_1d: number
  flights_lifetime: number
  delay_7d: number | null
  worst_1d: number | null
  spread_1d: number | null
  total_1d: bigint | null
  exact_1d: string | null
  late_1d: number | null
  origins_1d: number
  ones_1d: number
  last_early_1d: boolean | null
}
export const rowIsInferred: Same<Row, Expected> = true

const event = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('visit'), at: z.date(), page: z.string() }),
  z.looseObject({ kind: z.literal('order'), at: z.date(), total: z.number() }),
])
const events = defineFeatureSet({
  name: 'events',
  source: objects({ name: 'events', uri: 'data/*.ndjson', schema: event, eventTime: 'at' }),
  entity: ['kind'],
  every: '1d',
  features: f => ({
    spent: sum(f.total).over('1d'),
    pages: countDistinct(f.page).where(f.kind.eq('visit')).over('1d'),
  }),
})
export const unionIsInferred: Same<
  RowOf<typeof events>,
  { kind: 'visit' | 'order'; cutoff: Date; spent_1d: number | null; pages_1d: number }
> = true

const order = z.looseObject({
  at: z.date(),
  buyer: z.string().trim(),
  tags: z.array(z.string()),
  place: z.union([z.string(), z.int()]),
  size: z.codec(z.string(), z.number(), { decode: Number, encode: String }),
})
const orders = defineFeatureSet({
  name: 'orders',
  source: objects({ name: 'orders', uri: 'data/*.ndjson', schema: order, eventTime: 'at' }),
  entity: ['buyer'],
  every: '1d',
  features: f => ({
    tags: last(f.tags).over('1d'),
    place: last(f.place).over('1d'),
    size: mean(f.size).over('1d'),
  }),
})
export const nestedIsText: Same<
  RowOf<typeof orders>,
  { buyer: string; cutoff: Date; tags_1d: string | null; place_1d: string | null; size_1d: number | null }
> = true
const given = {
  date: '2001-01-01T10:00:00Z',
  origin: 'ATL',
  delay: null,
  big: 1,
  early: true,
  millis: 0,
  written: '2001-01-01T10:00:00Z',
}
defineCases(set, {
  'one cutoff': {
    rows: [given, { ...given, date: new Date(0), big: 1n, ratio: 0.5 }],
    cutoff: '2001-01-02T01:30:00Z',
    expect: [
      { origin: 'ATL', flights_1d: 2, delay_7d: null, total_1d: 2, exact_1d: '2' },
      { origin: 'BOS', cutoff: new Date(0), total_1d: 2n },
    ],
  },
  'several cutoffs': {
    rows: [given],
    cutoffs: [new Date(0), '2001-01-02T01:30:00Z'],
    expect: [{ origin: 'ATL', cutoff: '2001-01-02T01:30:00Z' }],
  },
  'only refusals': {
    rejects: [{ row: { ...given, delay: 'late' }, path: 'delay', code: 'invalid_type', message: 'number' }, { row: {} }],
  },
})

const coerced = objects({
  name: 'coerced',
  uri: '*.ndjson',
  schema: z.object({ at: z.coerce.date(), user: z.string() }),
  eventTime: 'at',
})
const clicks = defineFeatureSet({
  name: 'clicks',
  source: coerced,
  entity: ['user'],
  every: '1d',
  features: f => ({ latest: last(f.at).over('1d') }),
})
defineCases(clicks, {
  'a date is a Date or a text': {
    rows: [
      { at: '2001-01-01T10:00:00Z', user: 'ada' },
      { at: new Date(0), user: 'ada' },
    ],
    cutoff: new Date(0),
    expect: [{ user: 'ada', latest_1d: '2001-01-01T10:00:00Z' }],
  },
})

const untyped = objects({
  name: 'untyped',
  uri: '*.ndjson',
  schema: z.object({ at: z.coerce.date(), user: z.string(), some: z.any() }),
  eventTime: 'at',
})
const anything = defineFeatureSet({
  name: 'anything',
  source: untyped,
  entity: ['user'],
  every: '1d',
  features: f => ({ some: last(f.some).where(f.some.startsWith('{')).over('1d') }),
})
export const anyIsText: Same<RowOf<typeof anything>, { user: string; cutoff: Date; some_1d: string | null }> = true

const payment = z.object({
  id: z.string(),
  at: z.coerce.date(),
  amount: z.int(),
  place: z.int64(),
  headers: z.record(z.string(), z.string()).optional(),
})
const payments = kafka({
  name: 'payments',
  topic: 'shop.payments',
  schema: payment,
  eventTime: 'at',
  format: 'avro',
  key: 'string',
  registry: { url: 'https://registry', username: { env: 'USER' }, password: { env: 'PASSWORD' } },
  brokers: ['kafka-1:9092'],
  tls: { ca: 'ca.pem' },
  sasl: { mechanism: 'scram-sha-512', username: 'reader', password: { env: 'PASSWORD' } },
  message: { key: 'id', offset: 'place', headers: 'headers', timestamp: 'at' },
  rowKey: ['id'],
  tombstones: 'retract',
  dedupe: { by: ['id', 'at'], within: '7d' },
  start: 'latest',
  client: 'kafkajs',
})
kafka({ name: 'p', topic: 't', schema: payment, eventTime: { column: 'amount', unit: 's' }, brokers: { env: 'B' }, tls: true })
kafka({
  name: 'p',
  topic: 't',
  schema: payment,
  eventTime: 'at',
  registry: true,
  envelope: 'debezium',
  dedupe: { by: 'id', within: '1h' },
  sasl: { mechanism: 'oauthbearer', tokenUrl: 'https://x', clientId: 'c', clientSecret: { env: 'S' } },
})
const paid = defineFeatureSet({
  name: 'paid',
  source: payments,
  entity: ['id'],
  every: '1d',
  late: 'asKnown',
  features: f => ({ spent: sum(f.amount).over('1d'), heads: last(f.headers).over('1d') }),
})
export const messagesAreInferred: Same<
  RowOf<typeof paid>,
  { id: string; cutoff: Date; spent_1d: number | null; heads_1d: string | null }
> = true
const paymentRow = { id: 'a', at: '2001-01-01T10:00:00Z', amount: 1, place: 1n }
defineCases(paid, {
  'rows, one that landed late, and one that is taken back': {
    rows: [
      paymentRow,
      { row: paymentRow, landedAt: new Date(0) },
      { retracts: { id: 'a' } },
      { retracts: paymentRow, landedAt: '2001-01-02T00:00:00Z' },
    ],
    cutoff: '2001-01-02T00:00:00Z',
    expect: [],
  },
})
