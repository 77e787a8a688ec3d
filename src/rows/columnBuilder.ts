/** Columns that grow a value at a time, held as Parquet's PLAIN encoding wants them: nulls apart, values without gaps. */
import type { Value } from '../domain/columnType.ts'

const FIRST_CAPACITY = 1024

/** Where a column stood: `restore` forgets what came after. */
export interface Mark {
  rows: number
  nulls: number
  end: number
}

export abstract class ColumnBuilder {
  rows = 0
  nulls = 0
  /** Of each row, 1 where there is a value. */
  defined = new Uint8Array(FIRST_CAPACITY)
  /** Where the next value goes, and where the last one went. */
  end = 0
  protected last = 0

  /** Of the column's own type, null included. */
  append(value: Value): void {
    if (value === null) this.appendNull()
    else this.appendValue(value)
  }

  protected abstract appendValue(value: NonNullable<Value>): void

  appendNull(): void {
    if (this.rows === this.defined.length) this.grow()
    this.defined[this.rows++] = 0
    this.nulls++
  }

  /** Takes the row's place; the caller has put the value. */
  protected next(): void {
    this.defined[this.rows++] = 1
  }

  /** Forgets the last row where there are more than `rows`. */
  undo(rows: number): void {
    if (this.rows === rows) return
    this.rows--
    if (this.defined[this.rows] === 0) this.nulls--
    else this.end = this.last
  }

  mark(): Mark {
    return { rows: this.rows, nulls: this.nulls, end: this.end }
  }

  restore({ rows, nulls, end }: Mark): void {
    this.rows = rows
    this.nulls = nulls
    this.end = end
  }

  clear(): void {
    this.restore({ rows: 0, nulls: 0, end: 0 })
  }

  /** The values in PLAIN encoding: a view, until the next append. */
  abstract plain(): Uint8Array

  /** Bytes that it holds, roughly. */
  get size(): number {
    return this.rows + this.plainSize
  }

  protected abstract get plainSize(): number

  /** Last of all that grows: a column may be left at any point, see `guarded`. */
  protected grow(): void {
    this.defined = grown(this.defined, 2 * this.rows)
  }
}

type Numbers = Uint8Array | Int32Array | Float32Array | Float64Array

function grown<T extends Numbers>(values: T, length: number): T {
  const Class = values.constructor as new (length: number) => T
  const wider = new Class(length)
  wider.set(values)
  return wider
}

const bytesOf = ({ buffer, byteOffset }: Numbers, length: number): Uint8Array => new Uint8Array(buffer, byteOffset, length)

export class DoubleColumn extends ColumnBuilder {
  #values = new Float64Array(FIRST_CAPACITY)

  put(value: number): void {
    if (this.rows === this.defined.length) this.grow()
    this.last = this.end
    this.#values[this.end++] = value
    this.next()
  }

  protected appendValue(value: NonNullable<Value>): void {
    this.put(value as number)
  }

  plain(): Uint8Array {
    return bytesOf(this.#values, this.plainSize)
  }

  protected get plainSize(): number {
    return 8 * this.end
  }

  protected override grow(): void {
    this.#values = grown(this.#values, 2 * this.rows)
    super.grow()
  }
}

export class FloatColumn extends ColumnBuilder {
  #values = new Float32Array(FIRST_CAPACITY)

  put(value: number): void {
    if (this.rows === this.defined.length) this.grow()
    this.last = this.end
    this.#values[this.end++] = value
    this.next()
  }

  protected appendValue(value: NonNullable<Value>): void {
    this.put(value as number)
  }

  plain(): Uint8Array {
    return bytesOf(this.#values, this.plainSize)
  }

  protected get plainSize(): number {
    return 4 * this.end
  }

  protected override grow(): void {
    this.#values = grown(this.#values, 2 * this.rows)
    super.grow()
  }
}

/** Also dates, as days since 1970. */
export class Int32Column extends ColumnBuilder {
  #values = new Int32Array(FIRST_CAPACITY)
  readonly #isDate: boolean

