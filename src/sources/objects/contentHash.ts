/** A local file's content and what the file system says of it. */
import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { DataError } from '../../domain/errors.ts'

const READ_BYTES = 2 ** 20

/** SHA-256 of the bytes, hex. */
export async function contentHash(path: string): Promise<string> {
  const hash = createHash('sha256')
  try {
    await using file = await open(path)
    // One buffer for the whole file: a stream would leave one for each part to the garbage collector.
    const buffer = Buffer.allocUnsafe(READ_BYTES)
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES)
      if (bytesRead === 0) return hash.digest('hex')
      hash.update(buffer.subarray(0, bytesRead))
    }
  } catch (error) {
    throw unreadable(path, error)
  }
}

/** Size in bytes and modification time in nanoseconds. Not by the thread pool: a look at a file costs less than the way there. */
export async function statOf(path: string): Promise<{ size: number; modifiedAt: bigint }> {
  try {
    const { size, mtimeNs } = statSync(path, { bigint: true })
    return { size: Number(size), modifiedAt: mtimeNs }
  } catch (error) {
    throw unreadable(path, error)
  }
}

function unreadable(path: string, cause: unknown): DataError {
  const code = (cause as { code?: string }).code
  const reason = code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'permission denied' : (cause as Error).message
  return new DataError('data.unreadable', `${path} cannot be read: ${reason}`, {
    hint: 'Mend the path or the permission. Nothing was committed.',
    cause,
  })
}
