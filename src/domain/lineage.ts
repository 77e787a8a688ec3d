/** What a commit records of where its rows came from. Small: long lists are objects of their own that it refers to. */
import type { CutoffSpan, StaleRange } from './engine.ts'
import type { ExpectationResult } from './expectations.ts'
import type { FeatureSet } from './featureSet.ts'
import type { RangeText } from './ranges.ts'
import { formatDuration, formatInstant, readInstant } from './time.ts'

/** One batch of files that the version was computed from. */
export interface BatchRecord {
  /** The object under `_quern/` that lists them. */
  list: string
  files: number
  bytes: number
  /** Under which the batch's tiles are kept; null where there are none. */
  tiles: string | null
  weight: number
  /** Published cutoffs at which these files do not count yet; absent where they count at all. */
  except?: RangeText[]
}

/** Files that have changed or were lost since, and the published cutoffs at which they still count. */
export interface FormerRecord {
  list: string
  only: RangeText[]
  /** The files are gone; absent where they hold something else now. */
  lost?: true
}

/** Instants are text, both ends of a span included. */
export interface CutoffText {
  from: string
  to: string
  count: number
}

export interface StaleText {
  from: string
  to: string
  entities: number | null
}

export interface Lineage {
  runId: string
  reason: string
  definition: {
    name: string
    fingerprint: string
    /** Of all but the schema; absent in records of older releases. */
    apart?: string
    every: string
    description?: string
  }
  schema: {
    fingerprint: string
    /** The object under `_quern/` that holds what it says; absent in records of older releases. */
    record?: string
    /** Schemas under which some of the inputs were read, with the same rows and values; absent where there are none. */
    alike?: string[]
  }
  inputs: { source: string; files: number; bytes: number; batches: BatchRecord[]; formers: FormerRecord[] }
  /** Cutoffs that were computed, whether or not they hold rows: the half-open ranges that this version publishes. */
  published: RangeText[]
  /** Published cutoffs that late rows reach and no scheduled run repairs by itself. */
  pending: StaleText[]
  /** Cutoffs of the rows that this commit wrote; null where it wrote none. */
  cutoffs: CutoffText | null
  /** Rows of cutoffs that had been published before: how many have other values now, and why. */
  restated: { cutoffs: CutoffText; rows: number; removed: number; entities: number; why: string } | null
  /** The last cutoff that was due. */
  through: string
  /** The greatest known time that was read; null where the source declares none. */
  knownThrough: string | null
  rowsRead: number
  rowsRejected: number
  rowsWritten: number
  /** What was expected of the rows read, and found; absent where nothing was expected or nothing read. */
  expectations?: ExpectationResult[]
  /** The range that a backfill was asked for, half-open, and up to where it has come. */
  backfill?: { from: string; to: string; done: string }
  /** The version whose rows were taken up again, its definition being the same. */
  restored?: number
  versions: { quern: string; engine: string; node: string }
  /** The git commit or image that the code came from, where known. */
  code: string | null
  seconds: number
}

/** The lineage in a commit, if it is one that this program wrote. */
export function lineageOf(recorded: unknown): Lineage | undefined {
  const lineage = recorded as Lineage | undefined
  return lineage?.inputs?.batches === undefined ? undefined : lineage
}

export function cutoffsText(cutoffs: CutoffSpan | undefined): CutoffText | null {
  return cutoffs ? { from: formatInstant(cutoffs.first), to: formatInstant(cutoffs.last), count: cutoffs.count } : null
}

export function staleText({ from, to, entities }: StaleRange): StaleText {
  return { from: formatInstant(from), to: formatInstant(to), entities }
}

export function parseStale({ from, to, entities }: StaleText): StaleRange {
  return { from: readInstant(from), to: readInstant(to), entities }
}

export function describeSet(set: FeatureSet): Lineage['definition'] {
  const { name, fingerprint, apart, description } = set
  return { name, fingerprint, apart, every: formatDuration(set.every), ...(description === undefined ? {} : { description }) }
}
