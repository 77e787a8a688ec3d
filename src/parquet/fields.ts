/** What a footer's structs hold, by field id: of the type that the format says, or the file is damaged. */
import { damaged } from './errors.ts'
import type { ThriftStruct, ThriftValue } from './thrift.ts'
import { parseThrift } from './thriftReader.ts'

/** Of a column of a row group its metadata are read, and what they say of values is only handed on. */
const PACKED = 2

/** Fields may come more than once in damaged bytes; then it is unsure which one a reader takes. */
export function fieldOf(struct: ThriftStruct, id: number): ThriftValue | undefined {
  let found: ThriftValue | undefined
  for (const [other, value] of struct) {
    if (other !== id) continue
    if (found !== undefined) throw damaged(`a field ${id} is there twice`)
    found = value
  }
  return found
}

export const has = (struct: ThriftStruct, id: number): boolean => struct.some(field => field[0] === id)

export function integerOf(struct: ThriftStruct, id: number, what: string): number | undefined {
  const value = fieldOf(struct, id)
  if (value === undefined) return undefined
  const integer = 'i64' in value ? Number(value.i64) : 'i32' in value ? value.i32 : Number.NaN
  if (!Number.isSafeInteger(integer) || integer < 0) throw damaged(`${what} is no length or place`)
  return integer
}

export function textOf(struct: ThriftStruct, id: number, what: string): string | undefined {
  const value = fieldOf(struct, id)
  if (value === undefined) return undefined
  if (!('binary' in value)) throw damaged(`${what} is no text`)
  return Buffer.from(value.binary).toString()
}

export function structOf(value: ThriftValue | undefined, what: string): ThriftStruct {
  if (value !== undefined && 'packed' in value) return parseThrift(value.packed, PACKED)
  if (value === undefined || !('struct' in value)) throw damaged(`${what} is missing`)
  return value.struct
}

export function itemsOf(struct: ThriftStruct, id: number, what: string): readonly ThriftValue[] {
  const value = fieldOf(struct, id)
  if (value === undefined || !('list' in value)) throw damaged(`${what} are missing`)
  return value.list
}

/** A value that must be there. */
export function required<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw damaged(`${what} is missing`)
  return value
}
