/** The first stage of a run: what no version has read yet is read, validated and gathered into tiles. */

import type { Batch } from '../domain/batch.ts'
import type { Progress, Reading, ReadOptions, ReadResult } from '../domain/engine.ts'
import { exceeds } from '../domain/engine.ts'
import { DataError } from '../domain/errors.ts'
import type { ExpectationResult, Severity } from '../domain/expectations.ts'
import { judgeBatch } from '../domain/expectations.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import type { InputChanges } from '../domain/inputChanges.ts'
import { grouped } from '../domain/numberText.ts'
import type { CutoffRanges } from '../domain/ranges.ts'
import { hull, NONE } from '../domain/ranges.ts'
import type { PinnedFile } from '../domain/source.ts'
import type { Instant } from '../domain/time.ts'
import type { Parts } from './parts.ts'
import { readFiles } from './readFiles.ts'
import type { RejectedRows } from './rejectedTable.ts'
import type { Ground } from './survey.ts'
import { tilesId } from './tiles.ts'

export interface Fresh {
  batch: Batch
  result: ReadResult
  /** The rows that count for what may be rejected: what has been refused before, and let pass, is not refused once more. */
  judged: Pick<ReadResult, 'rowsRead' | 'rowsRejected'>
  /** What was read: of a source with a row key everything, since any row may replace any other. */
  files: PinnedFile[]
  /** What is expected of the batch, and found. */
  expectations: ExpectationResult[]
}

export interface ReadingOptions {
  /** Goes before the definition's own. */
  maxRejected: number | undefined
  /** Goes before the severities that the definition gives its expectations. */
  severity?: Severity | undefined
  /** Rows are as old as they are then. */
  until: Instant
  onProgress: (progress: Progress) => void
  onNote?: (text: string) => void
  signal: AbortSignal
}

/** Undefined where there is nothing that no version has read. */
export async function readFresh(
  set: FeatureSet,
  { engine, sourceOf }: Parts,
  { maxRejected, severity, until, onProgress, onNote, signal }: ReadingOptions,
  { ground, changes, rejected }: { ground: Ground; changes: InputChanges; rejected: RejectedRows | undefined },
): Promise<Fresh | undefined> {
  if (changes.fresh.length === 0) return undefined
  const living = set.source.rowKey ? livingFiles(changes) : []
  const files = [...changes.fresh, ...living]
  const published = set.late === 'restate' ? hull(publishedBefore(ground)) : undefined
  const keep = rejected !== undefined
  const read = (of: PinnedFile[], more: Partial<Reading>, judging: Pick<ReadOptions, 'maxRejected' | 'rejects'>) =>
    readFiles(
      engine,
      sourceOf(set),
      { set, files: of, keep, ...(published ? { published } : {}), ...more },
      { ...judging, onProgress, onNote, signal },
    )
  const allowed = maxRejected ?? set.maxRejected
  // What a replay has seen refused does not count once more: it is told apart when all is read.
  const again = changes.fresh.some(({ replays }) => replays !== undefined)
  const first: Partial<Reading> = {
    keep: keep && living.length === 0,
    ...(set.expectations.length > 0 ? { expected: { until, published: publishedBefore(ground) } } : {}),
  }
  let result = await read(changes.fresh, first, {
    maxRejected: again ? 1 : allowed,
    ...(rejected ? { rejects: rejected.run } : {}),
  })
  // As they were read: of a bucket that keeps versions, which.
  const versions = result.read
  await rejected?.add(result.rejects)
  const expectations = result.measured ? judgeBatch(set.expectations, result.measured, severity) : []
  const judged = { rowsRead: result.rowsRead, rowsRejected: result.rowsRejected - (rejected?.again ?? 0) }
  const tooMany = exceeds(judged, allowed)
  if (again && tooMany) result = { ...result, tiles: undefined }
  if (living.length > 0 && !tooMany) {
    // What other runs have let pass is not judged again.
    const { rowsRead, rowsRejected } = result
    result = { ...(await read(files, {}, { maxRejected: 1 })), rowsRead, rowsRejected }
  }
  const batch: Batch = {
    files: versions.map(({ localPath: _, ...file }, at) => ({ ...file, span: result.spans[at]! })),
    tiles: set.source.rowKey ? undefined : tilesId(engine, set, changes.fresh),
    weight: set.source.rowKey ? changes.fresh.length : (result.tiles?.rows ?? 0),
    except: [],
  }
  return { batch, result, judged, files, expectations }
}

/** What computes everything anew has published nothing yet. */
const publishedBefore = ({ basis }: Ground): CutoffRanges => (basis.kind === 'extend' ? basis.published : NONE)

/** The files that were read before and are still there. */
export function livingFiles({ batches, gone }: InputChanges): PinnedFile[] {
  const missing = new Set(gone.map(({ file }) => file))
  return batches.flatMap(({ files }) => files.filter(file => !missing.has(file)))
}

/** @param set what is not committed: a feature set, or a source's landing */
export function tooManyRejected(
  set: { name: string; source: { name: string } },
  { rowsRead, rowsRejected }: { rowsRead: number; rowsRejected: number },
  limit: number,
  commonest: { reason: string; rows: number } | undefined,
): DataError {
  const percent = (share: number): string => `${Number((share * 100).toPrecision(2))}%`
  const most = commonest ? ` Most common: ${commonest.reason} (${grouped(commonest.rows)}).` : ''
  return new DataError(
    'data.rejected',
    `\`${set.name}\`: ${grouped(rowsRejected)} of ${grouped(rowsRead)} rows (${percent(rowsRejected / rowsRead)}) were rejected; the limit is ${percent(limit)}. Nothing was committed.${most}`,
    {
      hint: `See \`quern rejected ${set.source.name}\`. Mend the data or the schema, or allow a share with --max-rejected.`,
      values: { rowsRead, rowsRejected, limit },
    },
  )
}
