/** Instants in the form that programs write, `2026-01-31T12:00:00.123Z` or with `+02:00`, read from their bytes. */
import { daysSince1970 } from '../domain/time.ts'

/** Seconds of 0001-01-01 and of the end of year 9999: what an event time can be. */
const EARLIEST_SECOND = -62_135_596_800
const LATEST_SECOND = 253_402_300_799

export class InstantBytes {
  /** Of the last instant that was read: whole seconds since 1970, floored, and the microseconds after them. */
  seconds = 0.5
  micros = 0
  fractionDigits = 0
  hasOffset = false
  /** The day of the last date, by its bytes: neighbours are of one day. */
  #date = [0, 0, 0]
  #days = Number.NaN

  get isEventTime(): boolean {
    return this.seconds >= EARLIEST_SECOND && this.seconds <= LATEST_SECOND
  }

  /** False where the text is of another form, which may still be an instant. */
  read(bytes: Uint8Array, view: DataView, p: number, end: number): boolean {
    if (end - p < 20 || bytes[p + 10] !== 0x54 || bytes[p + 13] !== 0x3a || bytes[p + 16] !== 0x3a) return false
    const date = this.#date
    const [one, two, three] = [view.getInt32(p, true), view.getInt32(p + 4, true), view.getInt16(p + 8, true)]
    if (date[0] !== one || date[1] !== two || date[2] !== three) {
      this.#days = daysOf(bytes, p)
      date[0] = one
      date[1] = two
      date[2] = three
    }
    const hour = twoDigits(bytes, p + 11)
    const minute = twoDigits(bytes, p + 14)
    const second = twoDigits(bytes, p + 17)
    // Of what is no number each comparison is false.
    if (!(this.#days > -1e9 && hour < 24 && minute < 60 && second < 60)) return false
    p += 19
    let micros = 0
    let digits = 0
    if (bytes[p] === 0x2e) {
      let digit = bytes[++p]! - 0x30
      while (digit >>> 0 <= 9) {
        if (++digits <= 6) micros = micros * 10 + digit
        digit = bytes[++p]! - 0x30
      }
      if (digits === 0 || digits > 9) return false
      for (let at = digits; at < 6; at++) micros *= 10
    }
    let shift = 0
    const sign = bytes[p]!
    this.hasOffset = sign !== 0x5a
    if (!this.hasOffset) {
      if (p + 1 !== end) return false
    } else {
      if ((sign !== 0x2b && sign !== 0x2d) || p + 6 !== end || bytes[p + 3] !== 0x3a) return false
      const [hours, minutes] = [twoDigits(bytes, p + 1), twoDigits(bytes, p + 4)]
      if (!(hours < 24 && minutes < 60)) return false
      shift = (hours * 60 + minutes) * (sign === 0x2d ? -60 : 60)
    }
    this.seconds = this.#days * 86_400 + hour * 3600 + minute * 60 + second - shift
    this.micros = micros
    this.fractionDigits = digits
    return true
  }
}

/** 100 or more where these are no digits. */
function twoDigits(bytes: Uint8Array, p: number): number {
  const tens = bytes[p]! - 0x30
  const ones = bytes[p + 1]! - 0x30
  return ones >>> 0 > 9 ? 100 : (tens >>> 0) * 10 + ones
}

/** Days since 1970 of a date `2026-01-31`; NaN where there is no such day. */
function daysOf(bytes: Uint8Array, p: number): number {
  const [century, years] = [twoDigits(bytes, p), twoDigits(bytes, p + 2)]
  const [month, day] = [twoDigits(bytes, p + 5), twoDigits(bytes, p + 8)]
  if (century > 99 || years > 99 || bytes[p + 4] !== 0x2d || bytes[p + 7] !== 0x2d) return Number.NaN
  return daysSince1970(century * 100 + years, month, day) ?? Number.NaN
}
