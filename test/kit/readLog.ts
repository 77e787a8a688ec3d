/** What a log holds, read as a run reads it. */
import type { EventLog, Message, MessageBatch, OffsetRange } from '../../src/domain/eventLog.ts'

export interface Reading {
  /** Default: the first that is kept. */
  from?: bigint
  /** Default: the end. */
  to?: bigint
  batchBytes?: number
  signal?: AbortSignal
}

export const never = new AbortController().signal

/** The range of a partition as it is now. */
export async function rangeOf(log: EventLog, topic: string, partition = 0, { from, to }: Reading = {}): Promise<OffsetRange> {
  const { topicId, partitions } = await log.topic(topic, never)
  const { first, end } = partitions[partition]!
  return { topic, topicId, partition, from: from ?? first, to: to ?? end }
}

export async function batchesOf(log: EventLog, topic: string, partition = 0, reading: Reading = {}): Promise<MessageBatch[]> {
  const { batchBytes = 1 << 20, signal = never } = reading
  return Array.fromAsync(log.readRange(await rangeOf(log, topic, partition, reading), { batchBytes, signal }))
}

export async function messagesOf(log: EventLog, topic: string, partition = 0, reading: Reading = {}): Promise<Message[]> {
  return (await batchesOf(log, topic, partition, reading)).flatMap(({ messages }) => messages)
}

export const textOf = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString())

/** Values of messages as texts. */
export async function valuesOf(log: EventLog, topic: string, partition = 0, reading: Reading = {}): Promise<(string | null)[]> {
  return (await messagesOf(log, topic, partition, reading)).map(({ value }) => textOf(value))
}

/** The same with all parts made. */
export const plain = ({ offset, timestamp, key, value, headers }: Message): Message => ({
  offset,
  timestamp,
  key,
  value,
  headers,
})
