/** What a cluster says of its topics: their ids, the leaders of their partitions, the offsets that these hold. */
import type { listOffsetsV9, metadataV12 } from '@platformatic/kafka'
import { DefinitionError } from '../../domain/errors.ts'
import type { KafkaSettings } from '../../domain/kafkaSource.ts'
import { type Address, Connections, type Lease, type Library } from './connections.ts'
import { reachedBy } from './credentials.ts'
import { deniedTopic, kafkaCodeOf, missingTopic, oldCluster } from './errors.ts'
import { PassingError, type Patience, type Patient } from './patience.ts'

export interface Topic {
  id: string
  /** By partition; -1 where there is none just now. */
  leaders: { node: number; epoch: number }[]
}

/** The numbers of requests in the protocol. */
const [LIST_OFFSETS, METADATA] = [2, 3]
/** In place of a time: the first offset, and the last stable one where that is asked for. */
const [EARLIEST, LATEST] = [-2n, -1n]
const READ_COMMITTED = 1

export class Cluster implements Patient {
  readonly library: Library
  readonly connections: Connections
  readonly reached
  readonly patience: Patience
  worked = false
  readonly #bootstrap: Address[]
  #brokers = new Map<number, Address>()
  readonly #topics = new Map<string, Topic>()

  constructor(library: Library, settings: KafkaSettings, patience: Patience) {
    this.library = library
    this.patience = patience
    this.reached = reachedBy(settings)
    this.connections = new Connections(library, settings, patience)
    this.#bootstrap = settings.brokers.map(addressOf)
  }

  /** As it was found before, or is now. */
  async topic(name: string, signal: AbortSignal): Promise<Topic> {
    return this.#topics.get(name) ?? (await this.lookUp(name, signal))
  }

  /** The next question is not answered from memory. */
  forget(name: string): void {
    this.#topics.delete(name)
  }

  /** @throws PassingError where nobody can tell just now, DefinitionError where there is no such topic, DataError where it may not be read */
  async lookUp(name: string, signal: AbortSignal): Promise<Topic> {
    const { brokers, topics } = await this.#metadata(name, signal)
    this.#brokers = new Map(brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]))
    const found = topics[0]
    const code = this.#code(found?.errorCode ?? 3)
    if (code === 'TOPIC_AUTHORIZATION_FAILED') throw deniedTopic(this.reached, name)
    if (code === 'UNKNOWN_TOPIC_OR_PARTITION') throw missingTopic(this.reached, name)
    if (code === 'INVALID_TOPIC_EXCEPTION') throw new DefinitionError('definition.topic', `\`${name}\` can be no topic's name`)
    if (code !== undefined) throw new PassingError(`topic \`${name}\` cannot be looked up just now: ${code}`)
    const leaders: Topic['leaders'] = []
    for (const { partitionIndex, leaderId, leaderEpoch } of found!.partitions)
      leaders[partitionIndex] = { node: leaderId, epoch: leaderEpoch }
    const topic = { id: found!.topicId, leaders }
    this.#topics.set(name, topic)
    return topic
  }

  /** A connection to the partition's leader. */
  async leader(name: string, partition: number, signal: AbortSignal): Promise<{ lease: Lease; topic: Topic; epoch: number }> {
    const topic = await this.topic(name, signal)
    const { node, epoch } = topic.leaders[partition] ?? { node: -1, epoch: -1 }
    const address = this.#brokers.get(node)
    if (address === undefined) throw new PassingError(`topic \`${name}\`, partition ${partition} has no leader`)
    return { lease: await this.connections.lease(address, signal), topic, epoch }
  }

