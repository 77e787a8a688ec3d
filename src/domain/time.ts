/** Instants and durations: signed 64-bit microseconds, UTC. */
import { DefinitionError, InvariantError } from './errors.ts'

/** Microseconds since 1970-01-01T00:00:00Z. */
export type Instant = bigint
/** A length of time in microseconds. */
export type Duration = bigint

const UNITS: Record<string, bigint> = { ms: 1_000n, s: 1_000_000n, m: 60_000_000n, h: 3_600_000_000n, d: 86_400_000_000n }

/** The last instant that a table's timestamp can show: the end of year 9999. */
export const LATEST_INSTANT: Instant = 253_402_300_799_999_999n
/** The first: year 1. */
export const EARLIEST_INSTANT: Instant = -62_135_596_800_000_000n

const DAYS_OF_400_YEARS: Duration = 146_097n * UNITS.d!

/** 10,000 years: more than lies between any two instants. */
const LONGEST_DURATION: Duration = 3_652_500n * UNITS.d!

/**
 * Reads `<n><unit>` with unit `ms s m h d`; a day is 86,400 s. Undefined where the text is no
 * duration or one of more than 10,000 years.
 */
export function parseDuration(text: string): Duration | undefined {
  const match = /^(\d{1,18})(ms|s|m|h|d)$/.exec(text)
  const duration = match ? BigInt(match[1]!) * UNITS[match[2]!]! : undefined
  return duration !== undefined && duration <= LONGEST_DURATION ? duration : undefined
}

/**
 * Reads an ISO 8601 instant with its offset (`Z`, `+02:00` or `+02`), up to nanoseconds, floored to microseconds.
 * Undefined where the text is no such instant; a bare date or a time without an offset is none.
 */
export function parseInstant(text: string): Instant | undefined {
  const match = INSTANT.exec(text)
  if (!match) return undefined
  const [, year, month, day, hour, minute, second = '0', fraction = '', offset] = match
  const days = daysSince1970(Number(year), Number(month), Number(day))
  if (days === undefined || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined
  const shift = offset === 'Z' ? 0 : minutesOf(offset!)
  if (shift === undefined) return undefined
  const seconds = days * 86_400 + Number(hour) * 3600 + (Number(minute) - shift) * 60 + Number(second)
  const micros = fraction === '' ? 0 : Number(fraction.padEnd(6, '0').slice(0, 6))
  const total = seconds * 1_000_000 + micros
  // Until the year 2255 a number holds them.
  return Number.isSafeInteger(total) ? BigInt(total) : BigInt(seconds) * 1_000_000n + BigInt(micros)
}

const INSTANT = /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|[+-]\d{2}(?::?\d{2})?)$/

/** Minutes that an offset such as `+02:00` is ahead; undefined where there is no such offset. */
function minutesOf(offset: string): number | undefined {
  const digits = offset.replace(':', '').padEnd(5, '0')
  const [hours, minutes] = [Number(digits.slice(1, 3)), Number(digits.slice(3, 5))]
  if (hours > 23 || minutes > 59) return undefined
  return (hours * 60 + minutes) * (digits[0] === '-' ? -1 : 1)
}

const DAYS_BEFORE = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365]

/** Of a date of the Gregorian calendar, also before it was in use; undefined where there is no such date. */
export function daysSince1970(year: number, month: number, day: number): number | undefined {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  if (month < 1 || month > 12 || day < 1) return undefined
  const before = DAYS_BEFORE[month - 1]!
  if (day > DAYS_BEFORE[month]! - before + (isLeap && month === 2 ? 1 : 0)) return undefined
  const years = year - 1
  const leapDays = Math.floor(years / 4) - Math.floor(years / 100) + Math.floor(years / 400)
  // 719,162 days lie between the first of January of the year 1 and that of 1970.
  return years * 365 + leapDays - 719_162 + before + (isLeap && month > 2 ? 1 : 0) + day - 1
}

/** Reads an instant that a person typed, or says what is wrong with it. `what` names the option. */
export function requireInstant(text: string, what: string): Instant {
  const instant = parseInstant(text)
  if (instant !== undefined) return instant
  const bare = /^\d{4}-\d{2}-\d{2}$/.test(text)
  throw new DefinitionError('definition.instant', `${what}: \`${text}\` is ${bare ? 'a bare date' : 'no instant'}`, {
    hint: `Write an instant with its offset, such as ${bare ? text : '2026-01-31'}T00:00:00Z.`,
  })
}

/** `2026-01-31T00:00:00.000000Z`. */
export function formatInstant(instant: Instant): string {
  const millis = floorDiv(instant, 1000n)
  const date = new Date(Number(millis)).toISOString()
  return `${date.slice(0, -1)}${String(instant - millis * 1000n).padStart(3, '0')}Z`
}

/** What `formatInstant` wrote, also where a tile or a window ends after year 9999 or begins before year 0. */
export function readInstant(text: string): Instant {
  const [whole, year, rest] = /^([+-]\d{6}|\d{4})(-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z)$/.exec(text) ?? []
  // The calendar repeats itself every 400 years.
  const shift = whole === undefined ? 0 : Math.floor(Number(year) / 400) * 400
  const instant = parseInstant(`${String(Number(year) - shift + 2000).padStart(4, '0')}${rest}`)
  if (instant === undefined) throw new InvariantError('defect.instant', `\`${text}\` is no instant that was recorded`)
  return instant + BigInt((shift - 2000) / 400) * DAYS_OF_400_YEARS
}

/** As `formatInstant`, without fractions or a time of day that are all zero: for people. */
export function formatInstantShort(instant: Instant): string {
  return formatInstant(instant)
    .replace(/\.?0+Z$/, 'Z')
    .replace(/T00:00(:00)?Z$/, 'Z')
    .replace(/^(\d{4}-\d{2}-\d{2})Z$/, '$1')
}

/** `30d`, `36h`, `90s`: the largest unit that divides. */
export function formatDuration(duration: Duration): string {
  for (const unit of ['d', 'h', 'm', 's', 'ms']) {
    if (duration !== 0n && duration % UNITS[unit]! === 0n) return `${duration / UNITS[unit]!}${unit}`
  }
  return duration === 0n ? '0s' : `${duration}us`
}

export function fromDate(date: Date): Instant {
  return BigInt(date.getTime()) * 1000n
}

/** Mathematical floor of a / b for b > 0, also below zero. */
export function floorDiv(a: bigint, b: bigint): bigint {
  const quotient = a / b
  return a % b < 0n ? quotient - 1n : quotient
}

/**
 * The grid of cutoffs `k * every + offset` (semantics: from 1970-01-01T00:00:00Z on, in both directions).
 */
export interface Grid {
  every: Duration
  offset: Duration
}

/** The last grid point at or before `instant`. */
export function gridFloor(grid: Grid, instant: Instant): Instant {
  return floorDiv(instant - grid.offset, grid.every) * grid.every + grid.offset
}

/** The first grid point at or after `instant`. */
export function gridCeil(grid: Grid, instant: Instant): Instant {
  return gridFloor(grid, instant - 1n) + grid.every
}
