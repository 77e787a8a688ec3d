/** Messages of several partitions, as they come: some of each in turn, so that none waits for another to end. */
import type { EventLog, MessageBatch, TopicState } from '../domain/eventLog.ts'
import type { PartitionPlan } from './landingPlan.ts'

interface ReadOptions {
  topic: string
  topicId: TopicState['topicId']
  batchBytes: number
  signal: AbortSignal
}

export interface PartitionBatch extends MessageBatch {
  partition: number
}

/** Each takes a connection, and holds what it has read ahead. */
const AT_ONCE = 8
/** Messages that are small come many at a time; who reads may stop between so many of them. */
const PIECE = 1000

/** Ends where all ranges do. Who stops earlier lets go of what was read ahead. */
export async function* readTopic(
  log: EventLog,
  plans: readonly PartitionPlan[],
  { topic, topicId, batchBytes, signal }: ReadOptions,
): AsyncIterable<PartitionBatch> {
  const left = plans.filter(({ from, to }) => from < to)
  // All that are open have been asked; whoever answers is asked again behind the others.
  const open = new Map<Reader, ReturnType<typeof nextOf>>()
  const all = new Set<Reader>()
  const ask = (reader: Reader): unknown => open.set(reader, nextOf(reader))
  try {
    for (;;) {
      while (open.size < AT_ONCE && left.length > 0) {
        const { partition, from, epoch, to } = left.shift()!
        const batches = log.readRange({ topic, topicId, partition, from, epoch, to }, { batchBytes, signal })
        const reader = { partition, batches: batches[Symbol.asyncIterator]() }
        all.add(reader)
        ask(reader)
      }
      if (open.size === 0) return
      const { reader, result } = await Promise.race(open.values())
      open.delete(reader)
      if (result.done) {
        all.delete(reader)
        continue
      }
      yield* piecesOf({ ...result.value, partition: reader.partition })
      ask(reader)
    }
  } finally {
    await Promise.allSettled([...all].map(({ batches }) => batches.return?.()))
  }
}

/** A piece that ends before its batch does may be said to be of a later epoch than it is: of the same log that is as true. */
function* piecesOf({ partition, messages, next, epoch }: PartitionBatch): Iterable<PartitionBatch> {
  let from = 0
  for (; from + PIECE < messages.length; from += PIECE) {
    const piece = messages.slice(from, from + PIECE)
    yield { partition, messages: piece, next: piece.at(-1)!.offset + 1n, epoch }
  }
  yield { partition, messages: from === 0 ? messages : messages.slice(from), next, epoch }
}

interface Reader {
  partition: number
  batches: AsyncIterator<MessageBatch>
}

async function nextOf(reader: Reader): Promise<{ reader: Reader; result: IteratorResult<MessageBatch> }> {
  return { reader, result: await reader.batches.next() }
}
