/** Whether a CSV file is plain enough for the engine's parser, which takes much for granted that `csvRecords` does not. */
import type { CsvDialect } from '../../domain/source.ts'
import { withoutMark } from './csvRecords.ts'
import { ROW_LIMIT } from './pieces.ts'

const LF = 0x0a
const CR = 0x0d

/** Where a byte stands: what may follow depends on it. */
const FIELD_START = 0
const PLAIN = 1
const QUOTED = 2
/** Behind a quote inside a quoted field: its end, or the first half of an escaped quote. */
const CLOSED = 3
const RETURNED = 4

class Count {
  readonly #quote: number
  readonly #delimiter: number
  readonly #delimiters: number
  #state = FIELD_START
  #seen = 0
  #begin = 0
  #lines = 0
  #returns = 0
  records = 0

  constructor({ quote, delimiter }: CsvDialect, columns: number) {
    this.#quote = quote.charCodeAt(0)
    this.#delimiter = delimiter.charCodeAt(0)
    this.#delimiters = columns - 1
  }

  /** Whether all is plain so far. */
  feed(bytes: Buffer): boolean {
    const [quote, delimiter, delimiters] = [this.#quote, this.#delimiter, this.#delimiters]
    let [state, seen, begin, records] = [this.#state, this.#seen, this.#begin, this.records]
    for (let at = 0; at < bytes.length; at++) {
      if (state === QUOTED) {
        at = bytes.indexOf(quote, at)
        if (at < 0) break
        state = CLOSED
        continue
      }
      const byte = bytes[at]!
      if (byte === LF) {
        const isBlank = seen === 0 && (state === RETURNED ? at - begin === 1 : at === begin)
        if (isBlank) this.#lines++
        else if (seen === delimiters) records++
        else return false
        if (state === RETURNED) this.#returns++
        seen = 0
        begin = at + 1
        state = FIELD_START
      } else if (state === RETURNED) return false
      else if (byte === delimiter) {
        seen++
        state = FIELD_START
      } else if (byte === quote) {
        if (state === PLAIN) return false
        state = QUOTED
      } else if (byte === CR) state = RETURNED
      else if (state === CLOSED) return false
      else state = PLAIN
    }
    this.#state = state
    this.#seen = seen
    this.#begin = begin - bytes.length
    this.records = records
    return this.#begin >= -ROW_LIMIT
  }

  /** Whether the file ends plainly, with a record or behind one. */
  end(): boolean {
    const lines = this.#lines + this.records
    if (this.#returns > 0 && this.#returns < lines) return false
    if (this.#state === QUOTED || this.#state === RETURNED) return false
    if (this.#begin === 0) return true
    this.records++
    return this.#seen === this.#delimiters
  }
}

/**
 * How many records there are, blank lines aside. Undefined where one has other fields than the columns, a quote inside an unquoted
 * field, text behind a quoted one or a carriage return that ends no line: the engine would trim, drop or split what stands there.
 */
export async function countRecords(
  bytes: AsyncIterable<Buffer>,
  dialect: CsvDialect,
  columns: number,
): Promise<number | undefined> {
  const count = new Count(dialect, columns)
  for await (const chunk of withoutMark(bytes)) if (!count.feed(chunk)) return undefined
  return count.end() ? count.records : undefined
}
