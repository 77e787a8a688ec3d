/** What zod, the event time and the key say of one row, and the row's text. */
import type { Issue } from '../../domain/schema.ts'
import { EARLIEST_INSTANT, LATEST_INSTANT } from '../../domain/time.ts'
import type { ScanRequest } from './scanRequest.ts'

/** zod's issues, then those of event time and key, which the schema knows nothing of. */
export function judge(
  { source, keys, setName }: ScanRequest,
  seen: Record<string, unknown>,
  t: bigint | undefined,
): { issues: Issue[]; refusedByKey?: boolean } {
  const verdict = source.schema.validate(seen)
  if (!verdict.ok) return { issues: verdict.issues }
  const time = source.eventTime.column
  if (t === undefined) return { issues: [{ path: time, code: 'no_event_time', message: 'Event time is null or no instant' }] }
  if (t < EARLIEST_INSTANT || t > LATEST_INSTANT) {
    return { issues: [{ path: time, code: 'event_time_range', message: 'Event time lies outside the years 1 to 9999' }] }
  }
  const known = source.knownTime
  if (known !== undefined && (seen[known] ?? null) === null) {
    return { issues: [{ path: known, code: 'no_known_time', message: 'Known time is null' }] }
  }
  const nulls = keys.filter(key => (seen[key] ?? null) === null)
  if (nulls.length === 0) return { issues: [] }
  return {
    issues: nulls.map(key => ({ path: key, code: 'null_key', message: `Null in the entity key of feature set ${setName}` })),
    refusedByKey: true,
  }
}

/** JSON with 64-bit integers in exact digits and numbers that JSON lacks as text. */
export function rawText(row: Record<string, unknown>): string {
  const members = Object.entries(row).map(([name, value]) => `${JSON.stringify(name)}:${jsonValue(value)}`)
  return `{${members.join(',')}}`
}

function jsonValue(value: unknown): string {
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number' && !Number.isFinite(value)) return JSON.stringify(String(value))
  if (value instanceof Date && Number.isNaN(value.getTime())) return '"Invalid Date"'
  return JSON.stringify(value) ?? 'null'
}
