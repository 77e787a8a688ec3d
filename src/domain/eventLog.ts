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

/** Offsets `from <= offset < to` of one partition. */
export interface OffsetRange {
  topic: string
  topicId: string
  partition: number
  from: bigint
  to: bigint
}

export interface MessageBatch {
  /** Ascending by their offsets, all within the range. */
  messages: Message[]
  /** Of every offset before it is known what it is: a message of this batch or an earlier one, or nothing that counts. At most `to`. */
  next: bigint
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
   * belongs to another topic by now.
   */
  readRange(range: OffsetRange, options: ReadRangeOptions): AsyncIterable<MessageBatch>

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
