/** Fields of numbers, integers, booleans and dates. */
import type { Field, Step } from '../domain/schema.ts'
import { fromDate } from '../domain/time.ts'
import { instantOfText } from '../domain/zonedTime.ts'
import { dateOf } from '../validation/decodeShape.ts'
import type { BooleanColumn, ColumnBuilder, DoubleColumn, Int64Column } from './columnBuilder.ts'
import type { Reading, Role } from './fieldReader.ts'
import { FieldReader, putReadTime, putTime } from './fieldReader.ts'
import { instantOf } from './instantOf.ts'
import { ALSE, EXACT_DIGITS, TRUE } from './jsonBytes.ts'
import type { BigintRule, NumberRule } from './numberSteps.ts'

interface Target<Column extends ColumnBuilder> {
  column: Column
  role: Role
}

/** What `put` of every column of numbers takes: doubles, floats, 32 and 64 bits. */
type NumberColumn = ColumnBuilder & Pick<DoubleColumn, 'put'>

export class NumberReader extends FieldReader {
  readonly #column: NumberColumn
  readonly #rule: NumberRule
  /** What a column of integers holds. */
  readonly #most: number | undefined
  readonly #least: number
  readonly #isLong: boolean
  readonly #isFloat: boolean

  constructor(reading: Reading, field: Field, { column, role, rule }: Target<NumberColumn> & { rule: NumberRule }) {
    super(reading, field, column, role)
    this.#column = column
    this.#rule = rule
    const { kind } = field.type
    this.#isLong = kind === 'int64'
    this.#isFloat = kind === 'float'
    this.#most = kind === 'int32' ? 2 ** 31 - 1 : kind === 'int64' ? Number.MAX_SAFE_INTEGER : undefined
    this.#least = kind === 'int32' ? -(2 ** 31) : Number.MIN_SAFE_INTEGER
  }

