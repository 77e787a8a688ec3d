/** What a run would do, without doing it. */
import type { ExpectationResult } from '../domain/expectations.ts'
import { judgeBatch } from '../domain/expectations.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import type { InputChanges } from '../domain/inputChanges.ts'
import type { ListedStale } from '../domain/plan.ts'
import { countCutoffs, planRun } from '../domain/planner.ts'
import { hull } from '../domain/ranges.ts'
import type { LocalFile } from '../domain/source.ts'
import type { Instant } from '../domain/time.ts'
import { withColumns } from './openInputs.ts'
import type { Parts } from './parts.ts'
import { readFresh } from './readFresh.ts'
import { inputsLost, nothingDue, planRequest } from './runFeatureSet.ts'
import { findInputs, groundOf } from './survey.ts'

export interface PlanOptions {
  until: Instant
  full: boolean
  acceptLoss: boolean
  signal: AbortSignal
}

export interface Preview {
  outcome: 'run' | 'unchanged'
  reason: string
  through: Instant
  /** Of files that are read as rows; null where it cannot be known before reading. */
  read: { rows: number | null; bytes: number; files: number }
  /** To be written, both ends included; undefined where it cannot be known before reading. */
  cutoffs: { from: Instant; to: Instant; count: number } | { count: 0 } | undefined
  stale: ListedStale[]
  /** What a run would judge of what it reads, with the verdict where it is known before. */
  expectations: ExpectationResult[]
}

/** Raises what a run would raise of inputs that are gone. Reads what no version has read, to see what it touches. */
export async function planFeatureSet(set: FeatureSet, parts: Parts, options: PlanOptions): Promise<Preview> {
  const ground = await groundOf(set, parts, options.full)
  const nothing = { read: { rows: 0, bytes: 0, files: 0 }, cutoffs: { count: 0 as const } }
  const early = nothingDue(set, ground, options.until)
  if (early) return { ...early, ...nothing, stale: [], expectations: [] }
  const { changes } = await findInputs(set, parts, ground, options)
  const isExtension = ground.basis.kind === 'extend'
  const reading = { maxRejected: 1, until: options.until, onProgress: () => {}, signal: options.signal }
  const fresh = isExtension ? await readFresh(set, parts, reading, { ground, changes, rejected: undefined }) : undefined
  const plan = planRun(planRequest(set, ground, { changes, fresh, ...options }))
  if (plan.outcome === 'lost') throw inputsLost(set, plan)
  const { reason, through, listed: stale } = plan
  const unread = changes.fresh.length > 0 ? judgeBatch(set.expectations, undefined, undefined) : []
  const expectations = fresh?.expectations ?? unread
  const size = { bytes: bytesOf(changes.fresh), files: changes.fresh.length }
  if (!isExtension && changes.fresh.length > 0) {
    const found = await rowsOf(set, parts, changes, options.signal)
    return {
      outcome: 'run',
      reason: ground.basis.why!,
      through,
      read: { ...size, ...found },
      cutoffs: undefined,
      stale,
      expectations,
    }
  }
  if (plan.outcome === 'unchanged') return { outcome: 'unchanged', reason, through, ...nothing, stale, expectations }
  const range = hull(plan.written)
  return {
    outcome: 'run',
    reason,
    through,
    read: { rows: fresh?.result.rowsRead ?? 0, ...size },
    cutoffs: range ? { from: range.from, to: range.to - set.every, count: countCutoffs(set, plan.written) } : { count: 0 },
    stale,
    expectations,
  }
}

const bytesOf = (files: readonly LocalFile[]): number => files.reduce((sum, { size, rowBytes }) => sum + (rowBytes ?? size), 0)

/** Rows of files that tell without being read, null where one does not; and bytes that must be brought for them. */
async function rowsOf(
  set: FeatureSet,
  { engine, sourceOf }: Parts,
  { fresh }: InputChanges,
  signal: AbortSignal,
): Promise<{ rows: number | null; bytes: number }> {
  const inputs = { source: set.source.name, files: fresh }
  return withColumns(sourceOf(set), inputs, { signal }, async local => {
    const inspected = await engine.inspect(set.source, local)
    const isKnown = inspected.every(({ rows }) => rows !== null)
    return { rows: isKnown ? inspected.reduce((sum, { rows }) => sum + rows!, 0) : null, bytes: bytesOf(local.files) }
  })
}
