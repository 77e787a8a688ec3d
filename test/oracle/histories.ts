/** Generated definitions and histories that hit ties, nulls, window edges, gaps, duplicates and times before 1970. */
import fc from 'fast-check'
import { z } from 'zod'
import type { FeatureDeclaration } from '../../src/definition/aggregations.ts'
import { resolveFeatureSet } from '../../src/definition/resolveFeatureSet.ts'
import type { FeatureSet } from '../../src/domain/featureSet.ts'
import type { Columns, FeatureSetDeclaration, WindowText } from '../../src/index.ts'
import * as quern from '../../src/index.ts'
import type { Row } from './naive.ts'

export const event = z.object({
  at: z.date(),
  known: z.date(),
  user: z.string(),
  shop: z.int().nullable(),
  small: z.int().min(-1_000_000).max(1_000_000).nullable(),
  narrow: z.int32().nullable(),
  big: z.int64().nullable(),
  float: z.number().nullable(),
  text: z.string().nullable(),
  flag: z.boolean().nullable(),
  due: z.date().nullable(),
})

/** The same columns in a Parquet file. */
export const eventColumns: Record<keyof typeof event.shape, string> = {
  at: 'TIMESTAMPTZ',
  known: 'TIMESTAMPTZ',
  user: 'VARCHAR',
  shop: 'BIGINT',
  small: 'BIGINT',
  narrow: 'INTEGER',
  big: 'BIGINT',
  float: 'DOUBLE',
  text: 'VARCHAR',
  flag: 'BOOLEAN',
  due: 'TIMESTAMPTZ',
}

type F = Columns<typeof event>
const of = <T>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values)

const number = of<(f: F) => quern.Operand<number>>(
  f => f.small,
  f => f.narrow,
  f => f.float,
  f => f.small.plus(f.narrow),
  f => f.small.times(-3).abs(),
  f => f.narrow.minus(0.5),
  f => f.float.dividedBy(f.small),
  f => f.small.dividedBy(f.narrow.minus(f.narrow)),
)
const integer = of<(f: F) => quern.Operand<number>>(
  f => f.small,
  f => f.narrow,
  f => f.big as unknown as quern.Operand<number>,
)
const ordered = of<(f: F) => quern.Operand<quern_Scalar>>(
  f => f.small,
  f => f.narrow,
  f => f.big,
  f => f.float,
  f => f.text,
  f => f.flag,
  f => f.due,
  f => f.user,
)
type quern_Scalar = string | number | bigint | boolean | Date

const condition = of<(f: F) => quern.Condition>(
  f => f.flag,
  f => f.small.gt(3),
  f => f.float.lte(f.small),
  f => f.text.startsWith('a').or(f.text.isNull()),
  f => f.small.between(-2, 5).and(f.flag.not()),
  f => f.text.in(['', 'é', 'Z']),
  f => f.narrow.isNotNull(),
  f => f.due.lt(new Date('1970-01-01T00:00:00Z')),
  f => f.big.ne(9007199254740993n),
  f => f.text.gte('b').not().or(f.flag.eq(true)),
)

const aggregation = fc.oneof(
  fc.constant(() => quern.count()),
  ordered.map(x => (f: F) => quern.count(x(f))),
  number.map(x => (f: F) => quern.sum(x(f))),
  integer.map(x => (f: F) => quern.sum(x(f)).as('decimal')),
  number.map(x => (f: F) => quern.mean(x(f))),
  integer.map(x => (f: F) => quern.mean(x(f))),
  ordered.map(x => (f: F) => quern.min(x(f))),
  ordered.map(x => (f: F) => quern.max(x(f))),
  fc.tuple(number, fc.boolean()).map(
    ([x, population]) =>
      (f: F) =>
        quern.variance(x(f), { population }),
  ),
  integer.map(x => (f: F) => quern.variance(x(f))),
  fc.tuple(number, fc.boolean()).map(
    ([x, population]) =>
      (f: F) =>
        quern.stddev(x(f), { population }),
  ),
  condition.map(x => (f: F) => quern.share(x(f))),
  of<(f: F) => quern.Operand<quern_Scalar>>(
    f => f.small,
    f => f.text,
    f => f.flag,
    f => f.due,
    f => f.big,
  ).map(x => (f: F) => quern.countDistinct(x(f))),
  ordered.map(x => (f: F) => quern.first(x(f))),
  ordered.map(x => (f: F) => quern.last(x(f))),
  ordered.map(x => (f: F) => quern.lastRow(x(f))),
)

