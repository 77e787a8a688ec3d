/** Instants of values. */
import type { Value } from '../domain/columnType.ts'
import type { Instant } from '../domain/time.ts'
import { parseInstant } from '../domain/time.ts'
import { InstantBytes } from './instantBytes.ts'

/** Characters of an instant in the usual form. */
const LONGEST = 40

const usual = new InstantBytes()
const scratch = Buffer.alloc(3 * LONGEST)
const view = new DataView(scratch.buffer, scratch.byteOffset, scratch.length)

/** As `parseInstant`, sooner done with the usual form. */
function instantOfUsual(text: string): Instant | undefined {
  const isShort = text.length <= LONGEST
  // What is written as more bytes than characters is no ASCII.
  if (!isShort || scratch.write(text, 'utf8') !== text.length || !usual.read(scratch, view, 0, text.length))
    return parseInstant(text)
  const micros = usual.seconds * 1e6 + usual.micros
  return Number.isSafeInteger(micros) ? BigInt(micros) : BigInt(usual.seconds) * 1_000_000n + BigInt(usual.micros)
}

/** Of a value as its column holds it; `unit` is that of a number, in microseconds. Undefined where it is none. */
export function instantOf(value: Value, unit: number | undefined): Instant | undefined {
  if (unit === undefined) return typeof value === 'bigint' ? value : typeof value === 'string' ? instantOfUsual(value) : undefined
  // A decimal without a fraction is its digits.
  if (typeof value === 'bigint' || (typeof value === 'string' && /^\d+$/.test(value))) return BigInt(value) * BigInt(unit)
  const micros = typeof value === 'number' ? Math.floor(value * unit) : Number.NaN
  return Number.isFinite(micros) ? BigInt(micros) : undefined
}
