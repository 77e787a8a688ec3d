/** What a cluster says of its topics: their ids, the leaders of their partitions, the offsets that these hold. */
import { DefinitionError } from '../../domain/errors.ts'
import type { ReadPosition } from '../../domain/eventLog.ts'
import type { KafkaSettings } from '../../domain/kafkaSource.ts'
import { type Reached, reachedBy } from './credentials.ts'
import { deniedTopic, lastingError, missingTopic } from './errors.ts'
import type { Address, OpenLine } from './line.ts'
import { type Lease, Lines } from './lines.ts'
import { PassingError, type Patience, type Patient } from './patience.ts'
import {
  EARLIEST,
  type EpochEnd,
  epochEndsAnswer,
  epochEndsRequest,
  LATEST,
  type MetadataAnswer,
  metadataAnswer,
  metadataRequest,
  offsetsAnswer,
  offsetsRequest,
} from './requests.ts'

export interface Topic {
  id: string
  /** By partition; the node is -1 where there is no leader just now. */
  leaders: { node: number; epoch: number }[]
}

export class Cluster implements Patient {
  readonly lines: Lines
  readonly reached: Reached
  readonly patience: Patience
  worked = false
  readonly #bootstrap: Address[]
  #brokers = new Map<number, Address>()
  readonly #topics = new Map<string, Topic>()
  /** Names of topics that were there once. */
  readonly #met = new Set<string>()

  constructor(open: OpenLine, settings: KafkaSettings, patience: Patience) {
    this.patience = patience
    this.reached = reachedBy(settings)
    this.lines = new Lines(open, this.reached)
    this.#bootstrap = settings.brokers.map(addressOf)
  }

  /** Whether the topic was there once. */
  hasMet(name: string): boolean {
    return this.#met.has(name)
  }

  /** The next question about the topic is not answered from memory. */
  forget(name: string): void {
    this.#topics.delete(name)
  }

  /**
   * Raises a PassingError where nobody can tell just now, a DefinitionError where there is no such topic, and a DataError where it
   * may not be read.
   */
  async lookUp(name: string, signal: AbortSignal): Promise<Topic> {
    const { brokers, topics } = await this.#metadata(name, signal)
    this.#brokers = new Map(brokers.map(({ node, host, port }) => [node, { host, port }]))
    const found = topics[0]
    const code = found === undefined ? 'UNKNOWN_TOPIC_OR_PARTITION' : found.code
    if (code === 'TOPIC_AUTHORIZATION_FAILED') throw deniedTopic(this.reached, name)
    if (code === 'UNKNOWN_TOPIC_OR_PARTITION') throw missingTopic(this.reached, name)
    if (code === 'INVALID_TOPIC_EXCEPTION')
      throw new DefinitionError('definition.topic', `\`${name}\` can be no topic's name`, {
        hint: 'Names are at most 249 of the letters a to z and A to Z, digits, `.`, `_` and `-`.',
      })
    if (code !== undefined) throw new PassingError(`topic \`${name}\` cannot be looked up just now: ${code}`)
    const leaders: Topic['leaders'] = []
    for (const { partition, node, epoch } of found!.leaders) leaders[partition] = { node, epoch }
    const topic = { id: found!.id, leaders }
    this.#topics.set(name, topic)
    this.#met.add(name)
    return topic
  }

  /** A connection to the partition's leader, to be given back or dropped. */
  async leader(name: string, partition: number, signal: AbortSignal): Promise<{ lease: Lease; topic: Topic; epoch: number }> {
    const topic = this.#topics.get(name) ?? (await this.lookUp(name, signal))
    const { node, epoch } = topic.leaders[partition] ?? { node: -1, epoch: -1 }
    const address = this.#brokers.get(node)
    if (address === undefined) throw new PassingError(`topic \`${name}\`, partition ${partition} has no leader`)
    return { lease: await this.lines.lease(address, signal), topic, epoch }
  }

