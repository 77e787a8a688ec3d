/** What an archive's transactions say of where landings have come to. Pure, but for what a log is asked. */
import type { EventLog, ReadPosition } from '../domain/eventLog.ts'
import type { KafkaSource } from '../domain/source.ts'
import type { Snapshot } from '../domain/tableStore.ts'

type Archive = Pick<Snapshot, 'transactions'> | undefined

/** Of a source: the transaction that counts its landings. Of two that began alike one is committed. */
export const landingsId = (source: string): string => `quern/${source}/landings`

/** Of a partition of a very topic: the transaction whose version is the next offset to be read. */
export const positionId = (source: string, topicId: string, partition: number): string =>
  `quern/${source}/kafka/${topicId}/${partition}`

/** The same: the epoch of what stands last before that offset; -1 where it is not known. */
export const epochId = (source: string, topicId: string, partition: number): string =>
  `${positionId(source, topicId, partition)}/epoch`

/** The same, of which messages that had landed were lost, which was accepted: the landing that has done it. Offsets count anew with that number. */
export const sinceId = (source: string, topicId: string, partition: number, since: bigint): string =>
  `${positionId(source, topicId, partition)}/since/${since}`

/** Of a very topic: the transaction whose version is its number among those of the source's name. */
export const topicNumberId = (source: string, topicId: string): string => `quern/${source}/topic/${topicId}`

/** The number of a topic; one that is new comes after all others. */
export function topicNumber(source: string, topicId: string, archive: Archive): bigint {
  return archive?.transactions.get(topicNumberId(source, topicId)) ?? nextTopicNumber(source, archive)
}

/** Higher than all so far. */
export function nextTopicNumber(source: string, archive: Archive): bigint {
  let last = 0n
  for (const [id, number] of archive?.transactions ?? [])
    if (id.startsWith(topicNumberId(source, '')) && number > last) last = number
  return last + 1n
}

/** The topic's numbers since which offsets of a partition count anew, ascending: as often as a loss was accepted. */
export function incarnations(source: string, topicId: string, partition: number, archive: Archive): bigint[] {
  const prefix = `${positionId(source, topicId, partition)}/since/`
  const found = [...(archive?.transactions.keys() ?? [])].flatMap(id =>
    id.startsWith(prefix) ? [BigInt(id.slice(prefix.length))] : [],
  )
  return found.sort((a, b) => Number(a - b))
}

/** Of partitions of which it is known in which epoch that was written which was read last. */
export function readPositions(
  source: string,
  topicId: string,
  partitions: readonly { partition: number }[],
  archive: Archive,
): ReadPosition[] {
  const { transactions = new Map<string, bigint>() } = archive ?? {}
  return partitions.flatMap(({ partition }) => {
    const offset = transactions.get(positionId(source, topicId, partition))
    const epoch = transactions.get(epochId(source, topicId, partition)) ?? -1n
    return offset === undefined || epoch < 0n ? [] : [{ partition, offset, epoch: Number(epoch) }]
  })
}

/** By partition, up to where the topic still holds what has landed, as far as that is known. @param topic as it is since `archive` was read */
export function landedAndHeld(
  { name, landing }: KafkaSource,
  log: EventLog,
  topic: { topicId: string; partitions: readonly { partition: number }[] },
  archive: Archive,
  signal: AbortSignal,
): Promise<ReadonlyMap<number, bigint>> {
  const { topicId, partitions } = topic
  const positions = readPositions(name, topicId, partitions, archive)
  return log.heldUpTo({ topic: landing.topic, topicId }, positions, signal)
}
