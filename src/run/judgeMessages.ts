/** Refused messages of one topic, judged again; those that pass are landed in one commit. */

import type { Progress } from '../domain/engine.ts'
import type { TopicState } from '../domain/eventLog.ts'
import { ARCHIVE_COLUMNS as A } from '../domain/kafkaSource.ts'
import type { Landing } from '../domain/landing.ts'
import { partitionPath } from '../domain/landing.ts'
import type { RejectingRun, StagedRejects } from '../domain/rejectedRows.ts'
import { REJECTED_COLUMNS } from '../domain/rejectedRows.ts'
import type { KafkaSource } from '../domain/source.ts'
import type { Snapshot, Table } from '../domain/tableStore.ts'
import { archivedBetween, commitToArchive, nextLanding } from './archiveCommit.ts'
import { archiveSchema } from './archiveSchema.ts'
import { keptRows } from './keptRows.ts'
import { landingsId, topicNumber } from './landedPositions.ts'
import { landedAt } from './landingPlan.ts'
import { landMessages } from './landMessages.ts'
import { messagesAt } from './messagesAt.ts'
import type { Parts } from './parts.ts'
import type { RefusedRows, Stored } from './refusedRows.ts'

export interface ReplayOptions {
  onProgress: (progress: Progress) => void
  signal: AbortSignal
}

export interface RefusedPartition {
  input: string
  partition: number
  /** The topic's number since which its offsets count anew; undefined where they never did. */
  since: bigint | undefined
  /** Those that landings have passed over. */
  rows: RefusedRows
  /** The offsets among them that no replay has marked, ascending. */
  waiting: bigint[]
}

/** Why a message is refused now; or it is kept nowhere. */
export type MessageVerdict = { code: string; reason: string } | 'gone'

interface Ground {
  topicId: string
  run: RejectingRun
  table: Table
  /** Undefined where the topic is gone; it holds messages that may be fetched up to its ends. */
  state: TopicState | undefined
  stored: Stored
  /** The topic's number since which the offsets of all these partitions count anew: others than these stand there now; undefined where these do. */
  before: bigint | undefined
  refused: readonly RefusedPartition[]
}

export interface JudgedMessages {
  /** Of those that are not accepted, by input and offset. */
  verdicts: Map<string, MessageVerdict>
  /** Rows that have landed now, and as which version. */
  rows: number
  version: number | undefined
}

/** Undefined where another landing was first. */
export async function judgeMessages(
  source: KafkaSource,
  parts: Parts,
  options: ReplayOptions,
  ground: Ground,
): Promise<JudgedMessages | undefined> {
  const { table, topicId, run, refused, before: until } = ground
  const { signal } = options
  const before = await table.snapshot('latest')
  const verdicts = new Map<string, MessageVerdict>()
  const ofTopic = until === undefined ? topicNumber(source.name, topicId, before) : until - 1n
  const inputs = new Map(refused.map(({ partition, input }) => [partition, input]))
  const landing = await parts.engine.land({
    source,
    topicId,
    topicNumber: Number(ofTopic),
    inputOf: partition => inputs.get(partition)!,
    run,
    signal,
  })
  try {
    const total = refused.reduce((sum, { waiting }) => sum + waiting.length, 0)
    let done = 0
    let landedBefore = 0
    for (const of of refused) {
      const landed = await landedAmong(parts, table, before, { topicId, before: until, ...of })
      const offsets = of.waiting.filter(offset => !landed.has(offset))
      await judge(landing, source, parts, signal, { ...ground, ...of, offsets, verdicts })
      done += of.waiting.length
      landedBefore += landed.size
      options.onProgress({ stage: 'land', unit: 'rows', done, total })
    }
    // Judging takes its time, and landings go on meanwhile: only what is left to do has to be undisturbed.
    const base = await table.snapshot('latest')
    const id = landingsId(source.name)
    if (base?.transactions.get(id) !== before?.transactions.get(id)) {
      let landedNow = 0
      for (const of of refused) landedNow += (await landedAmong(parts, table, base, { topicId, before: until, ...of })).size
      if (landedNow > landedBefore) return undefined
    }
    const topicNow = topicNumber(source.name, topicId, base)
    if (until === undefined && topicNow !== ofTopic) return undefined
    const number = nextLanding(source.name, base)
    const { files, rows, repeats, rejects } = await landing.finish({ number, at: landedAt(base, parts.now()) }, (first, last) =>
      archivedBetween({ table, archive: base }, first, last),
    )
    for (const { input, row, ...issue } of await issuesOf(parts, rejects)) verdicts.set(`${input} ${row}`, issue)
    if (rows === 0) return { verdicts, rows, version: undefined }
    signal.throwIfAborted()
    const version = await commitToArchive(source, parts, {
      ...{ table, archive: base, topicId, topicNumber: topicNow, number, runId: run.id },
      schema: archiveSchema(source, base),
      operation: 'replay',
      landed: { files, rows, repeats },
      transactions: {},
      lineage: { replay: true },
    })
    return version === undefined ? undefined : { verdicts, rows, version }
  } finally {
    await landing.abandon()
  }
}

