/** One commit of a landing: messages read, rows judged, files staged, refused rows published, and then all of it at once. */
import { randomUUID } from 'node:crypto'
import type { Progress } from '../domain/engine.ts'
import { exceeds } from '../domain/engine.ts'
import type { TopicState } from '../domain/eventLog.ts'
import type { Landed, Landing } from '../domain/landing.ts'
import { partitionPath } from '../domain/landing.ts'
import type { KafkaSource } from '../domain/source.ts'
import type { Snapshot, Table } from '../domain/tableStore.ts'
import type { Instant } from '../domain/time.ts'
import { archivedBetween, commitToArchive, nextLanding } from './archiveCommit.ts'
import { archiveSchema } from './archiveSchema.ts'
import type { BatchTimes, MessageTimes } from './batchTimes.ts'
import { addTimes, newestEvent, noTimes } from './batchTimes.ts'
import { epochId, positionId, sinceId } from './landedPositions.ts'
import { publishRejects } from './landedRejects.ts'
import type { NamedTopic, PartitionPlan } from './landingPlan.ts'
import { formerTopic, landedAt, namedAs } from './landingPlan.ts'
import { landMessages } from './landMessages.ts'
import type { Parts } from './parts.ts'
import { tooManyRejected } from './readFresh.ts'
import { readTopic } from './readTopic.ts'

export interface LandOptions {
  acceptLoss: boolean
  /** The share of what a commit reads that may be refused. Default: as the source says. */
  maxRejected: number | undefined
  /** How much is read for one commit, about. */
  most?: { messages: number; bytes?: number; dates?: number }
  /** Told of each commit, before the next is begun. */
  onCommit?: (batch: LandedBatch) => Promise<void>
  /** Aborted where no other commit is to follow the one that is under way. */
  ending?: AbortSignal
  onProgress: (progress: Progress) => void
  signal: AbortSignal
}

export interface LandResult {
  commits: number
  /** Rows that have landed. */
  rows: number
  rejected: number
  /** Rows that did not land, since they repeat others. */
  repeats: number
  /** Messages that were passed over: tombstones. */
  passed: number
  /** Offsets that were gone unread, which was accepted. */
  lost: bigint
  /** All that the topic held when the landing began has landed; false where an end was asked for before. */
  isWhole: boolean
  /** The archive's latest version; undefined where there is none. */
  version: number | undefined
}

/** So much is held in scratch files before it is committed. Each date is a file. */
const MOST = { messages: 2_000_000, bytes: 2 ** 29, dates: 1000 }
/** Of one request, about. */
const BATCH_BYTES = 2 ** 20

interface Ground {
  table: Table
  archive: Snapshot | undefined
  topic: TopicState
  plans: readonly PartitionPlan[]
}

/** One commit of a landing. */
export type LandedBatch = Pick<LandResult, 'rows' | 'rejected' | 'repeats' | 'passed' | 'lost'> & {
  version: number
  /** All that was planned has landed. */
  isLast: boolean
  /** By partition: where the next landing begins. */
  next: ReadonlyMap<number, bigint>
  startedAt: Instant
  /** From then on it can be read. */
  readableAt: Instant
  times: BatchTimes
}

/** Undefined where another run has landed or published meanwhile. */
export async function landBatch(
  source: KafkaSource,
  parts: Parts,
  ground: Ground,
  options: LandOptions,
): Promise<LandedBatch | undefined> {
  const run = { id: randomUUID(), startedAt: parts.now() }
  const { topicId } = ground.topic
  const schema = archiveSchema(source, ground.archive)
  const named = namedAs(source.name, ground.topic.topicId, ground)
  const { inputOf } = named
  const landing = await parts.engine.land({
    source,
    topicId,
    topicNumber: Number(named.topicNumber),
    inputOf,
    run,
    signal: options.signal,
  })
  try {
    const read = await readInto(landing, source, parts, { ...ground, inputOf }, options)
    const counts = { rowsRead: landing.counts.accepted + landing.counts.refused, rowsRejected: landing.counts.refused }
    const number = nextLanding(source.name, ground.archive)
    const landed = await landing.finish({ number, at: landedAt(ground.archive, parts.now()) }, (first, last) =>
      archivedBetween(ground, first, last),
    )
    const ranges = ground.plans.map(({ partition, from, epoch }) => ({
      partition,
      from,
      next: read.next.get(partition)!,
      epoch: read.epochs.get(partition) ?? epoch,
    }))
    const published = await publishRejects(parts, {
      source: source.name,
      topicId,
      inputOf,
      runId: run.id,
      rejects: landed.rejects,
      ranges,
    })
    if (!published) return undefined
    const limit = options.maxRejected ?? source.landing.maxRejected
    if (exceeds(counts, limit)) throw tooManyRejected({ name: source.name, source }, counts, limit, landed.rejects.commonest)
    options.signal.throwIfAborted()
    const version = await commit(source, parts, { ...ground, ...named, landed, number, runId: run.id, ranges, counts, schema })
    if (version === undefined) return undefined
    const lost = ground.plans.reduce((sum, { gap }) => sum + (gap ? gap.to - gap.from : 0n), 0n)
    const { rows, repeats } = landed
    parts.trace(
      `${source.name}: landed ${rows} rows as version ${version}; ${counts.rowsRejected} were refused, ${repeats} repeat others`,
    )
    const readableAt = parts.now()
    return {
      rows,
      rejected: counts.rowsRejected,
      repeats,
      passed: read.passed,
      lost,
      version,
      isLast: read.isWhole,
      next: read.next,
      startedAt: run.startedAt,
      readableAt,
      times: { ...read.times, newestEvent: newestEvent(landed.files, readableAt) },
    }
  } finally {
    await landing.abandon()
  }
}

