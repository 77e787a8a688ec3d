/** Generated rows of logs: many of one event time, told apart by their positions, and some that take others back. */
import fc from 'fast-check'
import { z } from 'zod'
import type { FeatureDeclaration } from '../../src/definition/aggregations.ts'
import type { FeatureSet } from '../../src/domain/featureSet.ts'
import type { Columns, FeatureSetDeclaration, WindowText } from '../../src/index.ts'
import * as quern from '../../src/index.ts'
import { resolved } from './histories.ts'
import type { Row } from './naive.ts'
import { isRetraction } from './naive.ts'

/** The position's columns stand after others: what comes first in the content decides nothing that a position tells. */
const message = z.object({
  text: z.string().nullable(),
  at: z.date(),
  known: z.date(),
  user: z.string(),
  shop: z.int().nullable(),
  small: z.int().min(-1000).max(1000),
  offset: z.int64(),
  partition: z.int32(),
  gone: z.boolean().nullable(),
})

/** The same columns in a Parquet file. */
export const logColumns: Record<keyof typeof message.shape, string> = {
  text: 'VARCHAR',
  at: 'TIMESTAMPTZ',
  known: 'TIMESTAMPTZ',
  user: 'VARCHAR',
  shop: 'BIGINT',
  small: 'BIGINT',
  offset: 'BIGINT',
  partition: 'INTEGER',
  gone: 'BOOLEAN',
}

type F = Columns<typeof message>
const of = <T>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values)

const feature = fc.tuple(
  of<(f: F) => { over(...windows: WindowText[]): FeatureDeclaration }>(
    f => quern.first(f.text),
    f => quern.last(f.text),
    f => quern.last(f.text),
    f => quern.lastRow(f.text),
    f => quern.last(f.small),
    f => quern.last(f.text).where(f.small.gt(0)),
    f => quern.lastRow(f.shop).where(f.small.gt(0)),
    f => quern.sum(f.small),
    () => quern.count(),
    f => quern.countDistinct(f.text),
  ),
  fc.uniqueArray(of<WindowText>('20m', '1h', '90m', '3h', '25h', 'lifetime'), { minLength: 1, maxLength: 2 }),
)

/** `rowKey`: whether rows with an equal key replace one another; some may then also be taken back. */
const logged = (rowKey: fc.Arbitrary<readonly string[] | undefined>): fc.Arbitrary<FeatureSet> =>
  fc
    .record({
      rowKey,
      position: of(['partition', 'offset'], ['partition', 'offset'], ['offset'], undefined),
      retracts: of('gone', 'gone', 'gone', undefined),
      late: of<'restate' | 'asKnown' | undefined>(undefined, 'restate', 'asKnown', 'asKnown'),
      landed: fc.boolean(),
      entity: of(['user'], ['shop']),
      every: of('30m', '1h', '7h'),
      delay: of('0s', '20m'),
      features: fc.array(feature, { minLength: 1, maxLength: 4 }),
    })
    .map(({ rowKey, position, retracts, late, landed, features, ...grid }) => {
      const set = resolved({
        kind: 'featureSet',
        options: {
          name: 'logged',
          ...grid,
          ...(late ? { late } : {}),
          source: quern.objects({
            name: 'messages',
            uri: 'unused',
            schema: message,
            eventTime: 'at',
            ...(late ? { knownTime: 'known' } : {}),
            ...(rowKey ? { rowKey } : {}),
          } as Parameters<typeof quern.objects<typeof message>>[0]),
          features: (f: F) => Object.fromEntries(features.map(([build, over], at) => [`f${at}`, build(f).over(...over)])),
        },
      } as unknown as FeatureSetDeclaration)
      const order = { ...(position ? { position } : {}), ...(late && landed ? { landed } : {}) }
      return { ...set, source: { ...set.source, ...order, ...(rowKey && retracts ? { retracts } : {}) } } as FeatureSet
    })

export const logDefinition = logged(of(undefined, ['shop'], ['shop'], ['user', 'shop']))
export const keyedLogDefinition = logged(of(['shop'], ['user', 'shop']))
/** Without a row key: what was read apart adds up. */
export const looseLogDefinition = logged(of(undefined))

const MINUTE = 60_000_000n
/** Few of them, so that many are equal. */
const moment = of(-15n, 0n, 0n, 0n, 30n, 45n, 9_000n * 60n)
const lag = of(0n, 0n, 0n, 0n, -30n, 20n, 60n, 600n)

/** What a retraction lacks of columns that no row may lack, or holds although no row may hold it. */
const left = fc.record({
  text: of(null, 'left'),
  user: of(null, 'ada'),
  shop: of(null, 7n),
  small: of(null, 5n, 1_000_000n),
})

interface LogRow {
  row: Row
  left: Row
}

const row: fc.Arbitrary<Row> = fc
  .record({
    text: of(null, '', 'a', 'b', 'Z', 'é'),
    at: moment,
    lag,
    user: of('ada', 'ada', 'bob'),
    shop: of(null, 0n, 7n, 8n, 9n),
    small: of(-1n, 0n, 2n),
    // As texts or as doubles they would be ordered otherwise. Some rows have one position: what was landed twice.
    offset: of(-1n, 0n, 7n, 9n, 10n, 100n, 9_007_199_254_740_992n, 9_007_199_254_740_993n),
    partition: of(0n, 2n, 10n),
    gone: of(null, false, false, true),
  })
  .map(({ at, lag, ...rest }) => ({ ...rest, at: at * MINUTE, known: (at + lag) * MINUTE }))

const logRow: fc.Arbitrary<LogRow> = fc.record({ row, left })

export const log: fc.Arbitrary<LogRow[]> = fc.array(logRow, { maxLength: 20, size: 'max' })

/** The rows as a definition accepts them: one that takes others back has of the other columns whatever it has. */
export function rowsOf(set: FeatureSet, rows: readonly LogRow[]): Row[] {
  const { eventTime, knownTime, rowKey = [], position = [], retracts } = set.source
  const told = new Set([eventTime.column, knownTime, ...rowKey, ...position, retracts])
  return rows.map(({ row, left }) => {
    if (!isRetraction(set, row)) return row
    return Object.fromEntries(
      Object.entries(row).map(([name, cell]) => [name, told.has(name) || !(name in left) ? cell : left[name]!]),
    )
  })
}
