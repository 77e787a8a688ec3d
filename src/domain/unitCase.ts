/** A unit case of a feature set: input rows, cutoffs, and the rows that must come out. */
import type { Value } from './columnType.ts'
import type { FeatureSet } from './featureSet.ts'
import type { Issue } from './schema.ts'
import type { Instant } from './time.ts'

/** Columns by name, in JavaScript's own values; what is left out is null or absent, as a file of the format has it. */
export type InputRow = Readonly<Record<string, unknown>>

export interface RejectedInput {
  row: InputRow
  /** One issue of the row must have all of these; `message` may be a part of its words. */
  issue: Partial<Issue>
}

export interface ExpectedRow {
  /** The entity's columns and the cutoff, in the table's order. */
  key: Value[]
  /** The features that are named, in the table's types. */
  values: Record<string, Value>
}

export interface UnitCase {
  /** What it proves. */
  name: string
  set: FeatureSet
  /** Together one file: first these, then the rejected ones. */
  rows: InputRow[]
  rejects: RejectedInput[]
  /** Ascending, on the set's grid; none where only rejections are looked at. */
  cutoffs: Instant[]
  /** All rows at the cutoffs. */
  expected: ExpectedRow[]
}

/** A row of an input file is written by hand, and found again by its place. */
export const MOST_ROWS = 10_000

type DifferenceKind =
  /** A column's value. */
  | 'value'
  /** An expected row is not there, or one is that was not expected. */
  | 'missing'
  | 'unexpected'
  /** A row of `rows` was refused; one of `rejects` was not, or for another reason. */
  | 'rejected'
  | 'accepted'
  | 'issue'

export interface CaseDifference {
  kind: DifferenceKind
  /** Of the table's row; null for an input row. */
  key: { name: string; value: Value }[] | null
  /** `rows[0]`, `rejects[1]`; null for a row of the table. */
  input: string | null
  column: string | null
  expected: Value | Record<string, Value> | Partial<Issue>
  got: Value | Record<string, Value> | Issue[]
}
