/**
 * The story of a replay of messages: those that were refused are judged again by today's format and schema, as the topic has them or,
 * where it keeps them no more, by the row that was kept of them. What passes lands in the archive, with its own partition and offset, in
 * a landing that moves no position; then it is marked. A replay that dies in between has landed it, and the next one marks it.
 */
import { randomUUID } from 'node:crypto'
import { TransientError } from '../domain/errors.ts'
import type { TopicState } from '../domain/eventLog.ts'
import { ReplacedTopicError } from '../domain/eventLog.ts'
import type { PartitionInput } from '../domain/landing.ts'
import { readPartitionInput } from '../domain/landing.ts'
import type { ReplayedGroups } from '../domain/replay.ts'
import type { KafkaSource } from '../domain/source.ts'
import type { Snapshot } from '../domain/tableStore.ts'
import type { MessageVerdict, RefusedPartition, ReplayOptions } from './judgeMessages.ts'
import { judgeMessages } from './judgeMessages.ts'
import { incarnations, landedAndHeld, positionId } from './landedPositions.ts'
import type { Mark } from './marker.ts'
import { Marker } from './marker.ts'
import type { Parts } from './parts.ts'
import type { Stored } from './refusedRows.ts'
import { refusedInputs, refusedRowsOf } from './refusedRows.ts'
import { markKey, marksOf, replayedTable, replaysOf } from './replayedTable.ts'
import { standAside } from './standAside.ts'

/** Rows that have landed, and as which version of the archive. */
export interface ReplayLanded {
  rows: number
  version: number | undefined
}

const ATTEMPTS = 20

/** Counts what it finds into `groups`. */
export async function replayMessages(
  source: KafkaSource,
  parts: Parts,
  options: ReplayOptions,
  { stored, groups }: { stored: Stored; groups: ReplayedGroups },
): Promise<ReplayLanded> {
  const landed: ReplayLanded = { rows: 0, version: undefined }
  const inputs = await refusedInputs(parts.engine, stored)
  const archive = await parts.store.table(`archive/${source.name}`).snapshot('latest')
  const all = inputs
    .flatMap(input => readPartitionInput(input) ?? [])
    .map(of => ({ ...of, before: replacedSince(source, of, archive) }))
  for (const partitions of Map.groupBy(all, ({ topicId, before }) => `${topicId} ${before}`).values()) {
    const { topicId, before } = partitions[0]!
    const done = await replayTopic(source, parts, options, { topicId, before, stored, groups, partitions })
    landed.rows += done.rows
    landed.version = done.version ?? landed.version
  }
  return landed
}

/** The topic's number since which others stand at the offsets of an input; undefined where its own do. */
function replacedSince({ name }: KafkaSource, of: PartitionInput, archive: Snapshot | undefined): bigint | undefined {
  return incarnations(name, of.topicId, of.partition, archive).find(number => number > (of.since ?? 0n))
}

interface OfTopic {
  topicId: string
  before: bigint | undefined
  partitions: readonly PartitionInput[]
  stored: Stored
  groups: ReplayedGroups
}

async function replayTopic(source: KafkaSource, parts: Parts, options: ReplayOptions, of: OfTopic): Promise<ReplayLanded> {
  const run = { id: randomUUID(), startedAt: parts.now() }
  const table = parts.store.table(`archive/${source.name}`)
  const replayed = await replayedTable(parts.store, source.name).snapshot('latest')
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const archive = await table.snapshot('latest')
    // A loss that was accepted meanwhile is rare: the next replay begins with it.
    if (of.partitions.some(input => replacedSince(source, input, archive) !== of.before)) break
    const refused: RefusedPartition[] = []
    for (const input of of.partitions) refused.push(await refusedPartition(source, parts, { ...of, ...input, archive, replayed }))
    const isDue = refused.some(({ waiting }) => waiting.length > 0)
    const isThere = isDue && of.before === undefined
    const state = isThere ? await topicNow(source, of.topicId, archive, parts, options.signal) : undefined
    const { topicId, before, stored } = of
    const judged = isDue
      ? await judgeMessages(source, parts, options, { topicId, before, run, table, state, stored, refused })
      : { verdicts: new Map<string, MessageVerdict>(), rows: 0, version: undefined }
    if (judged) {
      await mark(source, parts, run, { refused, verdicts: judged.verdicts, replayed, groups: of.groups })
      return { rows: judged.rows, version: judged.version }
    }
    parts.trace(`${source.name}: another landing was first`)
    await standAside(attempt)
  }
  throw new TransientError(
    'transient.conflict',
    `source \`${source.name}\`: its archive changed during ${ATTEMPTS} attempts to land what was refused`,
    { hint: 'Replay again when no other run is under way.' },
  )
}

