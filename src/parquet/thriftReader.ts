/**
 * Bytes of Thrift's compact protocol to their tree. No bytes make it hang or take more than a multiple of their own length in
 * memory: whatever does not fit into what is left of them is refused before it is read.
 */
import { damaged } from './errors.ts'
import type { ThriftStruct, ThriftValue } from './thrift.ts'
import { TYPE } from './thrift.ts'

/** Footers nest a dozen structs. */
const DEEPEST = 64

/** One struct, which is all there is. Those that lie in `packed` structs, lists and maps of it or more stay packed. */
export function parseThrift(bytes: Uint8Array, packed = Number.POSITIVE_INFINITY): ThriftStruct {
  const reader = new ThriftReader(bytes, packed)
  const fields = reader.struct(0)
  if (reader.at !== bytes.length) throw damaged(`${bytes.length - reader.at} bytes follow the end of its metadata`)
  return fields
}

class ThriftReader {
  readonly #bytes: Uint8Array
  readonly #packed: number
  at = 0

  constructor(bytes: Uint8Array, packed: number) {
    this.#bytes = bytes
    this.#packed = packed
  }

  struct(depth: number): ThriftStruct {
    if (depth > DEEPEST) throw damaged('its metadata nests too deep')
    const fields: [number, ThriftValue][] = []
    for (let last = 0; ; ) {
      const header = this.#byte()
      if (header === 0) return fields
      const step = header >> 4
      const id = step === 0 ? this.#integer(16) : last + step
      const type = header & 15
      fields.push([id, type <= TYPE.false ? { flag: this.#flag(type) } : this.#value(type, depth)])
      last = id
    }
  }

  #value(type: number, depth: number): ThriftValue {
    switch (type) {
      case TYPE.true:
      case TYPE.false:
        return { flag: this.#flag(this.#byte()) }
      case TYPE.i8:
        return { i8: (this.#byte() << 24) >> 24 }
      case TYPE.i16:
        return { i16: this.#integer(16) }
      case TYPE.i32:
        return { i32: this.#integer(32) }
      case TYPE.i64:
        return { i64: this.#long() }
      case TYPE.double:
        return { double: this.#take(8) }
      case TYPE.binary:
        return { binary: this.#take(this.#length(1)) }
      case TYPE.list:
        return this.#items((list, of) => ({ list, of }), depth)
      case TYPE.set:
        return this.#items((set, of) => ({ set, of }), depth)
      case TYPE.map:
        return this.#map(depth)
      case TYPE.struct:
        return depth + 1 < this.#packed ? { struct: this.struct(depth + 1) } : { packed: this.#packedStruct(depth + 1) }
      default:
        throw damaged(`its metadata has a value of the unknown type ${type}`)
    }
  }

  #packedStruct(depth: number): Uint8Array {
    const from = this.at
    this.#skipStruct(depth)
    return this.#bytes.subarray(from, this.at)
  }

  #skipStruct(depth: number): void {
    if (depth > DEEPEST) throw damaged('its metadata nests too deep')
    for (;;) {
      const header = this.#byte()
      if (header === 0) return
      if (header >> 4 === 0) this.#varint(16)
      const type = header & 15
      if (type > TYPE.false) this.#skip(type, depth)
    }
  }

  /** Numbers, texts and structs are nearly all there is; others are read and forgotten. */
  #skip(type: number, depth: number): void {
    if (type === TYPE.binary) this.#take(this.#length(1))
    else if (type === TYPE.i32 || type === TYPE.i64) while (this.#byte() >= 0x80);
    else if (type === TYPE.struct) this.#skipStruct(depth + 1)
    else this.#value(type, depth)
  }

  #flag(type: number): boolean {
    if (type !== TYPE.true && type !== TYPE.false) throw damaged('its metadata has a flag that is neither true nor false')
    return type === TYPE.true
  }

  #items(made: (items: ThriftValue[], of: number) => ThriftValue, depth: number): ThriftValue {
    if (depth > DEEPEST) throw damaged('its metadata nests too deep')
    const header = this.#byte()
    const of = header & 15
    const length = header >> 4 === 15 ? this.#length(1) : this.#fitting(header >> 4, 1)
    const items: ThriftValue[] = []
    for (let item = 0; item < length; item++) items.push(this.#value(of, depth + 1))
    return made(items, of)
  }

  #map(depth: number): ThriftValue {
    if (depth > DEEPEST) throw damaged('its metadata nests too deep')
    const length = this.#length(2)
    const types = length === 0 ? 0 : this.#byte()
    const of = [types >> 4, types & 15] as const
    const map: [ThriftValue, ThriftValue][] = []
    for (let entry = 0; entry < length; entry++) map.push([this.#value(of[0], depth + 1), this.#value(of[1], depth + 1)])
    return { map, of }
  }

  /** How many things follow that take `least` bytes each. */
  #length(least: number): number {
    return this.#fitting(this.#varint(32), least)
  }

  #fitting(length: number, least: number): number {
    if (length * least > this.#bytes.length - this.at) throw damaged('its metadata has a length beyond its end')
    return length
  }

  #integer(bits: 16 | 32): number {
    const value = this.#varint(bits)
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  #varint(bits: 16 | 32): number {
    let value = 0
    for (let factor = 1; ; factor *= 0x80) {
      const byte = this.#byte()
      value += (byte & 0x7f) * factor
      if (value >= 2 ** bits) throw damaged(`its metadata has a number beyond ${bits} bits`)
      if (byte < 0x80) return value
      if (factor >= 2 ** bits) throw damaged('its metadata has a number without an end')
    }
  }

  #long(): bigint {
    let low = 0
    // Seven bytes hold 49 bits, which a number takes exactly; hardly any number is longer.
    for (let place = 0; place < 7; place++) {
      const byte = this.#byte()
      low += (byte & 0x7f) * 2 ** (7 * place)
      if (byte < 0x80) return BigInt(low % 2 === 0 ? low / 2 : -(low + 1) / 2)
    }
    let value = BigInt(low)
    for (let place = 7n; ; place++) {
      const byte = this.#byte()
      value += BigInt(byte & 0x7f) << (7n * place)
      if (value >= 1n << 64n || place > 9n) throw damaged('its metadata has a number beyond 64 bits')
      if (byte < 0x80) return (value >> 1n) ^ -(value & 1n)
    }
  }

  #byte(): number {
    if (this.at >= this.#bytes.length) throw damaged('its metadata ends in the middle')
    return this.#bytes[this.at++]!
  }

  #take(length: number): Uint8Array {
    this.#fitting(length, 1)
    const bytes = this.#bytes.subarray(this.at, this.at + length)
    this.at += length
    return bytes
  }
}