const windows = fc.uniqueArray(of<WindowText>('1ms', '20m', '30m', '1h', '90m', '2h', '3h', '5h', '7h', '25h', 'lifetime'), {
  minLength: 1,
  maxLength: 3,
})

const feature = fc
  .tuple(aggregation, windows, fc.option(condition, { nil: undefined }))
  .map(([build, over, where]) => (f: F): FeatureDeclaration => {
    const built = build(f) as quern_Builder
    return (where ? built.where(where(f)) : built).over(...over)
  })
interface quern_Builder {
  where(condition: quern.Condition): quern_Builder
  over(...windows: WindowText[]): FeatureDeclaration
}

const options = fc.record({
  every: of('30m', '1h', '2h', '7h'),
  offset: of('0s', '15m', '1h', '23h'),
  entity: of(['user'], ['shop'], ['user', 'shop']),
  known: of<{ knownTime?: string; late?: 'restate' | 'asKnown' }>(
    {},
    { knownTime: 'known', late: 'restate' },
    { knownTime: 'known', late: 'asKnown' },
  ),
  delay: of('0s', '20m', '2h'),
  rowKey: of(undefined, undefined, ['user', 'small']),
})

export const definition: fc.Arbitrary<FeatureSet> = fc.tuple(options, fc.array(feature, { minLength: 1, maxLength: 5 })).map(
  ([
    {
      known: { knownTime, late },
      rowKey,
      entity,
      ...grid
    },
    features,
  ]) =>
    resolved({
      kind: 'featureSet',
      options: {
        name: 'generated',
        ...grid,
        entity,
        ...(late ? { late } : {}),
        source: quern.objects({
          name: 'events',
          uri: 'unused',
          schema: event,
          eventTime: 'at',
          ...(knownTime ? { knownTime } : {}),
          ...(rowKey ? { rowKey } : {}),
        } as Parameters<typeof quern.objects<typeof event>>[0]),
        features: (f: F) => Object.fromEntries(features.map((build, at) => [`f${at}`, build(f)])),
      },
    } as unknown as FeatureSetDeclaration),
)

export function resolved(declaration: FeatureSetDeclaration): FeatureSet {
  const result = resolveFeatureSet(declaration, { place: 'test', projectDir: '/' })
  if ('faults' in result) throw new Error(JSON.stringify(result.faults))
  return result.set
}

const MINUTE = 60_000_000n
/** Around window edges and cutoffs, in clusters far apart, before and after 1970. */
const moment = fc
  .tuple(of(0n, 0n, 0n, -40n * 60n * MINUTE, 9_000n * 60n * MINUTE), fc.integer({ min: -20, max: 60 }), of(-1n, 0n, 0n, 1n, 7n))
  .map(([base, quarters, nudge]) => base + BigInt(quarters) * 15n * MINUTE + nudge)

const orNull = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { nil: null, freq: 4 })

export const row: fc.Arbitrary<Row> = fc.record({
  at: moment,
  known: moment,
  user: of('ada', 'bob', '', 'é', '\u{1f600}'),
  shop: orNull(of(-1n, 0n, 7n)),
  small: orNull(fc.oneof(of(-2n, 0n, 3n, 5n), fc.bigInt({ min: -1_000_000n, max: 1_000_000n }))),
  narrow: orNull(of(-2147483648n, -1n, 0n, 2n, 2147483647n)),
  big: orNull(fc.oneof(of(9007199254740993n, -9223372036854775808n, 9223372036854775807n), fc.bigInt({ min: -99n, max: 99n }))),
  float: orNull(
    fc.oneof(of(1e16, 1, -1, 0.1, 1e-9, -1e16), fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 })),
  ),
  text: orNull(of('', 'a', 'abc', 'Z', 'é', '\uffee', '\u{1f600}')),
  flag: orNull(fc.boolean()),
  due: orNull(moment),
})

/** Some rows stand twice. */
export const history: fc.Arbitrary<Row[]> = fc
  .array(fc.tuple(row, of(1, 1, 1, 2)), { maxLength: 40 })
  .map(rows => rows.flatMap(([one, times]) => Array.from({ length: times }, () => ({ ...one }))))
