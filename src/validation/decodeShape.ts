/** What zod is shown of a text or of a JSON value: decoded by what the schema expects, strictly, and else left as it is. */
import type { InputShape, ObjectShape } from '../domain/schema.ts'
import type { Instant } from '../domain/time.ts'
import { floorDiv } from '../domain/time.ts'
import { instantOfText } from '../domain/zonedTime.ts'

export const NUMBER_TEXT = '^-?[0-9]+(\\.[0-9]+)?([eE][+-]?[0-9]+)?$'
const NUMBER = new RegExp(NUMBER_TEXT)

/** Dates have milliseconds; what is finer is floored. */
export const dateOf = (instant: Instant): Date => new Date(Number(floorDiv(instant, 1000n)))

/** A text of CSV or of a folder's name. `zone` is the source's, of times without an offset. */
export function decodeText(shape: InputShape, text: string, zone: string | undefined): unknown {
  switch (shape.kind) {
    case 'string':
    case 'any':
      return text
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text
    case 'bigint':
      return /^-?\d+$/.test(text) ? BigInt(text) : text
    case 'number':
      return NUMBER.test(text) ? Number(text) : text
    case 'date':
      return dateOfText(text, zone, shape.coerce === true)
    case 'union':
      return decodeUnionText(shape.options, text, zone)
    default:
      return decodeNestedText(shape, text, zone)
  }
}

function dateOfText(text: string, zone: string | undefined, coerce: boolean): unknown {
  const instant = instantOfText(text, zone)
  if (instant !== undefined) return dateOf(instant)
  // Left to itself `z.coerce.date()` would take what JavaScript guesses, in the zone of whatever machine this is.
  return coerce ? unreadableDate(text) : text
}

/** The first of the options that the text is one of, in the schema's order; a text is what nothing else is. */
function decodeUnionText(options: readonly InputShape[], text: string, zone: string | undefined): unknown {
  for (const option of options) {
    if (option.kind === 'string' || option.kind === 'any') return text
    const decoded = decodeText(option, text, zone)
    if (typeof decoded === 'string' || unreadableText(decoded) !== undefined) continue
    // Of several nested options the value itself tells which one is meant.
    return typeof decoded === 'object' && !(decoded instanceof Date) ? decodeJsonUnion(options, parseJson(text), zone) : decoded
  }
  return text
}

/** Nested values are written as JSON. */
function decodeNestedText(shape: InputShape, text: string, zone: string | undefined): unknown {
  try {
    const parsed: unknown = parseJson(text)
    return typeof parsed === 'object' && parsed !== null ? decodeJson(shape, parsed, zone) : text
  } catch {
    return text
  }
}

/** JSON.parse with every integer exact: one that a double cannot hold is a bigint. */
export function parseJson(text: string): unknown {
  return /\d{16}/.test(text) ? JSON.parse(text, exactIntegers) : JSON.parse(text)
}

/** `context` is what JSON.parse tells of a value's own text. */
function exactIntegers(_: string, value: unknown, context?: { source?: string }): unknown {
  const unsafe = typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? '')
  return unsafe ? BigInt(context!.source!) : value
}

/** A value as `parseJson` gives it. It is not changed; what differs is copied. */
export function decodeJson(shape: InputShape, value: unknown, zone: string | undefined): unknown {
  switch (shape.kind) {
    case 'bigint':
      return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value
    case 'date':
      // JSON has no dates: only a schema that takes text for one is shown one.
      return shape.coerce && typeof value === 'string' ? dateOfText(value, zone, true) : value
    case 'union':
      return decodeJsonUnion(shape.options, value, zone)
    case 'array':
      return Array.isArray(value) ? value.map(item => decodeJson(shape.item, item, zone)) : value
    case 'tuple':
      if (!Array.isArray(value)) return value
      return value.map((item, at) => {
        const of = shape.items[at] ?? shape.rest
        return of ? decodeJson(of, item, zone) : item
      })
    case 'object':
      return isObject(value) ? decodeMembers(shape, value, zone) : value
    default:
      return value
  }
}

function decodeMembers({ fields, rest }: ObjectShape, value: object, zone: string | undefined): object {
  const members = Object.entries(value).map(([name, member]) => {
    const of = fields.get(name) ?? rest
    return [name, of ? decodeJson(of, member, zone) : member] as const
  })
  // Unlike an assignment, this keeps a member called `__proto__` a member.
  return Object.fromEntries(members)
}

/** By the first option of the value's own type. */
function decodeJsonUnion(options: readonly InputShape[], value: unknown, zone: string | undefined): unknown {
  const kinds = kindsOf(value)
  for (const kind of kinds) {
    const option = kind === 'object' ? objectOption(options, value as object) : options.find(candidate => candidate.kind === kind)
    if (option) return decodeJson(option, value, zone)
  }
  return value
}

/** Of several objects the first whose tags a value has; without any the first. */
export function objectOption(options: readonly InputShape[], value: object): ObjectShape | undefined {
  const objects = options.filter(option => option.kind === 'object')
  const members = value as Record<string, unknown>
  return objects.find(({ tags }) => [...tags].every(([name, values]) => values.includes(members[name]))) ?? objects[0]
}

function kindsOf(value: unknown): InputShape['kind'][] {
  if (Array.isArray(value)) return ['array', 'tuple']
  if (typeof value === 'number') return ['number', 'bigint']
  if (typeof value === 'string') return ['string', 'date']
  return isObject(value) ? ['object'] : []
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Texts that are no instants, by the date that zod is shown for them, which is none. */
const unreadable = new WeakMap<Date, string>()

function unreadableDate(text: string): Date {
  const date = new Date(Number.NaN)
  unreadable.set(date, text)
  return date
}

/** The text that a date stands for which is none; undefined of every other value. */
export const unreadableText = (value: unknown): string | undefined => (value instanceof Date ? unreadable.get(value) : undefined)
