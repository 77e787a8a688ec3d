/** What a commit records of where its rows came from. Small: long lists are objects of their own that it refers to. */
import type { FeatureSet } from './featureSet.ts'
import type { PinnedInputs } from './source.ts'
import { formatInstant } from './time.ts'

export interface Lineage {
  runId: string
  reason: string
  definition: { name: string; fingerprint: string; description?: string }
  schema: { fingerprint: string }
  inputs: {
    source: string
    files: number
    bytes: number
    /** The object under `_quern/` that lists the pinned files. */
    ref: string
  }
  /** Cutoffs that hold rows, both ends included; null where none does. Instants as text. */
  cutoffs: { from: string; to: string; count: number } | null
  /** The last cutoff that was due. */
  through: string
  rowsRead: number
  rowsRejected: number
  rowsWritten: number
  entities: number | null
  versions: { quern: string; engine: string; node: string }
  /** The git commit or image that the code came from, where known. */
  code: string | null
  seconds: number
}

/** The lineage in a commit, if it is one that this program wrote. */
export function lineageOf(recorded: unknown): Lineage | undefined {
  const lineage = recorded as Lineage | undefined
  return lineage?.definition?.fingerprint === undefined ? undefined : lineage
}

/** The pinned files as the object that the lineage refers to. */
export function inputsText(inputs: PinnedInputs): string {
  return JSON.stringify(inputs)
}

export function cutoffsText(cutoffs: { first: bigint; last: bigint; count: number } | undefined): Lineage['cutoffs'] {
  return cutoffs ? { from: formatInstant(cutoffs.first), to: formatInstant(cutoffs.last), count: cutoffs.count } : null
}

export function describeSet(set: FeatureSet): Lineage['definition'] {
  const { name, fingerprint, description } = set
  return { name, fingerprint, ...(description === undefined ? {} : { description }) }
}
