/**
 * What must become of a row, slowly and by the book: the source's value decoded as the documentation says, the whole row given to
 * zod, and what zod gives out as a table's column holds it. Shares nothing with what it checks but the columns' types.
 */
import { z } from 'zod'
import type { ColumnType } from '../../src/domain/columnType.ts'
import type { Shape, TaggedShape } from './zodColumn.ts'
import { isTagged } from './zodColumn.ts'

export interface OracleColumn {
  name: string
  wants: Shape
  schema: z.ZodType
  /** As the table holds it. */
  type: ColumnType
  isJson: boolean
  /** The sign of a zero may be lost: where zod judges each distinct value once, -0 and 0 are one. A bound of zero does that, too. */
  losesSign: boolean
}

export interface OracleSchema {
  schema: z.ZodObject
  columns: OracleColumn[]
  extra: z.ZodType | undefined
}

/** Accepted with the columns' values, or refused with zod's issues, `path: code`. */
export type Outcome = { values: unknown[] } | { issues: string[] }

/** A decoded value with the instant that a date was made of: a date has milliseconds. */
export interface Seen {
  value: unknown
  micros?: bigint
}

/** `null` is a null of the source; what is not in the map is absent. */
export function outcomeOf({ schema, columns, extra }: OracleSchema, cells: ReadonlyMap<string, Seen | null>): Outcome {
  const row: [string, unknown][] = []
  const known = new Map(columns.map(column => [column.name, column.schema]))
  for (const [name, cell] of cells) {
    const judge = known.get(name) ?? extra
    if (cell !== null) row.push([name, cell.value])
    else if (!judge || accepts(judge, null) || (known.has(name) && !acceptsAbsence(name, judge))) row.push([name, null])
  }
  let result: z.ZodSafeParseResult<Record<string, unknown>>
  try {
    // A row inherits nothing: `constructor` is a column like others.
    result = schema.safeParse(Object.assign(Object.create(null), Object.fromEntries(row)))
  } catch {
    return { issues: [': exception'] }
  }
  if (!result.success)
    return { issues: result.error.issues.map(({ path, code }) => `${path.map(String).join('.')}: ${code}`).sort() }
  // What zod gives out inherits, and is not asked for what it left out.
  const data: Record<string, unknown> = Object.assign(Object.create(null), result.data)
  const unheld = columns.filter(column => storedIn(column, data[column.name], undefined) === undefined)
  if (unheld.length > 0)
    return { issues: unheld.map(column => `${column.name}: ${unheldCode(column, data[column.name])}`).sort() }
  return { values: columns.map(column => storedIn(column, data[column.name], cells.get(column.name) ?? undefined)) }
}

const unheldCode = ({ type }: OracleColumn, output: unknown): string =>
  type.kind === 'int64' && (typeof output === 'bigint' || typeof output === 'number') ? 'int64_range' : 'unstorable'

function accepts(schema: z.ZodType, value: unknown): boolean {
  try {
    return schema.safeParse(value).success
  } catch {
    return false
  }
}

const absences = new WeakMap<z.ZodType, boolean>()

function acceptsAbsence(name: string, schema: z.ZodType): boolean {
  const known = absences.get(schema) ?? accepts(z.object({ [name]: schema }), Object.create(null))
  absences.set(schema, known)
  return known
}

/** As the column holds it; undefined where it cannot. */
function storedIn({ type, isJson }: OracleColumn, output: unknown, seen: Seen | undefined): unknown {
  if (output === null || output === undefined) return null
  if (isJson) return jsonText(output)
  switch (type.kind) {
    case 'boolean':
      return typeof output === 'boolean' ? output : undefined
    case 'int32':
      return Number.isInteger(output) && Math.abs(output as number) <= 2 ** 31 ? (output as number) + 0 : undefined
    case 'int64': {
      if (typeof output === 'number' && !Number.isSafeInteger(output)) return undefined
      if (typeof output !== 'number' && typeof output !== 'bigint') return undefined
      const whole = BigInt(output)
      return whole >= -(2n ** 63n) && whole < 2n ** 63n ? whole : undefined
    }
    case 'decimal':
      return typeof output === 'bigint' && output >= 0n && output < 2n ** 64n ? String(output) : undefined
    case 'float':
      return typeof output === 'number' ? Math.fround(output) : undefined
    case 'double':
      return typeof output === 'number' ? output : undefined
    case 'string':
      // UTF-8 has no half of a surrogate pair.
      return typeof output === 'string' ? output.toWellFormed() : undefined
    case 'timestamp':
      if (!(output instanceof Date) || Number.isNaN(output.getTime())) return undefined
      // The source's own precision is kept where the date came through unchanged.
      if (seen?.micros !== undefined && seen.value instanceof Date && seen.value.getTime() === output.getTime())
        return seen.micros
      return BigInt(output.getTime()) * 1000n
    default:
      return undefined
  }
}

/** Big integers by their digits. */
function jsonText(value: unknown): string | undefined {
  const mark = '\ue000bigint:'
  const text = JSON.stringify(value, (_, member) => (typeof member === 'bigint' ? `${mark}${member}` : member)) as
    | string
    | undefined
  return text?.replace(/"\ue000bigint:(-?\d+)"/g, '$1')
}

