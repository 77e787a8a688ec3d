/** A schema's column over a group of files: the value that it gives out, and when it accepts the row. */
import type { Value } from '../../domain/columnType.ts'
import type { Field } from '../../domain/schema.ts'
import type { Decoder } from './decode.ts'
import { sqlType } from './expressionSql.ts'
import { literal } from './sql.ts'
import { stepsSql } from './stepsSql.ts'

export interface FieldSql {
  /** The value in the column's type. */
  value: string
  /** Of an instant: its microseconds, where they are cheaper than the value. */
  micros?: string
  /** All of them are true of a row that the schema accepts. */
  conditions: string[]
}

/** What zod itself said of values: the names of a joined table's columns. */
export interface Judged {
  ok: string
  value: string
}

/** Where only zod can tell: SQL over the raw value, which is not null; undefined where SQL tells everywhere. */
export function uncertainSql(field: Field, decoder: Decoder): string | undefined {
  if (refusesAll(field) || acceptsAll(field)) return undefined
  if (field.steps === undefined || decoder.value === undefined) return 'true'
  const steps = stepsSql(field, decoder.value)
  return steps === undefined ? 'true' : steps.uncertain
}

/** `judged`: what zod said where `uncertainSql` is true; undefined where that is nowhere. */
export function fieldSql(field: Field, decoder: Decoder, judged: Judged | undefined): FieldSql {
  if (refusesAll(field)) return { value: NULL, conditions: [`${decoder.raw} IS NULL`] }
  if (acceptsAll(field)) return { value: NULL, conditions: [] }
  const uncertain = judged && uncertainSql(field, decoder)
  const type = sqlType(field.type)
  if (uncertain === 'true') return emptied(field, decoder, { value: judged!.value, conditions: [judged!.ok] })
  const input = decoder.value!
  const steps = stepsSql(field, input)!
  // A check of the value is not true of null.
  const present = input === decoder.raw || steps.conditions.length > 0 ? [] : [`${input} IS NOT NULL`]
  const value = field.type.kind === 'float' ? `${steps.value}::${type}` : steps.value
  const conditions = [...present, ...decoder.conditions, ...steps.conditions]
  // An instant's range holds no null.
  if (uncertain === undefined && decoder.micros !== undefined && field.caught === undefined && !field.nullable && !field.optional)
    return { value, micros: decoder.micros, conditions: conditions.filter(condition => !present.includes(condition)) }
  if (uncertain === undefined) {
    const certain = { value, conditions, ...(decoder.micros === undefined ? {} : { micros: decoder.micros }) }
    return emptied(field, decoder, certain)
  }
  return emptied(field, decoder, {
    value: `CASE WHEN ${uncertain} THEN ${judged!.value} ELSE ${value} END`,
    conditions: [
      `CASE WHEN ${uncertain} THEN ${judged!.ok} ELSE ${conditions.join(' AND ') || `${decoder.raw} IS NOT NULL`} END`,
    ],
  })
}

/** With what becomes of null, and of values that a catch replaces. */
function emptied(field: Field, { raw }: Decoder, { value, conditions, micros }: FieldSql): FieldSql {
  const all = conditions.join(' AND ') || 'true'
  const kept = micros === undefined ? {} : { micros }
  const filled = filledSql(field)
  if (field.caught !== undefined) {
    const caught = valueSql(field, field.caught.value)
    const caughtValue = `CASE WHEN ${raw} IS NULL THEN ${filled ?? caught} WHEN ${all} THEN ${value} ELSE ${caught} END`
    return { value: caughtValue, conditions: filled === undefined ? [`${raw} IS NOT NULL`] : [] }
  }
  if (filled === undefined) {
    return { value, conditions: conditions.length > 0 ? conditions : [`${raw} IS NOT NULL`], ...kept }
  }
  const nullable = all === 'true' ? [] : [`(${raw} IS NULL OR (${all}))`]
  if (filled === NULL) return { value, conditions: nullable, ...kept }
  return { value: `CASE WHEN ${raw} IS NULL THEN ${filled} ELSE ${value} END`, conditions: nullable }
}

const NULL = 'NULL'

/** It is only shown to zod, with its row. */
const acceptsAll = ({ steps, byZod }: Field): boolean => steps === undefined && byZod === undefined

const refusesAll = ({ steps }: Field): boolean => steps?.some(step => step.kind === 'oneOf' && step.values.length === 0) === true

/** What stands for a null; undefined where it is refused. */
function filledSql(field: Field): string | undefined {
  // A null is null where the schema accepts null, else absent.
  if (field.nullable) return valueSql(field, field.whenNull)
  return field.optional ? valueSql(field, field.whenAbsent) : undefined
}

/** Of a column that the files lack. */
export const absentSql = (field: Field): FieldSql => ({
  value: `${valueSql(field, field.whenAbsent)}::${sqlType(field.type)}`,
  conditions: [],
})

function valueSql({ type }: Field, value: Value): string {
  if (value === null) return NULL
  if (type.kind === 'timestamp') return `make_timestamptz((${value})::BIGINT)`
  return `${literal(String(value))}::${sqlType(type)}`
}
