/** A local file as one object, sent in parts. */
import type { FileHandle } from 'node:fs/promises'
import type { CompletedPart, S3Client } from '@aws-sdk/client-s3'

export type Sdk = typeof import('@aws-sdk/client-s3')

export interface Whose {
  Bucket: string
  RequestPayer?: 'requester'
}

export interface Encryption {
  ServerSideEncryption?: 'AES256' | 'aws:kms'
  SSEKMSKeyId?: string
}

/** A part, and the size up to which there are none. */
export const PART_BYTES = 2 ** 23
/** There may be 10,000. */
const MOST_PARTS = 9000
/** Parts in flight: that many are in memory. */
export const PARALLEL_PARTS = 4

interface LargeFile {
  file: FileHandle
  size: number
  /** Only if nothing is stored there when the last part has arrived. */
  absent: boolean
  to: Whose & { Key: string }
  as: Encryption
  /** Of the parts of all files. */
  limited: <T>(work: () => Promise<T>) => Promise<T>
}

/** All parts become one object, or none does and they are taken away, as far as the service lets. */
export async function uploadParts(sdk: Sdk, client: S3Client, { file, size, absent, to, as, limited }: LargeFile): Promise<void> {
  // Checksums are told of at the beginning, with each part and at the end, or nowhere.
  const isChecked = (await client.config.requestChecksumCalculation()) === 'WHEN_SUPPORTED'
  const checked = isChecked ? ({ ChecksumAlgorithm: 'CRC32' } as const) : {}
  const { UploadId } = await client.send(new sdk.CreateMultipartUploadCommand({ ...to, ...as, ...checked }))
  const part = async (PartNumber: number, Body: Buffer): Promise<CompletedPart> => {
    const sent = await client.send(new sdk.UploadPartCommand({ ...to, ...checked, UploadId, PartNumber, Body }))
    return { PartNumber, ETag: sent.ETag, ChecksumCRC32: sent.ChecksumCRC32 }
  }
  try {
    const Parts = await eachPart({ file, size, limited }, part)
    const condition = absent ? { IfNoneMatch: '*' } : {}
    await client.send(new sdk.CompleteMultipartUploadCommand({ ...to, ...condition, UploadId, MultipartUpload: { Parts } }))
  } catch (error) {
    // What cannot be taken away now is found by a clean-up.
    await client.send(new sdk.AbortMultipartUploadCommand({ ...to, UploadId })).catch(() => undefined)
    throw error
  }
}

/** Sends some parts at a time, in their order; where one fails no other is begun, and it fails when those under way have ended. */
async function eachPart<T>(
  { file, size, limited }: Pick<LargeFile, 'file' | 'size' | 'limited'>,
  send: (number: number, bytes: Buffer) => Promise<T>,
): Promise<T[]> {
  const partSize = Math.max(PART_BYTES, Math.ceil(size / MOST_PARTS))
  const sent: T[] = []
  let next = 0
  let failed = false
  const sender = async (): Promise<void> => {
    while (!failed && next * partSize < size) {
      const at = next++
      try {
        sent[at] = await limited(async () => {
          const bytes = Buffer.allocUnsafe(Math.min(partSize, size - at * partSize))
          await fill(file, bytes, at * partSize)
          return send(at + 1, bytes)
        })
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  const ended = await Promise.allSettled(Array.from({ length: PARALLEL_PARTS }, sender))
  for (const result of ended) if (result.status === 'rejected') throw result.reason
  return sent
}

async function fill(file: FileHandle, bytes: Buffer, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, at + done)
    if (bytesRead === 0) throw new Error('a file has become shorter while it was sent')
    done += bytesRead
  }
}
