/** What sources of every kind declare of their rows: schema, times and row key. */
import { nearest } from '../domain/nearest.ts'
import type { Field, RowSchema } from '../domain/schema.ts'
import type { EventTime } from '../domain/source.ts'
import { readSchema } from '../validation/readSchema.ts'
import { shown } from './options.ts'

export type Report = (part: string, message: string, hint: string) => void

interface RowOptions {
  schema: unknown
  eventTime: unknown
  knownTime?: unknown
  rowKey?: unknown
  zone?: unknown
}

export interface DeclaredRows {
  schema: RowSchema
  eventTime: EventTime
  knownTime?: string
  rowKey?: string[]
  zone?: string
}

const UNITS = ['s', 'ms', 'us']

/** Undefined where the schema cannot be read. */
export function resolveRows(options: RowOptions, fault: Report): DeclaredRows | undefined {
  const read = readSchema(options.schema)
  if ('faults' in read) {
    for (const { column, message, hint } of read.faults) fault(column ? `column \`${column}\`` : 'schema', message, hint)
    return undefined
  }
  const { schema } = read
  const eventTime = resolveEventTime(options.eventTime, schema, fault)
  checkTimes(options, schema, fault)
  const rowKey = columnList('rowKey', options.rowKey ?? [], fault)
  for (const column of rowKey) checkColumn('rowKey', column, schema, fault)
  if (options.knownTime !== undefined) checkColumn('knownTime', options.knownTime, schema, fault)
  return {
    schema,
    eventTime,
    ...(options.knownTime === undefined ? {} : { knownTime: options.knownTime as string }),
    ...(options.rowKey === undefined ? {} : { rowKey }),
    ...(options.zone === undefined ? {} : { zone: options.zone as string }),
  }
}

/** Names in brackets; none where they are no such list. */
export function columnList(part: string, given: unknown, fault: Report): string[] {
  if (Array.isArray(given) && given.every(column => typeof column === 'string')) return [...given]
  fault(part, `\`${shown(given)}\` is no list of columns`, `Write one such as ${part}: ['order_id'].`)
  return []
}

export function checkColumn(part: string, column: unknown, schema: RowSchema, fault: Report): Field | undefined {
  const field = schema.fields.find(({ name }) => name === column)
  if (!field)
    fault(
      part,
      `there is no column \`${shown(column)}\``,
      nearest(
        String(shown(column)),
        schema.fields.map(({ name }) => name),
      ),
    )
  return field
}

function resolveEventTime(declared: unknown, schema: RowSchema, fault: Report): EventTime {
  const given = (declared ?? undefined) as string | { column?: string; unit?: string } | undefined
  if (typeof given !== 'string' && (typeof given !== 'object' || typeof given.column !== 'string')) {
    fault('eventTime', `\`${shown(declared)}\` is no column`, 'Name the column that says when the event happened.')
    return { column: '' }
  }
  const column = typeof given === 'object' ? given.column! : given
  const unit = typeof given === 'object' ? given.unit : undefined
  const field = checkColumn('eventTime', column, schema, fault)
  if (typeof given === 'object' && !UNITS.includes(String(unit))) {
    fault('eventTime', `\`${unit}\` is no unit`, "Units are 's', 'ms' and 'us'.")
  } else if (field && unit !== undefined && field.input !== 'number' && field.input !== 'bigint') {
    fault('eventTime', `column \`${column}\` is no number`, 'Leave out the unit for a column of instants.')
  } else if (field && unit === undefined && !isInstant(field)) {
    fault(
      'eventTime',
      `column \`${column}\` is no instant`,
      "Use z.date(), z.coerce.date() or z.iso.datetime(); for numbers give the unit: { column: '...', unit: 'ms' }.",
    )
  }
  return unit === undefined ? { column } : { column, unit: unit as 's' | 'ms' | 'us' }
}

export const isInstant = (field: Field): boolean => field.type.kind === 'timestamp' || field.instantText

function checkTimes(options: { knownTime?: unknown; zone?: unknown }, schema: RowSchema, fault: Report): void {
  const known = schema.fields.find(({ name }) => name === options.knownTime)
  if (known && !isInstant(known))
    fault('knownTime', `column \`${known.name}\` is no instant`, 'Use z.date() or z.iso.datetime().')
  // Every runtime knows UTC, and asking loads the zone database.
  if (options.zone === undefined || options.zone === 'UTC') return
  if (typeof options.zone !== 'string') {
    fault('zone', `\`${shown(options.zone)}\` is no IANA zone`, "Write one such as 'UTC' or 'Europe/Berlin'.")
    return
  }
  try {
    new Intl.DateTimeFormat('en', { timeZone: options.zone })
  } catch {
    fault('zone', `\`${options.zone}\` is no IANA zone`, "Write one such as 'UTC' or 'Europe/Berlin'.")
  }
}

/** JSON has no dates, so a column that wants one can never be filled. */
export function checkJson(schema: RowSchema, fault: Report): void {
  for (const field of schema.fields) {
    if (field.input === 'date' && !field.coerce) {
      fault(
        `column \`${field.name}\``,
        'z.date() refuses text, and JSON has no dates',
        'Use z.coerce.date() or z.iso.datetime().',
      )
    }
  }
}
