/** Numbers since 1970 as ISO texts, in the quotes of JSON, and decimals as their digits. */
import { Refusal } from './refusal.ts'

/** The years 0000 to 9999: what an ISO text of four digits can say. */
const FIRST_MILLIS = -62_167_219_200_000
const LAST_MILLIS = 253_402_300_799_999

export const isIsoMillis = (millis: number): boolean => millis >= FIRST_MILLIS && millis <= LAST_MILLIS

const DAY = 86_400_000

/** Days of the texts that were written last: many times lie in one, and `toISOString` takes ten times as long. */
let day = Number.NaN
let dayText = ''

/** `2026-01-31T00:00:00.000`, of milliseconds for which `isIsoMillis` holds. */
export function isoOfMillis(millis: number): string {
  const days = Math.floor(millis / DAY)
  if (days !== day) {
    day = days
    dayText = new Date(days * DAY).toISOString().slice(0, 11)
  }
  const rest = millis - days * DAY
  const seconds = Math.floor(rest / 1000)
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  return `${dayText}${TWO[hours]}:${TWO[minutes - hours * 60]}:${TWO[seconds - minutes * 60]}.${three(rest - seconds * 1000)}`
}

const TWO = Array.from({ length: 60 }, (_, number) => String(number).padStart(2, '0'))

const three = (number: number): string => (number < 10 ? `00${number}` : number < 100 ? `0${number}` : String(number))

/** A count of units; a bigint where a double cannot hold it. */
export type Whole = number | bigint

/** `Z` of instants; nothing of local times. */
type Suffix = 'Z' | ''

export function millisText(millis: Whole, suffix: Suffix): string {
  const number = Number(millis)
  if (!isIsoMillis(number)) throw outside(`${millis} milliseconds`)
  return `"${isoOfMillis(number)}${suffix}"`
}

export function microsText(micros: Whole, suffix: Suffix): string {
  const [millis, rest] = divided(micros, 1000)
  if (!isIsoMillis(millis)) throw outside(`${micros} microseconds`)
  return `"${isoOfMillis(millis)}${three(rest)}${suffix}"`
}

/** Floored to microseconds, the precision of all instants here. */
export function nanosText(nanos: Whole, suffix: Suffix): string {
  const [micros] = divided(nanos, 1000)
  return microsText(micros, suffix)
}

/** `2026-01-31`. */
export function dateText(days: number): string {
  const millis = days * DAY
  if (!isIsoMillis(millis)) throw outside(`${days} days`)
  return `"${isoOfMillis(millis).slice(0, 10)}"`
}

const DAY_MICROS = 86_400_000_000

/** `23:59:59.000000`, of microseconds since midnight; without the last three digits where only milliseconds are meant. */
export function timeOfDayText(micros: number, unit: 'ms' | 'us'): string {
  if (!(micros >= 0 && micros < DAY_MICROS)) throw new Refusal('malformed', `${micros} microseconds is no time of a day`)
  const millis = Math.floor(micros / 1000)
  const rest = unit === 'ms' ? '' : three(micros - millis * 1000)
  return `"${isoOfMillis(millis).slice(11)}${rest}"`
}

function outside(count: string): Refusal {
  return new Refusal('malformed', `${count} since 1970 lies outside of the years 0000 to 9999`)
}

/** Quotient, rounded down, and rest. */
export function divided(whole: Whole, by: number): [number, number] {
  if (typeof whole === 'number') {
    const quotient = Math.floor(whole / by)
    return [quotient, whole - quotient * by]
  }
  const divisor = BigInt(by)
  const rest = ((whole % divisor) + divisor) % divisor
  return [Number((whole - rest) / divisor), Number(rest)]
}

/** More digits than any decimal type has; above all, a scale is no way to make a short message a long row. */
const MOST_DIGITS = 1000

/** A decimal as a JSON number with all its digits: big-endian two's complement and the digits behind the point. */
export function decimalText(unscaled: Uint8Array, scale: number): string {
  if (unscaled.length > MOST_DIGITS / 4 || !(Math.abs(scale) <= MOST_DIGITS)) {
    throw new Refusal('malformed', `A decimal of ${unscaled.length} bytes and the scale ${scale} is too large`)
  }
  const hex = Buffer.from(unscaled).toString('hex')
  const value = hex === '' ? 0n : BigInt.asIntN(unscaled.length * 8, BigInt(`0x${hex}`))
  if (scale <= 0) return String(value * 10n ** BigInt(-scale))
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0')
  return `${value < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

/** A double as JSON has it; NaN and the infinities are refused, since JSON has no such numbers. */
export function doubleText(value: number): string {
  if (!Number.isFinite(value)) throw new Refusal('malformed', `${value} is no number of JSON`)
  return Object.is(value, -0) ? '-0' : String(value)
}
