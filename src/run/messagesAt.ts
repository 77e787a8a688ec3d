/** Messages of a partition by their offsets, as far as they are still kept. */
import type { EventLog, Message, OffsetRange } from '../domain/eventLog.ts'
import { DivergedLogError, OffsetsGoneError, ReplacedTopicError } from '../domain/eventLog.ts'

/** What lies between two messages is read along with them up to so many offsets: a request more costs as much. */
const NEAR = 1000n

const BATCH_BYTES = 2 ** 22

/**
 * What is not among the answers is gone.
 *
 * @param offsets ascending
 */
export async function* messagesAt(
  log: EventLog,
  of: Omit<OffsetRange, 'from' | 'to'>,
  { offsets, signal }: { offsets: readonly bigint[]; signal: AbortSignal },
): AsyncIterable<Message[]> {
  const wanted = new Set(offsets)
  for (const { from, to } of rangesOf(offsets)) {
    for (let next = from; next < to; ) {
      try {
        for await (const batch of log.readRange({ ...of, from: next, to }, { batchBytes: BATCH_BYTES, signal })) {
          const messages = batch.messages.filter(({ offset }) => wanted.has(offset))
          if (messages.length > 0) yield messages
          next = batch.next
        }
      } catch (error) {
        if (error instanceof ReplacedTopicError || error instanceof DivergedLogError) return
        if (!(error instanceof OffsetsGoneError)) throw error
        next = error.range.first
      }
    }
  }
}

function rangesOf(offsets: readonly bigint[]): { from: bigint; to: bigint }[] {
  const ranges: { from: bigint; to: bigint }[] = []
  for (const offset of offsets) {
    const last = ranges.at(-1)
    if (last && offset - last.to < NEAR) last.to = offset + 1n
    else ranges.push({ from: offset, to: offset + 1n })
  }
  return ranges
}