  /** First and last stable offset of each partition. */
  async offsets(name: string, { leaders }: Topic, signal: AbortSignal): Promise<{ first: bigint; end: bigint }[]> {
    const found: { first: bigint; end: bigint }[] = []
    const all = leaders.map((leader, partition) => ({ ...leader, partition }))
    await this.#ofLeaders(name, all, signal, async (own, lease) => {
      const ask = async (time: bigint): Promise<Map<number, bigint>> => {
        const answer = offsetsAnswer(await this.lines.ask(lease, offsetsRequest(name, own, time), signal))
        this.#expectGood(name, answer)
        return new Map(answer.map(({ partition, offset }) => [partition, offset]))
      }
      const [ends, firsts] = [await ask(LATEST), await ask(EARLIEST)]
      for (const { partition } of own) {
        const [first, end] = [firsts.get(partition)!, ends.get(partition)!]
        // Messages may have been removed between the two questions.
        found[partition] = { first, end: end > first ? end : first }
      }
    })
    return found
  }

  /** By partition, up to which offset it still holds what was read of it. */
  async heldUpTo(
    name: string,
    { leaders }: Topic,
    positions: readonly ReadPosition[],
    signal: AbortSignal,
  ): Promise<Map<number, bigint>> {
    const held = new Map<number, bigint>()
    const all = positions.map(({ partition, offset, epoch }) => {
      const { node, epoch: leader } = leaders[partition] ?? { node: -1, epoch: -1 }
      return { partition, node, leader, offset, epoch }
    })
    await this.#ofLeaders(name, all, signal, async (own, lease) => {
      const ask = async (of: Parameters<typeof epochEndsRequest>[1]): Promise<Map<number, EpochEnd>> => {
        if (of.length === 0) return new Map()
        const answer = epochEndsAnswer(await this.lines.ask(lease, epochEndsRequest(name, of), signal))
        this.#expectGood(name, answer)
        return new Map(answer.map(end => [end.partition, end]))
      }
      const ends = await ask(own)
      // Of a cluster that was restored with all that it knew of its leaders, what its present one has taken is new for certain.
      const later = own.filter(({ partition }) => ends.get(partition)?.epoch === undefined)
      const before = await ask(later.map(one => ({ ...one, epoch: one.leader - 1 })))
      for (const { partition, offset, epoch } of own) {
        const found = ends.get(partition)
        const end = found?.epoch === undefined ? (before.get(partition)?.end ?? 0n) : found.end
        // The message before the position was of that epoch: without anything of it, it is gone for certain.
        const most = found?.epoch === epoch ? offset : offset - 1n
        held.set(partition, end > most ? most : end > 0n ? end : 0n)
      }
    })
    return held
  }

  /** Asks each broker about the partitions that it leads. */
  async #ofLeaders<P extends { partition: number; node: number }>(
    name: string,
    partitions: readonly P[],
    signal: AbortSignal,
    ask: (own: readonly P[], lease: Lease) => Promise<void>,
  ): Promise<void> {
    for (const [node, own] of Map.groupBy(partitions, ({ node }) => node)) {
      const address = this.#brokers.get(node)
      if (address === undefined) throw new PassingError(`topic \`${name}\` has partitions without a leader`)
      await this.#withLine(address, signal, lease => ask(own, lease))
    }
  }

  #expectGood(name: string, answers: readonly { partition: number; code: string | undefined }[]): void {
    for (const { code, partition } of answers) {
      if (code === 'TOPIC_AUTHORIZATION_FAILED') throw deniedTopic(this.reached, name)
      if (code !== undefined) throw new PassingError(`topic \`${name}\`, partition ${partition}: ${code}`)
    }
  }

  /** From the first broker that answers, of those that were named and those that were met. */
  async #metadata(name: string, signal: AbortSignal): Promise<MetadataAnswer> {
    const known = new Map(
      [...this.#bootstrap, ...this.#brokers.values()].map(address => [`${address.host}:${address.port}`, address]),
    )
    const errors: unknown[] = []
    for (const address of known.values()) {
      try {
        return await this.#withLine(address, signal, async lease =>
          metadataAnswer(await this.lines.ask(lease, metadataRequest(name), signal)),
        )
      } catch (error) {
        signal.throwIfAborted()
        // The others would say the same.
        const lasting = lastingError(this.reached, error)
        if (lasting !== undefined) throw lasting
        errors.push(error)
      }
    }
    throw new AggregateError(errors, 'no broker answers')
  }

  async #withLine<T>(address: Address, signal: AbortSignal, work: (lease: Lease) => Promise<T>): Promise<T> {
    const lease = await this.lines.lease(address, signal)
    try {
      const answer = await work(lease)
      this.lines.giveBack(lease)
      return answer
    } catch (error) {
      this.lines.drop(lease)
      throw error
    }
  }
}

/** Of `host:port` or `[host]:port`. */
function addressOf(broker: string): Address {
  const at = broker.lastIndexOf(':')
  const host = broker.slice(0, at).replace(/^\[(.*)\]$/, '$1')
  return { host, port: Number(broker.slice(at + 1)) }
}
