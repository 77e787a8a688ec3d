/** A column of decimals: their unscaled integers, big-endian, in as many bytes as the precision takes. */
import type { ColumnType, Value } from '../domain/columnType.ts'
import { ColumnBuilder } from './columnBuilder.ts'

const FIRST_VALUES = 1024

export class DecimalColumn extends ColumnBuilder {
  readonly width: number
  readonly #scale: number
  #heap: Buffer

  constructor({ precision, scale }: ColumnType & { kind: 'decimal' }) {
    super()
    this.width = bytesFor(precision)
    this.#scale = scale
    this.#heap = Buffer.alloc(this.width * FIRST_VALUES)
  }

  protected appendValue(value: NonNullable<Value>): void {
    if (this.rows === this.defined.length) this.grow()
    if (this.end === this.#heap.length) this.#heap = Buffer.concat([this.#heap], 2 * this.end)
    let rest = unscaled(String(value), this.#scale)
    for (let at = this.end + this.width - 1; at >= this.end; at--) {
      this.#heap[at] = Number(rest & 0xffn)
      rest >>= 8n
    }
    this.last = this.end
    this.end += this.width
    this.next()
  }

  plain(): Uint8Array {
    return this.#heap.subarray(0, this.end)
  }

  protected get plainSize(): number {
    return this.end
  }
}

/** The bytes of a signed integer of so many decimal digits. */
function bytesFor(precision: number): number {
  const most = 10n ** BigInt(precision) - 1n
  let width = 1
  while (2n ** BigInt(8 * width - 1) <= most) width++
  return width
}

function unscaled(text: string, scale: number): bigint {
  const [whole, fraction = ''] = text.split('.')
  return BigInt(`${whole}${fraction.padEnd(scale, '0')}`)
}
