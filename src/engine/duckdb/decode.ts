/** How a source's physical column becomes a value of the schema's type: in SQL for every row, in JavaScript for what zod sees. */
import type { ColumnType } from '../../domain/columnType.ts'
import { isInteger } from '../../domain/columnType.ts'
import { DataError } from '../../domain/errors.ts'
import type { Field } from '../../domain/schema.ts'
import type { Instant } from '../../domain/time.ts'
import { instantOfText } from '../../domain/zonedTime.ts'
import { dateOf, decodeText, NUMBER_TEXT } from '../../validation/decodeShape.ts'
import { sqlType } from './expressionSql.ts'
import { instantSql, localSql, microsSql } from './instantSql.ts'
import { holdsShape, naturalValue } from './natural.ts'

/** A column as a group of files holds it. */
export interface PhysicalColumn {
  /** SQL of the raw value. */
  sql: string
  /** The engine's type; 'TEXT' for undecoded text (CSV fields, folder names). */
  type: string
}

export interface Decoder {
  /**
   * What the schema's steps work on, in the engine's type for the field's input; null where the raw value is null or cannot be
   * decoded. Never raises. Undefined where only JavaScript can decode.
   */
  value: string | undefined
  /** Of an instant: its microseconds, where they are cheaper than the value. */
  micros?: string
  /** Conditions, beside the schema's checks, under which a raw value that is not null is what the schema wants. */
  conditions: string[]
  /** SQL of what is sent to JavaScript for a rejected row, and how that becomes what zod sees. */
  raw: string
  seen: (raw: unknown) => unknown
  /** `raw` is text. */
  isText?: true
  /** Of a date: the instant itself, where the date that zod sees is its millisecond. */
  instant?: (raw: unknown) => Instant | undefined
}

