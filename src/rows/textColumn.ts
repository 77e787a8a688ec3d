/** A column of text: a heap of UTF-8, each value after its length in four bytes. */
import type { Value } from '../domain/columnType.ts'
import { ColumnBuilder } from './columnBuilder.ts'
import type { JsonBytes } from './jsonBytes.ts'

const FIRST_BYTES = 16_384
/** Longer texts are copied by the system. */
const BY_WORDS = 64

export class TextColumn extends ColumnBuilder {
  #heap = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #view = new DataView(this.#heap.buffer)

  /** The bytes from `from` to `to` as they are. */
  putBytes(input: JsonBytes, from: number, to: number): void {
    const length = to - from
    // Words are copied whole: the last may go over by three bytes.
    if (this.end + length + 8 > this.#heap.length) this.#widen(length + 8)
    if (this.rows === this.defined.length) this.grow()
    const at = this.end
    const heap = this.#view
    heap.setInt32(at, length, true)
    if (length <= BY_WORDS) {
      const { view } = input
      for (let done = 0; done < length; done += 4) heap.setInt32(at + 4 + done, view.getInt32(from + done, true), true)
    } else input.bytes.copy(this.#heap, at + 4, from, to)
    this.last = at
    this.end = at + 4 + length
    this.next()
  }

  /** What UTF-8 has no form for, halves of surrogate pairs, becomes U+FFFD. */
  putText(text: string): void {
    const most = 3 * text.length
    if (this.end + most + 8 > this.#heap.length) this.#widen(most + 8)
    if (this.rows === this.defined.length) this.grow()
    const length = this.#heap.write(text, this.end + 4, 'utf8')
    this.#view.setInt32(this.end, length, true)
    this.last = this.end
    this.end += 4 + length
    this.next()
  }

  protected appendValue(value: NonNullable<Value>): void {
    this.putText(value as string)
  }

  plain(): Uint8Array {
    return this.#heap.subarray(0, this.end)
  }

  protected get plainSize(): number {
    return this.end
  }

  #widen(by: number): void {
    const wider = Buffer.allocUnsafeSlow(Math.max(2 * this.#heap.length, this.end + by))
    this.#heap.copy(wider, 0, 0, this.end)
    this.#heap = wider
    this.#view = new DataView(wider.buffer)
  }
}
