/** What of a topic has not landed yet, as far as looks at it and landings tell: nothing of it is read for that. */
import type { TopicState } from '../domain/eventLog.ts'
import type { Instant } from '../domain/time.ts'
import { secondsBetween } from './batchTimes.ts'

export interface Lag {
  /** Offsets between what has landed and the last stable offset. Some may be no messages: what compaction and transactions leave. */
  messages: number
  /** No message that has not landed has been in the topic for longer; undefined where nothing of a partition has been read yet. */
  seconds: number | undefined
  /** By partition: its offsets. */
  partitions: ReadonlyMap<number, number>
}

/** What a commit has moved. */
interface Landed {
  next: ReadonlyMap<number, bigint>
  times: { newest: ReadonlyMap<number, Instant> }
}

export class Backlog {
  #topicId: string | undefined
  /** By partition: the last stable offset, when it was last looked at. */
  #ends = new Map<number, bigint>()
  /** By partition: the next offset to be read. */
  #next = new Map<number, bigint>()
  /** By partition: what was written before has landed, by the clock of whoever wrote it. */
  #settled = new Map<number, Instant>()
  #lookedAt: Instant = 0n

  /** Whether it is known of each partition where landings go on. */
  knows({ topicId, partitions }: TopicState): boolean {
    return topicId === this.#topicId && partitions.every(({ partition }) => this.#next.has(partition))
  }

  /** @param plans where landings go on */
  begin({ topicId }: TopicState, plans: readonly { partition: number; from: bigint }[]): void {
    this.#topicId = topicId
    this.#next = new Map(plans.map(({ partition, from }) => [partition, from]))
    this.#settled = new Map()
  }

  /** Of a topic that it knows. @param at when that was asked for */
  look({ partitions }: TopicState, at: Instant): void {
    this.#ends = new Map(partitions.map(({ partition, end }) => [partition, end]))
    this.#lookedAt = at
    for (const { partition, end } of partitions) if (this.#next.get(partition) === end) this.#settled.set(partition, at)
  }

  landed({ next, times }: Landed): void {
    for (const [partition, offset] of next) this.#next.set(partition, offset)
    for (const [partition, newest] of times.newest) {
      const settled = this.#settled.get(partition)
      if (settled === undefined || newest > settled) this.#settled.set(partition, newest)
    }
  }

  /** All that was there at the last look. */
  landedAll(): void {
    for (const [partition, end] of this.#ends) {
      this.#next.set(partition, end)
      this.#settled.set(partition, this.#lookedAt)
    }
  }

  /** Whether there is something for a landing: messages, or a topic that has become shorter than it was. */
  get waits(): boolean {
    return [...this.#ends].some(([partition, end]) => this.#next.get(partition) !== end)
  }

  lag(now: Instant): Lag {
    const offsets = ([partition, end]: [number, bigint]): number => Math.max(0, Number(end - (this.#next.get(partition) ?? end)))
    const partitions = new Map([...this.#ends].map(entry => [entry[0], offsets(entry)]))
    const behind = [...partitions].flatMap(([partition, messages]) => (messages > 0 ? [partition] : []))
    const waiting = behind.map(partition => secondsBetween(this.#settled.get(partition), now))
    return {
      messages: [...partitions.values()].reduce((sum, of) => sum + of, 0),
      seconds: waiting.includes(undefined) ? undefined : Math.max(0, ...waiting.map(seconds => seconds!)),
      partitions,
    }
  }
}
