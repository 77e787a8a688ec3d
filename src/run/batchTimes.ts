/**
 * When the messages of a commit were written and their events happened: from that follows how fresh an archive is. Times that lie in the
 * future, which clocks that go wrong bring about, say nothing of it and are passed over.
 */
import type { Message } from '../domain/eventLog.ts'
import { ARCHIVE_COLUMNS as A } from '../domain/kafkaSource.ts'
import type { StagedFile } from '../domain/tableStore.ts'
import type { Instant } from '../domain/time.ts'

/** By the messages' own timestamps, whatever they hold. */
export interface MessageTimes {
  oldest: Instant | undefined
  /** By partition. */
  newest: Map<number, Instant>
}

export interface BatchTimes extends MessageTimes {
  /** Of the rows that have landed. */
  newestEvent: Instant | undefined
}

/** In seconds, from what has happened to the instant at which it can be read; undefined where nothing tells. */
export interface Freshness {
  /** Of the newest message of a commit. */
  newest: number | undefined
  /** Of its oldest message, which has waited longest. */
  oldest: number | undefined
  /** Of its newest event. */
  event: number | undefined
}

export const noTimes = (): MessageTimes => ({ oldest: undefined, newest: new Map() })

export function addTimes(
  times: MessageTimes,
  { partition, messages }: { partition: number; messages: readonly Message[] },
  now: Instant,
): void {
  const latest = now / 1000n
  let newest = -1n
  let oldest = latest
  for (const { timestamp } of messages) {
    if (timestamp < 0n || timestamp > latest) continue
    if (timestamp > newest) newest = timestamp
    if (timestamp < oldest) oldest = timestamp
  }
  if (newest < 0n) return
  const known = times.newest.get(partition)
  if (known === undefined || newest * 1000n > known) times.newest.set(partition, newest * 1000n)
  if (times.oldest === undefined || oldest * 1000n < times.oldest) times.oldest = oldest * 1000n
}

/** By the files' statistics: a file with an event of the future counts for nothing. */
export function newestEvent(files: readonly StagedFile[], now: Instant): Instant | undefined {
  return latestOf(
    files.flatMap(({ columns }) => {
      const { max } = columns[A.eventTime] ?? {}
      return typeof max === 'bigint' && max <= now ? [max] : []
    }),
  )
}

export const latestOf = (instants: Iterable<Instant>): Instant | undefined =>
  [...instants].reduce<Instant | undefined>((latest, one) => (latest === undefined || one > latest ? one : latest), undefined)

/** Of a commit that can be read since `readableAt`. */
export function freshnessOf({ newest, oldest, newestEvent }: BatchTimes, readableAt: Instant): Freshness {
  const since = (instant: Instant | undefined): number | undefined => secondsBetween(instant, readableAt)
  return { newest: since(latestOf(newest.values())), oldest: since(oldest), event: since(newestEvent) }
}

/** Never negative: two clocks may differ. */
export function secondsBetween(from: Instant | undefined, to: Instant): number | undefined {
  return from === undefined ? undefined : Math.max(0, Number(to - from)) / 1e6
}