interface Read {
  /** By partition: where the next landing begins. */
  next: Map<number, bigint>
  /** By partition that something was read of: the epoch of what stands last before that. */
  epochs: Map<number, number>
  passed: number
  isWhole: boolean
  times: MessageTimes
}

async function readInto(
  landing: Landing,
  source: KafkaSource,
  { topicOf, now }: Parts,
  { topic: { topicId }, plans, inputOf }: Ground & Pick<NamedTopic, 'inputOf'>,
  { most = MOST, signal, onProgress }: LandOptions,
): Promise<Read> {
  const { log, decoder } = topicOf(source)
  const { topic } = source.landing
  const next = new Map(plans.map(({ partition, from }) => [partition, from]))
  const epochs = new Map<number, number>()
  const left = (): bigint => plans.reduce((sum, { partition, to }) => sum + to - next.get(partition)!, 0n)
  const total = Number(left())
  let passed = 0
  let messages = 0
  const times = noTimes()
  for await (const batch of readTopic(log, plans, { topic, topicId, batchBytes: BATCH_BYTES, signal })) {
    const { partition } = batch
    const place = { input: inputOf(partition), path: partitionPath(topic, partition) }
    passed += await landMessages(landing, decoder, { place, partition, messages: batch.messages }, signal)
    next.set(partition, batch.next)
    epochs.set(partition, batch.epoch)
    addTimes(times, batch, now())
    messages += batch.messages.length
    onProgress({ stage: 'land', unit: 'rows', done: total - Number(left()), total })
    const { bytes, dates } = landing.counts
    if (messages >= most.messages || bytes >= (most.bytes ?? MOST.bytes) || dates >= (most.dates ?? MOST.dates)) break
  }
  return { next, epochs, passed, isWhole: left() === 0n, times }
}

interface Commit extends Ground, NamedTopic {
  landed: Landed
  number: bigint
  runId: string
  ranges: readonly { partition: number; from: bigint; next: bigint; epoch: number }[]
  counts: { rowsRead: number; rowsRejected: number }
  schema: ReturnType<typeof archiveSchema>
}

/** Undefined where another run was first. */
async function commit(source: KafkaSource, parts: Parts, of: Commit): Promise<number | undefined> {
  const { table, archive, topic, topicNumber, plans, landed, number, runId, ranges, counts, schema } = of
  const { topicId } = topic
  // One that is not known takes the place of one that was, and is nothing else.
  const known = ranges.filter(
    ({ partition, epoch }) => epoch >= 0 || archive?.transactions.has(epochId(source.name, topicId, partition)),
  )
  return commitToArchive(source, parts, {
    ...{ table, archive, topicId, topicNumber, schema, number, runId, landed },
    operation: 'land',
    transactions: Object.fromEntries([
      ...ranges.map(({ partition, next }) => [positionId(source.name, topicId, partition), next]),
      ...known.map(({ partition, epoch }) => [epochId(source.name, topicId, partition), BigInt(epoch)]),
      ...plans.flatMap(({ partition, ahead }) =>
        ahead === undefined ? [] : [[sinceId(source.name, topicId, partition, topicNumber), number]],
      ),
    ]),
    lineage: {
      former: formerTopic(source.name, topicId, archive) ?? null,
      positions: ranges.map(({ partition, from, next }) => ({ partition, from, to: next })),
      gaps: plans.flatMap(({ partition, gap }) => (gap ? [{ partition, ...gap }] : [])),
      ahead: plans.flatMap(({ partition, from, ahead }) => (ahead === undefined ? [] : [{ partition, from: ahead, to: from }])),
      rejected: counts.rowsRejected,
    },
  })
}
