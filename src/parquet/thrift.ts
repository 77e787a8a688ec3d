/** Thrift's compact protocol: the tree of a message, which loses nothing that was read, and its writer. */

/** A field's type in the protocol. */
export const TYPE = {
  true: 1,
  false: 2,
  i8: 3,
  i16: 4,
  i32: 5,
  i64: 6,
  double: 7,
  binary: 8,
  list: 9,
  set: 10,
  map: 11,
  struct: 12,
} as const

/**
 * `of`: the type that a list says its items have, which may be any when it has none. A double stays the eight bytes that it
 * is, as not every NaN survives being a number. `packed` is a struct that nobody has read yet: its bytes.
 */
export type ThriftValue =
  | { flag: boolean }
  | { i8: number }
  | { i16: number }
  | { i32: number }
  | { i64: bigint }
  | { double: Uint8Array }
  | { binary: Uint8Array }
  | { list: readonly ThriftValue[]; of: number }
  | { set: readonly ThriftValue[]; of: number }
  | { map: readonly (readonly [key: ThriftValue, value: ThriftValue])[]; of: readonly [key: number, value: number] }
  | { struct: ThriftStruct }
  | { packed: Uint8Array }

/** By field id, mostly ascending; undefined fields are left out. */
export type ThriftStruct = readonly (readonly [id: number, value: ThriftValue | undefined])[]

export const i32 = (value: number): ThriftValue => ({ i32: value })
export const i64 = (value: number): ThriftValue => ({ i64: BigInt(value) })
export const text = (value: string): ThriftValue => ({ binary: Buffer.from(value) })
export const struct = (...fields: ThriftStruct): ThriftValue => ({ struct: fields })
export const list = (values: readonly ThriftValue[]): ThriftValue => ({
  list: values,
  of: values.length === 0 ? TYPE.i32 : typeOf(values[0]!),
})

export function thriftBytes(fields: ThriftStruct): Buffer {
  const bytes: number[] = []
  writeStruct(bytes, fields)
  return Buffer.from(bytes)
}

function writeStruct(bytes: number[], fields: ThriftStruct): void {
  let last = 0
  for (const [id, value] of fields) {
    if (value === undefined) continue
    const step = id - last
    if (step > 0 && step < 16) bytes.push((step << 4) | typeOf(value))
    else {
      bytes.push(typeOf(value))
      writeVarint(bytes, zigzag(id))
    }
    // A flag of a struct is its type.
    if (!('flag' in value)) writeValue(bytes, value)
    last = id
  }
  bytes.push(0)
}

function typeOf(value: ThriftValue): number {
  if ('i64' in value) return TYPE.i64
  if ('i32' in value) return TYPE.i32
  if ('binary' in value) return TYPE.binary
  if ('struct' in value || 'packed' in value) return TYPE.struct
  if ('list' in value) return TYPE.list
  if ('flag' in value) return value.flag ? TYPE.true : TYPE.false
  if ('i8' in value) return TYPE.i8
  if ('i16' in value) return TYPE.i16
  if ('double' in value) return TYPE.double
  return 'set' in value ? TYPE.set : TYPE.map
}

function writeValue(bytes: number[], value: ThriftValue): void {
  if ('i64' in value) writeLong(bytes, value.i64)
  else if ('i32' in value) writeVarint(bytes, zigzag(value.i32))
  else if ('binary' in value) {
    writeVarint(bytes, value.binary.length)
    writeBytes(bytes, value.binary)
  } else if ('struct' in value) writeStruct(bytes, value.struct)
  else if ('list' in value) writeItems(bytes, value.list, value.of)
  else if ('flag' in value) bytes.push(value.flag ? TYPE.true : TYPE.false)
  else if ('i8' in value) bytes.push(value.i8 & 0xff)
  else if ('i16' in value) writeVarint(bytes, zigzag(value.i16))
  else if ('double' in value) writeBytes(bytes, value.double)
  else if ('packed' in value) writeBytes(bytes, value.packed)
  else if ('set' in value) writeItems(bytes, value.set, value.of)
  else writeEntries(bytes, value.map, value.of)
}

function writeItems(bytes: number[], items: readonly ThriftValue[], of: number): void {
  if (items.length < 15) bytes.push((items.length << 4) | of)
  else {
    bytes.push(0xf0 | of)
    writeVarint(bytes, items.length)
  }
  for (const item of items) writeValue(bytes, item)
}

function writeEntries(
  bytes: number[],
  entries: readonly (readonly [ThriftValue, ThriftValue])[],
  [key, value]: readonly [number, number],
): void {
  writeVarint(bytes, entries.length)
  if (entries.length > 0) bytes.push((key << 4) | value)
  for (const entry of entries) for (const each of entry) writeValue(bytes, each)
}

function writeBytes(bytes: number[], more: Uint8Array): void {
  for (const byte of more) bytes.push(byte)
}

const zigzag = (value: number): number => (value < 0 ? -2 * value - 1 : 2 * value)

/** What a number holds exactly. */
const EXACT = 2n ** 53n

function writeLong(bytes: number[], value: bigint): void {
  let rest = value < 0n ? -2n * value - 1n : 2n * value
  if (rest < EXACT) {
    writeVarint(bytes, Number(rest))
    return
  }
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  bytes.push(Number(rest))
}

/** Seven bits at a time, the lowest first; `value` is safe. */
export function writeVarint(bytes: number[], value: number): void {
  while (value >= 0x80) {
    bytes.push((value % 0x80) | 0x80)
    value = Math.floor(value / 0x80)
  }
  bytes.push(value)
}