  read(p: number): number {
    const { input } = this
    const end = input.numberEnd(p)
    if (end < 0) return this.readNull(p)
    let value = input.number
    if (input.integerDigits > EXACT_DIGITS) {
      value = Number(input.bytes.toString('latin1', p, end))
      // Such an integer is shown to zod as a bigint.
      if (!Number.isSafeInteger(value)) return -1
    }
    // Numbers are finite to zod.
    if (!(value - value === 0) || !this.#rule(value)) return -1
    if (this.#most !== undefined && !(Number.isInteger(value) && value <= this.#most && value >= this.#least)) return -1
    if (this.role.times.length > 0 && !putTime(this.role.times, this.#instant(value))) return -1
    this.#column.put(value)
    if (this.shows) this.shown = value
    return end
  }

  #instant(value: number): bigint | undefined {
    return instantOf(this.#isLong ? BigInt(value) : this.#isFloat ? Math.fround(value) : value, this.role.unit)
  }
}

/** 64-bit integers, shown to zod as bigints. */
export class BigintReader extends FieldReader {
  readonly #column: Int64Column
  readonly #rule: BigintRule
  readonly #isPlain: boolean

  constructor(reading: Reading, field: Field, target: Target<Int64Column> & { rule: BigintRule; isPlain: boolean }) {
    super(reading, field, target.column, target.role)
    this.#column = target.column
    this.#rule = target.rule
    this.#isPlain = target.isPlain && target.role.times.length === 0
  }

  read(p: number): number {
    const { input } = this
    const end = input.numberEnd(p)
    if (end < 0) return this.readNull(p)
    const digits = input.integerDigits
    if (digits === 0 || digits > 19) return -1
    if (!this.#isPlain || this.shows) {
      const value = BigInt(input.bytes.toString('latin1', p, end))
      if (BigInt.asIntN(64, value) !== value || !this.#rule(value)) return -1
      const { times, unit } = this.role
      if (times.length > 0 && !putTime(times, instantOf(value, unit))) return -1
      this.#column.append(value)
      this.shown = value
    } else if (digits <= EXACT_DIGITS) this.#column.put(input.number)
    else if (!this.#putLong(p, end)) return -1
    return end
  }

  #putLong(p: number, end: number): boolean {
    const { bytes } = this.input
    const isNegative = bytes[p] === 0x2d
    const middle = end - 9
    let [high, low] = [0, 0]
    for (let at = isNegative ? p + 1 : p; at < middle; at++) high = high * 10 + bytes[at]! - 0x30
    for (let at = middle; at < end; at++) low = low * 10 + bytes[at]! - 0x30
    if (high > 9_223_372_036 || (high === 9_223_372_036 && low > 854_775_807)) return false
    this.#column.putSum(isNegative ? -high : high, 1e9, isNegative ? -low : low)
    return true
  }
}

/** Unsigned 64-bit integers, in columns of decimals. */
export class UnsignedReader extends FieldReader {
  readonly #column: ColumnBuilder
  readonly #rule: BigintRule

  constructor(reading: Reading, field: Field, { column, role, rule }: Target<ColumnBuilder> & { rule: BigintRule }) {
    super(reading, field, column, role)
    this.#column = column
    this.#rule = rule
  }

  read(p: number): number {
    const { input } = this
    const end = input.numberEnd(p)
    if (end < 0) return this.readNull(p)
    if (input.integerDigits === 0 || input.integerDigits > 20) return -1
    const value = BigInt(input.bytes.toString('latin1', p, end))
    if (BigInt.asUintN(64, value) !== value || !this.#rule(value)) return -1
    this.#column.append(String(value))
    this.shown = value
    return end
  }
}

export class BooleanReader extends FieldReader {
  readonly #column: BooleanColumn
  readonly #allowed: readonly [boolean, boolean]

  constructor(
    reading: Reading,
    field: Field,
    { column, role, allowed }: Target<BooleanColumn> & { allowed: [boolean, boolean] },
  ) {
    super(reading, field, column, role)
    this.#column = column
    this.#allowed = allowed
  }

  read(p: number): number {
    const isTrue = this.input.isWord(p, TRUE)
    if (!isTrue && !this.input.isWord(p + 1, ALSE)) return this.readNull(p)
    // The rest of `false` may follow another letter.
    if (!isTrue && this.input.bytes[p] !== 0x66) return -1
    if (!this.#allowed[isTrue ? 1 : 0]) return -1
    this.#column.put(isTrue)
    this.shown = isTrue
    return isTrue ? p + 4 : p + 5
  }
}

/** `z.coerce.date()`: a text that is an instant, or milliseconds since 1970. */
export class DateReader extends FieldReader {
  readonly #column: Int64Column
  readonly #reading: Reading
  readonly #steps: readonly Step[]

  constructor(reading: Reading, field: Field, { column, role, steps }: Target<Int64Column> & { steps: readonly Step[] }) {
    super(reading, field, column, role)
    this.#column = column
    this.#reading = reading
    this.#steps = steps
  }

  read(p: number): number {
    const { input } = this
    if (input.bytes[p] !== 0x22) {
      const end = input.numberEnd(p)
      if (end < 0) return this.readNull(p)
      const date = new Date(input.number)
      return !Number.isNaN(date.getTime()) && this.#put(fromDate(date)) ? end : -1
    }
    const to = input.stringEnd(p + 1)
    if (to < 0 || input.hasEscapes) return -1
    const { instant, zone } = this.#reading
    if (!instant.read(input.bytes, input.view, p + 1, to)) {
      const read = instantOfText(input.text(p + 1, to), zone)
      return read !== undefined && this.#put(read) ? to + 1 : -1
    }
    if (this.#steps.length > 0 || this.shows)
      return this.#put(BigInt(instant.seconds) * 1_000_000n + BigInt(instant.micros)) ? to + 1 : -1
    if (this.role.times.length > 0 && !putReadTime(this.role.times, instant)) return -1
    this.#column.putSum(instant.seconds, 1e6, instant.micros)
    return to + 1
  }

  #put(instant: bigint): boolean {
    // The schema sees whole milliseconds.
    const date = dateOf(instant)
    const seen = fromDate(date)
    this.shown = date
    for (const step of this.#steps) {
      if (step.kind === 'minInstant' ? !(step.inclusive ? seen >= step.value : seen > step.value) : false) return false
      if (step.kind === 'maxInstant' ? !(step.inclusive ? seen <= step.value : seen < step.value) : false) return false
    }
    if (this.role.times.length > 0 && !putTime(this.role.times, instant)) return false
    this.#column.append(instant)
    return true
  }
}
