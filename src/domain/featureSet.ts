/** The nouns of a feature set: what an author registers, checked and resolved into plain data. */
import type { ColumnType } from './columnType.ts'
import { isFloat } from './columnType.ts'
import type { Expectation } from './expectations.ts'
import type { Expression } from './expression.ts'
import type { SourceDefinition } from './source.ts'
import type { Duration } from './time.ts'

export const AGGREGATIONS = [
  'count',
  'sum',
  'mean',
  'min',
  'max',
  'variance',
  'stddev',
  'share',
  'countDistinct',
  'first',
  'last',
  'lastRow',
] as const
export type AggregationName = (typeof AGGREGATIONS)[number]

export interface Aggregation {
  name: AggregationName
  /** Absent for `count()`: rows. */
  input?: Expression
  /** `variance` and `stddev`: divide by n instead of n - 1. */
  population?: boolean
  /** `sum` of integers as decimal(38, 0). */
  asDecimal?: boolean
}

export interface Window {
  /** As written: `7d`. */
  label: string
  /** Events in [cutoff - length, cutoff) count. */
  length: Duration | 'lifetime'
}

/** One column of the table: an aggregation over one window. */
export interface FeatureColumn {
  /** `<feature>_<window>`. */
  name: string
  feature: string
  aggregation: Aggregation
  /** The type of the aggregation's input, where it has one. */
  inputType?: ColumnType
  /** Only rows for which this is true count. */
  where?: Expression
  window: Window
  type: ColumnType
}

export type LatePolicy = 'restate' | 'asKnown'

export interface FeatureSet {
  kind: 'featureSet'
  name: string
  description?: string
  source: SourceDefinition
  /** Key columns, in order, with their types. */
  entity: { name: string; type: ColumnType }[]
  every: Duration
  offset: Duration
  delay: Duration
  late: LatePolicy
  lateness?: Duration
  /** Share of the validated rows, 0 to 1. */
  maxRejected: number
  /** Of the rows that a run reads anew, taken together. */
  expectations: Expectation[]
  /** In the order written. */
  columns: FeatureColumn[]
  /** Changes exactly when a value or a row of the table can change; descriptions and limits do not count. */
  fingerprint: string
  /** The same of all but the schema. */
  apart: string
}

/** A sum of floats is right within this share of the magnitudes that went in. */
export const PRECISION = 1e-12

/** Whether the column's values come from adding floats up: their last digits go by the order in which that was done. */
export function addsFloats({ aggregation: { name }, inputType }: Pick<FeatureColumn, 'aggregation' | 'inputType'>): boolean {
  if (name === 'sum' || name === 'mean') return isFloat(inputType!)
  return name === 'variance' || name === 'stddev'
}

/** The longest finite window; `every` where the set has none (semantics: a lifetime feature keeps no entity alive). */
export function longestWindow(set: Pick<FeatureSet, 'columns' | 'every'>): Duration {
  let longest = 0n
  for (const { window } of set.columns) {
    if (window.length !== 'lifetime' && window.length > longest) longest = window.length
  }
  return longest === 0n ? set.every : longest
}

export const hasLifetime = ({ columns }: Pick<FeatureSet, 'columns'>): boolean =>
  columns.some(({ window }) => window.length === 'lifetime')

/**
 * How many cutoffs after the first one past an event may still have a row because of it: as many as the longest window spans, the
 * last of them being the closing row's.
 */
export function reachOf(set: Pick<FeatureSet, 'columns' | 'every'>): bigint {
  const longest = longestWindow(set)
  return longest / set.every + (longest % set.every > 0n ? 1n : 0n)
}
