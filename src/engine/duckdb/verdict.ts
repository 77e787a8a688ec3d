/** What zod, the event time and the key say of one row. */
import type { Field, Issue } from '../../domain/schema.ts'
import { EARLIEST_INSTANT, LATEST_INSTANT } from '../../domain/time.ts'
import { isLocalTime } from '../../domain/zonedTime.ts'
import { unreadableText } from '../../validation/decodeShape.ts'
import { isRetraction, judgedOfRetraction, retractionVerdict } from './retraction.ts'
import type { ScanRequest } from './scanRequest.ts'

/**
 * zod's issues, then those of event time and key, which the schema knows nothing of. `timeOf` tells the event time of what zod
 * gives out, in microseconds. `row`: that, where zod accepts. Of a row that takes others back only the columns count that
 * tell which, and when.
 */
export function judge(
  { source, keys, setName }: ScanRequest,
  seen: Record<string, unknown>,
  timeOf: (row: Record<string, unknown>) => bigint | undefined,
): { issues: Issue[]; refusedByKey?: boolean; row?: Record<string, unknown> } {
  const retracts = isRetraction(source, seen)
  const fields = retracts ? judgedOfRetraction(source) : source.schema.fields
  const localTimes = source.zone === undefined ? fields.filter(field => lacksOffset(field, seen[field.name])) : []
  const verdict = retracts ? retractionVerdict(source, seen) : source.schema.validate(seen)
  if (!verdict.ok) return { issues: [...localTimes.map(({ name }) => offsetIssue(name, seen[name])), ...verdict.issues] }
  const { row } = verdict
  const t = timeOf(row)
  const time = source.eventTime.column
  if (t === undefined) return { issues: [{ path: time, code: 'no_event_time', message: 'Event time is null or no instant' }] }
  if (t < EARLIEST_INSTANT || t > LATEST_INSTANT) {
    return { issues: [{ path: time, code: 'event_time_range', message: 'Event time lies outside the years 1 to 9999' }] }
  }
  const known = source.knownTime
  if (known !== undefined && (row[known] ?? null) === null) {
    return { issues: [{ path: known, code: 'no_known_time', message: 'Known time is null' }] }
  }
  const nulls = retracts ? [] : keys.filter(key => (row[key] ?? null) === null)
  if (nulls.length === 0) return { issues: [], row }
  return {
    issues: nulls.map(key => ({ path: key, code: 'null_key', message: `Null in the entity key of feature set ${setName}` })),
    refusedByKey: true,
    row,
  }
}

/** A time that would be one with an offset: what zod sees is text, or no date. */
const lacksOffset = ({ input }: Field, value: unknown): boolean => {
  const text = typeof value === 'string' ? value : unreadableText(value)
  return input === 'date' && text !== undefined && isLocalTime(text)
}

function offsetIssue(path: string, value: unknown): Issue {
  return {
    path,
    code: 'no_offset',
    message: `\`${unreadableText(value) ?? value}\` has no offset, and the source declares no zone: write zone: 'UTC' or another`,
  }
}
