/** The files that a version was computed from, in batches: those that one run read together, with their tiles. */
import type { TileSpan } from './engine.ts'
import type { FeatureSet } from './featureSet.ts'
import { hasLifetime, reachOf } from './featureSet.ts'
import type { CutoffRange, CutoffRanges } from './ranges.ts'
import { AFTER_ALL, ALL, NONE } from './ranges.ts'
import type { PinnedFile } from './source.ts'

/** A file and where its rows lie; null where none of them counts. */
export interface ReadFile extends PinnedFile {
  span: TileSpan | null
}

export interface Batch {
  files: readonly ReadFile[]
  /** Under which its tiles are kept. Undefined where there are none: they are derived, and made when they are needed. */
  tiles: string | undefined
  /** A measure of the tiles' size. */
  weight: number
  /** Published cutoffs at which these files do not count yet: their rows came too late for them. */
  except: CutoffRanges
}

/** A file that has changed or was lost since. It counts at published cutoffs that stay as they are, and at no others. */
export interface FormerFile {
  file: ReadFile
  /** Its content is nowhere to be found, and going on without it was accepted; otherwise another content stands in its place. */
  isLost: boolean
  only: CutoffRanges
}

/** From the first tile of several files to the last. */
export function spanOf(files: readonly ReadFile[]): TileSpan | null {
  let span: TileSpan | null = null
  for (const { span: own } of files) {
    if (!own) continue
    span = span ? { first: least(span.first, own.first), last: greatest(span.last, own.last) } : own
  }
  return span
}

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b)
const greatest = (a: bigint, b: bigint): bigint => (a > b ? a : b)

/** The cutoffs at which entities have rows because of events in `span`, the closing row included. */
export function cutoffsHeldBy(set: FeatureSet, span: TileSpan | null): CutoffRanges {
  return span ? [{ from: span.first, to: span.last + (reachOf(set) + 1n) * set.every }] : NONE
}

/** The cutoffs whose values may be others because of events in `span`. */
export function cutoffsChangedBy(set: FeatureSet, span: TileSpan | null): CutoffRanges {
  if (!span) return NONE
  // A row may replace any other that has its row key.
  if (set.source.rowKey) return ALL
  const [held] = cutoffsHeldBy(set, span) as [CutoffRange]
  return hasLifetime(set) ? [{ from: held.from, to: AFTER_ALL }] : [held]
}