  constructor(isDate = false) {
    super()
    this.#isDate = isDate
  }

  put(value: number): void {
    if (this.rows === this.defined.length) this.grow()
    this.last = this.end
    this.#values[this.end++] = value
    this.next()
  }

  protected appendValue(value: NonNullable<Value>): void {
    this.put(this.#isDate ? Date.parse(`${value}T00:00:00Z`) / 86_400_000 : (value as number))
  }

  plain(): Uint8Array {
    return bytesOf(this.#values, this.plainSize)
  }

  protected get plainSize(): number {
    return 4 * this.end
  }

  protected override grow(): void {
    this.#values = grown(this.#values, 2 * this.rows)
    super.grow()
  }
}

const TWO_32 = 2 ** 32

/** Also instants, in microseconds. As halves of 32 bits: 64-bit integers of JavaScript are slow to make. */
export class Int64Column extends ColumnBuilder {
  #halves = new Int32Array(2 * FIRST_CAPACITY)

  /** Of a safe integer; -0 is 0. */
  put(value: number): void {
    const high = Math.floor(value / TWO_32)
    this.#putHalves(high, value - high * TWO_32)
  }

  /** `high * factor + low`, where `high` and `low` are safe and `factor` is at most 10^9: exact, where the result has 64 bits. */
  putSum(high: number, factor: number, low: number): void {
    const value = high * factor + low
    if (Number.isSafeInteger(value) && Number.isSafeInteger(high * factor)) {
      this.put(value)
      return
    }
    // In limbs of 16 bits below, so that no product leaves what a double holds.
    const top = Math.floor(high / 65536)
    const upper = top * factor
    const lower = (high - top * 65536) * factor + low
    const carried = (upper - Math.floor(upper / 65536) * 65536) * 65536 + lower
    const carry = Math.floor(carried / TWO_32)
    this.#putHalves(Math.floor(upper / 65536) + carry, carried - carry * TWO_32)
  }

  #putHalves(high: number, low: number): void {
    if (this.rows === this.defined.length) this.grow()
    this.last = this.end
    this.#halves[2 * this.end] = low
    this.#halves[2 * this.end + 1] = high
    this.end++
    this.next()
  }

  protected appendValue(value: NonNullable<Value>): void {
    const number = Number(value)
    if (Number.isSafeInteger(number)) {
      this.put(number)
      return
    }
    const integer = BigInt(value as bigint)
    this.#putHalves(Number(integer >> 32n), Number(integer & 0xffff_ffffn))
  }

  plain(): Uint8Array {
    return bytesOf(this.#halves, this.plainSize)
  }

  protected get plainSize(): number {
    return 8 * this.end
  }

  protected override grow(): void {
    this.#halves = grown(this.#halves, 4 * this.rows)
    super.grow()
  }
}

/** A byte for each value; packed when it is read. */
export class BooleanColumn extends ColumnBuilder {
  #values = new Uint8Array(FIRST_CAPACITY)

  put(value: boolean): void {
    if (this.rows === this.defined.length) this.grow()
    this.last = this.end
    this.#values[this.end++] = value ? 1 : 0
    this.next()
  }

  protected appendValue(value: NonNullable<Value>): void {
    this.put(value as boolean)
  }

  plain(): Uint8Array {
    return packedBits(this.#values, this.end)
  }

  protected get plainSize(): number {
    return this.end
  }

  protected override grow(): void {
    this.#values = grown(this.#values, 2 * this.rows)
    super.grow()
  }
}

/** Eight to a byte, the first lowest. */
export function packedBits(bits: Uint8Array, length: number): Uint8Array {
  const packed = new Uint8Array(Math.ceil(length / 8))
  for (let at = 0; at < length; at++) if (bits[at] === 1) packed[at >> 3]! |= 1 << (at & 7)
  return packed
}
