/** A version beside what its own record computes to. */
import type { ReadFile } from '../domain/batch.ts'
import type { Differences, Progress } from '../domain/engine.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import type { Lineage } from '../domain/lineage.ts'
import { lineageOf } from '../domain/lineage.ts'
import type { CutoffRange, CutoffRanges } from '../domain/ranges.ts'
import { ALL, intersect, isEmpty, parseRanges, subtract } from '../domain/ranges.ts'
import type { PinnedFile } from '../domain/source.ts'
import { keysOf, tableColumns } from './columns.ts'
import { TOLERANCE } from './diffVersions.ts'
import type { Parts } from './parts.ts'
import type { RecordedInputs } from './recordedInputs.ts'
import { recordedInputs } from './recordedInputs.ts'
import type { Resolved } from './resolveRef.ts'

const EXAMPLES = 5

export type Verification =
  | { outcome: 'equal'; rows: number }
  | { outcome: 'unequal'; rows: number; cause: string; differences: Differences | undefined }

/**
 * Reads the files that a version recorded, computes its cutoffs anew and compares row by row; nothing that was derived meanwhile is
 * used. Where an input is gone or the definition has changed that is the answer, and nothing is computed.
 */
export async function verifyVersion(
  { table, snapshot }: Resolved,
  set: FeatureSet | undefined,
  parts: Parts,
  options: { onProgress: (progress: Progress) => void; signal: AbortSignal },
): Promise<Verification> {
  const rows = snapshot.files.reduce((sum, file) => sum + file.rows, 0)
  const unequal = (cause: string, differences?: Differences): Verification => ({ outcome: 'unequal', rows, cause, differences })
  const lineage = lineageOf(snapshot.lineage)
  if (!lineage) return unequal('the version has no record of its inputs')
  if (!set) return unequal('definition gone: the project has no feature set of this name')
  if (set.fingerprint !== lineage.definition.fingerprint) {
    return unequal(`definition changed since${lineage.code ? `; it was computed by code ${lineage.code}` : ''}`)
  }
  const recorded = await recordedInputs(table, lineage)
  const present = await presentFiles(recorded, set, parts)
  if ('cause' in present) return unequal(present.cause)
  const paths: string[] = []
  for (const { files, cutoffs } of pieces(recorded, parseRanges(lineage.published))) {
    const inputs = { source: set.source.name, files: files.map(file => present.files.get(file)!) }
    const read = await parts.engine.read({ set, inputs, keep: true }, { ...options, maxRejected: 1, onRejected: async () => {} })
    const { files: staged } = await parts.engine.compute({ set, tiles: [read.tiles!], due: cutoffs }, options)
    paths.push(...staged.map(({ localPath }) => localPath))
  }
  const columns = tableColumns(set)
  const differences = await parts.engine.compare({
    left: { paths: await table.localPaths(snapshot.files), columns: snapshot.columns },
    right: { paths, columns },
    keys: keysOf(columns),
    tolerance: TOLERANCE,
    limit: EXAMPLES,
  })
  if (differences.added + differences.removed + differences.changed === 0) return { outcome: 'equal', rows }
  return unequal(await engineCause(lineage, parts), differences)
}

interface Piece {
  files: ReadFile[]
  cutoffs: CutoffRanges
}

/** The published cutoffs, by the files that count at them. */
function pieces({ batches, formers }: RecordedInputs, published: CutoffRanges): Piece[] {
  const sources = [
    ...batches.map(({ files, except }) => ({ files, counted: subtract(ALL, except) })),
    ...formers.map(({ file, only }) => ({ files: [file], counted: only })),
  ]
  let parts: { cutoffs: CutoffRange; files: ReadFile[] }[] = published.map(cutoffs => ({ cutoffs, files: [] }))
  for (const { files, counted } of sources) {
    parts = parts.flatMap(part => [
      ...intersect([part.cutoffs], counted).map(cutoffs => ({ cutoffs, files: [...part.files, ...files] })),
      ...subtract([part.cutoffs], counted).map(cutoffs => ({ ...part, cutoffs })),
    ])
  }
  const pieces: Piece[] = []
  for (const { cutoffs, files } of parts) {
    const same = pieces.find(piece => piece.files.length === files.length && piece.files.every((file, at) => file === files[at]))
    if (same) same.cutoffs = [...same.cutoffs, cutoffs]
    else pieces.push({ files, cutoffs: [cutoffs] })
  }
  return pieces.filter(({ cutoffs }) => !isEmpty(cutoffs))
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
  { sourceOf }: Parts,
): Promise<{ files: Map<ReadFile, PinnedFile> } | { cause: string }> {
  const recorded = [...batches.flatMap(({ files }) => files), ...formers.map(({ file }) => file)]
  const now = await sourceOf(set).pin(recorded)
  const byHash = new Map(now.files.map(file => [file.hash, file]))
  const files = new Map<ReadFile, PinnedFile>()
  for (const file of recorded) {
    const found = byHash.get(file.hash)
    if (!found) {
      const changed = now.files.some(({ path }) => path === file.path)
      return { cause: `input ${changed ? 'changed' : 'gone'}: ${file.path}` }
    }
    files.set(file, found)
  }
  return { files }
}
