/** What a broker answers to a request for the messages of one partition (Fetch, versions 11 to 17). */
import type { AbortedTransaction } from './abortedTransactions.ts'

export interface FetchResponse {
  /** The broker held back what it has, because too much was asked for: so many milliseconds. */
  throttled: number
  errorCode: number
  lastStableOffset: bigint
  firstOffset: bigint
  aborted: AbortedTransaction[]
  /** Record batches. */
  records: Buffer
}

const NOTHING = Buffer.alloc(0)

export function fetchResponse(bytes: Buffer, version: number): FetchResponse {
  const reader = new ResponseReader(bytes, version >= 12)
  const throttled = reader.int32()
  const whole = reader.int16()
  // The session, of which there is none.
  reader.int32()
  const nothing = { throttled, errorCode: whole, lastStableOffset: -1n, firstOffset: -1n, aborted: [], records: NOTHING }
  if (whole !== 0 || reader.length() < 1) return nothing
  // The topic: by its id, or its name.
  reader.skip(version >= 13 ? 16 : reader.textLength())
  if (reader.length() < 1) return nothing
  // The partition.
  reader.int32()
  const errorCode = reader.int16()
  // The high watermark.
  reader.int64()
  const lastStableOffset = reader.int64()
  const firstOffset = reader.int64()
  const aborted = Array.from({ length: reader.length() }, () => {
    const transaction = { producerId: reader.int64(), firstOffset: reader.int64() }
    reader.tags()
    return transaction
  })
  // The preferred replica, of a rack that was not named.
  reader.int32()
  const size = reader.length()
  return { throttled, errorCode, lastStableOffset, firstOffset, aborted, records: bytes.subarray(reader.at, reader.at + size) }
}

class ResponseReader {
  readonly #bytes: Buffer
  readonly #flexible: boolean
  at = 0

  constructor(bytes: Buffer, flexible: boolean) {
    this.#bytes = bytes
    this.#flexible = flexible
  }

  int16(): number {
    this.at += 2
    return this.#bytes.readInt16BE(this.at - 2)
  }

  int32(): number {
    this.at += 4
    return this.#bytes.readInt32BE(this.at - 4)
  }

  int64(): bigint {
    this.at += 8
    return this.#bytes.readBigInt64BE(this.at - 8)
  }

  skip(bytes: number): void {
    this.at += bytes
  }

  /** Of an array, or of bytes; 0 where it is null. Newer versions count from 1, in few bytes. */
  length(): number {
    return Math.max(0, this.#flexible ? this.#unsigned() - 1 : this.int32())
  }

  textLength(): number {
    return Math.max(0, this.#flexible ? this.#unsigned() - 1 : this.int16())
  }

  tags(): void {
    if (!this.#flexible) return
    for (let left = this.#unsigned(); left > 0; left--) {
      this.#unsigned()
      this.skip(this.#unsigned())
    }
  }

  #unsigned(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.#bytes[this.at++]!
      value |= (byte & 0x7f) << shift
      if (byte <= 0x7f) return value >>> 0
    }
  }
}
