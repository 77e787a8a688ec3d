/** Messages of several partitions, as they come: a batch of each in turn, so that none waits for another to end. */
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

/** Ends where all ranges do. Who stops earlier lets go of what was read ahead. */
export async function* readTopic(
  log: EventLog,
  plans: readonly PartitionPlan[],
  { topic, topicId, batchBytes, signal }: ReadOptions,
): AsyncIterable<PartitionBatch> {
  const readers = plans
    .filter(({ from, to }) => from < to)
    .map(({ partition, from, to }) => ({
      partition,
      batches: log.readRange({ topic, topicId, partition, from, to }, { batchBytes, signal })[Symbol.asyncIterator](),
    }))
  try {
    // All are asked at once; whoever answers is asked again behind the others.
    const waiting = new Map(readers.map(reader => [reader, nextOf(reader)]))
    while (waiting.size > 0) {
      const { reader, result } = await Promise.race(waiting.values())
      waiting.delete(reader)
      if (result.done) continue
      yield { ...result.value, partition: reader.partition }
      waiting.set(reader, nextOf(reader))
    }
  } finally {
    await Promise.allSettled(readers.map(({ batches }) => batches.return?.()))
  }
}

interface Reader {
  partition: number
  batches: AsyncIterator<MessageBatch>
}

async function nextOf(reader: Reader): Promise<{ reader: Reader; result: IteratorResult<MessageBatch> }> {
  return { reader, result: await reader.batches.next() }
}
