/** Kafka's protocol: how requests are written and answers read. https://kafka.apache.org/protocol */

export interface Request {
  /** The number of its kind, and the version of that kind. */
  key: number
  version: number
  /** Newer versions write lengths in few bytes, and end each structure with tagged fields. */
  flexible: boolean
  body: Buffer
}

/** What a broker answers in place of what was asked for. */
export class BrokerError extends Error {
  /** Kafka's word for it. */
  readonly type: string

  constructor(type: string, message = type) {
    super(message)
    this.type = type
  }
}

const CODES: Record<number, string> = {
  [-1]: 'UNKNOWN_SERVER_ERROR',
  1: 'OFFSET_OUT_OF_RANGE',
  2: 'CORRUPT_MESSAGE',
  3: 'UNKNOWN_TOPIC_OR_PARTITION',
  5: 'LEADER_NOT_AVAILABLE',
  6: 'NOT_LEADER_OR_FOLLOWER',
  7: 'REQUEST_TIMED_OUT',
  9: 'REPLICA_NOT_AVAILABLE',
  17: 'INVALID_TOPIC_EXCEPTION',
  29: 'TOPIC_AUTHORIZATION_FAILED',
  31: 'CLUSTER_AUTHORIZATION_FAILED',
  33: 'UNSUPPORTED_SASL_MECHANISM',
  34: 'ILLEGAL_SASL_STATE',
  35: 'UNSUPPORTED_VERSION',
  56: 'KAFKA_STORAGE_ERROR',
  58: 'SASL_AUTHENTICATION_FAILED',
  74: 'FENCED_LEADER_EPOCH',
  75: 'UNKNOWN_LEADER_EPOCH',
  78: 'OFFSET_NOT_AVAILABLE',
  100: 'UNKNOWN_TOPIC_ID',
  103: 'INCONSISTENT_TOPIC_ID',
}

/** Kafka's word for a number, or undefined where nothing is wrong. */
export const codeOf = (code: number): string | undefined => (code === 0 ? undefined : (CODES[code] ?? `ERROR_${code}`))

export class RequestWriter {
  readonly #flexible: boolean
  readonly #parts: Buffer[] = []

  constructor(flexible: boolean) {
    this.#flexible = flexible
  }

  get body(): Buffer {
    return Buffer.concat(this.#parts)
  }

  int8(value: number): this {
    return this.#add(1, part => part.writeInt8(value))
  }

  int16(value: number): this {
    return this.#add(2, part => part.writeInt16BE(value))
  }

  int32(value: number): this {
    return this.#add(4, part => part.writeInt32BE(value))
  }

  int64(value: bigint): this {
    return this.#add(8, part => part.writeBigInt64BE(value))
  }

  text(value: string): this {
    const bytes = Buffer.from(value)
    if (this.#flexible) this.#unsigned(bytes.length + 1)
    else this.int16(bytes.length)
    return this.raw(bytes)
  }

  bytes(value: Buffer): this {
    if (this.#flexible) this.#unsigned(value.length + 1)
    else this.int32(value.length)
    return this.raw(value)
  }

  /** As 32 digits, with hyphens or without. */
  uuid(value: string): this {
    return this.raw(Buffer.from(value.replaceAll('-', ''), 'hex'))
  }

  array<T>(items: readonly T[], write: (item: T) => unknown): this {
    if (this.#flexible) this.#unsigned(items.length + 1)
    else this.int32(items.length)
    for (const item of items) write(item)
    return this
  }

  /** The end of a structure, with no tagged field. */
  end(): this {
    return this.#flexible ? this.int8(0) : this
  }

  raw(bytes: Buffer): this {
    this.#parts.push(bytes)
    return this
  }

  #add(size: number, write: (part: Buffer) => void): this {
    const part = Buffer.alloc(size)
    write(part)
    return this.raw(part)
  }

  #unsigned(value: number): void {
    for (let left = value; ; left >>>= 7) {
      this.raw(Buffer.from([left > 0x7f ? (left & 0x7f) | 0x80 : left]))
      if (left <= 0x7f) return
    }
  }
}

export class ResponseReader {
  readonly #flexible: boolean
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer, flexible: boolean) {
    this.#bytes = bytes
    this.#flexible = flexible
  }

  int16(): number {
    this.#at += 2
    return this.#bytes.readInt16BE(this.#at - 2)
  }

  int32(): number {
    this.#at += 4
    return this.#bytes.readInt32BE(this.#at - 4)
  }

  int64(): bigint {
    this.#at += 8
    return this.#bytes.readBigInt64BE(this.#at - 8)
  }

  /** Empty where it is null. */
  text(): string {
    return this.#take(this.#flexible ? this.#unsigned() - 1 : this.int16()).toString()
  }

  /** Empty where they are null. Views of the answer. */
  bytes(): Buffer {
    return this.#take(this.#flexible ? this.#unsigned() - 1 : this.int32())
  }

  uuid(): string {
    return this.#take(16)
      .toString('hex')
      .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  }

  /** Empty where it is null. */
  array<T>(read: () => T): T[] {
    const length = this.#flexible ? this.#unsigned() - 1 : this.int32()
    return Array.from({ length: Math.max(0, length) }, read)
  }

  skip(bytes: number): this {
    this.#at += bytes
    return this
  }

  /** The end of a structure. Answers its tagged fields by their numbers: a structure has few, or none. */
  end(): Map<number, Buffer> {
    const fields = new Map<number, Buffer>()
    if (!this.#flexible) return fields
    for (let left = this.#unsigned(); left > 0; left--) {
      const tag = this.#unsigned()
      fields.set(tag, this.#take(this.#unsigned()))
    }
    return fields
  }

  #take(size: number): Buffer {
    const start = this.#at
    this.#at += Math.max(0, size)
    if (this.#at > this.#bytes.length) throw new RangeError('an answer is shorter than it says')
    return this.#bytes.subarray(start, this.#at)
  }

  #unsigned(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.#bytes[this.#at++]!
      value |= (byte & 0x7f) << shift
      if (byte <= 0x7f) return value >>> 0
    }
  }
}
