/** What a zod object says, read once into plain data: the fields of a row and what is asked of them. */
import type { ColumnType, Value } from './columnType.ts'
import type { Instant } from './time.ts'

/** A check on a value that is neither null nor absent. Bounds are in the field's own terms; dates as Instants. */
export type Check =
  | { kind: 'min' | 'max'; value: number | bigint; inclusive: boolean }
  | { kind: 'minInstant' | 'maxInstant'; value: Instant; inclusive: boolean }
  /** Of numbers: the quotient is within 4 epsilons of an integer, relative to its size if that is above 1. Of bigints: exactly. */
  | { kind: 'multipleOf'; value: number | bigint }
  /** A finite number without a fraction. */
  | { kind: 'integer' }
  /** Within [-(2^53 - 1), 2^53 - 1]. */
  | { kind: 'safe' }
  /** zod counts code points from 4.6 on, and UTF-16 code units before. */
  | { kind: 'minLength' | 'maxLength' | 'length'; value: number; unit: 'codePoint' | 'codeUnit' }
  | { kind: 'startsWith' | 'endsWith'; value: string }
  /** `from`: in code units, where the search begins. */
  | { kind: 'includes'; value: string; from: number }
  /** As JavaScript runs it, from the text's start. `re2`: in RE2's dialect, where there is a form that provably means the same. */
  | { kind: 'pattern'; pattern: RegExp; re2: Re2 | undefined }
  | { kind: 'oneOf'; values: (string | number | bigint | boolean)[] }

export interface Re2 {
  pattern: string
  /** It means the same only for texts of the basic plane: JavaScript sees other characters as two. */
  basicPlane: boolean
}

/** A change of a text that the schema makes on its way. */
export type Change = { kind: 'trim' | 'lowerCase' | 'upperCase' } | { kind: 'normalize'; form: 'NFC' | 'NFD' | 'NFKC' | 'NFKD' }

/** One thing that a schema does with a value. */
export type Step = Check | Change

const CHANGES: ReadonlySet<Step['kind']> = new Set(['trim', 'lowerCase', 'upperCase', 'normalize'])

/** Whether the value may be another after the step. */
export const isChange = (step: Step): step is Change => CHANGES.has(step.kind)

/**
 * How a source decodes a value for zod. `any` is what the source has: of JSON and of nested types what they hold, of text the
 * text.
 */
export type InputShape =
  /** `coerce`: other types are given as they are, and a text that is an instant is a date. */
  | { kind: 'boolean' | 'number' | 'bigint' | 'string' | 'date'; coerce?: true }
  | { kind: 'any' }
  | { kind: 'array'; item: InputShape }
  | { kind: 'tuple'; items: InputShape[]; rest: InputShape | undefined }
  | ObjectShape
  | { kind: 'union'; options: InputShape[] }

export interface ObjectShape {
  kind: 'object'
  fields: Map<string, InputShape>
  /** Members whose null is absence, since the schema takes absence and no null. */
  absent: Set<string>
  /** Members that must have one of given values: of several objects they tell which one is meant. */
  tags: Map<string, readonly unknown[]>
  rest: InputShape | undefined
}

/** Where the moment of an event stands: a column of instants, or a number in a unit since 1970. */
export interface EventTime {
  column: string
  unit?: 's' | 'ms' | 'us'
}

/** One column as the schema wants it. */
export interface Field {
  name: string
  /** Of the values that the schema gives out. */
  type: ColumnType
  /** The column is text, each value JSON: of nested values, and where the schema accepts values of several types. */
  isJson: boolean
  /** The column holds what a schema has given out before: a source gives its values as they are, NaN included, and nobody judges them. */
  stored?: true
  /** What zod is given: decides how a source decodes the column. `any` where `shape` is nothing simpler. */
  input: 'boolean' | 'number' | 'bigint' | 'string' | 'date' | 'any'
  shape: InputShape
  /** The schema accepts null, and gives out `whenNull`. */
  nullable: boolean
  /** The schema accepts absence, and gives out `whenAbsent`. */
  optional: boolean
  /** Null, or what `.default()`, `.prefault()` and `.catch()` put in its place; as the column holds it. */
  whenNull: Value
  whenAbsent: Value
  /** `z.coerce`: values of other types are accepted, by zod's rules; a text that is an instant is a date. */
  coerce: boolean
  /** The text is an instant (`z.iso.datetime()`), so it can serve as event time. */
  instantText: boolean
  /** All that is asked of a value of the type `input`, in its order; undefined where zod itself runs, see `byZod`. */
  steps: Step[] | undefined
  /** What is given out in place of a value that is refused: `.catch(...)`. Undefined where it is refused. */
  caught: { value: Value } | undefined
  /** What of the schema only zod itself can do, for people. Undefined where `steps` say it all. */
  byZod: string | undefined
  /** Where `steps` are undefined for nothing but checks at their end. */
  refined: Refined | undefined
  /** A value that is accepted, null and absence included, comes out as it went in. */
  keeps: boolean
  /** zod itself on one value, as `shape` decodes it; `undefined` is absence. */
  parse(value: unknown): Parsed
  description?: string
}

