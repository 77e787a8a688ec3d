/** Stretches of cutoffs, `[from, to)`, and sets of them. */
import type { Instant } from './time.ts'
import { formatInstant, readInstant } from './time.ts'

/** Cutoffs `c` with `from <= c < to`. */
export interface CutoffRange {
  from: Instant
  to: Instant
}

/** Ascending, without overlap; two that touch are one. */
export type CutoffRanges = readonly CutoffRange[]

/** Before and after every instant that a table can show. */
export const BEFORE_ALL: Instant = -(2n ** 62n)
export const AFTER_ALL: Instant = 2n ** 62n

export const NONE: CutoffRanges = []
export const ALL: CutoffRanges = [{ from: BEFORE_ALL, to: AFTER_ALL }]

export function union(...sets: CutoffRanges[]): CutoffRanges {
  const sorted = sets
    .flat()
    .filter(({ from, to }) => from < to)
    .sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0))
  const joined: CutoffRange[] = []
  for (const { from, to } of sorted) {
    const last = joined.at(-1)
    if (last && from <= last.to) last.to = to > last.to ? to : last.to
    else joined.push({ from, to })
  }
  return joined
}

export function intersect(a: CutoffRanges, b: CutoffRanges): CutoffRanges {
  const parts = a.flatMap(x => b.map(y => ({ from: x.from > y.from ? x.from : y.from, to: x.to < y.to ? x.to : y.to })))
  return union(parts)
}

export function subtract(a: CutoffRanges, b: CutoffRanges): CutoffRanges {
  return intersect(a, complement(b))
}

function complement(a: CutoffRanges): CutoffRanges {
  const edges = [BEFORE_ALL, ...a.flatMap(({ from, to }) => [from, to]), AFTER_ALL]
  const gaps: CutoffRange[] = []
  for (let at = 0; at < edges.length; at += 2) gaps.push({ from: edges[at]!, to: edges[at + 1]! })
  return union(gaps)
}

/** From the first to the last; undefined where there is none. */
export function hull(a: CutoffRanges): CutoffRange | undefined {
  return a.length === 0 ? undefined : { from: a[0]!.from, to: a.at(-1)!.to }
}

export const isEmpty = (a: CutoffRanges): boolean => a.length === 0

/** As lineage records a range: null where it has no end. */
export interface RangeText {
  from: string | null
  to: string | null
}

export function rangesText(a: CutoffRanges): RangeText[] {
  return a.map(({ from, to }) => ({
    from: from === BEFORE_ALL ? null : formatInstant(from),
    to: to === AFTER_ALL ? null : formatInstant(to),
  }))
}

export function parseRanges(texts: readonly RangeText[]): CutoffRanges {
  return texts.map(({ from, to }) => ({
    from: from === null ? BEFORE_ALL : readInstant(from),
    to: to === null ? AFTER_ALL : readInstant(to),
  }))
}
