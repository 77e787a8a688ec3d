/**
 * Topics by @platformatic/kafka: its connections, logins, requests and codecs. What comes back is read here, by what Kafka's protocol says.
 * No group is joined: a principal needs READ and DESCRIBE on the topic, and nothing else.
 */
import type { API, fetchV17, Reader } from '@platformatic/kafka'
import type { DefinitionError } from '../../domain/errors.ts'
import {
  type EventLog,
  type MessageBatch,
  type OffsetRange,
  OffsetsGoneError,
  type ReadRangeOptions,
  ReplacedTopicError,
  type TopicState,
} from '../../domain/eventLog.ts'
import type { KafkaSettings } from '../../domain/kafkaSource.ts'
import { countingBatches } from './abortedTransactions.ts'
import { Cluster } from './cluster.ts'
import type { Lease, Library } from './connections.ts'
import { deniedTopic, oldCluster, shorterLog } from './errors.ts'
import { type FetchResponse, fetchResponse } from './fetchResponse.ts'
import { PATIENCE, PassingError, type Patience, patiently } from './patience.ts'
import { type Decompress, messagesOf, type RecordBatch, recordBatches } from './recordBatches.ts'

/** The number of the request in the protocol, and the versions that are spoken; since 13 it names topics by their ids. */
const FETCH = { key: 1, oldest: 11, newest: 17, byId: 13 }
const READ_COMMITTED = 1
/** Milliseconds that a broker may wait for something to come. */
const MAX_WAIT = 500

/** What one request has brought. */
interface Fetched {
  /** Those that count, whole: they may begin before the range and end after it. */
  batches: RecordBatch[]
  /** Of the next request: behind all batches, those that do not count too. */
  next: bigint
}

export function platformaticLog(settings: KafkaSettings, patience: Patience = PATIENCE): EventLog {
  let opened: Promise<PlatformaticLog> | undefined
  const log = (): Promise<PlatformaticLog> => {
    opened ??= import('@platformatic/kafka').then(
      library => new PlatformaticLog(library, new Cluster(library, settings, patience)),
    )
    return opened
  }
  return {
    topic: async (name, signal) => (await log()).topic(name, signal),
    async *readRange(range, options) {
      yield* (await log()).readRange(range, options)
    },
    async close() {
      await opened?.then(
        log => log.close(),
        () => {},
      )
    },
  }
}

class PlatformaticLog {
  readonly #library: Library
  readonly #cluster: Cluster
  readonly #decompress: Decompress

  constructor(library: Library, cluster: Cluster) {
    this.#library = library
    this.#cluster = cluster
    this.#decompress = (bytes, compression) =>
      library.compressionsAlgorithmsByBitmask[compression]!.decompressSync(bytes) as Buffer
  }

  close(): void {
    this.#cluster.connections.close()
  }

  topic(name: string, signal: AbortSignal): Promise<TopicState> {
    const cluster = this.#cluster
    return patiently(cluster, signal, async () => {
      const topic = await cluster.lookUp(name, signal)
      const offsets = await cluster.offsets(name, topic, signal)
      // Offsets are asked for by the topic's name, which may have changed hands meanwhile.
      const after = await cluster.lookUp(name, signal)
      if (after.id !== topic.id) throw new PassingError(`topic \`${name}\` has just been made anew`)
      return { topicId: topic.id, partitions: offsets.map(({ first, end }, partition) => ({ partition, first, end })) }
    })
  }

  async *readRange(range: OffsetRange, { batchBytes, signal: from }: ReadRangeOptions): AsyncGenerator<MessageBatch> {
    if (range.from >= range.to) return
    const ended = new AbortController()
    const signal = AbortSignal.any([from, ended.signal])
    const fetch = (at: bigint): Promise<Fetched> => {
      const fetched = this.#fetch(range, at, batchBytes, signal)
      // Who reads may not come for it, or late.
      fetched.catch(() => {})
      return fetched
    }
    try {
      for (let coming: Promise<Fetched> | undefined = fetch(range.from); coming !== undefined; ) {
        const { batches, next }: Fetched = await coming
        coming = next < range.to ? fetch(next) : undefined
        yield* this.#messages(batches, range, next, batchBytes)
        signal.throwIfAborted()
      }
    } finally {
      ended.abort()
    }
  }