const INTEGERS = new Set(['TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'UTINYINT', 'USMALLINT', 'UINTEGER', 'UBIGINT'])
const SAFE = '9007199254740991'

/** What a JavaScript date can be, in microseconds before and after 1970; the engine's infinities lie beyond. */
const DATE_MICROS = '8640000000000000000'
const INFINITE = '9223372036854775807'

/** `where` names the file for messages. `zone` is the source's. */
export function decoderOf(field: Field, column: PhysicalColumn, zone: string | undefined, where: string): Decoder {
  const decoder = field.stored
    ? storedDecoder(field, column)
    : column.type === 'TEXT'
      ? textDecoder(field, column.sql, zone)
      : typedDecoder(field, column, zone, where)
  if (decoder) return decoder
  throw new DataError(
    'data.type',
    `${where}: column \`${field.name}\` is ${column.type}, which cannot hold the schema's ${wanted(field)}`,
    { hint: 'Change the schema to the type that the file has, or write the file with the type that the schema wants.' },
  )
}

/** What may stand in files of before a schema was widened; of integers that are numbers to JavaScript a double holds each. */
const WIDER: Record<string, ColumnType['kind'][]> = {
  INTEGER: ['int64', 'double', 'decimal'],
  BIGINT: ['double', 'decimal'],
  FLOAT: ['double'],
}

/** Of values that a schema gave out: each is what it is, and one of a narrower type than the column has by now is widened. */
function storedDecoder(field: Field, { sql, type }: PhysicalColumn): Decoder | undefined {
  const target = sqlType(field.type)
  const micros = field.type.kind === 'timestamp' ? microsSql(sql, type, 'UTC') : undefined
  if (micros !== undefined) {
    const value = type === 'TIMESTAMP WITH TIME ZONE' ? sql : `make_timestamptz(${micros})`
    return { value, micros, conditions: [], raw: value, seen: raw => raw }
  }
  if (type !== target && !WIDER[type]?.includes(field.type.kind)) return undefined
  const value = narrowed(sql, type, target)
  return { value, conditions: [], raw: value, seen: raw => raw, ...(type === 'VARCHAR' ? { isText: true } : {}) }
}

function wanted({ input, type, shape }: Field): string {
  if (input === 'any') return shape.kind === 'union' ? shape.options.map(({ kind }) => kind).join(' or ') : shape.kind
  return input === 'date' ? 'date' : type.kind === 'int64' ? `integer (${input})` : input
}

function typedDecoder(field: Field, { sql, type }: PhysicalColumn, zone: string | undefined, where: string): Decoder | undefined {
  const known = type === 'TEXT' ? undefined : plainDecoder(field, { sql, type }, zone, where)
  if (known) return known
  // What is not of the type that the schema wants is shown to zod as what it is, where that can be right.
  if (!field.coerce && !holdsShape(field.shape, type)) return undefined
  const seen = naturalValue(field.shape, type, zone, `${where}: column \`${field.name}\``)
  // Values of JSON within others are told from texts by nothing once they are in JavaScript.
  if (type !== 'JSON' && /\bJSON\b/.test(type))
    return { value: undefined, conditions: [], raw: `to_json(${sql})::VARCHAR`, seen, isText: true }
  return { value: undefined, conditions: [], raw: sql, seen, ...(type === 'VARCHAR' || type === 'JSON' ? { isText: true } : {}) }
}

function plainDecoder(field: Field, { sql, type }: PhysicalColumn, zone: string | undefined, where: string): Decoder | undefined {
  switch (field.input) {
    case 'boolean':
      return type === 'BOOLEAN' ? { value: sql, conditions: [], raw: sql, seen: raw => raw } : undefined
    case 'string':
      if (type === 'VARCHAR') return { value: sql, conditions: [], raw: sql, seen: raw => raw, isText: true }
      if (/^(ENUM|UUID|DECIMAL)/.test(type))
        return { value: `${sql}::VARCHAR`, conditions: [], raw: `${sql}::VARCHAR`, seen: raw => raw }
      return undefined
    case 'bigint':
      return bigintDecoder(field, sql, type)
    case 'number':
      if (INTEGERS.has(type))
        return {
          value: narrowed(sql, type, workType(field)),
          conditions: [...safeRange(field, sql, type), ...rangeOf(workType(field), sql, type)],
          raw: sql,
          seen: safeNumber,
        }
      if (type === 'DOUBLE' || type === 'FLOAT' || type.startsWith('DECIMAL')) {
        const double = doubleSql(sql, type)
        return { ...fromDouble(field, double), raw: double, seen: raw => raw }
      }
      return undefined
    case 'date':
      return dateDecoder(field, { sql, type }, zone, where)
    case 'any':
      return undefined
  }
}

/** The nearest double. Of a decimal of more digits than a double has, the engine's own cast may be the second nearest. */
function doubleSql(sql: string, type: string): string {
  if (type === 'DOUBLE') return sql
  return Number(/^DECIMAL\((\d+)/.exec(type)?.[1] ?? 0) > 15 ? `${sql}::VARCHAR::DOUBLE` : `${sql}::DOUBLE`
}

const UINT64 = "'0'::DECIMAL(38,0) AND '18446744073709551615'::DECIMAL(38,0)"

const INT64 = "'-9223372036854775808'::DECIMAL(38,0) AND '9223372036854775807'::DECIMAL(38,0)"

const WHOLE = /^(HUGEINT|UHUGEINT|DECIMAL\(\d+,0\))$/

function bigintDecoder(field: Field, sql: string, type: string): Decoder | undefined {
  const seen = (raw: unknown): unknown => BigInt(raw as bigint)
  if (field.type.kind === 'decimal') {
    if (!INTEGERS.has(type) && !WHOLE.test(type)) return undefined
    const conditions = INTEGERS.has(type) && type.startsWith('U') ? [] : [`${sql} BETWEEN ${UINT64}`]
    return { value: `TRY_CAST(${sql} AS ${sqlType(field.type)})`, conditions, raw: sql, seen: raw => BigInt(String(raw)) }
  }
  if (WHOLE.test(type))
    return {
      value: `TRY_CAST(${sql} AS BIGINT)`,
      conditions: [`${sql} BETWEEN ${INT64}`],
      raw: sql,
      seen: raw => BigInt(String(raw)),
    }
  if (!INTEGERS.has(type)) return undefined
  return { value: narrowed(sql, type, 'BIGINT'), conditions: inRange(sql, type), raw: sql, seen }
}

/** The engine's type in which a number is checked; a narrower one comes after the checks. */
const workType = (field: Field): string => (field.type.kind === 'float' ? 'DOUBLE' : sqlType(field.type))

function narrowed(sql: string, type: string, target: string): string {
  if (type === target) return sql
  return target === 'DOUBLE' ? `${sql}::DOUBLE` : `TRY_CAST(${sql} AS ${target})`
}

/**
 * What a narrower type holds of a wider one: the engine takes a comparison of `TRY_CAST(x AS narrower)` with a constant for one of
 * `x`, which is true where the cast is null.
 */
function rangeOf(target: string, sql: string, type: string): string[] {
  const isWider = target === 'INTEGER' && ['UINTEGER', 'BIGINT', 'UBIGINT', 'DOUBLE'].includes(type)
  return isWider ? [`${sql} BETWEEN -2147483648 AND 2147483647`] : []
}

function inRange(sql: string, type: string): string[] {
  return type === 'UBIGINT' ? [`${sql} <= 9223372036854775807`] : []
}

function fromDouble(field: Field, double: string): { value: string; conditions: string[] } {
  if (!isInteger(field.type)) return { value: double, conditions: [`isfinite(${double})`] }
  return {
    value: `TRY_CAST(${double} AS ${sqlType(field.type)})`,
    conditions: [
      `${double} = trunc(${double})`,
      `${double} BETWEEN -${SAFE} AND ${SAFE}`,
      ...rangeOf(sqlType(field.type), double, 'DOUBLE'),
    ],
  }
}

/** What of the range of safe integers the schema's own bounds leave open. */
function safeRange(field: Field, sql: string, type: string): string[] {
  if (type !== 'BIGINT' && type !== 'UBIGINT') return []
  const isBounded = (kind: 'min' | 'max'): boolean =>
    field.steps?.some(step => step.kind === kind && Math.abs(Number(step.value)) <= Number.MAX_SAFE_INTEGER) === true
  return [
    ...(isBounded('min') || type === 'UBIGINT' ? [] : [`${sql} >= -${SAFE}`]),
    ...(isBounded('max') ? [] : [`${sql} <= ${SAFE}`]),
  ]
}

/** A 64-bit integer is a number where that is exact, else a bigint, which zod's numbers refuse in zod's own words. */
function safeNumber(raw: unknown): unknown {
  const value = BigInt(raw as bigint)
  return value >= -BigInt(SAFE) && value <= BigInt(SAFE) ? Number(value) : value
}

function dateDecoder(field: Field, { sql, type }: PhysicalColumn, zone: string | undefined, where: string): Decoder | undefined {
  const micros = microsSql(sql, type, zone)
  if (micros === undefined) {
    if (!/^(TIMESTAMP|DATE)/.test(type)) return field.coerce && type === 'VARCHAR' ? textDecoder(field, sql, zone) : undefined
    throw new DataError(
      'data.zone',
      `${where}: column \`${field.name}\` (${type}) carries no offset and the source declares no zone`,
      {
        hint: "Declare it: `zone: 'UTC'` (or another IANA zone) in `objects({ ... })`.",
      },
    )
  }
  const value = type === 'TIMESTAMP WITH TIME ZONE' ? sql : `make_timestamptz(${micros})`
  return {
    value,
    micros,
    conditions: [`${micros} BETWEEN -${DATE_MICROS} AND ${DATE_MICROS}`],
    raw: `coalesce(${micros}, CASE WHEN ${sql} IS NOT NULL THEN ${INFINITE} END)`,
    seen: raw => dateOf(raw as bigint),
    instant: raw => raw as bigint,
  }
}

/** Text of a CSV field or a folder's name, decoded strictly by the schema's type. What cannot be decoded zod sees as text. */
function textDecoder(field: Field, sql: string, zone: string | undefined): Decoder {
  const seen = (raw: unknown): unknown => decodeText(field.shape, String(raw), zone)
  const text = { raw: sql, seen, isText: true as const }
  switch (field.input) {
    case 'string':
      return { value: sql, conditions: [], ...text }
    case 'boolean':
      return {
        value: `CASE ${sql} WHEN 'true' THEN true WHEN 'false' THEN false END`,
        conditions: [`${sql} IN ('true', 'false')`],
        ...text,
      }
    case 'bigint': {
      const isDecimal = field.type.kind === 'decimal'
      const cast = `TRY_CAST(${sql} AS ${isDecimal ? sqlType(field.type) : 'BIGINT'})`
      const value = `CASE WHEN regexp_matches(${sql}, '^-?[0-9]+$') THEN ${cast} END`
      return { value, conditions: isDecimal ? [`${value} BETWEEN ${UINT64}`] : [], ...text }
    }
    case 'number': {
      const matched = `CASE WHEN regexp_matches(${sql}, '${NUMBER_TEXT}') THEN ${sql} END`
      return { ...fromDouble(field, `TRY_CAST(${matched} AS DOUBLE)`), ...text }
    }
    case 'date': {
      const zoned = zone === undefined ? undefined : microsSql(`(${localSql(sql)})`, 'TIMESTAMP', zone)
      const value = zoned === undefined ? instantSql(sql) : `coalesce(${instantSql(sql)}, make_timestamptz(${zoned}))`
      return { value, conditions: [], ...text, instant: raw => instantOfText(String(raw), zone) }
    }
    case 'any':
      return { value: undefined, conditions: [], ...text }
  }
}
