/** Values that people write in a unit case, as a table holds them. */
import type { ColumnType, Value } from '../domain/columnType.ts'
import { isFloat, isInteger, typeName } from '../domain/columnType.ts'
import type { Instant } from '../domain/time.ts'
import { fromDate, parseInstant } from '../domain/time.ts'

/** Undefined where a column of the type can never hold the value. */
export function tableValue(type: ColumnType, given: unknown): Value | undefined {
  if (given === null) return null
  if (isInteger(type)) {
    const whole = typeof given === 'bigint' || Number.isSafeInteger(given) ? BigInt(given as number) : undefined
    // Such a column is read as a number.
    return type.kind === 'int32' && whole !== undefined ? Number(whole) : whole
  }
  if (isFloat(type)) return typeof given === 'bigint' || Number.isFinite(given) ? Number(given) : undefined
  if (type.kind === 'timestamp') return instantOf(given)
  if (type.kind === 'decimal') return decimalText(given, type.scale)
  return typeof given === (type.kind === 'boolean' ? 'boolean' : 'string') ? (given as Value) : undefined
}

/** How such a value is written. */
export function valueHint(type: ColumnType): string {
  if (type.kind === 'timestamp') return INSTANT_HINT
  if (type.kind === 'decimal')
    return `Its type is ${typeName(type)}: write its digits, such as '12${type.scale > 0 ? '.5' : ''}'.`
  const example = isInteger(type) ? '3' : isFloat(type) ? '0.5' : type.kind === 'boolean' ? 'true' : "'text'"
  return `Its type is ${typeName(type)}: write a value such as ${example}, or null.`
}

export const INSTANT_HINT = "Write a Date, or a text with its offset such as '2026-01-31T00:00:00Z'."

/** Of a Date, or an ISO 8601 text with its offset. */
export function instantOf(given: unknown): Instant | undefined {
  if (given instanceof Date) return Number.isNaN(given.getTime()) ? undefined : fromDate(given)
  return typeof given === 'string' ? parseInstant(given) : undefined
}

/** With all digits of the scale, as a table gives it. */
function decimalText(given: unknown, scale: number): string | undefined {
  if (typeof given !== 'string' && typeof given !== 'bigint' && !Number.isFinite(given)) return undefined
  const match = /^(-?)0*(\d+)(?:\.(\d+?)0*)?$/.exec(String(given))
  const [, sign = '', whole = '', fraction = ''] = match ?? []
  if (!match || fraction.length > scale) return undefined
  const digits = scale === 0 ? whole : `${whole}.${fraction.padEnd(scale, '0')}`
  return /[1-9]/.test(digits) ? sign + digits : digits
}