  /** The messages of whole batches, in pieces of about so many bytes, of which the last ends where the next request begins. */
  *#messages(
    batches: readonly RecordBatch[],
    { from, to }: OffsetRange,
    end: bigint,
    batchBytes: number,
  ): Generator<MessageBatch> {
    let messages: MessageBatch['messages'] = []
    let bytes = 0
    for (const batch of batches) {
      for (const message of messagesOf(batch, this.#decompress)) {
        if (message.offset < from || message.offset >= to) continue
        const size = (message.key?.length ?? 0) + (message.value?.length ?? 0)
        if (bytes + size > batchBytes && messages.length > 0) {
          yield { messages, next: messages.at(-1)!.offset + 1n }
          messages = []
          bytes = 0
        }
        messages.push(message)
        bytes += size
      }
    }
    yield { messages, next: end < to ? end : to }
  }

  /** Waits until something has come. */
  #fetch(range: OffsetRange, at: bigint, batchBytes: number, signal: AbortSignal): Promise<Fetched> {
    const { topic, topicId, partition } = range
    const cluster = this.#cluster
    let missed = 0
    const leader = async (): ReturnType<Cluster['leader']> => {
      try {
        return await cluster.leader(topic, partition, signal)
      } catch (error) {
        if ((error as Partial<DefinitionError>).code !== 'definition.topic') throw error
        // A broker that has just started may not have heard of it yet.
        if (++missed > 3) throw new ReplacedTopicError(topic, topicId, undefined)
        throw new PassingError(`topic \`${topic}\` is not there`)
      }
    }
    const once = async (): Promise<Fetched> => {
      const { lease, topic: found, epoch } = await leader()
      if (found.id !== topicId) {
        cluster.connections.giveBack(lease)
        throw new ReplacedTopicError(topic, topicId, found.id)
      }
      let response: FetchResponse
      try {
        response = await this.#ask(lease, range, at, epoch, batchBytes, signal)
      } catch (error) {
        cluster.connections.drop(lease)
        throw error
      }
      cluster.connections.giveBack(lease)
      await this.#refused(response, range, at, signal)
      const batches = recordBatches(response.records, topic)
      const last = batches.at(-1)
      if (last !== undefined) return { batches: countingBatches(batches, response.aborted), next: last.lastOffset + 1n }
      // Nothing is not the end: a broker that holds back, or looks for what lies elsewhere, answers so as well.
      const nothing = `topic \`${topic}\`, partition ${partition}: nothing comes at offset ${at}`
      throw new PassingError(nothing, response.throttled)
    }
    return patiently(cluster, signal, once, () => cluster.forget(topic))
  }

  async #ask(
    lease: Lease,
    range: OffsetRange,
    at: bigint,
    epoch: number,
    batchBytes: number,
    signal: AbortSignal,
  ): Promise<FetchResponse> {
    const version = Math.min(FETCH.newest, lease.versions.get(FETCH.key) ?? 0)
    if (version < FETCH.oldest) throw oldCluster(this.#cluster.reached)
    const partition = {
      partition: range.partition,
      currentLeaderEpoch: epoch,
      fetchOffset: at,
      lastFetchedEpoch: -1,
      partitionMaxBytes: batchBytes,
    }
    const topics = [{ topicId: version >= FETCH.byId ? range.topicId : range.topic, partitions: [partition] }]
    const call = this.#library[`fetchV${version}` as 'fetchV17']
    const flexible = version >= 12
    // Not the library's own reading: it decodes all messages at once, and its filter of aborted transactions is wrong.
    const bytesOf = (_: number, __: number, ___: number, reader: Reader): Buffer => reader.buffer.slice(reader.position)
    const api: API<fetchV17.FetchRequest, Buffer> = this.#library.createAPI(
      FETCH.key,
      version,
      call.createRequest,
      bytesOf,
      flexible,
      flexible,
    )
    // No session: each request says all that it wants.
    const answer = await this.#cluster.connections.call(
      lease,
      signal,
      api,
      MAX_WAIT,
      1,
      batchBytes,
      READ_COMMITTED,
      0,
      -1,
      topics,
      [],
      '',
    )
    return fetchResponse(answer, version)
  }

  /** @throws what the broker's refusal means; a PassingError where it may be taken back */
  async #refused({ errorCode }: FetchResponse, range: OffsetRange, at: bigint, signal: AbortSignal): Promise<void> {
    const code = this.#cluster.codeOf(errorCode)
    const { topic, topicId, partition } = range
    if (code === undefined) return
    if (code === 'TOPIC_AUTHORIZATION_FAILED') throw deniedTopic(this.#cluster.reached, topic)
    if (code === 'OFFSET_OUT_OF_RANGE') {
      const state = await this.topic(topic, signal)
      if (state.topicId !== topicId) throw new ReplacedTopicError(topic, topicId, state.topicId)
      const { first, end } = state.partitions[partition]!
      if (at < first) throw new OffsetsGoneError({ topic, partition, from: at, first: first < range.to ? first : range.to })
      if (at > end) throw shorterLog(topic, partition, at, end)
    }
    throw new PassingError(`topic \`${topic}\`, partition ${partition}: ${code}`)
  }
}
