/** How much of a topic has not landed yet, without landing it. */
import type { KafkaSource } from '../domain/source.ts'
import type { Parts } from './parts.ts'
import { planTopic } from './planTopic.ts'

export interface TopicLag {
  /** At most: markers of transactions, and messages that were taken back, take offsets as well. */
  messages: number
  /** Offsets that are gone unread, which was accepted. */
  lost: number
  /** All of the topic's. `from`: the next offset to be read, `to`: where the partition ends. */
  partitions: { partition: number; from: bigint; to: bigint }[]
}

/** Raises what a landing would raise of messages that are gone, and of a cluster that is out of reach. */
export async function topicLag(
  source: KafkaSource,
  { store, topicOf }: Parts,
  { acceptLoss, signal }: { acceptLoss: boolean; signal: AbortSignal },
): Promise<TopicLag> {
  const { log } = topicOf(source)
  // Read before the topic is: what another run lands in between is not beyond where the topic ends.
  const archive = await store.table(`archive/${source.name}`).snapshot('latest')
  const topic = await log.topic(source.landing.topic, signal)
  const plans = await planTopic(source, topic, { log, archive, acceptLoss, signal })
  const sum = (of: (plan: (typeof plans)[number]) => bigint): number =>
    Number(plans.reduce((total, plan) => total + of(plan), 0n))
  return {
    messages: sum(({ from, to }) => to - from),
    lost: sum(({ gap }) => (gap ? gap.to - gap.from : 0n)),
    partitions: plans.map(({ partition, from, to }) => ({ partition, from, to })),
  }
}
