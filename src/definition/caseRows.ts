/** Rows of unit cases over a topic: as they land, one message after the other. */
import type { FeatureSet } from '../domain/featureSet.ts'
import { ARCHIVE_COLUMNS } from '../domain/kafkaSource.ts'
import type { KafkaSource } from '../domain/source.ts'
import type { Instant } from '../domain/time.ts'
import { EARLIEST_INSTANT, floorDiv, formatInstant, fromDate, LATEST_INSTANT } from '../domain/time.ts'
import type { InputRow } from '../domain/unitCase.ts'
import { instantOfText } from '../domain/zonedTime.ts'
import { landedSchema } from '../validation/landedSchema.ts'
import { shown, unknownOptions } from './options.ts'
import { INSTANT_HINT, instantOf } from './tableValue.ts'

/** A row of a case, apart from what is said of it. */
export interface WrittenRow {
  row: unknown
  retracts: boolean
  landedAt: Instant | undefined
}

type Report = (part: string, message: string, hint: string) => void

/** `{ retracts, landedAt }` and `{ row, landedAt }`, where no column is called so; anything else is the row itself. */
export function writtenRow(given: unknown, part: string, { source }: FeatureSet, fault: Report): WrittenRow {
  const plain: WrittenRow = { row: given, retracts: false, landedAt: undefined }
  if (typeof given !== 'object' || given === null) return plain
  const wrapper = (['retracts', 'row'] as const).find(
    name =>
      name in given &&
      unknownOptions(given, [name, 'landedAt']).length === 0 &&
      !source.schema.fields.some(field => field.name === name),
  )
  if (wrapper === undefined) return plain
  const { row, retracts, landedAt } = given as { row?: unknown; retracts?: unknown; landedAt?: unknown }
  if (source.kind !== 'kafka') fault(part, `\`${wrapper}\` is of rows of a topic`, 'Write the row itself.')
  else if (wrapper === 'retracts') checkRetraction(retracts, part, source, fault)
  const instant = instantOf(landedAt)
  if (landedAt !== undefined && instant === undefined) fault(part, `landedAt is \`${shown(landedAt)}\`, no instant`, INSTANT_HINT)
  else if (wrapper === 'row' && landedAt !== undefined && source.knownTime !== ARCHIVE_COLUMNS.landedAt)
    fault(
      part,
      'landedAt has no say: the set does not count rows by when they landed',
      "Write the row itself, or `late: 'asKnown'` in the set.",
    )
  return wrapper === 'row' ? { row, retracts: false, landedAt: instant } : { row: retracts, retracts: true, landedAt: instant }
}

function checkRetraction(row: unknown, part: string, { retracts, rowKey = [] }: KafkaSource, fault: Report): void {
  if (retracts === undefined)
    fault(part, 'takes back a row, and no message of its source can', "Declare envelope: 'debezium', or tombstones: 'retract'.")
  for (const column of rowKey)
    if (typeof row === 'object' && row !== null && ((row as Record<string, unknown>)[column] ?? null) === null)
      fault(part, `has no \`${column}\``, `Rows are taken back by their row key: ${rowKey.join(', ')}.`)
}

/** The set over the rows of a case, which are judged as messages are, and have landed. */
export function caseSet(set: FeatureSet): FeatureSet {
  const { source } = set
  if (source.kind !== 'kafka') return set
  const { landing, zone: _, ...stored } = source
  const { schema, eventTime, zone } = landing
  return {
    ...set,
    source: { ...stored, landing, schema: landedSchema(schema), eventTime, ...(zone === undefined ? {} : { zone }) },
  }
}

/**
 * With what the archive adds: they are one partition, in the order in which they are written. A row that does not say when it landed
 * did so at its event's time, and one that takes others back with the last of those before it.
 */
export function landedRows(rows: readonly (WrittenRow & { row: InputRow })[], { source }: FeatureSet): InputRow[] {
  if (source.kind !== 'kafka') return rows.map(({ row }) => row)
  let last: Instant = 0n
  return rows.map(({ row, retracts, landedAt }, at) => {
    const event = retracts ? undefined : eventOf(row, source)
    const isPossible = event !== undefined && event >= EARLIEST_INSTANT && event <= LATEST_INSTANT
    const landed = landedAt ?? (isPossible ? event : last)
    if (landed > last) last = landed
    return Object.assign(Object.create(null), retracts ? timesOf(landed, source) : {}, row, {
      [ARCHIVE_COLUMNS.landedAt]: formatInstant(landed),
      [ARCHIVE_COLUMNS.topic]: 1,
      [ARCHIVE_COLUMNS.partition]: 0,
      [ARCHIVE_COLUMNS.offset]: at,
      [ARCHIVE_COLUMNS.retracts]: retracts,
    })
  })
}

/** The times of a row that takes back others, which say no more than when it came. */
function timesOf(landed: Instant, { landing: { eventTime }, knownTime }: KafkaSource): InputRow {
  const unit = eventTime.unit && BigInt(MICROS[eventTime.unit])
  const known = knownTime === undefined ? {} : { [knownTime]: formatInstant(landed) }
  return { ...known, [eventTime.column]: unit === undefined ? formatInstant(landed) : floorDiv(landed, unit) }
}

const MICROS = { s: 1_000_000, ms: 1_000, us: 1 }

/** The event time as it is written; undefined where it is none. */
function eventOf(row: InputRow, { landing: { eventTime, zone } }: KafkaSource): Instant | undefined {
  const given = row[eventTime.column]
  if (given instanceof Date) return fromDate(given)
  if (typeof given === 'string') return instantOfText(given, zone)
  if (typeof given === 'bigint') return given * BigInt(MICROS[eventTime.unit ?? 'ms'])
  const micros = typeof given === 'number' ? Math.floor(given * MICROS[eventTime.unit ?? 'ms']) : undefined
  return Number.isSafeInteger(micros) ? BigInt(micros!) : undefined
}
