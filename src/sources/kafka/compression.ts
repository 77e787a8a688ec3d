/** How the records of a batch are compressed (gzip, snappy, lz4, zstd), and what tells that none of its bytes has changed. */
import { promisify } from 'node:util'
import { gunzip, zstdDecompress } from 'node:zlib'

type Codec = (bytes: Buffer) => Promise<Buffer>

/** Snappy's frames as Kafka's Java clients write them: 16 bytes, then blocks with their lengths. */
const XERIAL = Buffer.from('82534e4150505900', 'hex')

async function snappy(bytes: Buffer): Promise<Buffer> {
  const { snappyDecompress } = await import('@platformatic/wasm-utils')
  if (!bytes.subarray(0, XERIAL.length).equals(XERIAL)) return snappyDecompress(bytes)
  const blocks: Buffer[] = []
  for (let at = 16; at < bytes.length; ) {
    const length = bytes.readInt32BE(at)
    blocks.push(snappyDecompress(bytes.subarray(at + 4, at + 4 + length)))
    at += 4 + length
  }
  return Buffer.concat(blocks)
}

async function lz4(bytes: Buffer): Promise<Buffer> {
  const { lz4Decompress } = await import('@platformatic/wasm-utils')
  return lz4Decompress(bytes)
}

/** By their numbers in the message format. */
const CODECS: Record<number, Codec> = { 1: promisify(gunzip), 2: snappy, 3: lz4, 4: promisify(zstdDecompress) }

export function decompress(bytes: Buffer, compression: number): Promise<Buffer> {
  const codec = CODECS[compression]
  if (codec === undefined) throw new RangeError(`no compression has the number ${compression}`)
  return codec(bytes)
}

/** A function that tells the checksum (CRC-32C, Castagnoli) of bytes. */
export async function checksums(): Promise<(bytes: Buffer) => number> {
  return (await import('@platformatic/wasm-utils')).crc32c
}
