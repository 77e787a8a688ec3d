/**
 * The story of a replay: refused rows are judged again by today's schema, by reading their files as a run would. Rows that are
 * accepted now and that some version was computed without are marked; the next run reads their files again, in place of what it has
 * read of them. Messages are landed instead (`replayMessages.ts`).
 */
import { randomUUID } from 'node:crypto'
import { DataError } from '../domain/errors.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import { holdsContent, pinOfLanded } from '../domain/landedPins.ts'
import { readPartitionInput } from '../domain/landing.ts'
import { lineageOf } from '../domain/lineage.ts'
import { ChangedObjectError } from '../domain/objectReader.ts'
import { REJECTED_COLUMNS } from '../domain/rejectedRows.ts'
import type { ReplayedGroup, Unseen } from '../domain/replay.ts'
import { ReplayedGroups } from '../domain/replay.ts'
import type { PinnedFile } from '../domain/source.ts'
import type { Snapshot } from '../domain/tableStore.ts'
import type { ReplayOptions } from './judgeMessages.ts'
import type { Mark } from './marker.ts'
import { Marker } from './marker.ts'
import { withRows } from './openInputs.ts'
import type { Parts } from './parts.ts'
import { recordedFiles } from './recordedInputs.ts'
import type { Refusal, RefusedRows } from './refusedRows.ts'
import { placesOf, refusedInputs, refusedRowsOf } from './refusedRows.ts'
import { markKey, marksOf, replayedTable, replaysOf } from './replayedTable.ts'
import type { ReplayLanded } from './replayMessages.ts'
import { replayMessages } from './replayMessages.ts'

export interface Replay {
  groups: ReplayedGroup[]
  /** The files that hold marked rows, and the feature sets whose next run reads them again. */
  files: string[]
  featureSets: string[]
  /** Of a topic: rows of its messages that have landed now. */
  landed?: ReplayLanded
}

/** @param sets those of the project that read the source; one at least */
export async function replayRejected(sets: readonly FeatureSet[], parts: Parts, options: ReplayOptions): Promise<Replay> {
  const { source } = sets[0]!
  const table = parts.store.table(`rejected/${source.name}`)
  const snapshot = await table.snapshot('latest')
  if (!snapshot) return { groups: [], files: [], featureSets: [] }
  const groups = new ReplayedGroups()
  const landed =
    source.kind === 'kafka' ? await replayMessages(source, parts, options, { stored: { table, snapshot }, groups }) : undefined
  const replayed = await replayedTable(parts.store, source.name).snapshot('latest')
  const readers = await Promise.all(sets.map(set => readerOf(set, parts)))
  const inputs = (await refusedInputs(parts.engine, { table, snapshot })).filter(input => !readPartitionInput(input))
  const present = await filesNow(sets[0]!, parts, { readers, inputs })
  const marker = new Marker(parts, source, { id: randomUUID(), startedAt: parts.now() })
  const read = { files: new Set<string>(), featureSets: new Set<string>() }
  for (const input of inputs) {
    const refused = await refusedRowsOf(parts.engine, { table, snapshot }, input)
    const file = fileOf(input, refused, present)
    const verdicts = await judgedAgain(sets, parts, options, { file, refused })
    const marks = await marksFor(parts, { input, refused, verdicts, replayed, readers, groups })
    if (marks.length === 0 || !('hash' in file)) continue
    await marker.add({ input, path: file.path, marks, seen: replaysOf(replayed, source.name, input) })
    read.files.add(file.path)
    for (const { set, files } of readers) if (files.some(({ hash }) => holdsContent(hash, input))) read.featureSets.add(set.name)
  }
  await marker.commit()
  const all = { groups: groups.all(), files: [...read.files], featureSets: [...read.featureSets] }
  return landed ? { ...all, landed } : all
}

/** A feature set with the files that its latest version was computed from, and the schemas under which they were read. */
interface Reader {
  set: FeatureSet
  files: PinnedFile[]
  schemas: Set<string>
}

async function readerOf(set: FeatureSet, { store }: Parts): Promise<Reader> {
  const table = store.table(`features/${set.name}`)
  const lineage = lineageOf((await table.snapshot('latest'))?.lineage)
  if (!lineage) return { set, files: [], schemas: new Set() }
  const { fingerprint, alike = [] } = lineage.schema
  return { set, files: await recordedFiles(table, lineage), schemas: new Set([fingerprint, ...alike]) }
}

/** What the source holds now: what readers have read, and landings of which rows were refused, whatever they were joined with since. */
async function filesNow(
  set: FeatureSet,
  { sourceOf }: Parts,
  { readers, inputs }: { readers: readonly Reader[]; inputs: readonly string[] },
): Promise<PinnedFile[]> {
  const landed = inputs.flatMap(input => pinOfLanded(set.source.name, input) ?? [])
  try {
    return (await sourceOf(set).pin([...landed, ...readers.flatMap(({ files }) => files)])).files
  } catch (error) {
    if (error instanceof DataError && error.code === 'data.no-match') return []
    throw error
  }
}

