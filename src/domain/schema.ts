/** What a zod object says, read once into plain data: the fields of a row and the checks on them. */
import type { ColumnType } from './columnType.ts'
import type { Instant } from './time.ts'

/** A check on a value that is neither null nor absent. Bounds are in the field's own terms; dates as Instants. */
export type Check =
  | { kind: 'min' | 'max'; value: number | bigint; inclusive: boolean }
  | { kind: 'minInstant' | 'maxInstant'; value: Instant }
  | { kind: 'multipleOf'; value: number | bigint }
  /** A finite number without a fraction. */
  | { kind: 'integer' }
  /** Within [-(2^53 - 1), 2^53 - 1]. */
  | { kind: 'safe' }
  /** Length in UTF-16 code units, as JavaScript counts it. */
  | { kind: 'minLength' | 'maxLength' | 'length'; value: number }
  | { kind: 'startsWith' | 'endsWith' | 'includes'; value: string }
  /** In the engine's dialect (RE2), proved to mean the same as the schema's expression. */
  | { kind: 'pattern'; value: string }
  | { kind: 'oneOf'; values: (string | number | boolean)[] }
/** Text that is an ISO 8601 date and time as zod's `z.iso.datetime()` reads it. */

/** One column as the schema wants it. */
export interface Field {
  name: string
  type: ColumnType
  /** What zod is given: decides how a source decodes the column. */
  input: 'boolean' | 'number' | 'bigint' | 'string' | 'date'
  /** The schema accepts null. */
  nullable: boolean
  /** The schema accepts absence. */
  optional: boolean
  /** `z.coerce.date()`: text and numbers become dates too. */
  coerce: boolean
  /** The text is an instant (`z.iso.datetime()`), so it can serve as event time. */
  instantText: boolean
  checks: Check[]
  description?: string
}

export interface RowSchema {
  fields: Field[]
  /** Changes exactly when a verdict or a stored value can change; descriptions do not count. */
  fingerprint: string
  /** The zod object itself: judges rejected rows in its own words. */
  validate(row: Record<string, unknown>): Verdict
}

export interface Issue {
  /** `delay`, or `a.b` of a nested value; empty for the row as a whole. */
  path: string
  code: string
  message: string
}

export type Verdict = { ok: true } | { ok: false; issues: Issue[] }