// ---- What sources give.

/** JSON as JSON.parse reads it; an integer that a double cannot hold keeps its digits. */
export function parseExactly(text: string): unknown {
  return JSON.parse(text, (_, value, context?: { source?: string }) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? '')
      ? BigInt(context!.source!)
      : value,
  )
}

export function seenInJson(wants: Shape, value: unknown): Seen {
  if (wants.kind === 'date' && wants.coerce && typeof value === 'string') return dateOfText(value)
  return { value: inJson(wants, value) }
}

function inJson(wants: Shape, value: unknown): unknown {
  switch (wants.kind) {
    case 'bigint':
      return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value
    case 'date':
      return wants.coerce && typeof value === 'string' ? dateOfText(value).value : value
    case 'array':
      return Array.isArray(value) ? value.map(item => inJson(wants.item, item)) : value
    case 'tuple':
      return Array.isArray(value)
        ? value.map((item, at) => inJson(wants.items[at] ?? wants.rest ?? { kind: 'any' }, item))
        : value
    case 'object':
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
      return Object.fromEntries(
        Object.entries(value).map(([name, member]) => [
          name,
          inJson(wants.fields.get(name) ?? wants.rest ?? { kind: 'any' }, member),
        ]),
      )
    case 'union': {
      if (isTagged(wants)) return inTagged(wants, value)
      const [one, other] = kindsOf(value)
      const option = optionsOf(wants).find(({ kind }) => kind === one) ?? optionsOf(wants).find(({ kind }) => kind === other)
      return option ? inJson(option, value) : value
    }
    default:
      return value
  }
}

function inTagged({ tag, options }: TaggedShape, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const option = tag.options[String((value as Record<string, unknown>)[tag.member])]
  return option === undefined ? value : inJson(options[option]!, value)
}

const optionsOf = (wants: Shape): Shape[] => (wants.kind === 'union' ? wants.options.flatMap(optionsOf) : [wants])

function kindsOf(value: unknown): string[] {
  if (Array.isArray(value)) return ['array', 'tuple']
  if (typeof value === 'number') return ['number', 'bigint']
  if (typeof value === 'string') return ['string', 'date']
  return typeof value === 'object' && value !== null ? ['object'] : []
}

/** A field of CSV. */
export function seenInText(wants: Shape, text: string): Seen {
  switch (wants.kind) {
    case 'boolean':
      return { value: text === 'true' ? true : text === 'false' ? false : text }
    case 'number':
      return { value: /^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$/.test(text) ? Number(text) : text }
    case 'bigint':
      return { value: /^-?[0-9]+$/.test(text) ? BigInt(text) : text }
    case 'date':
      return wants.coerce || instantOf(text) !== undefined ? dateOfText(text) : { value: text }
    case 'union':
      if (isTagged(wants)) return inNested(wants, text)
      // The first of the options that the text is one of; a text is what nothing else is.
      for (const option of optionsOf(wants)) {
        if (option.kind === 'string' || option.kind === 'any') return { value: text }
        const seen = seenInText(option, text)
        if (typeof seen.value !== 'string' && !(seen.value instanceof Date && Number.isNaN(seen.value.getTime()))) return seen
      }
      return { value: text }
    case 'array':
    case 'tuple':
    case 'object':
      return inNested(wants, text)
    default:
      return { value: text }
  }
}

/** Nested values are written as JSON. */
function inNested(wants: Shape, text: string): Seen {
  try {
    const parsed = parseExactly(text)
    return { value: typeof parsed === 'object' && parsed !== null ? inJson(wants, parsed) : text }
  } catch {
    return { value: text }
  }
}

export const seenAsDate = (micros: bigint): Seen => ({ value: new Date(Number(floored(micros))), micros })

const floored = (micros: bigint): bigint => (micros - (((micros % 1000n) + 1000n) % 1000n)) / 1000n

function dateOfText(text: string): Seen {
  const micros = instantOf(text)
  return micros === undefined ? { value: new Date(Number.NaN) } : seenAsDate(micros)
}

const INSTANT = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d(?::?\d\d)?)?)?$/

/** ISO 8601, what has no offset in UTC: the zone that all of these sources declare. */
function instantOf(text: string): bigint | undefined {
  const match = INSTANT.exec(text)
  if (!match) return undefined
  const [, day, minute = '00:00', second = '00', fraction = '', offset = 'Z'] = match
  const millis = Date.parse(`${day}T${minute}:${second}.000Z`)
  if (Number.isNaN(millis) || new Date(millis).toISOString().slice(0, 10) !== day) return undefined
  if (minute > '23:59' || second > '59') return undefined
  const [, sign, hours = '0', minutes = '0'] = /^([+-])(\d\d):?(\d\d)?$/.exec(offset) ?? []
  if (Number(hours) > 23 || Number(minutes) > 59) return undefined
  const shift = (sign === '-' ? -1n : 1n) * BigInt(Number(hours) * 60 + Number(minutes)) * 60_000_000n
  return BigInt(millis) * 1000n + BigInt(fraction.padEnd(6, '0').slice(0, 6)) - shift
}
