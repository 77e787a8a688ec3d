/** A topic in memory: the law of the port, and nothing else. Offsets may be taken by nothing, as a log has it after aborts and compaction. */
import type { EventLog, Message, MessageBatch, OffsetRange, TopicState } from '../../src/domain/eventLog.ts'
import { OffsetsGoneError, ReplacedTopicError } from '../../src/domain/eventLog.ts'

interface Partition {
  first: bigint
  end: bigint
  messages: Message[]
}

export class MemoryLog implements EventLog {
  topicId = 'topic-1'
  readonly #partitions: Partition[]
  /** How many messages a batch has at most. */
  perBatch = 10

  constructor(partitions: number) {
    this.#partitions = Array.from({ length: partitions }, () => ({ first: 0n, end: 0n, messages: [] }))
  }

  put(partition: number, value: string | null, more: Partial<Message> = {}): bigint {
    const log = this.#partitions[partition]!
    const offset = log.end++
    const bytes = value === null ? null : Buffer.from(value)
    log.messages.push({ offset, timestamp: 1_700_000_000_000n, key: null, value: bytes, headers: [], ...more })
    return offset
  }

  /** So many offsets give no message. */
  skip(partition: number, offsets: number): void {
    this.#partitions[partition]!.end += BigInt(offsets)
  }

  addPartition(): void {
    this.#partitions.push({ first: 0n, end: 0n, messages: [] })
  }

  /** What comes before is gone. */
  removeBefore(partition: number, offset: bigint): void {
    const log = this.#partitions[partition]!
    log.first = offset
    log.messages = log.messages.filter(message => message.offset >= offset)
  }

  /** Deleted, and made anew. */
  replace(): void {
    this.topicId = `topic-${Number(this.topicId.slice('topic-'.length)) + 1}`
    for (const log of this.#partitions) Object.assign(log, { first: 0n, end: 0n, messages: [] })
  }

  async topic(): Promise<TopicState> {
    const partitions = this.#partitions.map(({ first, end }, partition) => ({ partition, first, end }))
    return { topicId: this.topicId, partitions }
  }

  async *readRange({ topic, topicId, partition, from, to }: OffsetRange): AsyncIterable<MessageBatch> {
    for (let next = from; next < to; ) {
      if (topicId !== this.topicId) throw new ReplacedTopicError(topic, topicId, this.topicId)
      const { first, messages } = this.#partitions[partition]!
      if (next < first) throw new OffsetsGoneError({ topic, partition, from: next, first })
      const found = messages.filter(({ offset }) => offset >= next && offset < to).slice(0, this.perBatch)
      next = found.length === this.perBatch ? found.at(-1)!.offset + 1n : to
      yield { messages: found, next }
    }
  }

  async close(): Promise<void> {}
}
