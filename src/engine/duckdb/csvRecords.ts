/** CSV as RFC 4180 has it, byte by byte: what counts as a record, and what is wrong with one. */
import { isUtf8 } from 'node:buffer'
import type { CsvDialect } from '../../domain/source.ts'

/** A record: its fields, or why it has none. */
export interface CsvRecord {
  /** Without the line's end. */
  raw: string
  /** Null is the dialect's unquoted text for it. */
  fields: (string | null)[]
  problem?: string
}

const LF = 0x0a
const CR = 0x0d

/**
 * Finds the ends of records in bytes that come in pieces. A record ends at a line feed outside quotes; a carriage return before it
 * belongs to the end. A quote opens a quoted field only at the field's beginning.
 */
class RecordEnds {
  readonly #quote: number
  readonly #delimiter: number
  #atFieldStart = true
  #quoted = false
  /** The byte before was a quote inside a quoted field: the field's end, or the first half of an escaped quote. */
  #maybeEnd = false
  /** Bytes stand behind a closing quote. */
  irregular = false

  constructor({ quote, delimiter }: CsvDialect) {
    this.#quote = quote.charCodeAt(0)
    this.#delimiter = delimiter.charCodeAt(0)
  }

  get inQuotes(): boolean {
    return this.#quoted && !this.#maybeEnd
  }

  /** Calls `onEnd` with the place of each line feed that ends a record. */
  feed(bytes: Buffer, onEnd: (at: number) => void): void {
    const [quote, delimiter] = [this.#quote, this.#delimiter]
    let [atFieldStart, quoted, maybeEnd] = [this.#atFieldStart, this.#quoted, this.#maybeEnd]
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at]!
      if (quoted && !maybeEnd) {
        if (byte === quote) maybeEnd = true
        continue
      }
      if (maybeEnd && byte === quote) {
        maybeEnd = false
        continue
      }
      if (byte === LF) {
        quoted = false
        maybeEnd = false
        atFieldStart = true
        onEnd(at)
      } else if (byte === delimiter) {
        quoted = false
        maybeEnd = false
        atFieldStart = true
      } else if (atFieldStart && byte === quote) {
        quoted = true
        atFieldStart = false
      } else {
        if (maybeEnd && byte !== CR) this.irregular = true
        atFieldStart = false
      }
    }
    this.#atFieldStart = atFieldStart
    this.#quoted = quoted
    this.#maybeEnd = maybeEnd
  }
}

/** How many records there are, blank lines aside; undefined where some are not as they should be and must be looked at. */
export async function countRecords(bytes: AsyncIterable<Buffer>, dialect: CsvDialect): Promise<number | undefined> {
  const ends = new RecordEnds(dialect)
  let count = 0
  let lines = 0
  let returns = 0
  let isBlank = true
  let before: number | undefined
  for await (const chunk of bytes) {
    let begin = 0
    ends.feed(chunk, at => {
      lines++
      if ((at > 0 ? chunk[at - 1] : before) === CR) returns++
      if (!isBlank || hasText(chunk, begin, at)) count++
      isBlank = true
      begin = at + 1
    })
    if (hasText(chunk, begin, chunk.length)) isBlank = false
    before = chunk.at(-1) ?? before
  }
  const isMixed = returns > 0 && returns < lines
  if (ends.inQuotes || ends.irregular || isMixed) return undefined
  return isBlank ? count : count + 1
}

function hasText(bytes: Buffer, from: number, to: number): boolean {
  return to > from + 1 || (to === from + 1 && bytes[from] !== CR)
}

/**
 * Every record in order, blank lines aside; where `blankIsNull` they are records of one null field. Where a quote is never closed
 * its line alone is lost, and each line after it is read as a record.
 */
export async function* readRecords(
  bytes: AsyncIterable<Buffer>,
  dialect: CsvDialect,
  { blankIsNull = false } = {},
): AsyncIterable<CsvRecord> {
  const ends = new RecordEnds(dialect)
  let rest: Buffer = Buffer.alloc(0)
  let isFirst = true
  const record = (whole: Buffer): CsvRecord[] => {
    const hasMark = isFirst && whole.length >= 3 && whole[0] === 0xef && whole[1] === 0xbb && whole[2] === 0xbf
    isFirst = false
    const line = whole.subarray(hasMark ? 3 : 0, whole.at(-1) === CR ? whole.length - 1 : whole.length)
    if (line.length > 0) return [parseRecord(line, dialect)]
    return blankIsNull ? [{ raw: '', fields: [null] }] : []
  }
  for await (const chunk of bytes) {
    const found: CsvRecord[] = []
    let begin = 0
    ends.feed(chunk, at => {
      const line = chunk.subarray(begin, at)
      found.push(...record(rest.length === 0 ? line : Buffer.concat([rest, line])))
      rest = Buffer.alloc(0)
      begin = at + 1
    })
    yield* found
    rest = Buffer.concat([rest, chunk.subarray(begin)])
  }
  if (!ends.inQuotes) {
    if (rest.length > 0) yield* record(rest)
    return
  }
  const [open, ...after] = linesOf(rest)
  yield { raw: open!.toString('utf8'), fields: [], problem: 'A quoted field has no end' }
  isFirst = false
  for (const line of after) yield* record(line)
}

function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = []
  let begin = 0
  for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF, begin)) {
    lines.push(bytes.subarray(begin, end))
    begin = end + 1
  }
  return begin < bytes.length ? [...lines, bytes.subarray(begin)] : lines
}

function parseRecord(line: Buffer, dialect: CsvDialect): CsvRecord {
  const raw = line.toString('utf8')
  if (!isUtf8(line)) return { raw, fields: [], problem: "Not UTF-8; name the file's encoding: csv: { encoding: 'latin-1' }" }
  const { quote, delimiter, nullText } = dialect
  const fields: (string | null)[] = []
  for (let at = 0; at <= raw.length; at++) {
    if (raw[at] !== quote) {
      const end = raw.indexOf(delimiter, at)
      const text = raw.slice(at, end < 0 ? raw.length : end)
      fields.push(text === nullText ? null : text)
      at = end < 0 ? raw.length : end
      continue
    }
    let field = ''
    for (at++; ; at++) {
      const next = raw.indexOf(quote, at)
      if (next < 0) return { raw, fields: [], problem: 'A quoted field has no end' }
      field += raw.slice(at, next)
      at = next + 1
      if (raw[at] !== quote) break
      field += quote
    }
    if (at < raw.length && raw[at] !== delimiter) return { raw, fields: [], problem: 'Text stands behind a closing quote' }
    fields.push(field)
  }
  return { raw, fields }
}
