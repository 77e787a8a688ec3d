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
import type { Retraction } from './retractions.ts'
import { closingCutoffs, countedOf, leftWithClosing, replacedFiles, retractionOf, withClosings } from './retractions.ts'
import { contentOf } from './source.ts'
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
  const changeable = withClosings(request, published, changeableCutoffs(set, published, through, only))

  const freshBatches = fresh ? [{ ...fresh.batch, except: published }] : []
  const repairs = [...changes.batches, ...freshBatches].map(batch => repairOf(request, batch, changeable))
  const retractions = replacedFiles(request).map(replaced => retractionOf(set, replaced, published, changeable))
  const wrong = only ? changeable : union(...[...repairs, ...retractions].map(({ stale: own }) => own))
  // Lifetime features would change for ever, but rows stand only where some window holds something.
  const standing = standingCutoffs(request)
  const stale = intersect(wrong, standing)

  const lost = lostFiles(request, union(due, stale))
  if (lost.files.length > 0 && !request.acceptLoss) {
    return { outcome: 'lost', files: lost.files.map(({ file }) => file.path), cutoffs: lost.cutoffs, through }
  }
  const kept = subtract(published, wrong)
  const batches = withoutFiles(
    repairs.map(({ batch }) => batch),
    lost.files,
  )
  const known = new Set(basis.formers.map(({ file }) => file))
  const given = lost.files.filter(({ file }) => !known.has(file))
  const formers = formersOf(set, intersect(kept, standing), [
    ...basis.formers,
    ...changes.changed.map(member => ({ file: member.file, isLost: false, only: countedOf(member) })),
    ...given.map(member => ({ file: member.file, isLost: true, only: countedOf(member) })),
  ])

  const closings = closingCutoffs(set, formers, union(due, stale))
  const listed = listStale(request, { stale, changeable, standing, batches, retractions, published: union(published, due) })
  const closed = closings.map(cutoff => ({ from: cutoff, to: cutoff + set.every }))
  const held = union(closed, ...batches.map(batch => cutoffsHeldBy(set, spanOf(batch.files))))
  const dueHeld = intersect(due, held)
  if (isEmpty(dueHeld) && isEmpty(stale) && !basis.restored && !request.conclude) {
    return { outcome: 'unchanged', reason: unchangedReason(request, { through, listed }), through, listed }
  }
  const why = staleReason(changes, countCutoffs(set, stale), only !== undefined)
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
    written: union(dueHeld, stale),
    listed,
    batches,
    formers,
    published: union(published, due),
    pending: listed.filter(({ backfill }) => backfill !== undefined),
  }
}

/** The cutoffs at which rows stand, or might once what is new is counted. */
function standingCutoffs({ set, basis, changes, fresh }: PlanRequest): CutoffRanges {
  const batches = [...changes.batches, ...(fresh ? [fresh.batch] : [])]
  const spans = [
    ...batches.map(({ files }) => spanOf(files)),
    ...[...changes.changed, ...basis.formers].map(({ file }) => file.span),
  ]
  return union(...spans.map(span => cutoffsHeldBy(set, span)))
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
  const present = new Set(changes.fresh.map(contentOf))
  const once = basis.formers
    .filter(({ file, isLost }) => isLost && !present.has(contentOf(file)))
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

/** @param kept the published cutoffs that stay as they are and hold rows */
function formersOf(set: FeatureSet, kept: CutoffRanges, formers: readonly FormerFile[]): FormerFile[] {
  return formers
    .map(({ only, ...former }) => ({
      ...former,
      only: intersect(intersect(only, kept), cutoffsChangedBy(set, former.file.span)),
    }))
    .filter(({ only }) => !isEmpty(only))
}

function touchersOf(
  { set, only }: PlanRequest,
  { repairs, retractions, stale }: { repairs: Repair[]; retractions: Retraction[]; stale: CutoffRanges },
): Toucher[] {
  const range = hull(stale)
  if (!range) return []
  if (only || set.source.rowKey) return [{ batch: undefined, span: { first: range.from, last: range.to - set.every } }]
  return [
    ...repairs.filter(({ stale: own }) => !isEmpty(own)).map(({ batch }) => ({ batch, span: spanOf(batch.files)! })),
    ...retractions.filter(({ stale: own }) => !isEmpty(own)).map(({ file, batch }) => ({ batch, span: file.span! })),
  ]
}

const rangesOf = (set: FeatureSet, stale: readonly StaleRange[]): CutoffRanges =>
  union(stale.map(({ from, to }) => ({ from, to: to + set.every })))

interface Found {
  stale: CutoffRanges
  changeable: CutoffRanges
  /** Where rows stand. */
  standing: CutoffRanges
  batches: readonly Batch[]
  retractions: readonly Retraction[]
  /** What the new version publishes. */
  published: CutoffRanges
}

/** The stale ranges, with the number of entities where it is known, and those that no scheduled run repairs. */
function listStale(
  { set, basis, fresh }: PlanRequest,
  { stale, changeable, standing, batches, retractions, published }: Found,
): ListedStale[] {
  const clipped = (ranges: readonly StaleRange[], to: CutoffRanges): StaleRange[] =>
    ranges.flatMap(({ entities, ...range }) => staleRanges(set, intersect(rangesOf(set, [{ ...range, entities }]), to), entities))
  const known = set.source.rowKey ? [] : (fresh?.touched ?? [])
  const repaired = clipped(known, stale)
  const unknown = staleRanges(set, subtract(stale, rangesOf(set, repaired)), null)
  const listed: ListedStale[] = [...repaired, ...unknown]
  if (set.late === 'restate') {
    const unrepaired = intersect(subtract(union(...batches.map(({ except }) => except)), changeable), standing)
    // Which rows another one replaces is known only when all are compared.
    const pending = set.source.rowKey ? staleRanges(set, unrepaired, null) : clipped([...basis.pending, ...known], unrepaired)
    const left = intersect(union(...retractions.map(retraction => leftWithClosing(set, retraction, standing))), published)
    pending.push(...staleRanges(set, subtract(left, rangesOf(set, pending)), null))
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
