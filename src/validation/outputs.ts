/** What type of column holds the values that a zod schema gives out, and how. */
import type { ColumnType, Value } from '../domain/columnType.ts'
import { fromDate } from '../domain/time.ts'
import type { ZodLike } from './zodLike.ts'
import { innerOf, isNothing, meaningfulOptions } from './zodLike.ts'

/** JSON text, or the column's own type. */
export interface Output {
  type: ColumnType
  isJson: boolean
}

const plain = (kind: 'boolean' | 'int32' | 'int64' | 'float' | 'double' | 'string' | 'timestamp'): Output => ({
  type: { kind },
  isJson: false,
})
const JSON_TEXT: Output = { type: { kind: 'string' }, isJson: true }
/** What 64 unsigned bits hold; a table's own integers have a sign. */
const UINT64: Output = { type: { kind: 'decimal', precision: 20, scale: 0 }, isJson: false }

/** Types without a meaning in a table, and what to write instead. */
const MEANINGLESS: Record<string, string> = {
  function: 'a function is no value of a row',
  promise: 'a promise is no value of a row',
  symbol: 'a symbol is no value of a row',
  map: 'no source has maps: write `z.record(...)`',
  set: 'no source has sets: write `z.array(...)`',
  file: 'a file is no value of a row',
  never: 'nothing can satisfy it',
  void: 'it accepts nothing but absence',
  undefined: 'it accepts nothing but absence',
  null: 'it accepts nothing but null',
  custom: 'what it accepts has no declared type: refine one that has, such as `z.string().refine(...)`',
  transform: 'what it gives out has no declared type: end it with `.pipe(...)`, such as `.transform(Number).pipe(z.number())`',
}

/** Where nested types lead back to themselves. */
const DEEPEST = 20

/** The column that a schema's values make, or why there is none. */
export function outputOf(schema: ZodLike, depth = 0): Output | { fault: string } {
  const { def } = schema._zod
  const inner = innerOf(schema)
  if (inner) return depth > DEEPEST ? JSON_TEXT : outputOf(inner, depth + 1)
  switch (def.type) {
    case 'string':
    case 'template_literal':
      return plain('string')
    case 'number':
      return numberOutput(schema)
    case 'nan':
      return plain('double')
    case 'bigint':
      return formatsOf(schema).includes('uint64') ? UINT64 : plain('int64')
    case 'boolean':
    case 'success':
      return plain('boolean')
    case 'date':
      return plain('timestamp')
    case 'enum':
      return ofValues(enumValues(def.entries ?? {}))
    case 'literal':
      return isNothing(schema) ? { fault: MEANINGLESS.null! } : ofValues((def.values ?? []).filter(value => value != null))
    case 'union':
      return unionOutput(meaningfulOptions(def.options ?? []), depth)
    case 'intersection':
      return intersectionOutput([def.left!, def.right!], depth)
    case 'pipe':
      return depth > DEEPEST ? JSON_TEXT : outputOf(def.out!, depth + 1)
    case 'array':
    case 'tuple':
    case 'object':
    case 'record':
    case 'any':
    case 'unknown':
      return JSON_TEXT
    default:
      return { fault: MEANINGLESS[def.type] ?? 'it is not known to this version' }
  }
}

const ASYNC = 'one of its functions is asynchronous: write one that answers at once'

export const isAsync = (given: unknown): boolean => typeof given === 'function' && given.constructor.name === 'AsyncFunction'

/** A part of a schema, however deep, that no value of a row can have: its type and why. */
export function meaninglessPart(schema: ZodLike, depth = 0): { type: string; why: string } | undefined {
  if (depth > DEEPEST) return undefined
  const { def } = schema._zod
  const isTransform = def.type === 'transform' || def.type === 'custom'
  const functions = [def.transform, ...(def.checks ?? []).flatMap(({ _zod }) => [_zod.def.fn, _zod.def.tx, _zod.check])]
  if (functions.some(isAsync)) return { type: def.type, why: ASYNC }
  if (def.type in MEANINGLESS && !isNothing(schema) && !isTransform) return { type: def.type, why: MEANINGLESS[def.type]! }
  const parts = [
    innerOf(schema),
    def.in,
    def.out,
    def.element,
    ...(def.items ?? []),
    def.rest,
    ...(def.options ?? []),
    def.left,
    def.right,
    def.keyType,
    def.valueType,
    def.catchall?._zod.def.type === 'never' ? undefined : def.catchall,
    ...Object.values(def.shape ?? {}),
  ]
  for (const part of parts) {
    const found = part && meaninglessPart(part, depth + 1)
    if (found) return found
  }
  return undefined
}

