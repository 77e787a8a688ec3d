/** Times in text, with their offset or in a zone. */
import type { Instant } from './time.ts'
import { parseInstant } from './time.ts'

const LOCAL = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)?$/

/** Whether a text is a date or a time that says nothing of its offset. */
export const isLocalTime = (text: string): boolean => LOCAL.test(text)

/**
 * The instant that a text means; one without an offset is read in `zone`. Of a local time that a clock change repeats the earlier
 * instant, one that it skips moves forward. Undefined where the text is no time, or has no offset and there is no zone.
 */
export function instantOfText(text: string, zone: string | undefined): Instant | undefined {
  if (!isLocalTime(text)) return parseInstant(text)
  const local = parseInstant(`${text.length === 10 ? `${text}T00:00` : text}Z`)
  if (local === undefined || zone === undefined) return undefined
  if (zone === 'UTC') return local
  // The offset of the day before holds unless the clock was changed in between.
  const before = local - offsetAt(zone, local - DAY)
  const after = local - offsetAt(zone, local + DAY)
  const comesOut = (instant: Instant): boolean => instant + offsetAt(zone, instant) === local
  return comesOut(before) || !comesOut(after) ? before : after
}

const DAY = 86_400_000_000n

const formats = new Map<string, Intl.DateTimeFormat>()

/** Microseconds that local time is ahead of UTC. */
function offsetAt(zone: string, instant: Instant): bigint {
  const format = formats.get(zone) ?? new Intl.DateTimeFormat('en-US', { ...FIELDS, timeZone: zone })
  formats.set(zone, format)
  const seconds = (instant - (((instant % 1_000_000n) + 1_000_000n) % 1_000_000n)) / 1_000_000n
  const parts = Object.fromEntries(format.formatToParts(Number(seconds) * 1000).map(({ type, value }) => [type, value]))
  const year = parts.era === 'BC' ? 1 - Number(parts.year) : Number(parts.year)
  const local = new Date(0)
  local.setUTCFullYear(year, Number(parts.month) - 1, Number(parts.day))
  local.setUTCHours(Number(parts.hour), Number(parts.minute), Number(parts.second))
  return (BigInt(local.getTime() / 1000) - seconds) * 1_000_000n
}

const FIELDS: Intl.DateTimeFormatOptions = {
  // The calendar `iso8601` names no era.
  calendar: 'gregory',
  numberingSystem: 'latn',
  era: 'short',
  year: 'numeric',
  month: 'numeric',
  day: 'numeric',
  hour: 'numeric',
  minute: 'numeric',
  second: 'numeric',
  hourCycle: 'h23',
}
