/** A line of JSON judged by zod itself: those that the row reader leaves, for zod's words or because only zod can tell. */
import type { Value } from '../../domain/columnType.ts'
import type { Field, RowSchema } from '../../domain/schema.ts'
import type { LocalFile } from '../../domain/source.ts'
import { instantOfText } from '../../domain/zonedTime.ts'
import { isAsParsed } from '../../rows/asParsed.ts'
import { instantOf } from '../../rows/instantOf.ts'
import type { Judge, Judged } from '../../rows/rowReader.ts'
import { decodeJson, decodeText, parseJson } from '../../validation/decodeShape.ts'
import { storedValue } from '../../validation/outputs.ts'
import { folderValue } from './fileGroups.ts'
import { beginningOf } from './pieces.ts'
import type { ScanRequest } from './scanRequest.ts'
import { judge } from './verdict.ts'

export const UNIT = { s: 1e6, ms: 1e3, us: 1 } as const

type Seen = Record<string, unknown>

/** Of lines of one file. */
export function lineJudge(request: ScanRequest, file: LocalFile): Judge {
  const { schema, zone, eventTime, knownTime } = request.source
  const folder = foldersSeen(schema.fields, file, zone)
  const decoded = schema.fields.filter(field => !isAsParsed(field.shape) || isAbsentIfNull(field))
  // zod would take a column called `constructor` for present, if rows inherited what objects do.
  const inherits = schema.fields.some(({ name }) => name in {})
  const decodeOthers = othersDecoder(schema, zone)
  const time = schema.fields.find(({ name }) => name === eventTime.column)!
  const known = schema.fields.findIndex(({ name }) => name === knownTime)
  const unit = eventTime.unit && UNIT[eventTime.unit]

  return (text, isValid): Judged => {
    if (!isValid) return malformed(text, 'Not UTF-8')
    if (text.trim() === '') return {}
    let parsed: unknown
    try {
      parsed = parsedLine(text.startsWith('\ufeff') ? text.slice(1) : text)
    } catch (error) {
      // The parser counts lines within the text that it was given, which is one line.
      return malformed(text, (error as Error).message.replace(/ \(line \d+ column \d+\)$/, ''))
    }
    if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) return malformed(text, 'Not a JSON object')
    const seen: Seen = inherits ? Object.assign(Object.create(null), parsed) : (parsed as Seen)
    for (const [name, value] of folder) seen[name] = value
    decodeOthers?.(seen)
    const instants = decodeRow(decoded, seen, zone)
    const stored = (field: Field, row: Seen): Value => instants?.stored(field, row) ?? storedValue(field, row[field.name])!
    // A column of integers takes numbers as well.
    const held = (field: Field, row: Seen): Value =>
      field.type.kind === 'int64' && typeof row[field.name] === 'number' ? (row[field.name] as number) : stored(field, row)
    let t: bigint | undefined
    const { issues, refusedByKey, row } = judge(request, seen, accepted => {
      t = instantOf(stored(time, accepted), unit)
      return t
    })
    if (!row) return { refused: { raw: text, issues } }
    const values = schema.fields.map(field => held(field, row))
    const kept = { values, time: t!, known: known < 0 ? null : instantOf(values[known]!, undefined)! }
    return refusedByKey ? { row: kept, refused: { raw: text, issues, refusedByKey } } : { row: kept }
  }
}

/** As `parseJson`, which looks for long integers, of a row that has none by the look of its values. */
function parsedLine(text: string): unknown {
  const parsed: unknown = JSON.parse(text)
  for (const value of Object.values(parsed ?? {})) {
    if (typeof value === 'object' ? value !== null : typeof value === 'number' && !(Math.abs(value) < 2 ** 53))
      return parseJson(text)
  }
  return parsed
}

function malformed(raw: string, message: string): Judged {
  return { refused: { raw: beginningOf(raw), issues: [{ path: '', code: 'malformed', message }] } }
}

/** What zod is shown of the columns that the file's folders name. */
function foldersSeen(fields: readonly Field[], { partition }: LocalFile, zone: string | undefined): Map<string, unknown> {
  const named = fields.filter(({ name }) => Object.hasOwn(partition, name))
  return new Map(
    named.map(({ name, shape }) => {
      const text = folderValue(partition[name]!)
      return [name, text === null ? null : decodeText(shape, text, zone)]
    }),
  )
}

/** What they come out as, in every row; undefined where the schema refuses one of them. */
export function folderValues(
  fields: readonly Field[],
  file: LocalFile,
  zone: string | undefined,
): Map<string, Value> | undefined {
  const values = new Map<string, Value>()
  for (const [name, seen] of foldersSeen(fields, file, zone)) {
    const field = fields.find(candidate => candidate.name === name)!
    if (seen === null && !field.nullable && !field.optional) return undefined
    if (seen === null) values.set(name, field.nullable ? field.whenNull : field.whenAbsent)
    else {
      const parsed = field.parse(seen)
      if (!parsed.ok) return undefined
      values.set(name, parsed.value)
    }
  }
  return values
}

const isAbsentIfNull = ({ nullable, optional }: Field): boolean => optional && !nullable

/** The same of columns that only the schema's catchall knows; undefined where it sees them as they are. */
function othersDecoder({ extra, fields }: RowSchema, zone: string | undefined): ((seen: Seen) => void) | undefined {
  const shape = extra.kind === 'judged' ? extra.field('').shape : undefined
  if (shape === undefined || isAsParsed(shape)) return undefined
  const known = new Set(fields.map(({ name }) => name))
  return seen => {
    for (const name of Object.keys(seen)) if (!known.has(name)) define(seen, name, decodeJson(shape, seen[name], zone))
  }
}

/** Unlike an assignment, this keeps a member called `__proto__` a member. */
function define(seen: Seen, name: string, value: unknown): void {
  Object.defineProperty(seen, name, { value, writable: true, enumerable: true, configurable: true })
}

/** Turns what JSON gives into what zod is shown. */
function decodeRow(fields: readonly Field[], seen: Seen, zone: string | undefined): Instants | undefined {
  let instants: Instants | undefined
  for (const field of fields) {
    const { name, shape } = field
    if (!Object.hasOwn(seen, name)) continue
    const value = seen[name]
    if (value === null) {
      if (isAbsentIfNull(field)) delete seen[name]
      continue
    }
    const shown = decodeJson(shape, value, zone)
    seen[name] = shown
    if (shown instanceof Date && typeof value === 'string') {
      instants ??= new Instants()
      instants.add(name, shown, instantOfText(value, zone))
    }
  }
  return instants
}

/** The instants of dates, which have milliseconds only: a date that comes out as it went in keeps what is finer. */
class Instants {
  readonly #byName = new Map<string, { shown: number; instant: bigint | undefined }>()

  add(name: string, shown: Date, instant: bigint | undefined): void {
    this.#byName.set(name, { shown: shown.getTime(), instant })
  }

  stored({ name, type }: Field, row: Seen): bigint | undefined {
    const date = type.kind === 'timestamp' ? this.#byName.get(name) : undefined
    const output = row[name]
    return date && output instanceof Date && output.getTime() === date.shown ? date.instant : undefined
  }
}
