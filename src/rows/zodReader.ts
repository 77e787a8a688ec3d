/** Fields that only zod itself can judge: each value alone, the rest of the row staying with its own readers. */
import type { Field, Parsed } from '../domain/schema.ts'
import { parseInstant } from '../domain/time.ts'
import { decodeJson, parseJson } from '../validation/decodeShape.ts'
import type { ColumnBuilder } from './columnBuilder.ts'
import type { Reading, Role } from './fieldReader.ts'
import { FieldReader, putTime } from './fieldReader.ts'
import { ALSE, EXACT_DIGITS, NULL, TRUE } from './jsonBytes.ts'

export class ZodReader extends FieldReader {
  readonly #column: ColumnBuilder
  readonly #field: Field
  readonly #zone: string | undefined

  constructor(reading: Reading, field: Field, { column, role }: { column: ColumnBuilder; role: Role }) {
    super(reading, field, column, role)
    this.#column = column
    this.#field = field
    this.#zone = reading.zone
  }

  read(p: number): number {
    const { input } = this
    if (input.isWord(p, NULL)) return this.readNull(p)
    const end = input.valueEnd(p)
    if (end < 0) return -1
    const parsed = this.#parsed(decodeJson(this.#field.shape, this.#value(p, end), this.#zone))
    if (!parsed.ok) return -1
    const { value } = parsed
    if (value === null && this.role.required) return -1
    const { times, unit } = this.role
    if (times.length > 0 && !putTime(times, instantOf(value, unit))) return -1
    this.#column.append(value)
    return end
  }

  /** A function of the schema that fails is told of by zod, with the whole row. */
  #parsed(value: unknown): Parsed {
    try {
      return this.#field.parse(value)
    } catch {
      return { ok: false }
    }
  }

  #value(p: number, end: number): unknown {
    const { input } = this
    if (input.bytes[p] === 0x22 && !input.hasEscapes) return input.text(p + 1, end - 1)
    if (input.isWord(p, TRUE)) return true
    if (input.isWord(p + 1, ALSE)) return false
    const isNumber = input.bytes[p] === 0x2d || (input.bytes[p]! >= 0x30 && input.bytes[p]! <= 0x39)
    if (isNumber && input.integerDigits <= EXACT_DIGITS) return input.number
    return parseJson(input.bytes.toString('utf8', p, end))
  }
}

/** The instant of a value as its column holds it. */
export function instantOf(value: string | number | bigint | boolean | null, unit: number | undefined): bigint | undefined {
  if (unit === undefined) return typeof value === 'bigint' ? value : typeof value === 'string' ? parseInstant(value) : undefined
  if (typeof value === 'bigint') return value * BigInt(unit)
  const micros = typeof value === 'number' ? Math.floor(value * unit) : Number.NaN
  return Number.isFinite(micros) ? BigInt(micros) : undefined
}
