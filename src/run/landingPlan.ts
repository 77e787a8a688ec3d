/** From where to where each partition of a topic is to be read. Pure. */
import type { PartitionState, TopicState } from '../domain/eventLog.ts'
import { DivergedLogError, OffsetsGoneError } from '../domain/eventLog.ts'
import { partitionInput } from '../domain/landing.ts'
import type { KafkaSource } from '../domain/source.ts'
import type { Snapshot } from '../domain/tableStore.ts'
import type { Instant } from '../domain/time.ts'
import { epochId, incarnations, landingsId, nextTopicNumber, positionId, topicNumber } from './landedPositions.ts'

export interface PartitionPlan {
  partition: number
  /** The next offset to be read. */
  from: bigint
  /** That of what stands last before it; -1 where it is not known. */
  epoch: number
  /** The last stable offset when the run began. */
  to: bigint
  /** Offsets that are gone unread, which was accepted. */
  gap: { from: bigint; to: bigint } | undefined
  /** The position that the archive had, up to which the topic does not hold any more what has landed, which was accepted. */
  ahead: bigint | undefined
}

interface Ground {
  archive: Snapshot | undefined
  ends: ReadonlyMap<number, bigint>
  held: ReadonlyMap<number, bigint>
  acceptLoss: boolean
}

/**
 * @param topic as it is since `archive` was read: another run may have landed beyond `ends` meanwhile
 * @param ends up to where each partition is read, by its number; one that is not in it has come since
 * @param held up to where each holds what has landed, by its number; what is not in it is not known
 */
export function planLanding(
  { name, landing }: KafkaSource,
  topic: TopicState,
  { archive, ends, held, acceptLoss }: Ground,
): PartitionPlan[] {
  const positions = archive?.transactions ?? new Map<string, bigint>()
  // Only where nothing of the source has landed: what a new partition holds has come since.
  const fromEnd = landing.start === 'latest' && !hasPositions(name, positions)
  return topic.partitions.flatMap((state): PartitionPlan[] => {
    const { partition } = state
    const to = ends.get(partition)
    if (to === undefined) return []
    const position = positions.get(positionId(name, topic.topicId, partition))
    if (position === undefined)
      return [{ partition, from: fromEnd ? to : state.first, epoch: -1, to, gap: undefined, ahead: undefined }]
    const epoch = Number(positions.get(epochId(name, topic.topicId, partition)) ?? -1n)
    return [planFrom(landing.topic, { position, epoch, to, held: held.get(partition) ?? position }, state, acceptLoss)]
  })
}

function planFrom(
  topic: string,
  { position, epoch, to, held: known }: { position: bigint; epoch: number; to: bigint; held: bigint },
  { partition, first, end }: PartitionState,
  acceptLoss: boolean,
): PartitionPlan {
  const held = known < end ? known : end
  const begin = held < position ? held : position
  if (held < position && !acceptLoss) throw new DivergedLogError({ topic, partition, position, held })
  if (begin < first && !acceptLoss) throw new OffsetsGoneError({ topic, partition, from: position, first })
  const from = begin < first ? first : begin
  // Behind a loss the last end that was seen may be one that the topic has not yet again.
  const last = held < position && end < to ? end : to
  return {
    partition,
    from,
    epoch: from === position ? epoch : -1,
    to: last > from ? last : from,
    gap: begin < from ? { from: begin, to: from } : undefined,
    ahead: held < position ? position : undefined,
  }
}

const hasPositions = (source: string, positions: ReadonlyMap<string, bigint>): boolean => positions.has(landingsId(source))

/** Whether there is something to commit. */
export const isDue = ({ from, to, gap, ahead }: PartitionPlan): boolean => from < to || gap !== undefined || ahead !== undefined

/** What rows of a landing bear beside their offsets, so that none is taken for another's. */
export interface NamedTopic {
  topicNumber: bigint
  /** As what messages of a partition are named where they are refused. */
  inputOf: (partition: number) => string
}

/** Behind a loss that was accepted offsets stand for other messages: the topic counts as another, whose rows come after those that landed. */
export function namedAs(
  source: string,
  topicId: string,
  { archive, plans }: { archive: Snapshot | undefined; plans: readonly PartitionPlan[] },
): NamedTopic {
  const isNew = plans.some(({ ahead }) => ahead !== undefined)
  const number = isNew ? nextTopicNumber(source, archive) : topicNumber(source, topicId, archive)
  const since = new Map(
    plans.map(({ partition, ahead }) => [
      partition,
      ahead === undefined ? incarnations(source, topicId, partition, archive).at(-1) : number,
    ]),
  )
  return { topicNumber: number, inputOf: partition => partitionInput(topicId, partition, since.get(partition)) }
}

/** Another topic of this name that has landed before; undefined where there was none. */
export function formerTopic(source: string, topicId: string, archive: Snapshot | undefined): string | undefined {
  const prefix = `quern/${source}/kafka/`
  const ids = [...(archive?.transactions.keys() ?? [])].flatMap(id =>
    id.startsWith(prefix) ? [id.slice(prefix.length).split('/')[0]!] : [],
  )
  return ids.includes(topicId) ? undefined : ids.at(-1)
}

/** When a landing takes place. Clocks differ: it is not before what has been committed already. */
export const landedAt = (archive: Snapshot | undefined, now: Instant): Instant =>
  archive !== undefined && archive.committedAt > now ? archive.committedAt : now
