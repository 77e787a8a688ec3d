/** Values of the engine's types as JavaScript sees them, by what the schema expects: for zod, where no SQL can judge. */
import type { DuckDBValue } from '@duckdb/node-api'
import { DataError } from '../../domain/errors.ts'
import type { InputShape } from '../../domain/schema.ts'
import { floorDiv } from '../../domain/time.ts'
import { instantOfText } from '../../domain/zonedTime.ts'
import { dateOf, decodeJson, objectOption, parseJson } from '../../validation/decodeShape.ts'
import { isScalar } from '../../validation/shapes.ts'

const NESTED = /(\[\d*\]|^STRUCT\(.*\)|^MAP\(.*\)|^UNION\(.*\)|^JSON|^VARIANT)$/s

/** Whether values of a physical type can be what a shape expects. */
export function holdsShape(shape: InputShape, type: string): boolean {
  if (isScalar(shape) && shape.coerce) return true
  switch (shape.kind) {
    case 'any':
      return true
    case 'union':
      return shape.options.some(option => holdsShape(option, type))
    case 'array':
    case 'tuple':
      return /\[\d*\]$/.test(type) || type === 'JSON'
    case 'object':
      return (NESTED.test(type) && !type.endsWith(']')) || type === 'JSON'
    case 'boolean':
      return type === 'BOOLEAN'
    case 'string':
      return /^(VARCHAR|ENUM|UUID|DECIMAL)/.test(type)
    case 'number':
      return /^U?(TINYINT|SMALLINT|INTEGER|BIGINT)$|^(DOUBLE|FLOAT|DECIMAL)/.test(type)
    case 'bigint':
      return /^U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)$|^DECIMAL\(\d+,0\)/.test(type)
    case 'date':
      return /^(TIMESTAMP|DATE)/.test(type)
  }
}

/** A function from the engine's values to what zod sees. `what` names the column for messages. */
export function naturalValue(shape: InputShape, type: string, zone: string | undefined, what: string): (raw: unknown) => unknown {
  // A type of the engine's own is told by its text.
  if (/\bJSON\b/.test(type)) return raw => decodeJson(shape, parseJson(String(raw)), zone)
  return raw => natural(shape, raw as DuckDBValue, { zone, what })
}

interface Context {
  zone: string | undefined
  what: string
}

function natural(shape: InputShape, value: DuckDBValue, context: Context): unknown {
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'string') return decodeJson(shape, value, context.zone)
  if (typeof value === 'number') return expects(shape, 'bigint') && !expects(shape, 'number') ? whole(value) : value
  if (typeof value === 'bigint') return integerValue(shape, value)
  if ('items' in value) {
    const items = value.items as readonly DuckDBValue[]
    return items.map((item, at) => natural(itemShape(shape, at), item, context))
  }
  if ('entries' in value) return naturalObject(shape, value.entries as Entries, context)
  if ('micros' in value || 'days' in value || 'nanos' in value || 'seconds' in value || 'millis' in value)
    return instantValue(value, context)
  // A decimal is a number where the schema wants one, else its digits.
  if ('scale' in value) {
    if (expects(shape, 'number')) return Number(String(value))
    return expects(shape, 'bigint') && /^-?\d+$/.test(String(value)) ? BigInt(String(value)) : String(value)
  }
  return String(value)
}

const whole = (value: number): unknown => (Number.isInteger(value) ? BigInt(value) : value)

function integerValue(shape: InputShape, value: bigint): unknown {
  if (expects(shape, 'bigint') && !expects(shape, 'number')) return value
  return value >= -BigInt(Number.MAX_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value
}

type Entries = Record<string, DuckDBValue> | readonly { key: DuckDBValue; value: DuckDBValue }[]

function naturalObject(shape: InputShape, entries: Entries, context: Context): object {
  const pairs: (readonly [string, DuckDBValue])[] = Array.isArray(entries)
    ? entries.map(({ key, value }) => [String(key), value] as const)
    : Object.entries(entries as Record<string, DuckDBValue>)
  const given = Object.fromEntries(pairs)
  const object = shape.kind === 'union' ? (objectOption(shape.options, given) ?? ANY) : shape
  const absent = absentMembers(object)
  const present = pairs.filter(([name, value]) => value !== null || !absent.has(name))
  return Object.fromEntries(present.map(([name, value]) => [name, natural(memberShape(object, name), value, context)]))
}

const NONE: ReadonlySet<string> = new Set()

function absentMembers(shape: InputShape): ReadonlySet<string> {
  return shape.kind === 'object' ? shape.absent : NONE
}

/** Times without an offset are read in the source's zone. */
function instantValue(value: object, { zone, what }: Context): unknown {
  const text = String(value)
  const kind = value.constructor.name
  if (kind === 'DuckDBTimestampTZValue') return dateOf((value as { micros: bigint }).micros)
  if (!/^DuckDB(Date|Timestamp)/.test(kind)) return text
  if (zone === undefined) {
    throw new DataError('data.zone', `${what} holds a time that carries no offset, and the source declares no zone`, {
      hint: "Declare it: `zone: 'UTC'` (or another IANA zone) in `objects({ ... })`.",
    })
  }
  const millis = millisOf(value)
  if (zone === 'UTC' && millis !== undefined) return new Date(millis)
  const instant = instantOfText(text, zone)
  return instant === undefined ? new Date(Number.NaN) : dateOf(instant)
}

/** Of a local date or time as though it were UTC. */
function millisOf(value: object): number | undefined {
  const { days, seconds, millis, micros, nanos } = value as Partial<Record<string, number | bigint>>
  if (days !== undefined) return Number(days) * 86_400_000
  if (seconds !== undefined) return Number(seconds) * 1000
  if (millis !== undefined) return Number(millis)
  if (micros !== undefined) return Number(floorDiv(BigInt(micros), 1000n))
  return nanos === undefined ? undefined : Number(floorDiv(BigInt(nanos), 1_000_000n))
}

const ANY: InputShape = { kind: 'any' }

function expects(shape: InputShape, kind: InputShape['kind']): boolean {
  return shape.kind === kind || (shape.kind === 'union' && shape.options.some(option => expects(option, kind)))
}

function itemShape(shape: InputShape, at: number): InputShape {
  switch (shape.kind) {
    case 'array':
      return shape.item
    case 'tuple':
      return shape.items[at] ?? shape.rest ?? ANY
    case 'union':
      return itemShape(shape.options.find(({ kind }) => kind === 'array' || kind === 'tuple') ?? ANY, at)
    default:
      return ANY
  }
}

function memberShape(shape: InputShape, name: string): InputShape {
  return shape.kind === 'object' ? (shape.fields.get(name) ?? shape.rest ?? ANY) : ANY
}