  /** First and last stable offset of each partition. */
  async offsets(name: string, { leaders }: Topic, signal: AbortSignal): Promise<{ first: bigint; end: bigint }[]> {
    const found: { first: bigint; end: bigint }[] = []
    for (const node of new Set(leaders.map(({ node }) => node))) {
      const address = this.#brokers.get(node)
      if (address === undefined) throw new PassingError(`topic \`${name}\` has partitions without a leader`)
      const own = [...leaders.entries()].filter(([, leader]) => leader.node === node)
      const ask = (timestamp: bigint): { partitionIndex: number; currentLeaderEpoch: number; timestamp: bigint }[] =>
        own.map(([partitionIndex, { epoch }]) => ({ partitionIndex, currentLeaderEpoch: epoch, timestamp }))
      await this.withLease(address, signal, async lease => {
        const answers: Map<number, bigint>[] = []
        for (const partitions of [ask(LATEST), ask(EARLIEST)]) {
          const { topics } = await this.#listOffsets(lease, signal, name, partitions)
          answers.push(new Map(topics[0]!.partitions.map(({ partitionIndex, offset }) => [partitionIndex, offset])))
        }
        for (const [partition] of own) {
          const [end, first] = answers.map(offsets => offsets.get(partition)!) as [bigint, bigint]
          // Messages that were removed between the two questions.
          found[partition] = { first, end: end > first ? end : first }
        }
      })
    }
    return found
  }

  /** The connection is kept where all goes well, and ended where not. */
  async withLease<T>(address: Address, signal: AbortSignal, work: (lease: Lease) => Promise<T>): Promise<T> {
    const lease = await this.connections.lease(address, signal)
    try {
      const answer = await work(lease)
      this.connections.giveBack(lease)
      return answer
    } catch (error) {
      this.connections.drop(lease)
      throw error
    }
  }

  /** Kafka's word for its number, or undefined where nothing is wrong. */
  codeOf(number: number): string | undefined {
    return this.#code(number)
  }

  #code(number: number): string | undefined {
    return number === 0 ? undefined : (this.library.protocolErrorsCodesById[number] ?? `error ${number}`)
  }

  /** From the first broker that answers; those that were named, and those that were met. */
  async #metadata(name: string, signal: AbortSignal): Promise<metadataV12.MetadataResponse> {
    const known = new Map(
      [...this.#bootstrap, ...this.#brokers.values()].map(address => [`${address.host}:${address.port}`, address]),
    )
    const errors: unknown[] = []
    for (const address of known.values()) {
      try {
        return await this.withLease(address, signal, async lease => {
          const newest = lease.versions.get(METADATA) ?? 0
          const { metadataV10, metadataV11, metadataV12 } = this.library
          const api = newest >= 12 ? metadataV12.api : newest === 11 ? metadataV11.api : metadataV10.api
          if (newest < 10) throw oldCluster(this.reached)
          return await this.connections.call(lease, signal, api, [name], false, false)
        })
      } catch (error) {
        signal.throwIfAborted()
        // What is wrong with the topic is in the answer.
        const { response } = error as { response?: metadataV12.MetadataResponse }
        if (response?.topics !== undefined) return response
        errors.push(error)
      }
    }
    throw new AggregateError(errors, 'no broker answers')
  }

  async #listOffsets(
    lease: Lease,
    signal: AbortSignal,
    name: string,
    partitions: { partitionIndex: number; currentLeaderEpoch: number; timestamp: bigint }[],
  ): Promise<listOffsetsV9.ListOffsetsResponse> {
    const { listOffsetsV6, listOffsetsV7, listOffsetsV8, listOffsetsV9 } = this.library
    const versions = [listOffsetsV6, listOffsetsV7, listOffsetsV8, listOffsetsV9]
    const { api } = versions[Math.min(9, Math.max(6, lease.versions.get(LIST_OFFSETS) ?? 6)) - 6]!
    try {
      return await this.connections.call(lease, signal, api, -1, READ_COMMITTED, [{ name, partitions }])
    } catch (error) {
      if (kafkaCodeOf(error) === 'TOPIC_AUTHORIZATION_FAILED') throw deniedTopic(this.reached, name)
      throw error
    }
  }
}

function addressOf(broker: string): Address {
  const at = broker.lastIndexOf(':')
  const host = broker.slice(0, at).replace(/^\[(.*)\]$/, '$1')
  return { host, port: Number(broker.slice(at + 1)) }
}
