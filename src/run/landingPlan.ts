/** From where to where each partition of a topic is to be read. Pure. */
import { DataError } from '../domain/errors.ts'
import type { PartitionState, TopicState } from '../domain/eventLog.ts'
import { OffsetsGoneError } from '../domain/eventLog.ts'
import type { KafkaSource } from '../domain/source.ts'
import type { Snapshot } from '../domain/tableStore.ts'
import type { Instant } from '../domain/time.ts'

export interface PartitionPlan {
  partition: number
  /** The next offset to be read. */
  from: bigint
  /** The last stable offset when the run began. */
  to: bigint
  /** Offsets that are gone unread, which was accepted. */
  gap: { from: bigint; to: bigint } | undefined
  /** The position that the archive had, beyond where the topic ends now, which was accepted. */
  ahead: bigint | undefined
}

/** Of a source: the transaction that counts its landings. Of two that began alike one is committed. */
export const landingsId = (source: string): string => `quern/${source}/landings`

/** Of a partition of a very topic: the transaction whose version is the next offset to be read. */
export const positionId = (source: string, topicId: string, partition: number): string =>
  `quern/${source}/kafka/${topicId}/${partition}`

/**
 * @param topic as it is since `archive` was read: another run may have landed beyond `ends` meanwhile
 * @param ends up to where each partition is read, by its number; one that is not in it has come since
 */
export function planLanding(
  { name, landing }: KafkaSource,
  topic: TopicState,
  { archive, ends, acceptLoss }: { archive: Snapshot | undefined; ends: ReadonlyMap<number, bigint>; acceptLoss: boolean },
): PartitionPlan[] {
  const positions = archive?.transactions ?? new Map<string, bigint>()
  // Only where nothing of the source has landed: what a new partition holds has come since.
  const fromEnd = landing.start === 'latest' && !hasPositions(name, positions)
  return topic.partitions.flatMap((state): PartitionPlan[] => {
    const { partition } = state
    const to = ends.get(partition)
    if (to === undefined) return []
    const position = positions.get(positionId(name, topic.topicId, partition))
    if (position === undefined) return [{ partition, from: fromEnd ? to : state.first, to, gap: undefined, ahead: undefined }]
    return [{ ...planFrom(landing.topic, { position, to }, state, acceptLoss), partition }]
  })
}

function planFrom(
  topic: string,
  { position, to }: { position: bigint; to: bigint },
  { partition, first, end }: PartitionState,
  acceptLoss: boolean,
): Pick<PartitionPlan, 'from' | 'to' | 'gap' | 'ahead'> {
  if (position < first) {
    if (!acceptLoss) throw new OffsetsGoneError({ topic, partition, from: position, first })
    return { from: first, to: to > first ? to : first, gap: { from: position, to: first }, ahead: undefined }
  }
  if (position <= end) return { from: position, to: to > position ? to : position, gap: undefined, ahead: undefined }
  if (!acceptLoss) throw shrunk(topic, { partition, position, end })
  return { from: end, to: end, gap: undefined, ahead: position }
}

/** A leader that was chosen though it had not all has dropped messages: their offsets are given to others. */
function shrunk(topic: string, { partition, position, end }: { partition: number; position: bigint; end: bigint }): DataError {
  return new DataError(
    'data.offsets-ahead',
    `topic \`${topic}\`, partition ${partition}: messages have landed up to offset ${position - 1n}, and the topic ends at ${end}`,
    {
      hint: 'The cluster has lost messages, or was restored from a copy. To go on at its end: `quern run --accept-loss`.',
      values: { topic, partition, position: String(position), end: String(end) },
    },
  )
}

const hasPositions = (source: string, positions: ReadonlyMap<string, bigint>): boolean => positions.has(landingsId(source))

/** Of a very topic: the transaction whose version is its number among those of the source's name. */
export const topicNumberId = (source: string, topicId: string): string => `quern/${source}/topic/${topicId}`

/** The number of a topic; one that is new comes after all others. */
export function topicNumber(source: string, topicId: string, archive: Snapshot | undefined): bigint {
  const positions = archive?.transactions ?? new Map<string, bigint>()
  const known = positions.get(topicNumberId(source, topicId))
  const others = [...positions].filter(([id]) => id.startsWith(topicNumberId(source, '')))
  return known ?? BigInt(others.length) + 1n
}

/** Whether there is something to commit. */
export const isDue = ({ from, to, gap, ahead }: PartitionPlan): boolean => from < to || gap !== undefined || ahead !== undefined

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
