/** Text that comes in pieces: rows of bounded length, and blocks of whole lines. */

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
    return this.length === 0 ? last : Buffer.concat([...this.takeAll(), last])
  }

  /** All of them, one by one, once. */
  takeAll(): Buffer[] {
    const pieces = this.#pieces
    this.#pieces = []
    this.length = 0
    return pieces
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

/** Whole lines, the last perhaps without its line feed; or the beginning of one that is too long. */
export interface Block {
  pieces: Buffer[]
  tooLong: boolean
}

/** Lines are handed on when they are so many bytes. */
const BLOCK_BYTES = 2 ** 20

/** Only a line feed ends a line. */
export async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncIterable<Block> {
  const lines = new Pieces()
  const rest = new Pieces()
  let skips = false
  for await (const chunk of bounded(chunks)) {
    const first = chunk.indexOf(LF)
    const end = first < 0 ? chunk.length : first
    let from = 0
    if (skips) {
      if (first < 0) continue
      skips = false
      from = first + 1
    } else if (rest.length + end > ROW_LIMIT) {
      if (lines.length > 0) yield { pieces: lines.takeAll(), tooLong: false }
      rest.push(chunk.subarray(0, end))
      yield { pieces: rest.takeAll(), tooLong: true }
      skips = first < 0
      if (skips) continue
      from = first + 1
    }
    const last = chunk.lastIndexOf(LF) + 1
    if (last > from) {
      for (const piece of rest.takeAll()) lines.push(piece)
      lines.push(chunk.subarray(from, last))
      from = last
    }
    rest.push(chunk.subarray(from))
    if (lines.length >= BLOCK_BYTES) yield { pieces: lines.takeAll(), tooLong: false }
  }
  for (const piece of rest.takeAll()) lines.push(piece)
  if (lines.length > 0) yield { pieces: lines.takeAll(), tooLong: false }
}

/** In parts that no line of which can be too long by itself. */
async function* bounded(chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  for await (const chunk of chunks) {
    if (chunk.length <= ROW_LIMIT) yield chunk
    else for (let from = 0; from < chunk.length; from += ROW_LIMIT) yield chunk.subarray(from, from + ROW_LIMIT)
  }
}
