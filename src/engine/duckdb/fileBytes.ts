/** A file's bytes, decompressed here: the engine takes a compressed file that was cut short for a whole one. */
import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import type { ZstdDecompress } from 'node:zlib'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import type { PinnedFile } from '../../domain/source.ts'

const READ_BYTES = 2 ** 18

/** Raises where the file ends before its compression does. */
export function bytesOf({ path, compression }: PinnedFile): AsyncIterable<Buffer> {
  const bytes = createReadStream(path, { highWaterMark: READ_BYTES })
  if (compression === 'none') return bytes
  if (compression === 'zstd') return zstdFrames(bytes)
  const stream = createGunzip()
  bytes.on('error', error => stream.destroy(error))
  return bytes.pipe(stream)
}

/** A text file's bytes as UTF-8. */
export function utf8Of(file: PinnedFile, encoding: string): AsyncIterable<Buffer> {
  return encoding === 'utf-8' ? bytesOf(file) : transcoded(bytesOf(file), encoding)
}

export async function writeUtf8(path: string, file: PinnedFile, encoding: string): Promise<void> {
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
  for await (const chunk of bytes) {
    let rest = chunk
    while (rest.length > 0) {
      const taken = await frame.write(rest)
      yield* frame.output()
      if (taken === rest.length) break
      rest = rest.subarray(taken)
      yield* frame.end()
      frame = new Frame()
    }
  }
  yield* frame.end()
}

/** One frame's decompressor. With bytes after its frame it ends by itself and never calls back. */
class Frame {
  readonly #stream: ZstdDecompress = createZstdDecompress()
  readonly #ended: Promise<unknown>
  #written = 0
  #decompressed: Buffer[] = []

  constructor() {
    this.#stream.on('data', (data: Buffer) => this.#decompressed.push(data))
    this.#ended = once(this.#stream, 'end')
    // An error is raised to whoever waits next.
    this.#ended.catch(() => undefined)
  }

  /** How many of the bytes belong to this frame: fewer than given where it ends among them. */
  async write(bytes: Buffer): Promise<number> {
    const before = this.#stream.bytesWritten
    this.#written += bytes.length
    await Promise.race([new Promise<void>(resolve => this.#stream.write(bytes, () => resolve())), this.#ended])
    return this.#stream.bytesWritten - before
  }

  *output(): Iterable<Buffer> {
    yield* this.#decompressed.splice(0)
  }

  async *end(): AsyncIterable<Buffer> {
    // Nothing was begun: the last frame ended with the file's last byte.
    if (this.#written === 0) return
    this.#stream.end()
    await this.#ended
    yield* this.output()
  }
}
