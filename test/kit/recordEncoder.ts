/** Kafka's record batches, written slowly and obviously: what readers are held against. */
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { crc32c } from '@platformatic/kafka'
import type { Message } from '../../src/domain/eventLog.ts'

export interface WrittenBatch {
  firstOffset: bigint
  /** More than the last message's where messages at the end are gone. */
  lastOffset: bigint
  messages: readonly Message[]
  producerId?: bigint
  transactional?: boolean
  control?: boolean
  compression?: 'none' | 'gzip' | 'zstd'
  /** The broker's own time for all of its messages. */
  appendTime?: bigint
}

/** 7 bits a byte, the lowest first; the sign is the lowest of all. */
function varint(number: bigint): Buffer {
  const value = BigInt.asIntN(64, number)
  let left = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
  const bytes: number[] = []
  for (; left > 127n; left >>= 7n) bytes.push(Number(left & 127n) | 128)
  return Buffer.from([...bytes, Number(left)])
}

const sized = (bytes: Uint8Array | null): Buffer =>
  bytes === null ? varint(-1n) : Buffer.concat([varint(BigInt(bytes.length)), bytes])

export function encodedBatch(batch: WrittenBatch): Buffer {
  const { firstOffset, lastOffset, messages, producerId = -1n, transactional = false, control = false, appendTime } = batch
  const { compression = 'none' } = batch
  const firstTimestamp = messages[0]?.timestamp ?? -1n
  const records = Buffer.concat(
    messages.map(({ offset, timestamp, key, value, headers }) => {
      const fields = headers.map(([name, text]) => Buffer.concat([sized(Buffer.from(name)), sized(text)]))
      const times = [varint(timestamp - firstTimestamp), varint(offset - firstOffset)]
      const body = Buffer.concat([Buffer.alloc(1), ...times, sized(key), sized(value), varint(BigInt(headers.length)), ...fields])
      return sized(body)
    }),
  )
  const stored = { none: (bytes: Buffer) => bytes, gzip: gzipSync, zstd: zstdCompressSync }[compression](records)
  const header = Buffer.alloc(61)
  header.writeBigInt64BE(firstOffset, 0)
  header.writeInt32BE(49 + stored.length, 8)
  header.writeInt8(2, 16)
  const kind = { none: 0, gzip: 1, zstd: 4 }[compression]
  header.writeInt16BE(kind | (appendTime === undefined ? 0 : 8) | (transactional ? 16 : 0) | (control ? 32 : 0), 21)
  header.writeInt32BE(Number(lastOffset - firstOffset), 23)
  header.writeBigInt64BE(firstTimestamp, 27)
  header.writeBigInt64BE(appendTime ?? firstTimestamp, 35)
  header.writeBigInt64BE(producerId, 43)
  header.writeInt32BE(messages.length, 57)
  const whole = Buffer.concat([header, stored])
  whole.writeUInt32BE(crc32c(whole.subarray(21)), 17)
  return whole
}

/** The mark that ends a transaction. Without `kept` compaction has left only its batch. */
export function marker(offset: bigint, producerId: bigint, end: 'commit' | 'abort', kept = true): Buffer {
  const key = Buffer.from([0, 0, 0, end === 'abort' ? 0 : 1])
  const message = { offset, timestamp: 1n, key, value: Buffer.alloc(6), headers: [] }
  const messages = kept ? [message] : []
  return encodedBatch({ firstOffset: offset, lastOffset: offset, messages, producerId, transactional: true, control: true })
}
