/** CSV as RFC 4180 has it, byte by byte: what counts as a record, and what is wrong with one. */
import { isUtf8 } from 'node:buffer'
import type { CsvDialect } from '../../domain/source.ts'
import { beginningOfBytes, Pieces, ROW_LIMIT, TOO_LONG } from './pieces.ts'

/** A record: its fields, or why it has none. */
export interface CsvRecord {
  /** Without the line's end; of what is too long for a record the beginning. */
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

  constructor({ quote, delimiter }: CsvDialect) {
    this.#quote = quote.charCodeAt(0)
    this.#delimiter = delimiter.charCodeAt(0)
  }

  get inQuotes(): boolean {
    return this.#quoted && !this.#maybeEnd
  }

  /** A record begins with the next byte, whatever came before. */
  restart(): void {
    this.#atFieldStart = true
    this.#quoted = false
    this.#maybeEnd = false
  }

  /** The place of the first line feed that ends a record, or -1: the record goes on behind `to`. */
  next(bytes: Buffer, from: number, to: number): number {
    const [quote, delimiter] = [this.#quote, this.#delimiter]
    let [atFieldStart, quoted, maybeEnd] = [this.#atFieldStart, this.#quoted, this.#maybeEnd]
    for (let at = from; at < to; at++) {
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
        this.restart()
        return at
      }
      if (byte === delimiter) {
        quoted = false
        maybeEnd = false
        atFieldStart = true
      } else if (atFieldStart && byte === quote) {
        quoted = true
        atFieldStart = false
      } else atFieldStart = false
    }
    this.#atFieldStart = atFieldStart
    this.#quoted = quoted
    this.#maybeEnd = maybeEnd
    return -1
  }
}

/**
 * Every record in order, some at a time, blank lines aside; where `blankIsNull` they are records of one null field. A quote that is
 * not closed before the file ends or the record is too long is given up: its line alone is lost, and each line that was read with
 * it is a record.
 */
export async function* readRecords(
  bytes: AsyncIterable<Buffer>,
  dialect: CsvDialect,
  { blankIsNull = false } = {},
): AsyncIterable<CsvRecord[]> {
  const ends = new RecordEnds(dialect)
  const rest = new Pieces()
  const recordOf = (whole: Buffer): CsvRecord | undefined => {
    const line = whole.at(-1) === CR ? whole.subarray(0, -1) : whole
    if (line.length > 0) return parseRecord(line, dialect)
    return blankIsNull ? { raw: '', fields: [null] } : undefined
  }
  /** The line at hand is lost already. */
  let skips = false
  for await (const chunk of withoutMark(bytes)) {
    const found: CsvRecord[] = []
    let from = 0
    while (from < chunk.length) {
      if (skips) {
        const end = chunk.indexOf(LF, from)
        if (end < 0) break
        skips = false
        from = end + 1
        continue
      }
      const to = Math.min(chunk.length, from + ROW_LIMIT + 1 - rest.length)
      const end = ends.next(chunk, from, to)
      if (end >= 0) {
        const record = recordOf(rest.take(chunk.subarray(from, end)))
        if (record) found.push(record)
        from = end + 1
        continue
      }
      rest.push(chunk.subarray(from, to))
      from = to
      if (rest.length <= ROW_LIMIT) continue
      const whole = rest.take(NOTHING)
      const [first, last] = [whole.indexOf(LF), whole.lastIndexOf(LF)]
      ends.restart()
      skips = first < 0
      yield [...found.splice(0), skips ? lost(whole, TOO_LONG) : lost(whole.subarray(0, first), NO_END)]
      if (skips) continue
      yield* byLines(whole.subarray(first + 1, last + 1), recordOf)
      const begun = whole.subarray(last + 1)
      rest.push(begun)
      ends.next(begun, 0, begun.length)
    }
    if (found.length > 0) yield found
  }
  const whole = rest.take(NOTHING)
  const first = whole.indexOf(LF)
  if (!ends.inQuotes) {
    const record = whole.length > 0 ? recordOf(whole) : undefined
    if (record) yield [record]
  } else if (first < 0) yield [lost(whole, NO_END)]
  else {
    yield [lost(whole.subarray(0, first), NO_END)]
    yield* byLines(whole.subarray(first + 1), recordOf)
  }
}

const BATCH = 2048

/** Every line as a record of its own, whatever its quotes. */
function* byLines(bytes: Buffer, recordOf: (line: Buffer) => CsvRecord | undefined): Iterable<CsvRecord[]> {
  let found: CsvRecord[] = []
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf(LF, from)
    const to = end < 0 ? bytes.length : end
    const record = recordOf(bytes.subarray(from, to))
    if (record) found.push(record)
    from = to + 1
    if (found.length < BATCH && from < bytes.length) continue
    yield found
    found = []
  }
}

const NOTHING = Buffer.alloc(0)
const NO_END = 'A quoted field has no end'

function lost(line: Buffer, problem: string): CsvRecord {
  return { raw: beginningOfBytes(line), fields: [], problem }
}

/** UTF-8 may begin with a mark that says so. */
export async function* withoutMark(bytes: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  let start: Buffer | undefined = NOTHING
  for await (const chunk of bytes) {
    if (start === undefined) {
      yield chunk
      continue
    }
    start = Buffer.concat([start, chunk])
    if (start.length < MARK.length) continue
    yield start.subarray(start.subarray(0, MARK.length).equals(MARK) ? MARK.length : 0)
    start = undefined
  }
  if (start !== undefined) yield start
}

const MARK = Buffer.from('\ufeff')

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
      if (next < 0) return { raw, fields: [], problem: NO_END }
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
