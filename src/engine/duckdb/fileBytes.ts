/** A file's bytes, decompressed here: the engine takes a compressed file that was cut short for a whole one. */
import { closeSync, createReadStream, createWriteStream, openSync, readSync } from 'node:fs'
import { pipeline as join, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ZstdDecompress } from 'node:zlib'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import type { LocalFile } from '../../domain/source.ts'

const READ_BYTES = 2 ** 20
/** Files of fewer bytes are read at once. */
const SMALL = 2 ** 16

/** Where a file's bytes are on this machine. */
export const placeOf = ({ path, localPath }: LocalFile): string => localPath ?? path

/** Raises where the file ends before its compression does. */
export function bytesOf(file: LocalFile): AsyncIterable<Buffer> {
  const { compression } = file
  const bytes = file.size < SMALL ? beginningFirst(placeOf(file)) : createReadStream(placeOf(file), { highWaterMark: READ_BYTES })
  if (compression === 'none') return bytes
  if (compression === 'zstd') return zstdFrames(bytes)
  // What fails is raised to who reads.
  return join(Readable.from(bytes), createGunzip(), () => undefined)
}

/**
 * Of a small file all in one piece, and not by the thread pool, which takes longer than the look; of one that has grown since, the
 * rest as it comes.
 */
async function* beginningFirst(path: string): AsyncGenerator<Buffer> {
  const bytes = beginningOf(path)
  if (bytes.length > 0) yield bytes
  if (bytes.length === SMALL) yield* createReadStream(path, { highWaterMark: READ_BYTES, start: SMALL })
}

/** What one file after the other is read into. */
const beginning = Buffer.allocUnsafeSlow(SMALL)

function beginningOf(path: string): Buffer {
  const file = openSync(path, 'r')
  try {
    let length = 0
    for (let read = -1; read !== 0 && length < SMALL; length += read)
      read = readSync(file, beginning, length, SMALL - length, length)
    return Buffer.from(beginning.subarray(0, length))
  } finally {
    closeSync(file)
  }
}

/** A text file's bytes as UTF-8. */
export function utf8Of(file: LocalFile, encoding: string): AsyncIterable<Buffer> {
  return encoding === 'utf-8' ? bytesOf(file) : transcoded(bytesOf(file), encoding)
}

export async function writeUtf8(path: string, file: LocalFile, encoding: string): Promise<void> {
  await pipeline(utf8Of(file, encoding), createWriteStream(path))
}

async function* transcoded(bytes: AsyncIterable<Buffer>, encoding: string): AsyncIterable<Buffer> {
  let decode: ((chunk: Buffer) => string) | undefined
  for await (const chunk of bytes) {
    decode ??= decoderOf(encoding, chunk)
    yield Buffer.from(decode(chunk), 'utf8')
  }
}

/** UTF-16 is little-endian unless its mark says otherwise. Latin-1 is ISO 8859-1: every byte is the character of its number. */
function decoderOf(encoding: string, start: Buffer): (chunk: Buffer) => string {
  if (encoding === 'latin-1') return chunk => chunk.toString('latin1')
  const decoder = new TextDecoder(start[0] === 0xfe && start[1] === 0xff ? 'utf-16be' : 'utf-16le')
  return chunk => decoder.decode(chunk, { stream: true })
}

/** One frame after the other: Node's decompressor ends with the first and ignores what follows. */
async function* zstdFrames(bytes: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  let frame = new Frame()
  try {
    for await (const chunk of bytes) {
      let rest = chunk
      while (rest.length > 0) {
        const taken = yield* frame.write(rest)
        if (taken === rest.length) break
        rest = rest.subarray(taken)
        yield* frame.end()
        frame = new Frame()
      }
    }
    yield* frame.end()
  } finally {
    frame.close()
  }
}

/** One frame's decompressor. With bytes after its frame it ends by itself and never calls back. */
class Frame {
  readonly #stream: ZstdDecompress = createZstdDecompress()
  #written = 0
  #ended = false
  #error: Error | undefined
  #wake = (): void => undefined

  constructor() {
    const wake = (): void => this.#wake()
    this.#stream.on('readable', wake)
    this.#stream.on('end', () => {
      this.#ended = true
      wake()
    })
    this.#stream.on('error', error => {
      this.#error = error
      wake()
    })
  }

  /**
   * Yields what the bytes hold as it is asked for: a few may hold gigabytes. Answers how many of the bytes belong to this frame:
   * fewer than given where it ends among them.
   */
  async *write(bytes: Buffer): AsyncGenerator<Buffer, number> {
    const before = this.#stream.bytesWritten
    this.#written += bytes.length
    let isTaken = false
    this.#stream.write(bytes, () => {
      isTaken = true
      this.#wake()
    })
    yield* this.#output(() => isTaken)
    return this.#stream.bytesWritten - before
  }

  async *end(): AsyncIterable<Buffer> {
    // Nothing was begun: the last frame ended with the file's last byte.
    if (this.#written === 0) return
    this.#stream.end()
    yield* this.#output(() => false)
  }

  close(): void {
    this.#stream.destroy()
  }

  /** What is decompressed until the frame ends or `isTaken`. */
  async *#output(isTaken: () => boolean): AsyncGenerator<Buffer, void> {
    for (;;) {
      const woken = new Promise<void>(resolve => {
        this.#wake = resolve
      })
      for (let data = this.#stream.read(); data !== null; data = this.#stream.read()) yield data
      if (this.#error) throw this.#error
      if (this.#ended || isTaken()) return
      await woken
    }
  }
}
