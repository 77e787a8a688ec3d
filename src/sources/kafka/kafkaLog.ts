/**
 * Topics of a Kafka cluster, read by explicit offsets. No group is joined: a principal needs READ and DESCRIBE on the topic, and nothing
 * else. The clients only make connections; what is asked and what comes back is one code for all of them.
 */
import type { DefinitionError } from '../../domain/errors.ts'
import {
  DivergedLogError,
  type EventLog,
  type MessageBatch,
  type OffsetRange,
  OffsetsGoneError,
  type ReadPosition,
  type ReadRangeOptions,
  ReplacedTopicError,
  type TopicState,
} from '../../domain/eventLog.ts'
import type { KafkaSettings } from '../../domain/kafkaSource.ts'
import { countingBatches } from './abortedTransactions.ts'
import { Cluster, type Topic } from './cluster.ts'
import { checksums } from './compression.ts'
import { corruptBatch, deniedTopic } from './errors.ts'
import type { Client } from './line.ts'
import { PATIENCE, PassingError, type Patience, patiently } from './patience.ts'
import { messagesOf, type RecordBatch, recordBatches } from './recordBatches.ts'
import { BY_ID, type FetchAnswer, fetchAnswer, fetchRequest } from './requests.ts'

/** Milliseconds that a broker may wait for something to come. */
const WAIT = 500

/** So often in a row a topic that was there once may be said not to be. A broker that has just started may not have heard of it yet. */
const MISSES = 4

/** What one request has brought. */
interface Fetched {
  /** Those that count, whole: they may begin before the range and end after it. */
  batches: RecordBatch[]
  /** Of the next request: behind all batches, those that do not count too. */
  next: bigint
  /** That of what stands last before `next`, or before the end of the range. */
  epoch: number
  /** The broker was asked for a topic of that name, whichever it is. */
  byName: boolean
}

export function kafkaLog(settings: KafkaSettings, client: Client, patience: Patience = PATIENCE): EventLog {
  let opened: Promise<Cluster> | undefined
  const log = async (): Promise<KafkaLog> => {
    opened ??= client(settings, patience).then(open => new Cluster(open, settings, patience))
    return new KafkaLog(await opened)
  }
  return {
    topic: async (name, signal) => (await log()).topic(name, signal),
    async *readRange(range, options) {
      yield* (await log()).readRange(range, options)
    },
    heldUpTo: async (topic, positions, signal) => (await log()).heldUpTo(topic, positions, signal),
    async close() {
      await opened?.then(
        ({ lines }) => lines.close(),
        () => {},
      )
    },
  }
}

