/** A local file that many requests write into at the same time. */
import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import { TransientError } from '../../domain/errors.ts'
import { codeOf } from '../fileErrors.ts'

/** What the local disk refuses: nothing that another request would mend. */
export class LocalFileError extends TransientError {
  constructor(path: string, cause: unknown) {
    const code = codeOf(cause)
    const isFull = code === 'ENOSPC' || code === 'EDQUOT'
    super(
      isFull ? 'transient.disk-full' : 'transient.scratch',
      isFull ? `the disk that holds ${path} is full` : `${path} cannot be written (${code ?? (cause as Error).message})`,
      { hint: 'Free space there, or name another folder for scratch files with TMPDIR, and run again.', cause },
    )
  }
}

export class Sink {
  readonly #path: string
  readonly #file: FileHandle

  private constructor(path: string, file: FileHandle) {
    this.#path = path
    this.#file = file
  }

  /** The file must not be there. */
  static async make(path: string): Promise<Sink> {
    const file = await open(path, 'wx').catch(error => {
      throw new LocalFileError(path, error)
    })
    return new Sink(path, file)
  }

  /** For one request, whose bytes come in their order. */
  stream(): SinkStream {
    return new SinkStream(this.#path, this.#file)
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}

/** So many bytes are written at once: what comes off a line comes in crumbs. */
const BATCH = 2 ** 19

export class SinkStream {
  readonly #path: string
  readonly #file: FileHandle
  #parts: Buffer[] = []
  #at = 0
  #size = 0
  /** What is on its way to the disk while more comes. */
  #writing: Promise<void> | undefined

  constructor(path: string, file: FileHandle) {
    this.#path = path
    this.#file = file
  }

  async write(bytes: Buffer, at: number): Promise<void> {
    if (this.#size > 0 && at !== this.#at + this.#size) await this.#flush()
    if (this.#size === 0) this.#at = at
    this.#parts.push(bytes)
    this.#size += bytes.length
    if (this.#size >= BATCH) await this.#flush()
  }

  /** Everything is written when this returns. */
  async end(): Promise<void> {
    await this.#flush()
    await this.#settled()
  }

  /** Returns when the batch before is written. */
  async #flush(): Promise<void> {
    await this.#settled()
    if (this.#size === 0) return
    const [parts, at] = [this.#parts, this.#at]
    this.#parts = []
    this.#size = 0
    this.#writing = writeAll(this.#file, parts, at)
    // It is waited for later: until then nobody else would hear of a failure.
    this.#writing.catch(() => undefined)
  }

  async #settled(): Promise<void> {
    const writing = this.#writing
    this.#writing = undefined
    try {
      await writing
    } catch (error) {
      throw new LocalFileError(this.#path, error)
    }
  }
}

async function writeAll(file: FileHandle, parts: Buffer[], at: number): Promise<void> {
  const size = parts.reduce((sum, { length }) => sum + length, 0)
  const { bytesWritten } = await file.writev(parts, at)
  if (bytesWritten === size) return
  const rest = Buffer.concat(parts).subarray(bytesWritten)
  for (let done = 0; done < rest.length; )
    done += (await file.write(rest, done, rest.length - done, at + bytesWritten + done)).bytesWritten
}