interface OfPartition extends OfTopic, PartitionInput {
  archive: Snapshot | undefined
  replayed: Snapshot | undefined
}

/** Of a run that died the refused rows are there, and nothing has landed: the next landing judges them, whatever this one would say. */
async function refusedPartition(source: KafkaSource, { store, engine }: Parts, of: OfPartition): Promise<RefusedPartition> {
  const { input, partition, since, before, topicId, archive, replayed, stored } = of
  const isKnown = since === undefined || incarnations(source.name, topicId, partition, archive).includes(since)
  const position = isKnown ? (archive?.transactions.get(positionId(source.name, topicId, partition)) ?? 0n) : 0n
  const all = await refusedRowsOf(engine, stored, input)
  // What others have replaced no landing judges any more.
  const passed = before === undefined ? all.rows.findIndex(row => BigInt(row) >= position) : -1
  const count = passed < 0 ? all.rows.length : passed
  const rows = { rows: all.rows.slice(0, count), refusals: all.refusals.slice(0, count) }
  const isMarked = replayed && replaysOf(replayed, source.name, input) > 0
  const marks = isMarked
    ? await marksOf(engine, { table: replayedTable(store, source.name), snapshot: replayed }, input)
    : undefined
  const waiting = rows.rows.map(row => BigInt(row)).filter(row => !marks?.has(markKey(input, row, null)))
  return { input, partition, since, rows, waiting }
}

/** Undefined where there is no such topic any more, but perhaps another of its name. It ends where it holds what has landed no more. */
async function topicNow(
  source: KafkaSource,
  topicId: string,
  archive: Snapshot | undefined,
  { topicOf }: Parts,
  signal: AbortSignal,
): Promise<TopicState | undefined> {
  try {
    const { log } = topicOf(source)
    const state = await log.topic(source.landing.topic, signal)
    if (state.topicId !== topicId) return undefined
    const held = await landedAndHeld(source, log, state, archive, signal)
    const partitions = state.partitions.map(one => {
      const end = held.get(one.partition) ?? one.end
      return end < one.end ? { ...one, end } : one
    })
    return { topicId, partitions }
  } catch (error) {
    if (error instanceof ReplacedTopicError) return undefined
    if ((error as { code?: string }).code === 'definition.topic') return undefined
    throw error
  }
}

interface Judged {
  refused: readonly RefusedPartition[]
  verdicts: ReadonlyMap<string, MessageVerdict>
  replayed: Snapshot | undefined
  groups: ReplayedGroups
}

async function mark(
  source: KafkaSource,
  parts: Parts,
  run: ConstructorParameters<typeof Marker>[2],
  { refused, verdicts, replayed, groups }: Judged,
): Promise<void> {
  const marker = new Marker(parts, source, run)
  for (const { input, rows, waiting } of refused) {
    const isWaiting = new Set(waiting)
    const marks: Mark[] = []
    for (const [at, number] of rows.rows.entries()) {
      const row = BigInt(number)
      const { code, reason, path } = rows.refusals[at]!
      const group = groups.group(code, reason)
      const verdict = verdicts.get(`${input} ${row}`)
      if (!isWaiting.has(row)) groups.passes(group, false)
      else if (verdict === 'gone') groups.isUnseen(group, path, 'not kept')
      else if (verdict) groups.fails(group, verdict)
      else {
        groups.passes(group, true)
        marks.push({ row, code, reason, featureSet: null })
      }
    }
    const path = rows.refusals[0]?.path
    if (marks.length > 0 && path !== undefined)
      await marker.add({ input, path, marks, seen: replaysOf(replayed, source.name, input) })
  }
  await marker.commit()
}
