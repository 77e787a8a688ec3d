/** A message that takes rows back: of its row nothing counts but the key, and the rest need not be what the schema asks for. */
import type { Value } from '../../domain/columnType.ts'
import type { Issue } from '../../domain/schema.ts'
import type { KafkaSource } from '../../domain/source.ts'
import type { Instant } from '../../domain/time.ts'
import { EARLIEST_INSTANT, formatInstant, LATEST_INSTANT } from '../../domain/time.ts'
import { instantOf } from '../../rows/instantOf.ts'
import { decodeJson, parseJson } from '../../validation/decodeShape.ts'
import { UNIT } from './judgeLine.ts'

type RetractionRow = { values: Value[]; time: bigint } | { raw: string; issues: Issue[] }

/** @returns what reads the row of a message that was sent at an instant */
export function retractionReader({
  landing,
  rowKey = [],
  knownTime,
}: KafkaSource): (json: Uint8Array, sentAt: Instant) => RetractionRow {
  const { schema, eventTime, zone } = landing
  const unit = eventTime.unit && UNIT[eventTime.unit]
  const time = schema.fields.findIndex(({ name }) => name === eventTime.column)
  const known = schema.fields.findIndex(({ name }) => name === knownTime)
  // What is known of the row is known by its message.
  const knownAt = (instant: bigint): Value => (schema.fields[known]!.type.kind === 'timestamp' ? instant : formatInstant(instant))
  return (json, sentAt) => {
    const raw = Buffer.from(json.buffer, json.byteOffset, json.length).toString()
    const refused = (path: string, code: string, message: string): RetractionRow => ({ raw, issues: [{ path, code, message }] })
    let row: Record<string, unknown>
    try {
      row = parseJson(raw) as Record<string, unknown>
    } catch (error) {
      return refused('', 'malformed', (error as Error).message)
    }
    const values = schema.fields.map((field): Value => {
      const value = row[field.name]
      if (value === undefined || value === null) return null
      const parsed = field.parse(decodeJson(field.shape, value, zone))
      return parsed.ok ? parsed.value : null
    })
    const missing = rowKey.find(name => values[schema.fields.findIndex(field => field.name === name)] === null)
    if (known >= 0 && values[known] === null) values[known] = knownAt(sentAt)
    if (missing !== undefined)
      return refused(missing, 'no_row_key', 'Takes back a row, and does not say which: the row key is null')
    const t = instantOf(values[time]!, unit) ?? sentAt
    if (t < EARLIEST_INSTANT || t > LATEST_INSTANT)
      return refused(eventTime.column, 'event_time_range', 'Event time lies outside the years 1 to 9999')
    return { values, time: t }
  }
}
