/** A version beside what its own record computes to. */
import type { ReadFile } from '../domain/batch.ts'
import type { BaseFile, Comparison, Differences, Progress, Query, TileSet } from '../domain/engine.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import { addsFloats } from '../domain/featureSet.ts'
import type { Lineage } from '../domain/lineage.ts'
import { lineageOf } from '../domain/lineage.ts'
import { ChangedObjectError } from '../domain/objectReader.ts'
import type { CutoffRange, CutoffRanges } from '../domain/ranges.ts'
import { ALL, intersect, parseRanges, subtract } from '../domain/ranges.ts'
import type { PinnedFile } from '../domain/source.ts'
import { contentOf } from '../domain/source.ts'
import type { Table } from '../domain/tableStore.ts'
import { keysOf, tableColumns } from './columns.ts'
import type { Parts } from './parts.ts'
import { readFiles } from './readFiles.ts'
import type { RecordedInputs } from './recordedInputs.ts'
import { recordedInputs } from './recordedInputs.ts'
import { replayedTable, replaysWithin } from './replayedTable.ts'
import type { Resolved } from './resolveRef.ts'
import { slackOf } from './rounding.ts'
import { schemaSince } from './schemaRecord.ts'

const EXAMPLES = 5

interface Options {
  onProgress: (progress: Progress) => void
  signal: AbortSignal
}

type Verification =
  | { outcome: 'equal'; rows: number }
  | { outcome: 'unequal'; rows: number; cause: string; differences: Differences | undefined }

/**
 * Reads the files that a version recorded, computes its cutoffs anew and compares row by row; nothing that was derived meanwhile is
 * used. Where an input is gone or the definition has changed that is the answer, and nothing is computed.
 */
export async function verifyVersion(
  resolved: Resolved,
  set: FeatureSet | undefined,
  parts: Parts,
  options: Options,
): Promise<Verification> {
  const rows = resolved.snapshot.files.reduce((sum, file) => sum + file.rows, 0)
  try {
    return await compared(resolved, set, { parts, options, rows })
  } catch (error) {
    if (!(error instanceof ChangedObjectError)) throw error
    return { outcome: 'unequal', rows, cause: `input changed or gone: ${error.uri}`, differences: undefined }
  }
}

async function compared(
  { table, snapshot }: Resolved,
  set: FeatureSet | undefined,
  { parts, options, rows }: { parts: Parts; options: Options; rows: number },
): Promise<Verification> {
  const unequal = (cause: string, differences?: Differences): Verification => ({ outcome: 'unequal', rows, cause, differences })
  const lineage = lineageOf(snapshot.lineage)
  if (!lineage) return unequal('the version has no record of its inputs')
  if (!set) return unequal('definition gone: the project has no feature set of this name')
  if (set.fingerprint !== lineage.definition.fingerprint && !(await isAlike(set, parts, { table, lineage }))) {
    return unequal(`definition changed since${lineage.code ? `; it was computed by code ${lineage.code}` : ''}`)
  }
  const recorded = await recordedInputs(table, lineage)
  const present = await presentFiles(recorded, set, parts)
  if ('cause' in present) return unequal(present.cause)
  const computed = async (what: FeatureSet): Promise<Query> => ({
    paths: await computePieces(recorded, parseRanges(lineage.published), what, present.files, parts, options),
    columns: tableColumns(what),
  })
  const comparison: Comparison = {
    left: { paths: await table.localPaths(snapshot.files), columns: snapshot.columns },
    right: await computed(set),
    keys: keysOf(snapshot.columns),
    rounded: set.columns
      .filter(addsFloats)
      .map(({ name, aggregation }) => ({ name, isVariance: aggregation.name === 'variance' })),
    limit: EXAMPLES,
  }
  let differences = await parts.engine.compare(comparison)
  if (differences.columns.some(({ name }) => comparison.rounded.some(column => column.name === name))) {
    differences = await parts.engine.compare({ ...comparison, slack: await computed(slackOf(set)) })
  }
  if (differences.added + differences.removed + differences.changed === 0) return { outcome: 'equal', rows }
  return unequal((await replayCause(recorded, set, parts)) ?? (await engineCause(lineage, parts)), differences)
}

/** Whether no row and no value is another because of what has changed in the definition. */
async function isAlike(set: FeatureSet, parts: Parts, { table, lineage }: { table: Table; lineage: Lineage }): Promise<boolean> {
  const files = async (): Promise<PinnedFile[]> => {
    const { batches, formers } = await recordedInputs(table, lineage)
    return [...batches.flatMap(batch => batch.files), ...formers.map(({ file }) => file)]
  }
  return (await schemaSince(set, parts, { table, lineage, files })).isAlike
}

