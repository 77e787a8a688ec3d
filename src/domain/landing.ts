/** The port to what judges the rows of messages and stages them as files of an archive. */

import { ARCHIVE_COLUMNS as A } from './kafkaSource.ts'
import type { RejectedRow, RejectingRun, StagedRejects } from './rejectedRows.ts'
import type { KafkaSource } from './source.ts'
import type { StagedFile, TableColumn } from './tableStore.ts'
import type { Instant } from './time.ts'

export interface LandingRequest {
  source: KafkaSource
  topicId: string
  /** Its number among the topics that have had the name. */
  topicNumber: number
  /** As what a partition's messages are named where they are refused: `partitionInput`. */
  inputOf: (partition: number) => string
  /** As found by which run refused rows are staged. */
  run: RejectingRun
  signal: AbortSignal
}

/** The row of one message. */
export interface LandingRow {
  offset: bigint
  /** The message's own, in milliseconds, -1 where it has none: the event time of a retraction whose row tells none. */
  timestamp: bigint
  /** An object on one line. */
  json: Uint8Array
  retracts: boolean
}

/** Rows of one batch of messages. Nothing of them is in a table before the files are committed. */
export interface Landing {
  /** Rows that were accepted so far, and of how many dates; rows that were refused; and the bytes of messages that were given. */
  readonly counts: { accepted: number; dates: number; refused: number; bytes: number }

  /** Rows of one partition, in the order of their offsets. */
  add(partition: number, rows: readonly LandingRow[]): Promise<void>

  /** Messages of which no row could be made. */
  refuse(rows: readonly RejectedRow[]): Promise<void>

  /** @param archived files of the archive that hold rows whose events lie between two instants, both included */
  finish(as: LandingMark, archived: (first: Instant, last: Instant) => Promise<readonly string[]>): Promise<Landed>

  /** Removes what was written and has not become part of a table. */
  abandon(): Promise<void>
}

/** What all rows of a landing have in common. */
export interface LandingMark {
  number: bigint
  at: Instant
}

export interface Landed {
  /** Each of one date. */
  files: StagedFile[]
  rows: number
  /** Rows that did not land since they repeat others. */
  repeats: number
  rejects: StagedRejects
}

/**
 * Where a partition's messages are named as an input, such as of refused rows: equal for all that read this very topic.
 * @param since the topic's number since which its offsets count anew; undefined where they never did
 */
export const partitionInput = (topicId: string, partition: number, since?: bigint): string =>
  `kafka:${topicId}/${partition}${since === undefined ? '' : `@${since}`}`

export interface PartitionInput {
  input: string
  topicId: string
  partition: number
  since: bigint | undefined
}

/** Undefined of what names no partition. */
export function readPartitionInput(input: string): PartitionInput | undefined {
  const [, topicId, partition, since] = /^kafka:([^/]+)\/(\d+)(?:@(\d+))?$/.exec(input) ?? []
  if (topicId === undefined) return undefined
  return { input, topicId, partition: Number(partition), since: since === undefined ? undefined : BigInt(since) }
}

/** The same for people. */
export const partitionPath = (topic: string, partition: number): string => `kafka:${topic}/${partition}`

const own = (
  name: string,
  kind: 'date' | 'timestamp' | 'string' | 'int32' | 'int64' | 'boolean',
  comment: string,
): TableColumn => ({
  name,
  type: { kind },
  nullable: true,
  comment,
})

/** Of every archive, whatever its schema. */
export const OWN_COLUMNS: TableColumn[] = [
  own(A.eventTime, 'timestamp', 'when the event happened'),
  own(A.landedAt, 'timestamp', 'when the landing that brought the row was about to be committed'),
  own(A.landing, 'int64', 'the number of that landing'),
  own(A.topicId, 'string', 'the topic, which another of the same name has not'),
  own(A.topic, 'int32', 'its number among the topics that have had the name'),
  own(A.partition, 'int32', "the message's partition"),
  own(A.offset, 'int64', "the message's offset"),
  own(A.retracts, 'boolean', 'the row takes back those of its row key'),
  own(A.date, 'date', 'the UTC date of the event'),
]

/** An archive's columns, those of the schema first. The date is in no file: the table is partitioned by it. */
export function archiveColumns(source: KafkaSource): TableColumn[] {
  const { fields } = source.landing.schema
  return [
    ...fields.map(({ name, type, description }) => ({
      name,
      type,
      nullable: true,
      ...(description === undefined ? {} : { comment: description }),
    })),
    ...OWN_COLUMNS,
  ]
}
