/** SQL of instants: of physical dates and timestamps, and of texts. */
import { literal } from './sql.ts'

/** SQL for the instant of a physical date or timestamp; undefined where it has no offset and no zone is declared. */
export function microsSql(sql: string, type: string, zone: string | undefined): string | undefined {
  if (type === 'TIMESTAMP WITH TIME ZONE') return `epoch_us(${sql})`
  if (!/^(TIMESTAMP|DATE)/.test(type) || zone === undefined) return undefined
  // The engine truncates nanoseconds towards zero; instants are floored, also before 1970.
  const local =
    type === 'TIMESTAMP_NS' ? `(epoch_ns(${sql}) // 1000 - (epoch_ns(${sql}) % 1000 < 0)::BIGINT)` : `epoch_us(${sql}::TIMESTAMP)`
  return zone === 'UTC' ? local : `epoch_us(${zonedSql(`make_timestamp(${local})`, zone)})`
}

/**
 * A local time in a zone. Of the two instants of a repeated local time the engine takes the later one, and we want the
 * earlier: so the local time is read with the offset of the day before, and with that of the day after only where the first
 * reading does not come out as the same local time and the second does.
 */
function zonedSql(local: string, zone: string): string {
  const name = literal(zone)
  const offset = (days: number): string => {
    const instant = `timezone('UTC', ${local} + to_days(${days}))`
    return `(timezone(${name}, ${instant}) - timezone('UTC', ${instant}))`
  }
  const [before, after] = [offset(-1), offset(1)].map(shift => `timezone('UTC', ${local} - ${shift})`)
  const comesOut = (instant: string): string => `timezone(${name}, ${instant}) = ${local}`
  return `CASE WHEN ${comesOut(before!)} OR NOT ${comesOut(after!)} THEN ${before} ELSE ${after} END`
}

const DATE = '[0-9]{4}-[0-9]{2}-[0-9]{2}'
const MINUTE = `${DATE}[T ]([01][0-9]|2[0-3]):[0-5][0-9]`
const SECOND = `${MINUTE}:[0-5][0-9](\\.[0-9]{1,9})?`
const OFFSET = '(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)'

/** The instant that a text with its offset means; else null. What matches is the engine's own form but for the seconds. */
export function instantSql(text: string): string {
  const withSeconds = `left(${text}, 16) || ':00' || substr(${text}, 17)`
  return `CASE WHEN regexp_matches(${text}, '^${SECOND}${OFFSET}$') THEN TRY_CAST(${text} AS TIMESTAMPTZ)
    WHEN regexp_matches(${text}, '^${MINUTE}${OFFSET}$') THEN TRY_CAST(${withSeconds} AS TIMESTAMPTZ) END`
}

/** The local time that a text without an offset shows; else null. */
export function localSql(text: string): string {
  return `CASE WHEN regexp_matches(${text}, '^(${DATE}|${MINUTE}|${SECOND})$') THEN TRY_CAST(${text} AS TIMESTAMP) END`
}
