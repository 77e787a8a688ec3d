/** Topics of a broker of the tests: made, filled, shortened and removed. */
import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import {
  AclOperations,
  AclPermissionTypes,
  Admin,
  Base,
  ProduceAcks,
  Producer,
  ResourcePatternTypes,
  ResourceTypes,
} from '@platformatic/kafka'

/** What is left out is null, the time now, and no headers. Texts are UTF-8. */
export interface Sent {
  key?: string | Uint8Array | null
  value?: string | Uint8Array | null
  /** Milliseconds since 1970. */
  timestamp?: bigint
  headers?: [string, string | Uint8Array | null][]
}

export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

/** One producer of transactions, with one transaction at a time. */
export interface TransactionalProducer {
  begin: () => Promise<void>
  /** One batch. */
  send: (topic: string, partition: number, messages: readonly Sent[]) => Promise<void>
  commit: () => Promise<void>
  abort: () => Promise<void>
}

export interface Topics {
  /** Answers its name, a new one unless told. */
  make: (options?: { name?: string; partitions?: number; configs?: Record<string, string> }) => Promise<string>
  /** Sends one batch, or one for each stretch of like times. Answers the offset of the first message; all are there when it answers. */
  produce: (topic: string, partition: number, messages: readonly Sent[], compression?: Compression) => Promise<bigint>
  transactions: (id?: string) => TransactionalProducer
  /** Ends once every message is decided: the broker writes the marks of a transaction some time after it was ended. */
  settled: (topic: string) => Promise<void>
  /** All messages before that offset are gone. */
  deleteRecords: (topic: string, partition: number, before: bigint) => Promise<void>
  remove: (topic: string) => Promise<void>
  /** The number of the broker that leads the partition, from 1. */
  leaderOf: (topic: string, partition: number) => Promise<number>
  /** The topic has so many partitions from now on. */
  addPartitions: (topic: string, count: number) => Promise<void>
  /** What the principal (`User:name`) may do with the topic. Holds once it answers. */
  allow: (principal: string, topic: string, operations: readonly ('READ' | 'DESCRIBE')[]) => Promise<void>
  close: () => Promise<void>
}

type Encoded = {
  topic: string
  partition: number
  key?: Buffer
  value?: Buffer
  timestamp?: bigint
  headers: Map<Buffer, Buffer>
}

const bytes = (given: string | Uint8Array | null | undefined): Buffer | undefined =>
  given === null || given === undefined ? undefined : Buffer.from(given as Uint8Array)

const encoded = (topic: string, partition: number, messages: readonly Sent[]): Encoded[] =>
  messages.map(({ key, value, timestamp, headers = [] }) => ({
    topic,
    partition,
    key: bytes(key)!,
    value: bytes(value)!,
    ...(timestamp === undefined ? {} : { timestamp }),
    headers: new Map(headers.map(([name, text]) => [Buffer.from(name), bytes(text)!])),
  }))

/** The library's producer writes a wrong time where one is more than 2^31 milliseconds from the first of its batch. */
function batches(messages: readonly Sent[]): Sent[][] {
  const all: Sent[][] = []
  let first = 0n
  for (const message of messages) {
    const time = message.timestamp ?? BigInt(Date.now())
    const far = time - first > 2n ** 30n || first - time > 2n ** 30n
    if (all.length > 0 && !far) all.at(-1)!.push(message)
    else {
      all.push([message])
      first = time
    }
  }
  return all
}

