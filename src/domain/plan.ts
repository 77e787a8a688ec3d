/** What a plan is made from, and what it says. */
import type { Batch, FormerFile } from './batch.ts'
import type { StaleRange, TileSpan } from './engine.ts'
import type { FeatureSet } from './featureSet.ts'
import type { InputChanges } from './inputChanges.ts'
import type { CutoffRange, CutoffRanges } from './ranges.ts'
import type { Instant } from './time.ts'

/** What a run builds on. */
export interface Basis {
  /** `first` and `rebuild` compute everything. */
  kind: 'first' | 'rebuild' | 'extend'
  /** Why it is no extension, or which older version it takes up. */
  why?: string
  /** Cutoffs that the version publishes. */
  published: CutoffRanges
  formers: readonly FormerFile[]
  pending: readonly StaleRange[]
  description: string | undefined
  /** The table's last published cutoff: no run takes one back. */
  reached: Instant | undefined
  /** An older version of the same definition is taken up: there is something to commit in any case. */
  restored: boolean
  /** What has changed in the schema, where no row and no value is another because of it. */
  alike?: string[]
}

export interface PlanRequest {
  set: FeatureSet
  basis: Basis
  changes: InputChanges
  /** The files of `changes.fresh` once they were read, and the published cutoffs that they touch. */
  fresh: { batch: Batch; touched: readonly StaleRange[] } | undefined
  /** Cutoffs `c` with `c + delay <= until` are due. */
  until: Instant
  /** Only these cutoffs, and all of them anew: a backfill. */
  only?: CutoffRange
  /** There is something to record even where there is nothing to compute. */
  conclude?: boolean
  /** Go on without files that are gone. */
  acceptLoss: boolean
}

/** A stale range, with the backfill that would repair it where no scheduled run does. */
export interface ListedStale extends StaleRange {
  backfill?: CutoffRange
}

/** Whose rows are computed again: the entities of one batch's tiles, or all. */
export interface Toucher {
  /** Undefined: every entity. */
  batch: Batch | undefined
  span: TileSpan
}

export interface RunPlan {
  outcome: 'run'
  reason: string
  through: Instant
  /** Cutoffs to be published for the first time. */
  due: CutoffRanges
  /** Published cutoffs to be computed again, by whose doing, and why. */
  stale: CutoffRanges
  touchers: Toucher[]
  why: string
  /** Of `due` and `stale`, the cutoffs from which on rows no longer count that were taken back: what they held is closed there. */
  closings: Instant[]
  /** Of `due` and `stale`, the cutoffs that may hold rows. */
  written: CutoffRanges
  listed: ListedStale[]
  /** The state that the new version records. */
  batches: Batch[]
  formers: FormerFile[]
  published: CutoffRanges
  pending: StaleRange[]
}

export interface UnchangedPlan {
  outcome: 'unchanged'
  reason: string
  through: Instant
  listed: ListedStale[]
}

/** Files are gone, and some cutoffs need their rows. */
export interface LostPlan {
  outcome: 'lost'
  files: string[]
  cutoffs: CutoffRanges
  through: Instant
}

export type Plan = RunPlan | UnchangedPlan | LostPlan
