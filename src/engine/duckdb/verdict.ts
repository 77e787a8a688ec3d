/** What zod, the event time and the key say of one row. */
import type { Field, Issue } from '../../domain/schema.ts'
import { EARLIEST_INSTANT, LATEST_INSTANT } from '../../domain/time.ts'
import type { ScanRequest } from './scanRequest.ts'
import { isLocalTime } from './zonedTime.ts'

/** zod's issues, then those of event time and key, which the schema knows nothing of. */
export function judge(
  { source, keys, setName }: ScanRequest,
  seen: Record<string, unknown>,
  t: bigint | undefined,
): { issues: Issue[]; refusedByKey?: boolean } {
  const { fields } = source.schema
  const localTimes = source.zone === undefined ? fields.filter(field => lacksOffset(field, seen[field.name])) : []
  const verdict = source.schema.validate(seen)
  if (!verdict.ok) return { issues: [...localTimes.map(({ name }) => offsetIssue(name, seen[name])), ...verdict.issues] }
  const wide = fields.filter(({ name, type }) => type.kind === 'int64' && leavesInt64(seen[name]))
  if (wide.length > 0) {
    return {
      issues: wide.map(({ name }) => ({ path: name, code: 'int64_range', message: 'Outside of what 64-bit integers hold' })),
    }
  }
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

/** A time that would be one with an offset: what zod sees is text, or no date. */
const lacksOffset = ({ input }: Field, value: unknown): boolean =>
  input === 'date' && (typeof value === 'string' || value instanceof Date) && isLocalTime(String(value))

function offsetIssue(path: string, value: unknown): Issue {
  return {
    path,
    code: 'no_offset',
    message: `\`${value}\` has no offset, and the source declares no zone: write zone: 'UTC' or another`,
  }
}

const leavesInt64 = (value: unknown): boolean => typeof value === 'bigint' && BigInt.asIntN(64, value) !== value
