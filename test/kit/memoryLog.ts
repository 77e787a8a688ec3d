/** A topic in memory: the law of the port, and nothing else. Offsets may be taken by nothing, as a log has it after aborts and compaction. */
import type { EventLog, Message, MessageBatch, OffsetRange, ReadPosition, TopicState } from '../../src/domain/eventLog.ts'
import { DivergedLogError, OffsetsGoneError, ReplacedTopicError } from '../../src/domain/eventLog.ts'

interface Partition {
  first: bigint
  end: bigint
  messages: Message[]
  /** Where each epoch begins that something was written in. */
  epochs: { epoch: number; start: bigint }[]
}

const empty = (): Partition => ({ first: 0n, end: 0n, messages: [], epochs: [] })

export class MemoryLog implements EventLog {
  topicId = 'topic-1'
  readonly #partitions: Partition[]
  /** How many messages a batch has at most. */
  perBatch = 10
  #epoch = 0

  constructor(partitions: number) {
    this.#partitions = Array.from({ length: partitions }, empty)
  }

  put(partition: number, value: string | null, more: Partial<Message> = {}): bigint {
    const log = this.#partitions[partition]!
    this.#begin(log)
    const offset = log.end++
    const bytes = value === null ? null : Buffer.from(value)
    log.messages.push({ offset, timestamp: 1_700_000_000_000n, key: null, value: bytes, headers: [], ...more })
    return offset
  }

  /** So many offsets give no message. */
  skip(partition: number, offsets: number): void {
    const log = this.#partitions[partition]!
    this.#begin(log)
    log.end += BigInt(offsets)
  }

  addPartition(): void {
    this.#partitions.push(empty())
  }

  /** What comes before is gone. */
  removeBefore(partition: number, offset: bigint): void {
    const log = this.#partitions[partition]!
    log.first = offset
    log.messages = log.messages.filter(message => message.offset >= offset)
  }

  /** What is from that offset on is lost, as by a leader that never had it: what comes then is of another epoch. */
  truncate(partition: number, offset: bigint): void {
    const log = this.#partitions[partition]!
    log.end = offset
    log.first = log.first < offset ? log.first : offset
    log.messages = log.messages.filter(message => message.offset < offset)
    log.epochs = log.epochs.filter(({ start }) => start < offset)
    this.#epoch++
  }

  /** Deleted, and made anew. */
  replace(): void {
    this.topicId = `topic-${Number(this.topicId.slice('topic-'.length)) + 1}`
    for (const log of this.#partitions) Object.assign(log, empty())
  }

  async topic(): Promise<TopicState> {
    const partitions = this.#partitions.map(({ first, end }, partition) => ({ partition, first, end }))
    return { topicId: this.topicId, partitions }
  }

  async heldUpTo(
    { topic, topicId }: Pick<OffsetRange, 'topic' | 'topicId'>,
    positions: readonly ReadPosition[],
  ): Promise<Map<number, bigint>> {
    if (topicId !== this.topicId) throw new ReplacedTopicError(topic, topicId, this.topicId)
    return new Map(positions.map(position => [position.partition, this.#heldUpTo(position)]))
  }

  /** What is of the epoch, or an earlier one; less than the position where nothing is of it. */
  #heldUpTo({ partition, offset, epoch }: ReadPosition): bigint {
    const { epochs, end } = this.#partitions[partition]!
    const later = epochs.find(one => one.epoch > epoch)?.start ?? end
    const most = epochs.some(one => one.epoch === epoch) ? offset : offset - 1n
    return later < most ? later : most
  }

  #begin({ epochs, end }: Partition): void {
    if (epochs.at(-1)?.epoch !== this.#epoch) epochs.push({ epoch: this.#epoch, start: end })
  }

  async *readRange({ topic, topicId, partition, from, to, epoch = -1 }: OffsetRange): AsyncIterable<MessageBatch> {
    let read = epoch
    for (let next = from; next < to; ) {
      if (topicId !== this.topicId) throw new ReplacedTopicError(topic, topicId, this.topicId)
      const { first, messages, epochs } = this.#partitions[partition]!
      if (next < first) throw new OffsetsGoneError({ topic, partition, from: next, first })
      const held = read < 0 ? next : this.#heldUpTo({ partition, offset: next, epoch: read })
      if (held < next) throw new DivergedLogError({ topic, partition, position: next, held })
      const found = messages.filter(({ offset }) => offset >= next && offset < to).slice(0, this.perBatch)
      next = found.length === this.perBatch ? found.at(-1)!.offset + 1n : to
      read = epochs.findLast(({ start }) => start < next)?.epoch ?? -1
      yield { messages: found, next, epoch: read }
    }
  }

  async close(): Promise<void> {}
}
