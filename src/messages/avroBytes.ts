/** The primitives of Avro's binary encoding, read with suspicion. */
import { isUtf8 } from 'node:buffer'
import { Refusal } from './refusal.ts'
import { asBuffer } from './rowText.ts'
import type { Whole } from './times.ts'

/** Items that take no bytes at all, in one message: else a few bytes could claim any number of them. */
const FREE_ITEMS = 65_536
/** Of records within records, which only a recursive schema allows without end. */
const DEEPEST = 200

const TWO_TO_28 = 2 ** 28

export class AvroBytes {
  readonly bytes: Buffer
  at: number
  #free = FREE_ITEMS
  #depth = 0

  constructor(bytes: Uint8Array, from: number) {
    this.bytes = asBuffer(bytes)
    this.at = from
  }

  /** Nothing may follow a value. */
  end(): void {
    if (this.at < this.bytes.length)
      throw new Refusal('malformed', `${this.bytes.length - this.at} bytes follow the end of the value`)
  }

  enter(): void {
    if (++this.#depth > DEEPEST) throw new Refusal('malformed', `Records are nested more than ${DEEPEST} deep`)
  }

  leave(): void {
    this.#depth--
  }

  byte(): number {
    if (this.at >= this.bytes.length) throw truncated()
    return this.bytes[this.at++]!
  }

  /** The next `length` bytes. */
  take(length: number): Buffer {
    const from = this.at
    if (!(length >= 0 && length <= this.bytes.length - from)) throw truncated()
    this.at += length
    return this.bytes.subarray(from, this.at)
  }

  boolean(): boolean {
    const byte = this.byte()
    if (byte > 1) throw new Refusal('malformed', `The byte ${byte} is no boolean`)
    return byte === 1
  }

  /** A zigzag number of at most 64 bits. */
  long(): Whole {
    let low = 0
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte()
      low += (byte & 0x7f) << shift
      if (byte < 0x80) return low % 2 === 0 ? low / 2 : -(low + 1) / 2
    }
    let high = 0
    let factor = 1
    for (let count = 5; count <= 10; count++) {
      const byte = this.byte()
      high += (byte & 0x7f) * factor
      if (byte >= 0x80) {
        factor *= 128
        continue
      }
      // Six bytes behind the first four hold 36 bits: 64 in all.
      if (high >= 2 ** 36) break
      return unzigzag(high, low)
    }
    throw new Refusal('malformed', 'A number takes more than 64 bits')
  }

  int(): number {
    const value = Number(this.long())
    if (value < -0x8000_0000 || value > 0x7fff_ffff) throw new Refusal('malformed', `${value} takes more than 32 bits`)
    return value
  }

  float(): number {
    if (this.bytes.length - this.at < 4) throw truncated()
    this.at += 4
    return this.bytes.readFloatLE(this.at - 4)
  }

  double(): number {
    if (this.bytes.length - this.at < 8) throw truncated()
    this.at += 8
    return this.bytes.readDoubleLE(this.at - 8)
  }

  /** With their length before them. */
  sized(): Buffer {
    return this.take(Number(this.long()))
  }

  string(): string {
    const length = Number(this.long())
    const from = this.at
    if (!(length >= 0 && length <= this.bytes.length - from)) throw truncated()
    this.at += length
    const text = this.bytes.toString('utf8', from, this.at)
    if (text.includes('\ufffd') && !isUtf8(this.bytes.subarray(from, this.at))) throw new Refusal('malformed', 'Not UTF-8')
    return text
  }

  /** Reads the items of an array or a map, block by block. */
  blocks(item: () => void): void {
    for (;;) {
      let count = Number(this.long())
      if (count === 0) return
      if (count < 0) {
        // The size in bytes, for readers that skip the block.
        this.long()
        count = -count
      }
      for (; count > 0; count--) {
        const before = this.at
        item()
        if (this.at === before && --this.#free < 0) {
          throw new Refusal('malformed', `More than ${FREE_ITEMS} items take no bytes`)
        }
      }
    }
  }
}

/** Of the number `high * 2^28 + low`. */
function unzigzag(high: number, low: number): Whole {
  if (high < 2 ** 25) {
    const whole = high * TWO_TO_28 + low
    return whole % 2 === 0 ? whole / 2 : -(whole + 1) / 2
  }
  const whole = (BigInt(high) << 28n) + BigInt(low)
  const value = whole & 1n ? -(whole + 1n) / 2n : whole / 2n
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

const truncated = (): Refusal => new Refusal('malformed', 'The bytes end within the value')