/** Steps that change nothing, and then the schema's own functions. */
export interface Refined {
  steps: Step[]
  /** Of what has passed the steps. */
  accepts: Accepts
}

/** True where it is certain that zod accepts a value and leaves it as it is. */
export type Accepts = (value: unknown) => boolean

/** What zod gives out, and the same as the column holds it. */
export type Parsed = { ok: true; output: unknown; value: Value } | { ok: false }

/** What becomes of a column that the schema does not name. */
export type ExtraColumns =
  | { kind: 'ignored' }
  /**
   * Judged and not kept. `refused`: every value is, as by `z.strictObject`; `judged`: as `.catchall(...)` says; `seen`: with the
   * row as a whole.
   */
  | { kind: 'refused' | 'judged' | 'seen'; field: (name: string) => Field }

/** What a schema says in canonical words: equal ones give equal verdicts and values. */
export interface SchemaRecord {
  columns: ColumnRecord[]
  /** Of the object as a whole. */
  row: string[]
}

export interface ColumnRecord {
  name: string
  /** The schema accepts absence. */
  optional: boolean
  /** In parts, such as `number`, `max 3000`, `nullable`. */
  says: string[]
}

export interface RowSchema {
  fields: Field[]
  extra: ExtraColumns
  /** What only zod itself can say of a row whose columns have passed, for people: refinements of the object as a whole. */
  wholeRow: string | undefined
  record: SchemaRecord
  /** Of the record: changes exactly when a verdict or a stored value can change; descriptions do not count. */
  fingerprint: string
  /** What the zod object gives out of a row as the fields' shapes decode it; undefined where it refuses it. Says nothing of what columns hold. */
  output(row: Record<string, unknown>): Record<string, unknown> | undefined
  /** Of `wholeRow`, on what zod gives out of a row's columns; undefined where that is not just what it is given. */
  acceptsWhole: Accepts | undefined
  /** The zod object itself, on such a row: judges in its own words. */
  validate(row: Record<string, unknown>): Verdict
}

export interface Issue {
  /** `delay`, or `a.b` of a nested value; empty for the row as a whole. */
  path: string
  code: string
  message: string
}

export type Verdict = { ok: true; row: Record<string, unknown> } | { ok: false; issues: Issue[] }

/** What of a column has no form in SQL, so that zod judges each of its values, for people. Undefined where SQL judges them. */
export function notInSql({ byZod, steps }: Field): string | undefined {
  if (!steps) return byZod
  for (const step of steps) {
    if (step.kind === 'normalize') return 'a normal form'
    if (step.kind === 'pattern' && !step.re2) return `the regular expression ${step.pattern}, which is JavaScript's alone`
    if (step.kind === 'includes' && step.from > 0) return 'a search from a position'
    if (textsOf(step).some(text => !text.isWellFormed())) return 'half of a character'
  }
  return undefined
}

/** The texts that a step compares with. */
function textsOf(step: Step): string[] {
  if (step.kind === 'oneOf') return step.values.filter(value => typeof value === 'string')
  return step.kind === 'startsWith' || step.kind === 'endsWith' || step.kind === 'includes' ? [step.value] : []
}

/** Whether a column of accepted rows can hold nulls. */
export function mayBeNull({ nullable, optional, whenNull, whenAbsent, byZod, caught }: Field): boolean {
  return (nullable && whenNull === null) || (optional && whenAbsent === null) || byZod !== undefined || caught?.value === null
}
