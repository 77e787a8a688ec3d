/** Text that comes in pieces, cut into rows of bounded length. */

/** What is longer is no row: without a bound a stray quote, or a file without line ends, would have to be held whole. */
export const ROW_LIMIT = 16 * 2 ** 20

export const TOO_LONG = `Longer than ${ROW_LIMIT / 2 ** 20} MiB`

const LF = 0x0a

/** Bytes of a row that has not ended. */
export class Pieces {
  #pieces: Buffer[] = []
  length = 0

  push(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#pieces.push(bytes)
    this.length += bytes.length
  }

  /** All of them with `last`, once: none are left. */
  take(last: Buffer): Buffer {
    if (this.length === 0) return last
    const whole = Buffer.concat([...this.#pieces, last])
    this.#pieces = []
    this.length = 0
    return whole
  }
}

/** So much of a row that cannot be read tells enough. */
const RAW_LENGTH = 10_000

/** The beginning of a text that may be long, of memory of its own: a slice would keep the whole. */
export function beginningOf(text: string): string {
  return text.length <= RAW_LENGTH ? text : Buffer.from(text.slice(0, RAW_LENGTH), 'utf16le').toString('utf16le')
}

/** The same of bytes: a character of UTF-8 has at most four. */
export function beginningOfBytes(bytes: Buffer): string {
  return beginningOf(bytes.subarray(0, RAW_LENGTH * 4).toString('utf8'))
}

/** Of a line that is too long only the beginning. */
export interface Line {
  bytes: Buffer
  tooLong: boolean
}

/** Only a line feed ends a line. */
export async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncIterable<Line> {
  const rest = new Pieces()
  let skips = false
  for await (const chunk of chunks) {
    let from = 0
    while (from < chunk.length) {
      const end = chunk.indexOf(LF, from)
      const to = end < 0 ? chunk.length : end
      if (!skips && rest.length + to - from > ROW_LIMIT) {
        yield { bytes: rest.take(chunk.subarray(from, to)).subarray(0, RAW_LENGTH * 4), tooLong: true }
        skips = true
      }
      if (!skips && end >= 0) yield { bytes: rest.take(chunk.subarray(from, end)), tooLong: false }
      if (!skips && end < 0) rest.push(chunk.subarray(from))
      if (end >= 0) skips = false
      from = to + 1
    }
  }
  if (rest.length > 0) yield { bytes: rest.take(Buffer.alloc(0)), tooLong: false }
}
