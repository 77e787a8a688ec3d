/** The story of one run of one feature set. */

import { randomUUID } from 'node:crypto'
import type { CutoffSpan, StaleRange } from '../domain/engine.ts'
import { DataError, TransientError } from '../domain/errors.ts'
import type { ExpectationResult } from '../domain/expectations.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import { readAgain } from '../domain/inputChanges.ts'
import type { Lineage } from '../domain/lineage.ts'
import { grouped } from '../domain/numberText.ts'
import { ChangedObjectError } from '../domain/objectReader.ts'
import type { ListedStale, LostPlan, Plan, PlanRequest } from '../domain/plan.ts'
import { countCutoffs, dueCutoff, isBeforePublished, planRun } from '../domain/planner.ts'
import type { CutoffRange } from '../domain/ranges.ts'
import { hull } from '../domain/ranges.ts'
import type { Instant } from '../domain/time.ts'
import { formatInstantShort } from '../domain/time.ts'
import { brokenExpectations } from './brokenExpectations.ts'
import { commitPlan } from './commitPlan.ts'
import { computePlan } from './computePlan.ts'
import type { Parts } from './parts.ts'
import type { Fresh, ReadingOptions } from './readFresh.ts'
import { readFresh, tooManyRejected } from './readFresh.ts'
import { RejectedRows } from './rejectedTable.ts'
import { standAside } from './standAside.ts'
import type { Ground } from './survey.ts'
import { findInputs, groundOf } from './survey.ts'

export interface RunOptions extends ReadingOptions {
  full: boolean
  acceptLoss: boolean
  /** Compute only the cutoffs of `chunk`, and all of them anew. `conclude`: commit that it was done, whatever the rows are. */
  backfill?: { chunk: CutoffRange; record: NonNullable<Lineage['backfill']>; conclude: boolean }
}

export interface RunResult {
  outcome: 'committed' | 'unchanged'
  version: number | null
  rowsRead: number
  rowsRejected: number
  rowsWritten: number
  /** Of what was read; none where nothing was. */
  expectations: ExpectationResult[]
  cutoffs: CutoffSpan | undefined
  through: Instant
  reason: string
  /** Stale ranges that this run has left so, with the backfill that would repair each. */
  pending: ListedStale[]
}

const ATTEMPTS = 20

/**
 * Runs one feature set. An input that changed while it was read, or another writer's commit, makes the plan anew, a bounded
 * number of times.
 */
export async function runFeatureSet(set: FeatureSet, parts: Parts, options: RunOptions): Promise<RunResult> {
  const begun = options.full ? (await parts.store.table(`features/${set.name}`).snapshot('latest'))?.version : undefined
  // What turns out to be another is found by a look at everything.
  let anew = false
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    // What another run has computed from everything while this one was at it need not be computed again.
    const full = options.full && (attempt === 0 || !(await wasRebuiltSince(set, parts, begun)))
    const result = await attemptRun(set, parts, { ...options, full }, anew).catch(error => {
      // The last one says which object does not come to rest.
      if (!(error instanceof ChangedObjectError) || attempt === ATTEMPTS - 1) throw error
      anew = true
      parts.trace(`${set.name}: ${error.message}`)
      return undefined
    })
    if (result) return result
    await standAside(attempt + 1)
  }
  throw new TransientError('transient.conflict', `\`${set.name}\`: inputs or the table changed during ${ATTEMPTS} attempts`, {
    hint: 'Run again when the inputs are at rest and no other run is under way.',
  })
}

async function wasRebuiltSince({ name }: FeatureSet, { store }: Parts, version: number | undefined): Promise<boolean> {
  for await (const commit of store.table(`features/${name}`).history(ATTEMPTS)) {
    if (version !== undefined && commit.version <= version) return false
    if (commit.operation === 'rebuild' || commit.version === 0) return true
  }
  return false
}

