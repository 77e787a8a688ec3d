/**
 * The story of following: what comes in topics lands in small batches, each in one commit, and what reads the topics is computed after
 * each, until an end is asked for. A round is what `quern run` does, and as bounded: nothing but what landed and when is remembered from
 * one to the next, so it may die anywhere and be started again anywhere.
 *
 * What waits for its batch waits in the topic. Nothing is read before a batch is due, and nothing while one is being committed.
 */
import { setTimeout as timeout } from 'node:timers/promises'
import { TransientError } from '../domain/errors.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import { dueCutoff } from '../domain/planner.ts'
import type { KafkaSource } from '../domain/source.ts'
import type { Duration, Instant } from '../domain/time.ts'
import { Backlog } from './backlog.ts'
import { freshnessOf, latestOf, secondsBetween } from './batchTimes.ts'
import type { FollowWatcher } from './followWatcher.ts'
import type { LandOptions } from './landBatch.ts'
import { landTopic } from './landTopic.ts'
import type { Parts } from './parts.ts'
import { planTopic } from './planTopic.ts'
import type { RunOptions } from './runFeatureSet.ts'
import { runFeatureSet } from './runFeatureSet.ts'

/** A topic, and what is computed from it. */
export interface Followed {
  source: KafkaSource
  sets: readonly FeatureSet[]
}

export interface FollowOptions extends Pick<RunOptions, 'acceptLoss' | 'maxRejected' | 'severity'> {
  /** A batch is due when its first message has waited so long, or when so many wait. */
  batch: { time: Duration; messages: number }
  watchers: readonly FollowWatcher[]
  /** Aborted where an end is asked for: what waits by then lands as one more commit, and is computed from. */
  ending: AbortSignal
  /** Milliseconds; ends early, and well, by the signal. */
  pause?: (milliseconds: number, signal: AbortSignal) => Promise<void>
}

export interface FollowFailure {
  /** A source or a feature set. */
  name: string
  error: Error
}

/** Milliseconds between two tries after a passing fault: twice as many each time. */
const RETRY = { first: 1000, longest: 30_000 }
/** Milliseconds between two looks at a topic. */
const LOOK = { shortest: 100, longest: 1000 }

/**
 * Ends when an end is asked for, or by what trying again does not mend, which it answers: then what else is under way is finished
 * too. Passing faults are told, and tried again for ever; they are answered where an end was asked for meanwhile.
 */
export async function follow(followed: readonly Followed[], parts: Parts, options: FollowOptions): Promise<FollowFailure[]> {
  const failed = new AbortController()
  const ending = AbortSignal.any([options.ending, failed.signal])
  // Topics are looked at side by side, and land one after the other: a round may take all the memory there is.
  const inTurn = turns()
  const ends = await Promise.allSettled(
    followed.map(async one => {
      try {
        const failures = await new Follower(one, parts, { ...options, ending }, inTurn).follow()
        if (failures.length > 0) failed.abort()
        return failures
      } catch (error) {
        failed.abort()
        throw error
      }
    }),
  )
  return ends.flatMap(end => {
    if (end.status === 'rejected') throw end.reason
    return end.value
  })
}

type Turns = <T>(work: () => Promise<T>) => Promise<T>

function turns(): Turns {
  let last: Promise<unknown> = Promise.resolve()
  return work => {
    const mine = last.then(work)
    last = mine.catch(() => {})
    return mine
  }
}

/** What a feature set was last computed from. */
interface Computed {
  archive: number | undefined
  through: Instant
}

class Follower {
  readonly #source: KafkaSource
  readonly #sets: readonly FeatureSet[]
  readonly #parts: Parts
  readonly #options: FollowOptions
  readonly #inTurn: Turns
  readonly #backlog = new Backlog()
  readonly #computed = new Map<string, Computed>()
  /** The archive's version. */
  #archive: number | undefined
  #newestEvent: Instant | undefined
  /** What waits has come since. */
  #emptySince: Instant
  /** A round is due, whatever waits: the first one, which finds out what has landed, and one after a fault. */
  #mustTry = true

  constructor({ source, sets }: Followed, parts: Parts, options: FollowOptions, inTurn: Turns) {
    this.#source = source
    this.#sets = sets
    this.#parts = parts
    this.#options = options
    this.#inTurn = inTurn
    this.#emptySince = parts.now()
  }

