/** Decides what a run has to do, and says why in words. Pure. */
import type { Batch, FormerFile } from './batch.ts'
import { cutoffsChangedBy, cutoffsHeldBy, spanOf } from './batch.ts'
import type { StaleRange } from './engine.ts'
import type { FeatureSet } from './featureSet.ts'
import type { Member } from './inputChanges.ts'
import { withFiles } from './inputChanges.ts'
import type { Basis, ListedStale, Plan, PlanRequest, Toucher } from './plan.ts'
import { countText, goneReason, staleReason, unchangedReason } from './planWords.ts'
import type { CutoffRange, CutoffRanges } from './ranges.ts'
import { AFTER_ALL, ALL, BEFORE_ALL, hull, intersect, isEmpty, NONE, subtract, union } from './ranges.ts'
import type { Instant } from './time.ts'
import { gridCeil, gridFloor } from './time.ts'

/** The last cutoff that is due at `until`. */
export function dueCutoff(set: FeatureSet, until: Instant): Instant {
  return gridFloor(set, until - set.delay)
}

/** Whether there is no need to look at the inputs at all: nothing that was published is ever taken back. */
export function isBeforePublished(set: FeatureSet, { reached }: Basis, until: Instant): boolean {
  return reached !== undefined && until - set.delay < reached
}

export function planRun(request: PlanRequest): Plan {
  const { set, basis, changes, fresh, only } = request
  const published = basis.kind === 'extend' ? basis.published : NONE
  const through = lastDue(request)
  const due = intersect(subtract([{ from: BEFORE_ALL, to: through + set.every }], published), only ? [only] : ALL)
  const changeable = changeableCutoffs(set, published, through, only)

  const freshBatches = fresh ? [{ ...fresh.batch, except: published }] : []
  const repairs = [...changes.batches, ...freshBatches].map(batch => repairOf(request, batch, changeable))
  const retractions = changes.changed.map(member => ({
    member,
    stale: intersect(intersect(countedOf(member), changeable), cutoffsChangedBy(set, member.file.span)),
  }))
  const stale = only ? changeable : union(...[...repairs, ...retractions].map(({ stale: own }) => own))

  const lost = lostFiles(request, union(due, stale))
  if (lost.files.length > 0 && !request.acceptLoss) {
    return { outcome: 'lost', files: lost.files.map(({ file }) => file.path), cutoffs: lost.cutoffs, through }
  }
  const kept = subtract(published, stale)
  const batches = withoutFiles(
    repairs.map(({ batch }) => batch),
    lost.files,
  )
  const formers = formersOf(set, [
    ...basis.formers.map(({ file, only: own }) => ({ file, only: intersect(own, kept) })),
    ...[...changes.changed, ...lost.files].map(member => ({ file: member.file, only: intersect(countedOf(member), kept) })),
  ])

  const closings = closingCutoffs(set, formers, union(due, stale))
  const listed = listStale(request, { stale, changeable, batches })
  const closed = closings.map(cutoff => ({ from: cutoff, to: cutoff + set.every }))
  const held = union(closed, ...batches.map(batch => cutoffsHeldBy(set, spanOf(batch.files))))
  const dueHeld = intersect(due, held)
  if (isEmpty(dueHeld) && isEmpty(stale) && !basis.restored && !request.conclude) {
    return { outcome: 'unchanged', reason: unchangedReason(request, { through, listed }), through, listed }
  }
  const staleHeld = intersect(stale, union(held, rangesOf(set, listed)))
  const why = staleReason(changes, countCutoffs(set, staleHeld), only !== undefined)
  const dueText = countText(countCutoffs(set, dueHeld), 'due')
  const parts = basis.kind === 'extend' ? [basis.why, dueText, isEmpty(stale) ? undefined : why] : [basis.why]
  parts.push(goneReason(changes, lost.files.length))
  return {
    outcome: 'run',
    reason: parts.filter(part => part !== undefined).join(', ') || why,
    through,
    due,
    stale,
    touchers: touchersOf(request, { repairs, retractions, stale }),
    why,
    closings,
    written: union(dueHeld, staleHeld),
    listed,
    batches,
    formers,
    published: union(published, due),
    pending: listed.filter(({ backfill }) => backfill !== undefined),
  }
}

/** What starts anew still goes as far as the table did. */
function lastDue({ set, basis: { kind, restored, reached }, until }: PlanRequest): Instant {
  const startsAnew = (kind === 'rebuild' || restored) && reached !== undefined && reached > until - set.delay
  return startsAnew ? gridFloor(set, reached) : dueCutoff(set, until)
}

/** The published cutoffs that this run may compute again. */
function changeableCutoffs(
  set: FeatureSet,
  published: CutoffRanges,
  through: Instant,
  only: CutoffRange | undefined,
): CutoffRanges {
  if (only) return intersect(published, [only])
  if (set.late === 'asKnown') return NONE
  if (set.lateness === undefined) return published
  return intersect(published, [{ from: gridCeil(set, through - set.lateness), to: AFTER_ALL }])
}

const countedOf = ({ batch }: Member): CutoffRanges => subtract(ALL, batch.except)

interface Repair {
  batch: Batch
  /** Published cutoffs at which the batch did not count, and will. */
  stale: CutoffRanges
}

