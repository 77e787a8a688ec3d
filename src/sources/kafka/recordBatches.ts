/**
 * The bytes of a topic's log: batches of records, version 2 of the message format.
 * https://kafka.apache.org/documentation/#recordbatch
 */
import { DataError } from '../../domain/errors.ts'
import type { Message } from '../../domain/eventLog.ts'
import { decompress } from './compression.ts'

export interface RecordBatch {
  firstOffset: bigint
  /** Of the last offset that the batch takes, whether its record is still there or not. */
  lastOffset: bigint
  /** Of the leader that has taken it. */
  epoch: number
  /** How many records are there. */
  count: number
  /** Its number in the message format; 0: none. */
  compression: number
  transactional: boolean
  control: boolean
  producerId: bigint
  firstTimestamp: bigint
  /** Of all its records, where the broker gave the time; else undefined. */
  appendTime: bigint | undefined
  /** The records, as they are stored. */
  bytes: Buffer
  /** A checksum (CRC-32C) and the bytes that it is of. */
  checksum: number
  checked: Buffer
}

/** From the offset to the length, which counts what comes after it. */
const HEAD = 12
const HEADER = 61

/** The whole batches; one that is cut off at the end comes again with the next request. */
export function recordBatches(bytes: Buffer, topic: string): RecordBatch[] {
  const batches: RecordBatch[] = []
  for (let at = 0; at + HEADER <= bytes.length; ) {
    const end = at + HEAD + bytes.readInt32BE(at + 8)
    if (end > bytes.length) break
    const magic = bytes[at + 16]
    if (magic !== 2) throw oldFormat(topic, magic!)
    const firstOffset = bytes.readBigInt64BE(at)
    const attributes = bytes.readInt16BE(at + 21)
    batches.push({
      firstOffset,
      lastOffset: firstOffset + BigInt(bytes.readInt32BE(at + 23)),
      epoch: bytes.readInt32BE(at + 12),
      count: bytes.readInt32BE(at + 57),
      compression: attributes & 0x07,
      transactional: (attributes & 0x10) !== 0,
      control: (attributes & 0x20) !== 0,
      producerId: bytes.readBigInt64BE(at + 43),
      firstTimestamp: bytes.readBigInt64BE(at + 27),
      appendTime: (attributes & 0x08) !== 0 ? bytes.readBigInt64BE(at + 35) : undefined,
      bytes: bytes.subarray(at + HEADER, end),
      checksum: bytes.readUInt32BE(at + 17),
      checked: bytes.subarray(at + 21, end),
    })
    at = end
  }
  return batches
}

function oldFormat(topic: string, magic: number): DataError {
  return new DataError(
    'data.message-format',
    `topic \`${topic}\` holds messages of the old format ${magic}; the format 2 is read`,
    {
      hint: 'Brokers since Kafka 0.11 write format 2: have the topic written anew, or begin after those messages.',
      values: { topic, magic },
    },
  )
}

/** Whether a control batch says that its producer's transaction was given up. Compaction may have left none of its records. */
export function isAbort(batch: RecordBatch): boolean {
  const { control, count, bytes } = batch
  if (!control || count === 0) return false
  const { key } = recordsOf(batch, bytes)[0]!
  // The version of the marker, and its kind: 0 ends a transaction badly, 1 well.
  return key !== null && key.length >= 4 && key.readInt16BE(2) === 0
}

/** All messages of a batch. They are views of its bytes. */
export async function messagesOf(batch: RecordBatch): Promise<StoredMessage[]> {
  return recordsOf(batch, batch.compression === 0 ? batch.bytes : await decompress(batch.bytes, batch.compression))
}

function recordsOf(batch: RecordBatch, bytes: Buffer): StoredMessage[] {
  const reader = new RecordReader(bytes)
  const messages: StoredMessage[] = new Array(batch.count)
  for (let n = 0; n < batch.count; n++) {
    const end = reader.varint() + reader.at
    // Attributes, of which none is in use.
    reader.at++
    messages[n] = new StoredMessage(batch, bytes, reader)
    reader.at = end
  }
  return messages
}

/** A message where it lies: its parts are made when they are asked for. Most are asked for once, and many never. */
export class StoredMessage implements Message {
  readonly #batch: RecordBatch
  readonly #bytes: Buffer
  readonly #timestampDelta: number | bigint
  readonly #offsetDelta: number
  readonly #keyAt: number
  readonly #keyLength: number
  readonly #valueAt: number
  readonly #valueLength: number

  constructor(batch: RecordBatch, bytes: Buffer, reader: RecordReader) {
    this.#batch = batch
    this.#bytes = bytes
    this.#timestampDelta = reader.varlong()
    this.#offsetDelta = reader.varint()
    this.#keyLength = reader.varint()
    this.#keyAt = reader.at
    if (this.#keyLength > 0) reader.at += this.#keyLength
    this.#valueLength = reader.varint()
    this.#valueAt = reader.at
  }

  /** Of key and value, in bytes. */
  get size(): number {
    return Math.max(0, this.#keyLength) + Math.max(0, this.#valueLength)
  }

  get offset(): bigint {
    return this.#batch.firstOffset + BigInt(this.#offsetDelta)
  }

  get timestamp(): bigint {
    return this.#batch.appendTime ?? later(this.#batch.firstTimestamp, this.#timestampDelta)
  }

  get key(): Buffer | null {
    return this.#keyLength < 0 ? null : this.#bytes.subarray(this.#keyAt, this.#keyAt + this.#keyLength)
  }

  get value(): Buffer | null {
    return this.#valueLength < 0 ? null : this.#bytes.subarray(this.#valueAt, this.#valueAt + this.#valueLength)
  }

  get headers(): Message['headers'] {
    const reader = new RecordReader(this.#bytes)
    reader.at = this.#valueAt + Math.max(0, this.#valueLength)
    return reader.headers()
  }
}

/** A delta that does not fit into 64 bits goes round, as the producer's sum did. */
function later(time: bigint, delta: number | bigint): bigint {
  if (delta === 0) return time
  return typeof delta === 'bigint' ? BigInt.asIntN(64, time + delta) : time + BigInt(delta)
}

const NONE: Message['headers'] = []

/** Numbers of 7 bits a byte, the lowest first, whose sign is the lowest bit of all. */
class RecordReader {
  readonly #bytes: Buffer
  at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  varint(): number {
    const bytes = this.#bytes
    let byte = bytes[this.at++]!
    let raw = byte & 0x7f
    for (let shift = 7; byte > 0x7f; shift += 7) {
      byte = bytes[this.at++]!
      raw |= (byte & 0x7f) << shift
    }
    return (raw >>> 1) ^ -(raw & 1)
  }

  /** A bigint only where it has more than 28 bits. */
  varlong(): number | bigint {
    const bytes = this.#bytes
    const start = this.at
    let raw = 0
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = bytes[this.at++]!
      raw |= (byte & 0x7f) << shift
      if (byte <= 0x7f) return (raw >>> 1) ^ -(raw & 1)
    }
    this.at = start
    let long = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[this.at++]!
      long |= BigInt(byte & 0x7f) << shift
      if (byte <= 0x7f) return BigInt.asIntN(64, (long >> 1n) ^ -(long & 1n))
    }
  }

  sized(): Buffer | null {
    const length = this.varint()
    if (length < 0) return null
    const start = this.at
    this.at = start + length
    return this.#bytes.subarray(start, this.at)
  }

  headers(): Message['headers'] {
    const count = this.varint()
    if (count === 0) return NONE
    return Array.from({ length: count }, () => [this.sized()!.toString(), this.sized()] as const)
  }
}