  async follow(): Promise<FollowFailure[]> {
    const { ending } = this.#options
    let fault: { codes: string; since: Instant; times: number } | undefined
    for (;;) {
      const failures = await this.#next()
      if (!failures) return []
      const lasting = failures.filter(({ error }) => !(error instanceof TransientError))
      if (lasting.length > 0 || (failures.length > 0 && ending.aborted)) return failures
      if (failures.length > 0) {
        const { since = this.#parts.now(), times = 0, codes: before = '' } = fault ?? {}
        const codes = failures.map(({ name, error }) => `${name} ${(error as TransientError).code}`).join()
        const pause = Math.min(RETRY.first * 2 ** times, RETRY.longest)
        for (const failure of failures)
          this.#tell(watcher => watcher.failed(failure, { isNew: codes !== before, retryIn: pause / 1000 }))
        fault = { codes, since, times: times + 1 }
        this.#mustTry = true
        await this.#pause(pause)
        if (ending.aborted) return []
      } else if (fault) {
        const seconds = secondsBetween(fault.since, this.#parts.now())!
        this.#tell(watcher => watcher.recovered(this.#source, seconds))
        fault = undefined
      }
    }
  }

  /** Waits for a batch and lands it. Undefined where an end was asked for and nothing is left to do. */
  async #next(): Promise<FollowFailure[] | undefined> {
    const { ending } = this.#options
    if (ending.aborted && !this.#mustTry) return undefined
    try {
      while (!this.#mustTry) {
        await this.#look(AbortSignal.any([this.#parts.signal, ending]))
        if (this.#isDue()) break
        await this.#pause(this.#lookAgain)
        if (!ending.aborted) continue
        if (this.#backlog.waits) break
        return undefined
      }
    } catch (error) {
      if (this.#parts.signal.aborted) throw error
      if (!ending.aborted) return [{ name: this.#source.name, error: error as Error }]
      if (!this.#backlog.waits) return undefined
    }
    this.#mustTry = false
    return this.#inTurn(() => this.#round())
  }

  /**
   * Answers what has failed. Where the landing does, or an end was asked for before all has landed, nothing is computed: what has not
   * landed yet would come late.
   */
  async #round(): Promise<FollowFailure[]> {
    // As of then: what was written before has landed when it is computed.
    const until = this.#parts.now()
    const tried = async (name: string, work: () => Promise<void>): Promise<FollowFailure[]> => {
      try {
        await work()
        return []
      } catch (error) {
        if (this.#parts.signal.aborted) throw error
        return [{ name, error: error as Error }]
      }
    }
    let isWhole = false
    const failures = await tried(this.#source.name, async () => {
      isWhole = await this.#land()
    })
    if (!isWhole) return failures
    for (const set of this.#sets) failures.push(...(await tried(set.name, () => this.#compute(set, until))))
    return failures
  }

  /** Answers whether all that was there has landed. */
  async #land(): Promise<boolean> {
    const { signal, now } = this.#parts
    const { acceptLoss, maxRejected, batch, ending } = this.#options
    const begun = now()
    await this.#look(signal)
    const options: LandOptions = {
      acceptLoss,
      maxRejected,
      most: { messages: batch.messages },
      ending,
      signal,
      onProgress: progress => this.#tell(watcher => watcher.progress(this.#source.name, progress)),
      onCommit: async landed => {
        this.#backlog.landed(landed)
        this.#newestEvent = latestOf([this.#newestEvent, landed.times.newestEvent].filter(one => one !== undefined))
        // How much has come meanwhile; the landing itself does not depend on it.
        await this.#look(signal).catch(() => {})
        const lag = this.#backlog.lag(now())
        const freshness = freshnessOf(landed.times, landed.readableAt)
        this.#tell(watcher => watcher.landed(this.#source, { ...landed, lag, freshness }))
      },
    }
    const result = await landTopic(this.#source, this.#parts, options)
    this.#archive = result.version
    // Without a commit of its own, others have landed what there was.
    if (result.commits === 0) this.#backlog.landedAll()
    this.#emptySince = begun
    return result.isWhole
  }

  async #compute(set: FeatureSet, until: Instant): Promise<void> {
    const { acceptLoss, maxRejected, severity } = this.#options
    const due: Computed = { archive: this.#archive, through: dueCutoff(set, until) }
    const done = this.#computed.get(set.name)
    if (done && done.archive === due.archive && done.through >= due.through) return
    const begun = this.#parts.now()
    const result = await runFeatureSet(set, this.#parts, {
      until,
      full: false,
      acceptLoss,
      maxRejected,
      severity,
      signal: this.#parts.signal,
      onProgress: progress => this.#tell(watcher => watcher.progress(set.name, progress)),
      onNote: text => this.#tell(watcher => watcher.note(text)),
    })
    this.#computed.set(set.name, due)
    const readableAt = this.#parts.now()
    const seconds = secondsBetween(begun, readableAt)!
    const newest = this.#newestEvent
    const known = newest !== undefined && newest < result.through ? newest : result.through
    const freshness = result.outcome === 'committed' ? secondsBetween(known, readableAt) : undefined
    this.#tell(watcher => watcher.computed(set, { result, seconds, freshness }))
  }

  async #look(signal: AbortSignal): Promise<void> {
    const source = this.#source
    const at = this.#parts.now()
    const { log } = this.#parts.topicOf(source)
    const topic = await log.topic(source.landing.topic, signal)
    if (!this.#backlog.knows(topic)) {
      const archive = await this.#parts.store.table(`archive/${source.name}`).snapshot('latest')
      this.#backlog.begin(topic, await planTopic(source, topic, { log, archive, acceptLoss: true, signal }))
    }
    this.#backlog.look(topic, at)
    if (!this.#backlog.waits) this.#emptySince = at
    const lag = this.#backlog.lag(this.#parts.now())
    this.#tell(watcher => watcher.looked(source, lag))
  }

  #isDue(): boolean {
    const { time, messages } = this.#options.batch
    const now = this.#parts.now()
    // A clock that was set back would have them wait until it is there again.
    if (now < this.#emptySince) this.#emptySince = now
    if (this.#backlog.waits && (now - this.#emptySince >= time || this.#backlog.lag(now).messages >= messages)) return true
    return this.#sets.some(set => dueCutoff(set, now) > (this.#computed.get(set.name)?.through ?? now))
  }

  get #lookAgain(): number {
    const { shortest, longest } = LOOK
    return Math.min(longest, Math.max(shortest, Number(this.#options.batch.time) / 10_000))
  }

  #pause(milliseconds: number): Promise<void> {
    const { pause = pauseFor, ending } = this.#options
    return pause(milliseconds, AbortSignal.any([ending, this.#parts.signal]))
  }

  #tell(what: (watcher: FollowWatcher) => void): void {
    for (const watcher of this.#options.watchers) what(watcher)
  }
}

const pauseFor = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  timeout(milliseconds, undefined, { signal }).catch(() => {})
