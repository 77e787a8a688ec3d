/** The port to logs of events: topics of partitions, whose messages keep their offsets. */
import { DataError } from './errors.ts'

export interface TopicState {
  /** Names this topic, and none that had or will have its name. */
  topicId: string
  /** Ascending by their number. */
  partitions: PartitionState[]
}

export interface PartitionState {
  partition: number
  /** The first offset that is still kept. */
  first: bigint
  /** The last stable offset: of all messages before it is decided whether they count. Equal to `first` where there is nothing. */
  end: bigint
}

/** Its parts may be made as they are asked for: who needs one twice keeps it, and bytes are to be copied by who keeps them for long. */
export interface Message {
  offset: bigint
  /** Milliseconds since 1970, as the producer or the broker says; -1 where neither does. Any 64-bit integer. */
  timestamp: bigint
  key: Uint8Array | null
  /** Null: a tombstone. */
  value: Uint8Array | null
  headers: readonly (readonly [name: string, value: Uint8Array | null])[]
}

/** Up to where a partition has been read. */
export interface ReadPosition {
  partition: number
  /** The next offset to be read. */
  offset: bigint
  /** That of what was read last before it, as its batch told. */
  epoch: number
}

/** Offsets `from <= offset < to` of one partition. */
export interface OffsetRange {
  topic: string
  topicId: string
  partition: number
  from: bigint
  to: bigint
  /** That of what was read last before `from`. Left out, or -1: it is not known. */
  epoch?: number
}

export interface MessageBatch {
  /** Ascending by their offsets, all within the range. */
  messages: Message[]
  /** Of every offset before it is known what it is: a message of this batch or an earlier one, or nothing that counts. At most `to`. */
  next: bigint
  /**
   * The epoch in which what stands last before `next` was written: a log that loses what it held writes on in a later one, so that an
   * offset and its epoch name one message for ever. -1 where it is not known.
   */
  epoch: number
}

export interface ReadRangeOptions {
  /** About so many bytes of a batch at most; a larger message comes alone. */
  batchBytes: number
  signal: AbortSignal
}

/**
 * A cluster, as one reader sees it. Every implementation must pass test/conformance/eventLog.ts.
 *
 * Out of reach, or without a leader for long, is a TransientError; credentials that are not accepted, a certificate that is not trusted
 * and a topic that is not there a DefinitionError; a topic that may not be read a DataError.
 */
export interface EventLog {
  /** What the topic holds now. */
  topic(name: string, signal: AbortSignal): Promise<TopicState>

  /**
   * The committed messages of a range, whole once each and in their order, without joining any group. The last batch has `next === to`.
   * At most about two batches are held ahead of who reads. A leader that moves, and a broker that is away for a moment, are waited for.
   * Raises an OffsetsGoneError where offsets of the range are not kept any more, and a ReplacedTopicError where the name
   * belongs to another topic by now. Where the range says of which epoch that is which stands before it, and in any case where the
   * log ends before the range begins, a DivergedLogError says that the log is no longer what was read of it.
   */
  readRange(range: OffsetRange, options: ReadRangeOptions): AsyncIterable<MessageBatch>

  /**
   * By partition, up to which offset the log still is what was read of it: the position's own, unless the log has lost what it held
   * (a leader was chosen that had not all, a copy was restored). Then it is where what has come since begins, as far as epochs tell, though
   * the log may end beyond the position. Raises a ReplacedTopicError where the name belongs to another topic by now.
   */
  heldUpTo(
    topic: Pick<OffsetRange, 'topic' | 'topicId'>,
    positions: readonly ReadPosition[],
    signal: AbortSignal,
  ): Promise<Map<number, bigint>>

  /** Ends all connections. */
  close(): Promise<void>
}

/** Messages that were not read are gone: retention has removed them, or records were deleted. */
export class OffsetsGoneError extends DataError {
  readonly range: { topic: string; partition: number; from: bigint; first: bigint }

  constructor(range: OffsetsGoneError['range']) {
    const { topic, partition, from, first } = range
    super(
      'data.offsets-gone',
      `topic \`${topic}\`, partition ${partition}: offsets ${from} to ${first - 1n} are gone before they were read; the first that is kept is ${first}`,
      {
        hint: 'Look at the retention of the topic. To go on without them, and have the gap recorded: `quern run --accept-loss`.',
        values: { topic, partition, from: String(from), to: String(first - 1n) },
      },
    )
    this.range = range
  }
}

/** The log has lost messages that were read, and gives their offsets to others. */
export class DivergedLogError extends DataError {
  /** `held`: what stands from that offset on is not what was read up to `position`. */
  readonly range: { topic: string; partition: number; position: bigint; held: bigint }

  constructor(range: DivergedLogError['range']) {
    const { topic, partition, position, held } = range
    super(
      'data.offsets-ahead',
      `topic \`${topic}\`, partition ${partition}: messages were read up to offset ${position - 1n}, and from offset ${held} on the topic no longer holds them`,
      {
        hint: 'The cluster has lost messages (see `unclean.leader.election.enable`), or was restored from a copy. To go on with what it holds from there on, beside what has landed: `quern run --accept-loss`.',
        values: { topic, partition, position: String(position), held: String(held) },
      },
    )
    this.range = range
  }
}

/** The topic was deleted, and made anew under its name, or not. */
export class ReplacedTopicError extends DataError {
  constructor(topic: string, expected: string, found: string | undefined) {
    super(
      'data.topic-replaced',
      `topic \`${topic}\` is no longer the one that was read: it had the id ${expected}, and ${found === undefined ? 'is gone' : `has ${found}`} now`,
      {
        hint: 'Run again: what another topic of this name holds is read from its beginning.',
        values: { topic, expected, found },
      },
    )
  }
}