export function topicsAt(...bootstrapBrokers: string[]): Topics {
  const common = { clientId: 'quern-tests', bootstrapBrokers, timeout: 30_000, connectTimeout: 10_000 }
  const admin = new Admin({ ...common, retries: 5 })
  // Each message is there once, whatever happens on the way.
  const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({ ...common, idempotent: true, retries: 30, retryDelay: 300 })
  const clients: Base[] = [admin, producer]

  /** A change is everywhere only some time after it was accepted. */
  const until = async (holds: () => Promise<boolean>): Promise<void> => {
    for (let left = 200; !(await holds().catch(() => false)); left--) {
      if (left === 0) throw new Error('what the broker has accepted does not come about')
      await pause(50)
    }
  }
  const leadersOf = async (topic: string): Promise<number[]> => {
    const look = new Base({ ...common, retries: 0 })
    try {
      const { topics } = await look.metadata({ topics: [topic], forceUpdate: true })
      return topics.get(topic)!.partitions.map(({ leader }) => leader)
    } finally {
      await look.close()
    }
  }
  /** 0 until each has a leader. */
  const partitionsOf = async (topic: string): Promise<number> => {
    const leaders = await leadersOf(topic)
    return leaders.every(leader => leader >= 0) ? leaders.length : 0
  }

  return {
    async make({ name = `topic-${randomBytes(4).toString('hex')}`, partitions = 1, configs = {} } = {}) {
      const pairs = Object.entries(configs).map(([name, value]) => ({ name, value }))
      await admin.createTopics({ topics: [name], partitions, replicas: -1, configs: pairs })
      await until(async () => (await partitionsOf(name)) === partitions)
      producer.clearMetadata()
      return name
    },
    async produce(topic, partition, messages, compression = 'none') {
      let first: bigint | undefined
      for (const batch of batches(messages)) {
        const sent = { messages: encoded(topic, partition, batch), compression, acks: ProduceAcks.ALL }
        const { offsets } = await producer.send(sent)
        first ??= offsets![0]!.offset
      }
      return first!
    },
    transactions(id = `producer-${randomBytes(4).toString('hex')}`) {
      const own = new Producer<Buffer, Buffer, Buffer, Buffer>({
        ...common,
        idempotent: true,
        transactionalId: id,
        retries: 30,
        retryDelay: 100,
      })
      clients.push(own)
      let open: Awaited<ReturnType<typeof own.beginTransaction>> | undefined
      return {
        async begin() {
          open = await own.beginTransaction()
        },
        async send(topic, partition, messages) {
          await open!.send({ messages: encoded(topic, partition, messages), acks: ProduceAcks.ALL })
        },
        commit: () => open!.commit(),
        abort: () => open!.abort(),
      }
    },
    async settled(name) {
      const count = await partitionsOf(name)
      const partitions = Array.from({ length: count }, (_, partitionIndex) => ({ partitionIndex, timestamp: -1n }))
      const ends = async (isolationLevel: 0 | 1): Promise<string> => {
        const [found] = await admin.listOffsets({ topics: [{ name, partitions }], isolationLevel })
        return found!.partitions
          .map(({ partitionIndex, offset }) => `${partitionIndex}:${offset}`)
          .sort()
          .join()
      }
      await until(async () => (await ends(1)) === (await ends(0)))
    },
    async deleteRecords(name, partition, offset) {
      await admin.deleteRecords({ topics: [{ name, partitions: [{ partition, offset }] }] })
    },
    async remove(topic) {
      await admin.deleteTopics({ topics: [topic] })
      await until(async () => !(await admin.listTopics()).includes(topic))
      admin.clearMetadata()
      producer.clearMetadata()
    },
    leaderOf: async (topic, partition) => (await leadersOf(topic))[partition]!,
    async addPartitions(name, count) {
      const more = count - (await partitionsOf(name))
      const assignments = Array.from({ length: more }, () => ({ brokerIds: [1] }))
      await admin.createPartitions({ topics: [{ name, count, assignments }] })
      await until(async () => (await partitionsOf(name)) === count)
      producer.clearMetadata()
    },
    async allow(principal, resourceName, operations) {
      const resource = { resourceType: ResourceTypes.TOPIC, resourceName, resourcePatternType: ResourcePatternTypes.LITERAL }
      const acls = operations.map(operation => ({
        ...resource,
        principal,
        host: '*',
        operation: AclOperations[operation],
        permissionType: AclPermissionTypes.ALLOW,
      }))
      await admin.createAcls({ creations: acls })
    },
    async close() {
      await Promise.all(clients.map(client => client.close()))
    },
  }
}
