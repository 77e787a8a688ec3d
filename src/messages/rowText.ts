/** Rows as JSON on one line: bytes that are one already, and members put at their end. */
import { isUtf8 } from 'node:buffer'
import { Refusal } from './refusal.ts'

const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const OPEN = 0x7b
const CLOSE = 0x7d

/**
 * A message's JSON as a row on one line: the same bytes, but for white space around them and a line's end between tokens. Only what
 * cannot be an object is refused here; whether the rest is well-formed, who reads the row decides.
 */
export function jsonRow(value: Uint8Array): Uint8Array {
  const row = trimmed(value)
  if (row[0] !== OPEN) throw notAnObject(row)
  if (holds(row, LF) || holds(row, CR)) return onOneLine(row)
  return row
}

/** Three times as quick as a loop, and as what typed arrays have themselves. */
const holds = (bytes: Uint8Array, byte: number): boolean => Buffer.prototype.indexOf.call(bytes, byte) >= 0

/** A line's end is white space in JSON, and nothing within a string: where the whole is well-formed, each is between tokens. */
function onOneLine(row: Uint8Array): Uint8Array {
  parsed(row)
  const line = Uint8Array.from(row)
  for (let at = 0; at < line.length; at++) if (line[at] === LF || line[at] === CR) line[at] = SPACE
  return line
}

/** Without the white space of JSON at either end, and a byte order mark before it. */
function trimmed(value: Uint8Array): Uint8Array {
  let end = value.length
  if (value[0] === OPEN && value[end - 1] === CLOSE) return value
  let from = value[0] === 0xef && value[1] === 0xbb && value[2] === 0xbf ? 3 : 0
  while (from < end && isSpace(value[from]!)) from++
  while (from < end && isSpace(value[end - 1]!)) end--
  return value.subarray(from, end)
}

const isSpace = (byte: number): boolean => byte === SPACE || byte === 0x09 || byte === LF || byte === CR

/** JSON.parse of bytes, in a refusal's words where they are none. */
export function parsed(bytes: Uint8Array): unknown {
  return parsedText(textOf(bytes))
}

export function parsedText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Refusal('malformed', `Not JSON: ${(error as Error).message}`)
  }
}

/** The text of bytes that must be UTF-8. */
export function textOf(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw new Refusal('malformed', 'Not UTF-8')
  return asBuffer(bytes).toString('utf8')
}

export const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

function notAnObject(bytes: Uint8Array): Refusal {
  if (bytes.length === 0) return new Refusal('malformed', 'The value is empty')
  parsed(bytes)
  return new Refusal('malformed', 'Not a JSON object')
}

const EMPTY = /^\{\s*\}$/

/** Rows lie one after another in chunks of so many bytes. */
const CHUNK = 256 * 1024

/** Writes rows that are not their message's own bytes. */
export class RowWriter {
  #chunk = Buffer.alloc(0)
  #at = 0

  /** The row of an object's text, which is well-formed and without space at its ends, with members put at its end. */
  row(text: string, members: string): Uint8Array {
    if (members === '') return this.#write(undefined, 0, text)
    return this.#write(undefined, 0, `${text.slice(0, -1)}${EMPTY.test(text) ? '' : ','}${members}}`)
  }

  /**
   * A row of `jsonRow` with members put at its end, where JSON.parse has them win over its own. `members` begin with a quote that none
   * of ` ,:}]` follows; the rows of others must be known to be well-formed.
   *
   * The outcome is well-formed exactly where the row is, and it is then the row with the members. For the parser reads the bytes before
   * the last brace alike. Where it could end an object there, it can as well go on with a member. Where it is within a string, the first
   * quote of the members ends that, and what comes then may not follow a string. At any other place a comma, a string or the
   * colon after it is not allowed, or the closing brace ends an inner object and the outer one stays open.
   */
  splice(row: Uint8Array, members: string): Uint8Array {
    const end = row.length - 1
    if (row[end] !== CLOSE) {
      parsed(row)
      throw new Refusal('malformed', 'Not a JSON object')
    }
    if (members === '') return row
    let last = end - 1
    while (isSpace(row[last]!)) last--
    return this.#write(row, end, `${row[last] === OPEN ? '' : ','}${members}}`)
  }

  #write(row: Uint8Array | undefined, end: number, text: string): Uint8Array {
    // A UTF-16 code unit takes three bytes of UTF-8 at most.
    const most = end + 3 * text.length
    if (this.#at + most > this.#chunk.length) {
      this.#chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK, most))
      this.#at = 0
    }
    const from = this.#at
    if (row) this.#chunk.set(end === row.length ? row : row.subarray(0, end), from)
    this.#at = from + end + this.#chunk.write(text, from + end, 'utf8')
    return this.#chunk.subarray(from, this.#at)
  }
}
