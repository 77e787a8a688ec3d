/** What is to be read of a topic, once it was asked up to where it holds what has landed. */
import type { EventLog, TopicState } from '../domain/eventLog.ts'
import type { KafkaSource } from '../domain/source.ts'
import type { Snapshot } from '../domain/tableStore.ts'
import { landedAndHeld } from './landedPositions.ts'
import type { PartitionPlan } from './landingPlan.ts'
import { planLanding } from './landingPlan.ts'

interface Ground {
  log: EventLog
  archive: Snapshot | undefined
  /** Up to where each partition is read. Default: to where it ends in `topic`. */
  ends?: ReadonlyMap<number, bigint>
  acceptLoss: boolean
  signal: AbortSignal
}

/** By partition, where it ends. */
export const endsOf = ({ partitions }: TopicState): Map<number, bigint> =>
  new Map(partitions.map(({ partition, end }) => [partition, end]))

/** @param topic as `planLanding` wants it */
export async function planTopic(
  source: KafkaSource,
  topic: TopicState,
  { log, archive, ends = endsOf(topic), acceptLoss, signal }: Ground,
): Promise<PartitionPlan[]> {
  const held = await landedAndHeld(source, log, topic, archive, signal)
  return planLanding(source, topic, { archive, ends, held, acceptLoss })
}
