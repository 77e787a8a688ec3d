/** Bodies of objects, read to their end whatever becomes of connections. */
import type { ByteRange } from '../../domain/objectReader.ts'
import { ChangedObjectError } from '../../domain/objectReader.ts'
import type { OpenBody, S3Bucket } from './bucket.ts'
import { pause } from './decided.ts'
import { BadBodyError } from './lineErrors.ts'
import { LocalFileError } from './sink.ts'

interface Pinned {
  key: string
  etag: string
}

/** The whole object as it is now; undefined where nothing is stored. */
export async function wholeObject(bucket: S3Bucket, key: string): Promise<Buffer | undefined> {
  for (let attempt = 1; ; attempt++) {
    const opened = await bucket.open(key, {})
    if (opened === undefined || opened === 'changed') return undefined
    try {
      return await collected(opened)
    } catch (error) {
      if (attempt >= bucket.attempts) throw bucket.error('read', key, error)
      await pause(attempt)
    }
  }
}

async function collected({ body, length }: OpenBody): Promise<Buffer> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of body as AsyncIterable<Buffer>) {
    parts.push(part)
    size += part.length
  }
  if (size !== length) throw new ShortBodyError(size, length)
  return Buffer.concat(parts, size)
}

class ShortBodyError extends BadBodyError {
  constructor(size: number, length: number) {
    super(`sends ${size} bytes of ${length}`)
  }
}

/**
 * Calls `take` with the bytes of a range, in their order, each once: a connection that breaks is taken up where it broke. Raises a
 * ChangedObjectError where the object is another by now.
 */
export async function eachPart(
  bucket: S3Bucket,
  { key, etag }: Pinned,
  { from, to }: ByteRange,
  { take, signal, whole }: { take: (part: Buffer, at: number) => Promise<void>; signal: AbortSignal; whole: boolean },
): Promise<string | undefined> {
  let versionId: string | undefined
  let failures = 0
  for (let at = from; ; ) {
    signal.throwIfAborted()
    // Of a whole object the service's checksum is looked at, which parts do not have.
    const range = whole && at === from ? {} : { from: at, to }
    const opened = await bucket.open(key, { etag, ...range, signal })
    if (opened === undefined || opened === 'changed') throw new ChangedObjectError(bucket.uriOf(key))
    versionId = opened.versionId
    const begun = at
    try {
      if (opened.etag !== etag) throw new ChangedObjectError(bucket.uriOf(key))
      if (opened.length !== to - at) throw new ShortBodyError(opened.length, to - at)
      for await (const part of opened.body as AsyncIterable<Buffer>) {
        if (at + part.length > to) throw new ShortBodyError(at + part.length - from, to - from)
        await take(part, at)
        at += part.length
      }
      if (at === to) return versionId
      throw new ShortBodyError(at - from, to - from)
    } catch (error) {
      signal.throwIfAborted()
      opened.body.destroy()
      if (error instanceof ChangedObjectError || error instanceof LocalFileError) throw error
      // A whole body that fails its checksum is wrong somewhere.
      if (whole && !(error instanceof ShortBodyError) && /checksum/i.test((error as Error).message)) at = from
      // A line that breaks again and again, and gets on all the same, is a line.
      if (at - begun >= PROGRESS) failures = 0
      if (++failures >= bucket.attempts) throw bucket.error('read', key, error)
      await pause(failures)
    }
  }
}

const PROGRESS = 2 ** 18

/** The bytes of a range, in memory. */
export async function rangeBytes(bucket: S3Bucket, object: Pinned, range: ByteRange, signal: AbortSignal): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(range.to - range.from)
  const take = async (part: Buffer, at: number): Promise<void> => void part.copy(bytes, at - range.from)
  await eachPart(bucket, object, range, { take, signal, whole: false })
  return bytes
}
