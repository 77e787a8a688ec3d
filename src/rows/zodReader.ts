/** Fields that only zod itself can judge: each value alone, the rest of the row staying with its own readers. */

import type { Value } from '../domain/columnType.ts'
import type { Field } from '../domain/schema.ts'
import { instantOfText } from '../domain/zonedTime.ts'
import { decodeJson, parseJson } from '../validation/decodeShape.ts'
import { isAsParsed } from './asParsed.ts'
import type { ColumnBuilder } from './columnBuilder.ts'
import type { Reading, Role } from './fieldReader.ts'
import { FieldReader, putTime } from './fieldReader.ts'
import { instantOf } from './instantOf.ts'
import { ALSE, EXACT_DIGITS, NULL, TRUE } from './jsonBytes.ts'

export class ZodReader extends FieldReader {
  readonly #column: ColumnBuilder
  readonly #field: Field
  readonly #zone: string | undefined
  readonly #isAsParsed: boolean

  constructor(reading: Reading, field: Field, { column, role }: { column: ColumnBuilder; role: Role }) {
    super(reading, field, column, role)
    this.#column = column
    this.#field = field
    this.#zone = reading.zone
    this.#isAsParsed = isAsParsed(field.shape)
  }

  read(p: number): number {
    const { input } = this
    if (input.isWord(p, NULL)) return this.readNull(p)
    const end = input.valueEnd(p)
    if (end < 0) return -1
    const value = this.#judged(this.#value(p, end))
    if (value === undefined || (value === null && this.role.required)) return -1
    const { times, unit } = this.role
    if (times.length > 0 && !putTime(times, instantOf(value, unit))) return -1
    this.#column.append(value)
    return end
  }

  /** What the column is to hold; undefined where zod refuses. */
  #judged(given: unknown): Value | undefined {
    const seen = this.#isAsParsed ? given : decodeJson(this.#field.shape, given, this.#zone)
    this.shown = seen
    try {
      const parsed = this.#field.parse(seen)
      if (!parsed.ok) return undefined
      const { output, value } = parsed
      // A date that comes out as it went in keeps what is finer than its milliseconds.
      if (!(seen instanceof Date && output instanceof Date && seen.getTime() === output.getTime())) return value
      return typeof given === 'string' ? instantOfText(given, this.#zone) : value
    } catch {
      // A function of the schema that fails is told of by zod, with the whole row.
      return undefined
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
