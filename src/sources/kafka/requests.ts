/** The five requests that reading takes, each in the oldest versions that say enough: brokers since Kafka 2.8 have them. */
import type { AbortedTransaction } from './abortedTransactions.ts'
import { codeOf, type Request, RequestWriter, ResponseReader } from './protocol.ts'

const READ_COMMITTED = 1

/** Which versions of each kind of request a broker takes. */
export type Versions = ReadonlyMap<number, { oldest: number; newest: number }>

export const VERSIONS_REQUEST: Request = { key: 18, version: 2, flexible: false, body: Buffer.alloc(0) }

export function versionsAnswer(bytes: Buffer): Versions {
  const reader = new ResponseReader(bytes, false)
  reader.int16()
  return new Map(reader.array(() => [reader.int16(), { oldest: reader.int16(), newest: reader.int16() }] as const))
}

export interface MetadataAnswer {
  brokers: { node: number; host: string; port: number }[]
  topics: { code: string | undefined; id: string; leaders: { partition: number; node: number; epoch: number }[] }[]
}

const METADATA = { key: 3, version: 10, flexible: true } as const

export function metadataRequest(topic: string): Request {
  const writer = new RequestWriter(true)
  // By name: the id is null. Nothing is made, and nobody is asked what may be done.
  writer.array([topic], name => writer.uuid('0'.repeat(32)).text(name).end())
  const body = writer.int8(0).int8(0).int8(0).end().body
  return { ...METADATA, body }
}

export function metadataAnswer(bytes: Buffer): MetadataAnswer {
  const reader = new ResponseReader(bytes, true)
  reader.int32()
  const brokers = reader.array(() => {
    const broker = { node: reader.int32(), host: reader.text(), port: reader.int32() }
    // The rack.
    reader.text()
    reader.end()
    return broker
  })
  // The cluster's id, and its controller.
  reader.text()
  reader.int32()
  const topics = reader.array(() => {
    const code = codeOf(reader.int16())
    reader.text()
    const id = reader.uuid()
    // Whether it is the cluster's own.
    reader.skip(1)
    const leaders = reader.array(() => {
      // A partition without a leader says so by its number.
      reader.int16()
      const leader = { partition: reader.int32(), node: reader.int32(), epoch: reader.int32() }
      for (let replicas = 0; replicas < 3; replicas++) reader.array(() => reader.int32())
      reader.end()
      return leader
    })
    reader.int32()
    reader.end()
    return { code, id, leaders }
  })
  return { brokers, topics }
}

/** In place of a time: the first offset that is kept, or the last stable one. */
export const [EARLIEST, LATEST] = [-2n, -1n] as const

const LIST_OFFSETS = { key: 2, version: 6, flexible: true } as const

export function offsetsRequest(
  topic: string,
  partitions: readonly { partition: number; epoch: number }[],
  time: bigint,
): Request {
  const writer = new RequestWriter(true)
  writer.int32(-1).int8(READ_COMMITTED)
  ofTopic(writer, topic, partitions, ({ partition, epoch }) => writer.int32(partition).int32(epoch).int64(time))
  return { ...LIST_OFFSETS, body: writer.end().body }
}

/** Of one topic what is asked of each of some partitions. */
function ofTopic<P>(
  writer: RequestWriter,
  topic: string,
  partitions: readonly P[],
  write: (partition: P) => RequestWriter,
): void {
  writer.array([topic], name => {
    writer.text(name).array(partitions, partition => write(partition).end())
    writer.end()
  })
}

/** Of the one topic that was asked for what is answered of each partition. */
function fromTopic<P>(bytes: Buffer, read: (reader: ResponseReader) => P): P[] {
  const reader = new ResponseReader(bytes, true)
  reader.int32()
  const topics = reader.array(() => {
    reader.text()
    const partitions = reader.array(() => {
      const partition = read(reader)
      reader.end()
      return partition
    })
    reader.end()
    return partitions
  })
  return topics.flat()
}

export const offsetsAnswer = (bytes: Buffer): { partition: number; code: string | undefined; offset: bigint }[] =>
  fromTopic(bytes, reader => {
    const partition = reader.int32()
    const code = codeOf(reader.int16())
    reader.int64()
    const offset = reader.int64()
    reader.int32()
    return { partition, code, offset }
  })

const EPOCH_ENDS = { key: 23, version: 4, flexible: true } as const