/** Of equal files that which still lies where it lay; else why there is none. */
function fileOf(
  input: string,
  { refusals }: RefusedRows,
  present: readonly PinnedFile[],
): PinnedFile | { path: string; why: Unseen } {
  const { path } = refusals[0]!
  const equal = present.filter(({ hash }) => hash === input)
  const file = equal.find(other => other.path === path) ?? equal[0]
  return file ?? { path, why: present.some(other => other.path === path) ? 'changed' : 'gone' }
}

/** What today's schema says of a row that was refused: nothing where it is accepted. */
type Verdict = { code: string; reason: string } | { path: string; why: Unseen } | undefined

/** For each refused row, in their order. */
async function judgedAgain(
  sets: readonly FeatureSet[],
  parts: Parts,
  options: ReplayOptions,
  { file, refused }: { file: PinnedFile | { path: string; why: Unseen }; refused: RefusedRows },
): Promise<Verdict[]> {
  const { refusals } = refused
  if ('why' in file) return refusals.map(() => file)
  const owners = new Set(refusals.map(({ featureSet }) => featureSet))
  const byKey = sets.filter(({ name }) => owners.has(name))
  // The schema is the same for all: whichever set reads the file, it judges for those that refused nothing by a key too.
  const reading = byKey.length === 0 && owners.has(null) ? [sets[0]!] : byKey
  const verdicts: Verdict[] = refusals.map(({ featureSet, path }) =>
    featureSet === null || byKey.some(({ name }) => name === featureSet) ? undefined : { path, why: 'no feature set' },
  )
  const inputs = { source: sets[0]!.source.name, files: [file] }
  try {
    for (const set of reading) {
      const { rejects } = await withRows(parts.sourceOf(set), inputs, options, local =>
        parts.engine.read(
          { set, inputs: local, keep: false },
          { ...options, maxRejected: 1, rejects: { id: 'replay', startedAt: parts.now() } },
        ),
      )
      const query = {
        paths: rejects!.files.map(({ localPath }) => localPath),
        columns: REJECTED_COLUMNS,
        select: ['row', 'code', 'reason', 'feature_set'],
      }
      for await (const { rows, columns } of parts.engine.query(query)) {
        for (let i = 0; i < rows; i++) {
          const [row, code, reason, key] = columns.map(column => column[i]!)
          for (const at of placesOf(refused, Number(row))) {
            const { featureSet } = refusals[at]!
            const concerns = featureSet === null ? key === null : featureSet === set.name
            if (concerns) verdicts[at] = { code: String(code), reason: String(reason) }
          }
        }
      }
    }
  } catch (error) {
    if (error instanceof ChangedObjectError) return refusals.map(() => ({ path: file.path, why: 'changed' }))
    if (!(error instanceof DataError)) throw error
    return refusals.map(() => ({ path: file.path, why: 'unreadable' }))
  }
  const changed = await parts.sourceOf(sets[0]!).changedSince(inputs)
  return changed.length > 0 ? refusals.map(() => ({ path: file.path, why: 'changed' })) : verdicts
}

interface Judged {
  input: string
  refused: RefusedRows
  verdicts: Verdict[]
  replayed: Snapshot | undefined
  readers: readonly Reader[]
  groups: ReplayedGroups
}

/** Counts the verdicts; answers the rows that are to be marked. */
async function marksFor(
  { store, engine }: Parts,
  { input, refused, verdicts, replayed, readers, groups }: Judged,
): Promise<Mark[]> {
  const { source } = readers[0]!.set
  const isMarkedAtAll = replaysOf(replayed, source.name, input) > 0
  const before = isMarkedAtAll
    ? await marksOf(engine, { table: replayedTable(store, source.name), snapshot: replayed! }, input)
    : new Map<string, number>()
  const readBy = readers.filter(({ files }) => files.some(({ hash }) => holdsContent(hash, input)))
  const marks: Mark[] = []
  for (const [at, verdict] of verdicts.entries()) {
    const { code, reason, featureSet, by } = refused.refusals[at]!
    const group = groups.group(code, reason)
    if (verdict && 'why' in verdict) groups.isUnseen(group, verdict.path, verdict.why)
    else if (verdict) groups.fails(group, verdict)
    else {
      const row = BigInt(refused.rows[at]!)
      const last = before.get(markKey(input, row, featureSet)) ?? 0
      const isMissing = by.some(({ schema, replays }) => replays >= last && lacks(readBy, schema, featureSet))
      groups.passes(group, isMissing)
      if (isMissing) marks.push({ row, code, reason, featureSet })
    }
  }
  return marks
}

/** Whether some set's latest version was computed without the rows that a schema, or the set's own key, refused of its file. */
const lacks = (readBy: readonly Reader[], schema: string, featureSet: Refusal['featureSet']): boolean =>
  readBy.some(({ set, schemas }) => schemas.has(schema) && (featureSet === null || featureSet === set.name))