class KafkaLog {
  readonly #cluster: Cluster

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  topic(name: string, signal: AbortSignal): Promise<TopicState> {
    return this.#ask(name, signal, async topic => {
      const offsets = await this.#cluster.offsets(name, topic, signal)
      return { topicId: topic.id, partitions: offsets.map(({ first, end }, partition) => ({ partition, first, end })) }
    })
  }

  async heldUpTo(
    { topic: name, topicId }: Pick<OffsetRange, 'topic' | 'topicId'>,
    positions: readonly ReadPosition[],
    signal: AbortSignal,
  ): Promise<Map<number, bigint>> {
    if (positions.length === 0) return new Map()
    return this.#ask(name, signal, async topic => {
      if (topic.id !== topicId) throw new ReplacedTopicError(name, topicId, topic.id)
      return this.#cluster.heldUpTo(name, topic, positions, signal)
    })
  }

  /** What is asked for by the topic's name, of the one topic that has the name before and afterwards. */
  #ask<T>(name: string, signal: AbortSignal, work: (topic: Topic) => Promise<T>): Promise<T> {
    const cluster = this.#cluster
    let misses = 0
    return patiently(cluster, signal, async () => {
      try {
        const topic = await cluster.lookUp(name, signal)
        const answer = await work(topic)
        const after = await cluster.lookUp(name, signal)
        if (after.id !== topic.id) throw new PassingError(`topic \`${name}\` has just been made anew`)
        return answer
      } catch (error) {
        if (!isMissing(error) || !cluster.hasMet(name) || ++misses > MISSES) throw error
        throw new PassingError(`topic \`${name}\` is not there`)
      }
    })
  }

  async *readRange(range: OffsetRange, { batchBytes, signal: given }: ReadRangeOptions): AsyncGenerator<MessageBatch> {
    if (range.from >= range.to) return
    const ended = new AbortController()
    const signal = AbortSignal.any([given, ended.signal])
    const fetch = (at: bigint, epoch: number): Promise<Fetched> => {
      const fetched = this.#fetch(range, { at, epoch }, batchBytes, signal)
      // Who reads may come for it late, or not at all.
      fetched.catch(() => {})
      return fetched
    }
    try {
      for (let coming: Promise<Fetched> | undefined = fetch(range.from, range.epoch ?? -1); coming !== undefined; ) {
        const { batches, next, epoch, byName }: Fetched = await coming
        coming = next < range.to ? fetch(next, epoch) : undefined
        if (coming === undefined && byName) await this.#stillNamed(range, signal)
        yield* messageBatches(batches, range, { next, epoch }, batchBytes)
        signal.throwIfAborted()
      }
    } finally {
      ended.abort()
    }
  }

  /** Waits until something has come. */
  #fetch(range: OffsetRange, { at, epoch: read }: Place, batchBytes: number, signal: AbortSignal): Promise<Fetched> {
    const { topic, topicId, partition } = range
    const cluster = this.#cluster
    let missed = 0
    let spoilt = 0
    const leader = async (): ReturnType<Cluster['leader']> => {
      try {
        return await cluster.leader(topic, partition, signal)
      } catch (error) {
        if (!isMissing(error)) throw error
        if (++missed > MISSES) throw new ReplacedTopicError(topic, topicId, undefined)
        throw new PassingError(`topic \`${topic}\` is not there`)
      }
    }
    const once = async (): Promise<Fetched> => {
      let byName: boolean
      const { lease, topic: found, epoch } = await leader()
      let answer: FetchAnswer
      try {
        if (found.id !== topicId) throw new ReplacedTopicError(topic, topicId, found.id)
        const question = { topic, topicId, partition, epoch, offset: at, read, bytes: batchBytes, wait: WAIT }
        const request = fetchRequest(question, lease.versions)
        byName = request.version < BY_ID
        answer = fetchAnswer(await cluster.lines.ask(lease, request, signal), request)
      } catch (error) {
        cluster.lines.drop(lease)
        throw error
      }
      cluster.lines.giveBack(lease)
      if (answer.diverged) await this.#diverged(range, { at, epoch: read }, signal)
      if (answer.code !== undefined) await this.#refused(answer.code, range, { at, epoch: read }, signal)
      const batches = recordBatches(answer.records, topic)
      const checksum = await checksums()
      const broken = batches.find(({ checksum: told, checked }) => checksum(checked) !== told)
      if (broken !== undefined) {
        // Perhaps it was spoilt on the way.
        if (++spoilt > 2) throw corruptBatch(topic, partition, broken.firstOffset, broken.lastOffset)
        throw new PassingError(`topic \`${topic}\`, partition ${partition}: the batch at ${broken.firstOffset} is spoilt`)
      }
      const last = batches.at(-1)
      if (last !== undefined) {
        const epoch = batches.findLast(({ firstOffset }) => firstOffset < range.to)?.epoch ?? read
        return { batches: countingBatches(batches, answer.aborted), next: last.lastOffset + 1n, epoch, byName }
      }
      // Nothing is not the end: a broker that holds back, or looks for what lies elsewhere, answers so as well.
      throw new PassingError(`topic \`${topic}\`, partition ${partition}: nothing comes at offset ${at}`, answer.throttled)
    }
    return patiently(cluster, signal, once, () => cluster.forget(topic))
  }

  /** Raises what the broker's refusal means, and a PassingError where it may be taken back. */
  async #refused(code: string, range: OffsetRange, { at, epoch }: Place, signal: AbortSignal): Promise<never> {
    const { topic, topicId, partition, to } = range
    if (code === 'TOPIC_AUTHORIZATION_FAILED') throw deniedTopic(this.#cluster.reached, topic)
    if (code === 'OFFSET_OUT_OF_RANGE') {
      const state = await this.topic(topic, signal)
      if (state.topicId !== topicId) throw new ReplacedTopicError(topic, topicId, state.topicId)
      const { first, end } = state.partitions[partition]!
      if (at < first) throw new OffsetsGoneError({ topic, partition, from: at, first: first < to ? first : to })
      if (epoch >= 0) await this.#diverged(range, { at, epoch }, signal)
      if (at > end) throw new DivergedLogError({ topic, partition, position: at, held: end })
    }
    throw new PassingError(`topic \`${topic}\`, partition ${partition}: ${code}`)
  }

  /** Raises a DivergedLogError where the log has lost what was read before a place. */
  async #diverged({ topic, topicId, partition }: OffsetRange, { at, epoch }: Place, signal: AbortSignal): Promise<void> {
    const held = (await this.heldUpTo({ topic, topicId }, [{ partition, offset: at, epoch }], signal)).get(partition)!
    if (held < at) throw new DivergedLogError({ topic, partition, position: at, held })
  }

  /** What older brokers send is of the topic that has the name. */
  async #stillNamed({ topic, topicId }: OffsetRange, signal: AbortSignal): Promise<void> {
    const { id } = await patiently(this.#cluster, signal, () => this.#cluster.lookUp(topic, signal))
    if (id !== topicId) throw new ReplacedTopicError(topic, topicId, id)
  }
}

/** The next offset, and the epoch of what stands last before it; -1: it is not known. */
interface Place {
  at: bigint
  epoch: number
}

const isMissing = (error: unknown): boolean => (error as Partial<DefinitionError>).code === 'definition.topic'

/** The messages of whole batches, in pieces of about so many bytes, of which the last ends where the next request begins. */
async function* messageBatches(
  batches: readonly RecordBatch[],
  { from, to }: OffsetRange,
  end: Pick<Fetched, 'next' | 'epoch'>,
  batchBytes: number,
): AsyncGenerator<MessageBatch> {
  let messages: MessageBatch['messages'] = []
  let bytes = 0
  let epoch = -1
  for (const batch of batches) {
    if (batch.lastOffset < from || batch.firstOffset >= to) continue
    const within = batch.firstOffset >= from && batch.lastOffset < to
    for (const message of await messagesOf(batch)) {
      if (!within && (message.offset < from || message.offset >= to)) continue
      if (bytes + message.size > batchBytes && messages.length > 0) {
        yield { messages, next: messages.at(-1)!.offset + 1n, epoch }
        messages = []
        bytes = 0
      }
      messages.push(message)
      bytes += message.size
      epoch = batch.epoch
    }
  }
  yield { messages, next: end.next < to ? end.next : to, epoch: end.epoch }
}