/** Where epochs end: for each the first offset that is of a later one. */
export function epochEndsRequest(
  topic: string,
  partitions: readonly { partition: number; leader: number; epoch: number }[],
): Request {
  const writer = new RequestWriter(true)
  writer.int32(-1)
  ofTopic(writer, topic, partitions, ({ partition, leader, epoch }) => writer.int32(partition).int32(leader).int32(epoch))
  return { ...EPOCH_ENDS, body: writer.end().body }
}

export interface EpochEnd {
  partition: number
  code: string | undefined
  /** The one that was asked for, or where nothing is of it the last one before; undefined where none is as late as that. */
  epoch: number | undefined
  end: bigint
}

export const epochEndsAnswer = (bytes: Buffer): EpochEnd[] =>
  fromTopic(bytes, reader => {
    const code = codeOf(reader.int16())
    const [partition, epoch, end] = [reader.int32(), reader.int32(), reader.int64()]
    return { partition, code, epoch: epoch < 0 || end < 0n ? undefined : epoch, end }
  })

export interface FetchQuestion {
  topic: string
  topicId: string
  partition: number
  /** Of the leader that was looked up: another one refuses. */
  epoch: number
  offset: bigint
  /** The epoch of what stands before that offset, which the broker compares; -1: it is not known. */
  read: number
  /** A larger batch comes all the same, if it is the first. */
  bytes: number
  /** Milliseconds until the broker answers that there is nothing. */
  wait: number
}

export interface FetchAnswer {
  /** The broker holds back because too much was asked for: so many milliseconds. */
  throttled: number
  code: string | undefined
  /** What stands before the offset is of another epoch: it is not what was read. */
  diverged: boolean
  aborted: AbortedTransaction[]
  /** Record batches. */
  records: Buffer
}

const FETCH = 1
/** The first version that names topics by their ids, and one for brokers before Kafka 3.1. */
export const BY_ID = 13
const BY_NAME = 11
/** The tagged field of a partition's answer that tells of another epoch. */
const DIVERGED = 0

/** What a broker lacks of all this; undefined where it has it. */
export function missingVersion(versions: Versions): number | undefined {
  const takes = (key: number, version: number): boolean => {
    const { oldest = 1, newest = 0 } = versions.get(key) ?? {}
    return oldest <= version && version <= newest
  }
  if (!takes(METADATA.key, METADATA.version)) return METADATA.key
  if (!takes(LIST_OFFSETS.key, LIST_OFFSETS.version)) return LIST_OFFSETS.key
  if (!takes(EPOCH_ENDS.key, EPOCH_ENDS.version)) return EPOCH_ENDS.key
  return takes(FETCH, BY_ID) || takes(FETCH, BY_NAME) ? undefined : FETCH
}

export function fetchRequest(question: FetchQuestion, versions: Versions): Request {
  const { topic, topicId, partition, epoch, offset, read, bytes, wait } = question
  const version = (versions.get(FETCH)?.newest ?? 0) >= BY_ID ? BY_ID : BY_NAME
  const flexible = version === BY_ID
  const writer = new RequestWriter(flexible)
  // No replica; and no session, so that each request says all that it wants.
  writer.int32(-1).int32(wait).int32(1).int32(bytes).int8(READ_COMMITTED).int32(0).int32(-1)
  writer.array([partition], () => {
    if (flexible) writer.uuid(topicId)
    else writer.text(topic)
    writer.array([partition], number => {
      writer.int32(number).int32(epoch).int64(offset)
      if (flexible) writer.int32(read)
      writer.int64(-1n).int32(bytes).end()
    })
    writer.end()
  })
  const body = writer
    .array([], () => {})
    .text('')
    .end().body
  return { key: FETCH, version, flexible, body }
}

export function fetchAnswer(bytes: Buffer, { version, flexible }: Request): FetchAnswer {
  const reader = new ResponseReader(bytes, flexible)
  const throttled = reader.int32()
  const code = codeOf(reader.int16())
  reader.int32()
  const topics = reader.array(() => {
    if (version >= BY_ID) reader.uuid()
    else reader.text()
    const partitions = reader.array(() => {
      reader.int32()
      const code = codeOf(reader.int16())
      // High watermark, last stable offset, first offset.
      reader.skip(24)
      const aborted = reader.array(() => {
        const transaction = { producerId: reader.int64(), firstOffset: reader.int64() }
        reader.end()
        return transaction
      })
      reader.int32()
      const records = reader.bytes()
      const diverged = reader.end().has(DIVERGED)
      return { throttled, code, diverged, aborted, records }
    })
    reader.end()
    return partitions
  })
  return topics[0]?.[0] ?? { throttled, code, diverged: false, aborted: [], records: Buffer.alloc(0) }
}
