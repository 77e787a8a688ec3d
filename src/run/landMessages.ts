/** Messages of one partition into a landing: rows of those of which some can be made, and refusals of the others. */
import type { Message } from '../domain/eventLog.ts'
import type { Landing, LandingRow } from '../domain/landing.ts'
import type { MessageDecoder } from '../domain/messageDecoder.ts'
import type { RejectedRow } from '../domain/rejectedRows.ts'

interface PartitionMessages {
  /** What refused ones are named by, beside their offsets. */
  place: Pick<RejectedRow, 'input' | 'path'>
  partition: number
  messages: readonly Message[]
}

/** Answers how many were passed over. */
export async function landMessages(
  landing: Landing,
  decoder: MessageDecoder,
  { place, partition, messages }: PartitionMessages,
  signal: AbortSignal,
): Promise<number> {
  await decoder.prepare(messages, signal)
  const rows: LandingRow[] = []
  const refused: RejectedRow[] = []
  for (const message of messages) {
    const decoded = decoder.decode(message, partition)
    const { offset, timestamp } = message
    if (decoded.kind === 'row') rows.push({ offset, timestamp, json: decoded.json, retracts: decoded.retracts })
    else if (decoded.kind === 'refused') refused.push({ ...place, row: offset, raw: decoded.raw, issues: [decoded.issue] })
  }
  await landing.add(partition, rows)
  await landing.refuse(refused)
  return messages.length - rows.length - refused.length
}