/** The rows of all published cutoffs, in staged files. */
async function computePieces(
  recorded: RecordedInputs,
  published: CutoffRanges,
  set: FeatureSet,
  present: ReadonlyMap<ReadFile, PinnedFile>,
  { engine, sourceOf }: Parts,
  options: Options,
): Promise<string[]> {
  const ends = recorded.formers.flatMap(({ only }) => only.map(({ to }) => to))
  const staged: BaseFile[] = []
  const reads: { files: ReadFile[]; tiles: TileSet }[] = []
  for (const { files, cutoffs } of pieces(recorded, published)) {
    let read = reads.find(one => isSame(one.files, files))
    if (!read) {
      const again = files.map(file => present.get(file)!)
      const { tiles } = await readFiles(engine, sourceOf(set), { set, files: again, keep: true }, { ...options, maxRejected: 1 })
      read = { files, tiles: tiles! }
      reads.push(read)
    }
    // A piece begins where rows that were taken back end to count.
    const base = staged.filter(({ last }) => last >= cutoffs.from - set.every)
    const closings = ends.includes(cutoffs.from) ? [{ cutoff: cutoffs.from, base }] : []
    const computed = await engine.compute({ set, tiles: [read.tiles], due: [cutoffs], closings }, options)
    staged.push(...computed.files.map(({ localPath }) => ({ localPath, first: cutoffs.from, last: cutoffs.to })))
  }
  return staged.map(({ localPath }) => localPath)
}

interface Piece {
  files: ReadFile[]
  cutoffs: CutoffRange
}

/** The published cutoffs, by the files that count at them, in order. */
function pieces({ batches, formers }: RecordedInputs, published: CutoffRanges): Piece[] {
  const sources = [
    ...batches.map(({ files, except }) => ({ files, counted: subtract(ALL, except) })),
    ...formers.map(({ file, only }) => ({ files: [file], counted: only })),
  ]
  let parts: Piece[] = published.map(cutoffs => ({ cutoffs, files: [] }))
  for (const { files, counted } of sources) {
    parts = parts.flatMap(part => [
      ...intersect([part.cutoffs], counted).map(cutoffs => ({ cutoffs, files: [...part.files, ...files] })),
      ...subtract([part.cutoffs], counted).map(cutoffs => ({ ...part, cutoffs })),
    ])
  }
  return parts.sort((a, b) => (a.cutoffs.from < b.cutoffs.from ? -1 : 1))
}

const isSame = (a: readonly ReadFile[], b: readonly ReadFile[]): boolean =>
  a.length === b.length && a.every((file, at) => file === b[at])

/** Where a replay has found since that rows are accepted which the version's runs had refused. */
async function replayCause({ batches, formers }: RecordedInputs, set: FeatureSet, { store }: Parts): Promise<string | undefined> {
  const replaysNow = replaysWithin(await replayedTable(store, set.source.name).snapshot('latest'), set.source.name)
  const files = [...batches.flatMap(batch => batch.files), ...formers.map(({ file }) => file)]
  const before = files.filter(({ hash, replays = 0 }) => replays < replaysNow(hash))
  if (before.length === 0) return undefined
  const which = `${before[0]!.path}${before.length > 1 ? ` and ${before.length - 1} more` : ''}`
  return `replayed since: rows of ${which} that were refused then are accepted now`
}

async function engineCause(lineage: Lineage, { engine }: Parts): Promise<string> {
  const now = `${engine.name} ${await engine.version()}`
  return now === lineage.versions.engine
    ? 'unknown: inputs, definition and engine are the same, so the stored rows were changed or a value is not reproducible'
    : `engine changed: ${lineage.versions.engine} then, ${now} now`
}

/** The recorded files as they are called now: each must still be there with the bytes that it had. */
async function presentFiles(
  { batches, formers }: RecordedInputs,
  set: FeatureSet,
  { sourceOf, signal }: Parts,
): Promise<{ files: Map<ReadFile, PinnedFile> } | { cause: string }> {
  const recorded = [...batches.flatMap(({ files }) => files), ...formers.map(({ file }) => file)]
  // A copy that was kept of what is another by now would compute to the same.
  const now = await sourceOf(set).pin(recorded, { anew: true, signal })
  const byContent = new Map(now.files.map(file => [contentOf(file), file]))
  const files = new Map<ReadFile, PinnedFile>()
  for (const file of recorded) {
    const found = byContent.get(contentOf(file))
    if (!found) {
      const changed = now.files.some(({ path }) => path === file.path)
      return { cause: `input ${changed ? 'changed' : 'gone'}: ${file.path}` }
    }
    files.set(file, found)
  }
  return { files }
}