function repairOf({ set, fresh }: PlanRequest, batch: Batch, changeable: CutoffRanges): Repair {
  const changes = cutoffsChangedBy(set, spanOf(batch.files))
  // What was read just now tells exactly which cutoffs it touches.
  const touched = fresh?.batch.files === batch.files && !set.source.rowKey ? rangesOf(set, fresh.touched) : changes
  return {
    batch: { ...batch, except: intersect(subtract(batch.except, changeable), changes) },
    stale: intersect(intersect(batch.except, changeable), touched),
  }
}

/** The files that are gone and count at cutoffs that are computed, and these cutoffs. */
function lostFiles({ set, basis, changes }: PlanRequest, computed: CutoffRanges): { files: Member[]; cutoffs: CutoffRanges } {
  const present = new Set(changes.fresh.map(({ hash }) => hash))
  const once = basis.formers
    .filter(({ file }) => !present.has(file.hash))
    .map(({ file, only }) => ({ file, batch: { files: [file], tiles: undefined, weight: 0, except: subtract(ALL, only) } }))
  const files: Member[] = []
  let cutoffs = NONE
  for (const member of [...changes.gone, ...once]) {
    const wanted = intersect(countedOf(member), basis.kind === 'rebuild' ? basis.published : computed)
    const needed = intersect(wanted, cutoffsChangedBy(set, member.file.span))
    if (isEmpty(needed)) continue
    files.push(member)
    cutoffs = union(cutoffs, needed)
  }
  return { files, cutoffs }
}

function withoutFiles(batches: readonly Batch[], lost: readonly Member[]): Batch[] {
  const gone = new Set(lost.map(({ file }) => file))
  const left = batches.map(batch =>
    withFiles(
      batch,
      batch.files.filter(file => !gone.has(file)),
    ),
  )
  return left.filter(({ files }) => files.length > 0)
}

function formersOf(set: FeatureSet, formers: readonly FormerFile[]): FormerFile[] {
  return formers
    .map(({ file, only }) => ({ file, only: intersect(only, cutoffsChangedBy(set, file.span)) }))
    .filter(({ only }) => !isEmpty(only))
}

/** Where rows end to count that were taken back, but for those whose windows end there anyway. */
function closingCutoffs(set: FeatureSet, formers: readonly FormerFile[], computed: CutoffRanges): Instant[] {
  const ends = formers.flatMap(({ file, only }) => {
    const last = set.source.rowKey ? undefined : hull(cutoffsHeldBy(set, file.span))?.to
    return only.map(({ to }) => to).filter(to => last === undefined || to < last)
  })
  const within = (cutoff: Instant): boolean => computed.some(({ from, to }) => from <= cutoff && cutoff < to)
  return [...new Set(ends)].filter(within).sort((a, b) => (a < b ? -1 : 1))
}

function touchersOf(
  { set, only }: PlanRequest,
  {
    repairs,
    retractions,
    stale,
  }: { repairs: Repair[]; retractions: { member: Member; stale: CutoffRanges }[]; stale: CutoffRanges },
): Toucher[] {
  const range = hull(stale)
  if (!range) return []
  if (only || set.source.rowKey) return [{ batch: undefined, span: { first: range.from, last: range.to - set.every } }]
  return [
    ...repairs.filter(({ stale: own }) => !isEmpty(own)).map(({ batch }) => ({ batch, span: spanOf(batch.files)! })),
    ...retractions
      .filter(({ stale: own }) => !isEmpty(own))
      .map(({ member }) => ({ batch: member.batch, span: member.file.span! })),
  ]
}

const rangesOf = (set: FeatureSet, stale: readonly StaleRange[]): CutoffRanges =>
  union(stale.map(({ from, to }) => ({ from, to: to + set.every })))

/** The stale ranges, with the number of entities where it is known, and those that no scheduled run repairs. */
function listStale(
  { set, basis, fresh }: PlanRequest,
  { stale, changeable, batches }: { stale: CutoffRanges; changeable: CutoffRanges; batches: readonly Batch[] },
): ListedStale[] {
  const clipped = (ranges: readonly StaleRange[], to: CutoffRanges): StaleRange[] =>
    ranges.flatMap(({ entities, ...range }) => staleRanges(set, intersect(rangesOf(set, [{ ...range, entities }]), to), entities))
  const known = set.source.rowKey ? [] : (fresh?.touched ?? [])
  const held = union(...batches.map(batch => cutoffsHeldBy(set, spanOf(batch.files))))
  const repaired = clipped(known, stale)
  const unknown = staleRanges(set, subtract(intersect(stale, held), rangesOf(set, repaired)), null)
  const listed: ListedStale[] = [...repaired, ...unknown]
  if (set.late === 'restate') {
    const unrepaired = subtract(union(...batches.map(({ except }) => except)), changeable)
    // Which rows another one replaces is known only when all are compared.
    const pending = set.source.rowKey
      ? staleRanges(set, intersect(unrepaired, held), null)
      : clipped([...basis.pending, ...known], unrepaired)
    listed.push(...pending.map(range => ({ ...range, backfill: { from: range.from, to: range.to + set.every } })))
  }
  return listed.sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0))
}

const staleRanges = (set: FeatureSet, ranges: CutoffRanges, entities: number | null): StaleRange[] =>
  ranges.map(({ from, to }) => ({ from, to: to - set.every, entities }))

/** How many cutoffs of the grid lie in some ranges. */
export function countCutoffs(set: FeatureSet, ranges: CutoffRanges): number {
  return ranges.reduce((sum, { from, to }) => sum + Number((to - from) / set.every), 0)
}