/** The formats of a number or bigint: its own and those of its checks. */
function formatsOf({ _zod: { def } }: ZodLike): string[] {
  return [def.format, ...(def.checks ?? []).map(check => check._zod.def.format)].filter(format => format !== undefined)
}

function numberOutput(schema: ZodLike): Output {
  const formats = formatsOf(schema)
  if (formats.includes('int32')) return plain('int32')
  if (formats.includes('uint32') || formats.includes('safeint')) return plain('int64')
  return plain(formats.includes('float32') ? 'float' : 'double')
}

/** A numeric TypeScript enum also maps its values back to its names. */
export function enumValues(entries: Record<string, string | number>): (string | number)[] {
  const isReverse = (key: string): boolean => {
    const value = entries[entries[key]!]
    return typeof value === 'number' && String(value) === key
  }
  return Object.keys(entries).flatMap(key => (isReverse(key) ? [] : [entries[key]!]))
}

function ofValues(values: readonly unknown[]): Output | { fault: string } {
  if (values.length === 0) return { fault: 'it has no values: nothing can satisfy it' }
  const types = new Set(values.map(value => typeof value))
  const [only] = types
  if (types.has('symbol') || types.has('object') || types.has('function'))
    return { fault: 'one of its values is no value of a row' }
  if (types.size > 1) return JSON_TEXT
  return only === 'string'
    ? plain('string')
    : only === 'bigint'
      ? plain('int64')
      : plain(only === 'boolean' ? 'boolean' : 'double')
}

function unionOutput(options: readonly ZodLike[], depth: number): Output | { fault: string } {
  if (options.length === 0) return { fault: MEANINGLESS.null! }
  if (depth > DEEPEST) return JSON_TEXT
  const outputs: Output[] = []
  for (const option of options) {
    const output = outputOf(option, depth + 1)
    if ('fault' in output) return output
    outputs.push(output)
  }
  return outputs.reduce(wider)
}

/** One that holds the values of all. */
export const widest = (outputs: readonly Output[]): Output => outputs.map(({ type, isJson }) => ({ type, isJson })).reduce(wider)

const WIDTHS = ['int32', 'int64', 'float', 'double']

function wider(a: Output, b: Output): Output {
  if (a.isJson || b.isJson) return JSON_TEXT
  if (a.type.kind === b.type.kind) return a
  const [left, right] = [WIDTHS.indexOf(a.type.kind), WIDTHS.indexOf(b.type.kind)]
  if (left < 0 || right < 0) return JSON_TEXT
  // Of 64-bit integers and doubles neither holds all of the other; what zod gives out as numbers a double holds.
  return plain(Math.max(left, right) < 2 ? 'int64' : 'double')
}

function intersectionOutput(sides: readonly ZodLike[], depth: number): Output | { fault: string } {
  const [left, right] = sides.map(side => outputOf(side, depth + 1))
  if ('fault' in left!) return left
  if ('fault' in right!) return right
  return left!.type.kind === right!.type.kind && !left!.isJson && !right!.isJson ? left! : JSON_TEXT
}

/** A value that a schema gave out, as its column holds it; undefined where the column cannot. */
export function storedValue({ type, isJson }: Output, output: unknown): Value | undefined {
  if (output === null || output === undefined) return null
  if (isJson) return jsonText(output)
  switch (type.kind) {
    case 'boolean':
      return typeof output === 'boolean' ? output : undefined
    case 'int32':
      return typeof output === 'number' && (output | 0) === output ? output | 0 : undefined
    case 'int64':
      return integer(output)
    case 'float':
      return typeof output === 'number' ? Math.fround(output) : undefined
    case 'double':
      return typeof output === 'number' ? output : undefined
    case 'string':
      return typeof output === 'string' ? output : undefined
    case 'timestamp':
      return output instanceof Date && !Number.isNaN(output.getTime()) ? fromDate(output) : undefined
    case 'decimal':
      return typeof output === 'bigint' && BigInt.asUintN(64, output) === output ? String(output) : undefined
    default:
      return undefined
  }
}

function integer(output: unknown): bigint | undefined {
  if (typeof output === 'number') return Number.isSafeInteger(output) ? BigInt(output) : undefined
  return typeof output === 'bigint' && BigInt.asIntN(64, output) === output ? output : undefined
}

/** Big integers as their digits, dates as ISO 8601; what JSON has no word for is left out. */
function jsonText(value: unknown): string | undefined {
  const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON
  try {
    return JSON.stringify(value, (_, member) => (typeof member === 'bigint' ? rawJson(String(member)) : member))
  } catch {
    return undefined
  }
}