interface Due extends Ground, RefusedPartition {
  /** To be judged. */
  offsets: readonly bigint[]
  verdicts: Map<string, MessageVerdict>
}

/** By the messages themselves, and by what was kept of those that are gone. */
async function judge(
  landing: Landing,
  source: KafkaSource,
  { topicOf, engine }: Parts,
  signal: AbortSignal,
  due: Due,
): Promise<void> {
  const { topicId, partition, state, input, offsets, verdicts, stored } = due
  const { topic } = source.landing
  const bounds = state?.partitions.find(other => other.partition === partition)
  const kept = offsets.filter(offset => bounds && offset >= bounds.first && offset < bounds.end)
  const left = new Set(offsets)
  if (kept.length > 0) {
    const { log, decoder } = topicOf(source)
    const place = { input, path: partitionPath(topic, partition) }
    for await (const messages of messagesAt(log, { topic, topicId, partition }, { offsets: kept, signal })) {
      await landMessages(landing, decoder, { place, partition, messages }, signal)
      for (const { offset } of messages) left.delete(offset)
    }
  }
  if (left.size === 0) return
  const rows = await keptRows(source, engine, stored, { input, offsets: [...left] })
  await landing.add(partition, rows)
  for (const { offset } of rows) left.delete(offset)
  for (const offset of left) verdicts.set(`${input} ${offset}`, 'gone')
}

/** So many offsets are looked up at a time. */
const LOOKED_UP = 2000

const PLACE = new Set<string>([A.topicId, A.topic, A.partition, A.offset])

/** Of some offsets those that an earlier replay has landed. */
async function landedAmong(
  { engine }: Parts,
  table: Table,
  archive: Snapshot | undefined,
  { topicId, partition, waiting, since, before }: Pick<Ground, 'topicId' | 'before'> & RefusedPartition,
): Promise<Set<bigint>> {
  const found = new Set<bigint>()
  if (!archive) return found
  for (let from = 0; from < waiting.length; from += LOOKED_UP) {
    const offsets = waiting.slice(from, from + LOOKED_UP)
    const files = archive.files.filter(({ columns }) => {
      const { min, max } = columns[A.offset] ?? {}
      return typeof min !== 'bigint' || typeof max !== 'bigint' || (min <= offsets.at(-1)! && max >= offsets[0]!)
    })
    if (files.length === 0) continue
    const where = [
      `${A.topicId} = '${topicId}' AND ${A.partition} = ${partition} AND ${A.offset} IN (${offsets.join(', ')})`,
      ...(since === undefined ? [] : [`${A.topic} >= ${since}`]),
      ...(before === undefined ? [] : [`${A.topic} < ${before}`]),
    ].join(' AND ')
    const columns = archive.columns.filter(({ name }) => PLACE.has(name))
    const query = { paths: await table.localPaths(files), columns, select: [A.offset], where }
    for await (const batch of engine.query(query)) for (const offset of batch.columns[0]!) found.add(BigInt(offset as bigint))
  }
  return found
}

async function issuesOf(
  { engine }: Parts,
  { files }: StagedRejects,
): Promise<{ input: string; row: bigint; code: string; reason: string }[]> {
  const found: { input: string; row: bigint; code: string; reason: string }[] = []
  const paths = files.map(({ localPath }) => localPath)
  const select = ['input', 'row', 'code', 'reason']
  for await (const { rows, columns } of engine.query({ paths, columns: REJECTED_COLUMNS, select })) {
    for (let at = 0; at < rows; at++) {
      const [input, row, code, reason] = columns.map(column => column[at]!)
      found.push({ input: String(input), row: BigInt(row as bigint), code: String(code), reason: String(reason) })
    }
  }
  return found
}
