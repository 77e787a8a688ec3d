/** Rows that are taken back: files in whose place another content stands. Pure. */
import type { Batch, FormerFile, ReadFile } from './batch.ts'
import { cutoffsChangedBy, cutoffsHeldBy } from './batch.ts'
import type { FeatureSet } from './featureSet.ts'
import type { Member } from './inputChanges.ts'
import type { PlanRequest } from './plan.ts'
import type { CutoffRanges } from './ranges.ts'
import { ALL, hull, intersect, isEmpty, subtract, union } from './ranges.ts'
import { contentOf } from './source.ts'
import type { Instant } from './time.ts'

/** The cutoffs at which a recorded file counts. */
export const countedOf = ({ batch }: Member): CutoffRanges => subtract(ALL, batch.except)

interface Replaced {
  file: ReadFile
  /** Where its tiles are, if they are known. */
  batch: Batch | undefined
  /** The cutoffs at which it counts. */
  only: CutoffRanges
}

/** The files in whose place another content stands, or their own again. */
export function replacedFiles({ basis, changes }: PlanRequest): Replaced[] {
  const present = new Set(changes.fresh.map(contentOf))
  return [
    ...changes.changed.map(member => ({ ...member, only: countedOf(member) })),
    ...basis.formers
      .filter(({ file, isLost }) => !isLost || present.has(contentOf(file)))
      .map(({ file, only }) => ({ file, batch: undefined, only })),
  ]
}

export interface Retraction extends Replaced {
  /** Published cutoffs at which the file counted, and will not; and those at which it should not, but goes on to. */
  stale: CutoffRanges
  left: CutoffRanges
}

export function retractionOf(set: FeatureSet, replaced: Replaced, published: CutoffRanges, changeable: CutoffRanges): Retraction {
  const wrong = intersect(intersect(replaced.only, published), cutoffsChangedBy(set, replaced.file.span))
  const stale = intersect(wrong, changeable)
  const closed = closedBehind(set, replaced.only, stale, changeable)
  return { ...replaced, stale: union(stale, closed), left: subtract(wrong, changeable) }
}

/** The cutoffs where a file goes on to count, and the one after each stretch of them, where what it held is closed. */
export function leftWithClosing({ every }: FeatureSet, { left }: Retraction, standing: CutoffRanges): CutoffRanges {
  const closed = intersect(left, standing).map(({ from, to }) => ({ from, to: to + every }))
  return intersect(union(closed), standing)
}

/**
 * The changeable cutoffs, and where what a former file held was closed behind them: when the rows before go, the closing row goes
 * with them.
 */
export function withClosings(
  request: Pick<PlanRequest, 'set' | 'basis'>,
  published: CutoffRanges,
  changeable: CutoffRanges,
): CutoffRanges {
  const { set, basis } = request
  const behind = basis.formers.map(({ only }) => closedBehind(set, only, changeable, published))
  const more = union(changeable, ...behind)
  return isEmpty(subtract(more, changeable)) ? changeable : withClosings(request, published, more)
}

/** The cutoffs of `wanted` that follow a stretch of `counted` which ends within `gone`. */
function closedBehind({ every }: FeatureSet, counted: CutoffRanges, gone: CutoffRanges, wanted: CutoffRanges): CutoffRanges {
  const ends = counted.map(({ to }) => to).filter(to => holds(gone, to - every) && holds(wanted, to))
  return union(ends.map(from => ({ from, to: from + every })))
}

const holds = (ranges: CutoffRanges, cutoff: Instant): boolean => ranges.some(({ from, to }) => from <= cutoff && cutoff < to)

/** Where rows end to count that were taken back, but for those whose windows end there anyway. */
export function closingCutoffs(set: FeatureSet, formers: readonly FormerFile[], computed: CutoffRanges): Instant[] {
  const ends = formers.flatMap(({ file, only }) => {
    const last = set.source.rowKey ? undefined : hull(cutoffsHeldBy(set, file.span))?.to
    return only.map(({ to }) => to).filter(to => last === undefined || to < last)
  })
  return [...new Set(ends)].filter(end => holds(computed, end)).sort((a, b) => (a < b ? -1 : 1))
}
