/** Instants of values. */
import type { Value } from '../domain/columnType.ts'
import type { Instant } from '../domain/time.ts'
import { parseInstant } from '../domain/time.ts'

/** Of a value as its column holds it; `unit` is that of a number, in microseconds. Undefined where it is none. */
export function instantOf(value: Value, unit: number | undefined): Instant | undefined {
  if (unit === undefined) return typeof value === 'bigint' ? value : typeof value === 'string' ? parseInstant(value) : undefined
  // A decimal without a fraction is its digits.
  if (typeof value === 'bigint' || (typeof value === 'string' && /^\d+$/.test(value))) return BigInt(value) * BigInt(unit)
  const micros = typeof value === 'number' ? Math.floor(value * unit) : Number.NaN
  return Number.isFinite(micros) ? BigInt(micros) : undefined
}