/** Undefined where the plan must be made anew. */
async function attemptRun(set: FeatureSet, parts: Parts, options: RunOptions, anew: boolean): Promise<RunResult | undefined> {
  const run = { id: randomUUID(), startedAt: parts.now(), ...(options.backfill ? { backfill: options.backfill.record } : {}) }
  const trace = (message: string): void => parts.trace(`${set.name}: ${message}`)
  const ground = await groundOf(set, parts, options.full)
  trace(
    `builds on ${ground.content ? `version ${ground.content.version}` : 'nothing'}, of ${ground.latest?.version ?? 'no'} latest`,
  )
  const early = options.backfill ? undefined : nothingDue(set, ground, options.until)
  if (early) return unchanged(ground, undefined, early)

  const source = parts.sourceOf(set)
  const { until, signal } = options
  const { inputs, changes } = await findInputs(set, parts, ground, { until, anew, signal })
  trace(
    `pinned ${inputs.files.length} files: ${changes.fresh.length} unread, ${changes.changed.length} changed, ${changes.gone.length} gone`,
  )
  const rejected = new RejectedRows(set, parts, { ...run, inputs })
  const fresh = await readFresh(set, parts, options, { ground, changes, rejected })
  if (fresh && (await source.changedSince({ source: set.source.name, files: fresh.files })).length > 0) return undefined
  await rejected.publish()
  if (fresh) trace(`read ${fresh.result.rowsRead} rows, of which ${fresh.result.rowsRejected} were rejected`)
  const limit = options.maxRejected ?? set.maxRejected
  if (fresh && !fresh.result.tiles) throw tooManyRejected(set, fresh.judged, limit, rejected.commonest)
  const broken = fresh && brokenExpectations(set, fresh)
  if (broken) throw broken

  const plan = planRun(planRequest(set, ground, { changes, fresh, ...options }))
  trace(`planned: ${plan.outcome === 'lost' ? 'needs rows that are gone' : plan.reason}`)
  if (plan.outcome === 'lost') throw inputsLost(set, plan)
  if (plan.outcome === 'unchanged') return unchanged(ground, fresh, plan)

  const computed = await computePlan(set, parts, options, { ground, plan, changes, fresh })
  if (!computed) return undefined
  const { rows, restated, cutoffs } = computed.result
  trace(
    `computed ${rows} rows, of which ${restated.rows} restate what was published; ${computed.batches.length} batches of input`,
  )
  // A stale range that turns out to hold what it should is no longer one, and that is worth recording; so is what was read again.
  const settled =
    readAgain(changes).length > 0 ||
    lengthOf(plan.pending) < lengthOf(ground.basis.pending) ||
    (options.backfill !== undefined && (fresh !== undefined || options.backfill.conclude))
  if (rows === 0 && restated.removed === 0 && !ground.basis.restored && !settled) {
    const reason = `${plan.reason}, and no row is another`
    return unchanged(ground, fresh, { ...plan, reason: hull(plan.stale) ? reason : 'no cutoff that is due holds a row' })
  }
  options.signal.throwIfAborted()
  const committed = await commitPlan(set, parts, run, { ground, plan, fresh, computed })
  trace(committed.outcome === 'conflict' ? 'another writer was first' : `committed version ${committed.version}`)
  if (committed.outcome === 'conflict') return undefined
  return {
    outcome: 'committed',
    version: committed.version,
    ...countsOf(fresh),
    rowsWritten: rows,
    expectations: fresh?.expectations ?? [],
    cutoffs,
    through: plan.through,
    reason: plan.reason,
    pending: plan.pending,
  }
}

const lengthOf = (stale: readonly StaleRange[]): bigint => stale.reduce((sum, { from, to }) => sum + to - from + 1n, 0n)

/** Where `--until` lies before what is published there is nothing to do, whatever has become of the inputs. */
export function nothingDue(
  set: FeatureSet,
  { basis }: Ground,
  until: Instant,
): Extract<Plan, { outcome: 'unchanged' }> | undefined {
  if (!isBeforePublished(set, basis, until)) return undefined
  const reason = `published through ${formatInstantShort(basis.reached!)}, and nothing is taken back`
  return { outcome: 'unchanged', reason, through: dueCutoff(set, until), listed: [] }
}

export function planRequest(
  set: FeatureSet,
  { basis }: Ground,
  found: Pick<PlanRequest, 'changes' | 'until' | 'acceptLoss'> & { fresh: Fresh | undefined; backfill?: RunOptions['backfill'] },
): PlanRequest {
  const { changes, fresh, until, acceptLoss, backfill } = found
  return {
    set,
    basis,
    changes,
    fresh: fresh && { batch: fresh.batch, touched: fresh.result.touched },
    until,
    acceptLoss,
    ...(backfill ? { only: backfill.chunk, conclude: backfill.conclude } : {}),
  }
}

const countsOf = (fresh: Fresh | undefined): Pick<RunResult, 'rowsRead' | 'rowsRejected'> => ({
  rowsRead: fresh?.result.rowsRead ?? 0,
  rowsRejected: fresh?.result.rowsRejected ?? 0,
})

function unchanged(
  { latest }: Ground,
  fresh: Fresh | undefined,
  { reason, through, listed }: { reason: string; through: Instant; listed: ListedStale[] },
): RunResult {
  const counts = countsOf(fresh)
  const allRejected = counts.rowsRead > 0 && counts.rowsRejected === counts.rowsRead
  return {
    outcome: 'unchanged',
    version: latest?.version ?? null,
    ...counts,
    rowsWritten: 0,
    expectations: fresh?.expectations ?? [],
    cutoffs: undefined,
    through,
    reason: allRejected ? 'every row was rejected' : reason,
    pending: listed.filter(({ backfill }) => backfill !== undefined),
  }
}

export function inputsLost(set: FeatureSet, { files, cutoffs }: LostPlan): DataError {
  const range = hull(cutoffs)!
  const count = countCutoffs(set, cutoffs)
  const named = `${formatInstantShort(range.from)}${count > 1 ? ` to ${formatInstantShort(range.to - set.every)}` : ''}`
  const which = `${files[0]}${files.length > 1 ? ` and ${files.length - 1} more` : ''}`
  return new DataError(
    'data.lost',
    `\`${set.name}\`: ${which} ${files.length === 1 ? 'is' : 'are'} gone, and the windows of ${grouped(count)} ${count === 1 ? 'cutoff' : 'cutoffs'} (${named}) need ${files.length === 1 ? 'its' : 'their'} rows. Nothing was committed.`,
    {
      hint: 'Bring the files back, or go on without their rows with --accept-loss; what is published stays as it is.',
      values: { files, cutoffs: count },
    },
  )
}
