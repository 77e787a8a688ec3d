/** JSON, read from its UTF-8 bytes: where values end, and what numbers are. A position of -1 says that there is no such thing. */

const QUOTE = 0x22
const BACKSLASH = 0x5c
const ONES = 0x01010101
const HIGH_BITS = 0x80808080 | 0
const QUOTES = QUOTE * ONES
const BACKSLASHES = BACKSLASH * ONES
const SPACES = 0x20 * ONES

/** Powers of ten that a double holds exactly. */
const POWERS = Float64Array.from({ length: 23 }, (_, at) => Number(`1e${at}`))
/** Integers of so many digits are exact as doubles. */
export const EXACT_DIGITS = 15

/** Bytes that may be read past the end: words are read whole. They are line feeds, which no value holds. */
const PADDING = 16
const LF = 0x0a
const DEEPEST = 200

export class JsonBytes {
  bytes: Buffer
  view: DataView
  /** What the last call of `stringEnd` has met. */
  hasEscapes = false
  isAscii = true
  /**
   * What the last call of `numberEnd` has read: the digits of a number that is written as an integer, else 0, and the value as
   * JSON.parse gives it; NaN of integers of more than `EXACT_DIGITS`.
   */
  number = 0.5
  integerDigits = 0

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size + PADDING)
    this.view = viewOf(this.bytes)
  }

  /** Takes a copy of the pieces, and answers their length. */
  load(pieces: readonly Uint8Array[]): number {
    let length = 0
    for (const piece of pieces) length += piece.length
    if (length + PADDING > this.bytes.length) {
      this.bytes = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.bytes.length) + PADDING)
      this.view = viewOf(this.bytes)
    }
    let at = 0
    for (const piece of pieces) {
      this.bytes.set(piece, at)
      at += piece.length
    }
    this.bytes.fill(LF, length, length + PADDING)
    return length
  }

  /** Of all white space but the line feed, which ends a line. */
  skipSpace(p: number): number {
    const { bytes } = this
    let c = bytes[p]!
    while (c === 0x20 || c === 0x09 || c === 0x0d) c = bytes[++p]!
    return p
  }

  /** The closing quote of a string whose content begins at `p`. */
  stringEnd(p: number): number {
    const { bytes, view } = this
    let seen = 0
    for (;;) {
      // Four bytes at a time: a byte of `hits` has its high bit where there is a quote, a backslash or a control character.
      const word = view.getInt32(p, true)
      const quotes = word ^ QUOTES
      const backslashes = word ^ BACKSLASHES
      const hits = (((quotes - ONES) & ~quotes) | ((backslashes - ONES) & ~backslashes) | ((word - SPACES) & ~word)) & HIGH_BITS
      if (hits === 0) {
        seen |= word
        p += 4
        continue
      }
      const before = (31 - Math.clz32(hits & -hits)) >> 3
      seen |= word & ((1 << (8 * before)) - 1)
      p += before
      const c = bytes[p]!
      if (c === QUOTE) {
        this.hasEscapes = false
        this.isAscii = (seen & HIGH_BITS) === 0
        return p
      }
      return c === BACKSLASH ? this.#escapedEnd(p) : -1
    }
  }

  #escapedEnd(p: number): number {
    const { bytes } = this
    this.hasEscapes = true
    this.isAscii = false
    for (;;) {
      const c = bytes[p]!
      if (c === QUOTE) return p
      if (c < 0x20) return -1
      p++
      if (c !== BACKSLASH) continue
      const kind = bytes[p++]!
      if (kind === 0x75) {
        for (const end = p + 4; p < end; p++) if (!isHex(bytes[p]!)) return -1
      } else if (!SHORT_ESCAPES.has(kind)) return -1
    }
  }

  /** The end of a number that begins at `p`. */
  numberEnd(p: number): number {
    const { bytes } = this
    const start = p
    const isNegative = bytes[p] === 0x2d
    if (isNegative) p++
    let digit = bytes[p]! - 0x30
    if (digit >>> 0 > 9) return -1
    const first = p
    let mantissa = digit
    digit = bytes[++p]! - 0x30
    if (mantissa === 0) {
      if (digit >>> 0 <= 9) return -1
    } else {
      while (digit >>> 0 <= 9) {
        mantissa = mantissa * 10 + digit
        digit = bytes[++p]! - 0x30
      }
    }
    const digits = p - first
    const c = digit + 0x30
    if (c !== 0x2e && (c | 0x20) !== 0x65) {
      this.integerDigits = digits
      this.number = digits <= EXACT_DIGITS ? (isNegative ? -mantissa : mantissa) : Number.NaN
      return p
    }
    this.integerDigits = 0
    let fraction = 0
    if (c === 0x2e) {
      const point = p
      digit = bytes[++p]! - 0x30
      while (digit >>> 0 <= 9) {
        mantissa = mantissa * 10 + digit
        digit = bytes[++p]! - 0x30
      }
      fraction = p - point - 1
      if (fraction === 0) return -1
    }
    if (((digit + 0x30) | 0x20) === 0x65) {
      p++
      if (bytes[p] === 0x2b || bytes[p] === 0x2d) p++
      const exponent = p
      while ((bytes[p]! - 0x30) >>> 0 <= 9) p++
      if (p === exponent) return -1
      this.number = this.#numberText(start, p)
      return p
    }
    // Clinger's fast path: both numbers are exact, so their quotient is the nearest double.
    if (digits + fraction <= EXACT_DIGITS) this.number = (isNegative ? -mantissa : mantissa) / POWERS[fraction]!
    else this.number = this.#numberText(start, p)
    return p
  }

  #numberText(from: number, to: number): number {
    return Number(this.bytes.toString('latin1', from, to))
  }

  /** The text of a string's content without escapes, as the last call of `stringEnd` has met it. */
  text(from: number, to: number): string {
    return this.isAscii ? this.bytes.toString('latin1', from, to) : this.bytes.toString('utf8', from, to)
  }

  /** Whether the four bytes at `p` are these, given as a little-endian word. */
  isWord(p: number, word: number): boolean {
    return this.view.getInt32(p, true) === word
  }

  /** The end of whatever value begins at `p`. */
  valueEnd(p: number, depth = 0): number {
    switch (this.bytes[p]) {
      case QUOTE: {
        const end = this.stringEnd(p + 1)
        return end < 0 ? -1 : end + 1
      }
      case 0x7b:
        return depth === DEEPEST ? -1 : this.#objectEnd(p, depth)
      case 0x5b:
        return depth === DEEPEST ? -1 : this.#arrayEnd(p, depth)
      case 0x74:
        return this.isWord(p, TRUE) ? p + 4 : -1
      case 0x66:
        return this.isWord(p + 1, ALSE) ? p + 5 : -1
      case 0x6e:
        return this.isWord(p, NULL) ? p + 4 : -1
      default:
        return this.numberEnd(p)
    }
  }

  #objectEnd(p: number, depth: number): number {
    p = this.skipSpace(p + 1)
    if (this.bytes[p] === 0x7d) return p + 1
    for (;;) {
      if (this.bytes[p] !== QUOTE) return -1
      p = this.stringEnd(p + 1)
      if (p < 0) return -1
      p = this.skipSpace(p + 1)
      if (this.bytes[p] !== 0x3a) return -1
      p = this.valueEnd(this.skipSpace(p + 1), depth + 1)
      if (p < 0) return -1
      p = this.skipSpace(p)
      if (this.bytes[p] === 0x7d) return p + 1
      if (this.bytes[p] !== 0x2c) return -1
      p = this.skipSpace(p + 1)
    }
  }

  #arrayEnd(p: number, depth: number): number {
    p = this.skipSpace(p + 1)
    if (this.bytes[p] === 0x5d) return p + 1
    for (;;) {
      p = this.valueEnd(p, depth + 1)
      if (p < 0) return -1
      p = this.skipSpace(p)
      if (this.bytes[p] === 0x5d) return p + 1
      if (this.bytes[p] !== 0x2c) return -1
      p = this.skipSpace(p + 1)
    }
  }
}

const viewOf = ({ buffer, byteOffset, byteLength }: Buffer): DataView => new DataView(buffer, byteOffset, byteLength)

const wordOf = (text: string): number => Buffer.from(text).readInt32LE()
export const TRUE = wordOf('true')
export const NULL = wordOf('null')
/** The rest of `false`. */
export const ALSE = wordOf('alse')

const SHORT_ESCAPES = new Set(Buffer.from('"\\/bfnrt'))

const isHex = (c: number): boolean => (c - 0x30) >>> 0 <= 9 || ((c | 0x20) - 0x61) >>> 0 <= 5
