/** Thrift's compact protocol, as much of it as Parquet's footers and page headers take. */

/** A field's type in the protocol. */
export const TRUE = 1
export const FALSE = 2
const I32 = 5
const I64 = 6
const BINARY = 8
const LIST = 9
const STRUCT = 12

export type ThriftValue =
  | { i32: number }
  | { i64: number }
  | { text: string }
  | { flag: boolean }
  | { struct: ThriftStruct }
  | { list: ThriftValue[] }

/** By field id, ascending; undefined fields are left out. */
export type ThriftStruct = [id: number, value: ThriftValue | undefined][]

export const i32 = (value: number): ThriftValue => ({ i32: value })
export const i64 = (value: number): ThriftValue => ({ i64: value })
export const text = (value: string): ThriftValue => ({ text: value })
export const struct = (...fields: ThriftStruct): ThriftValue => ({ struct: fields })
export const list = (values: ThriftValue[]): ThriftValue => ({ list: values })

export function thriftBytes(fields: ThriftStruct): Buffer {
  const bytes: number[] = []
  writeStruct(bytes, fields)
  return Buffer.from(bytes)
}

function writeStruct(bytes: number[], fields: ThriftStruct): void {
  let last = 0
  for (const [id, value] of fields) {
    if (value === undefined) continue
    bytes.push(((id - last) << 4) | typeOf(value))
    if (!('flag' in value)) writeValue(bytes, value)
    last = id
  }
  bytes.push(0)
}

function typeOf(value: ThriftValue): number {
  if ('i32' in value) return I32
  if ('i64' in value) return I64
  if ('text' in value) return BINARY
  if ('flag' in value) return value.flag ? TRUE : FALSE
  return 'list' in value ? LIST : STRUCT
}

function writeValue(bytes: number[], value: ThriftValue): void {
  if ('i32' in value) writeVarint(bytes, zigzag(value.i32))
  else if ('i64' in value) writeVarint(bytes, zigzag(value.i64))
  else if ('text' in value) {
    const utf8 = Buffer.from(value.text)
    writeVarint(bytes, utf8.length)
    for (const byte of utf8) bytes.push(byte)
  } else if ('struct' in value) writeStruct(bytes, value.struct)
  else if ('list' in value) {
    const { length } = value.list
    const type = length === 0 ? I32 : typeOf(value.list[0]!)
    if (length < 15) bytes.push((length << 4) | type)
    else {
      bytes.push(0xf0 | type)
      writeVarint(bytes, length)
    }
    for (const item of value.list) writeValue(bytes, item)
  }
}

const zigzag = (value: number): number => (value < 0 ? -2 * value - 1 : 2 * value)

/** Seven bits at a time, the lowest first; `value` is safe. */
export function writeVarint(bytes: number[], value: number): void {
  while (value >= 0x80) {
    bytes.push((value % 0x80) | 0x80)
    value = Math.floor(value / 0x80)
  }
  bytes.push(value)
}
