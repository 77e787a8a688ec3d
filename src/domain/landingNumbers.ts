/** Numbers of landings: which a file of an archive holds the rows of, on its date, `1-40,42`, and what of one set lies in another. */
import type { CutoffRange, CutoffRanges } from './ranges.ts'
import { union } from './ranges.ts'

/** The tag of a file that says so. */
export const LANDINGS_TAG = 'quern.landings'

export function landingsText(numbers: CutoffRanges): string {
  return numbers.map(({ from, to }) => (to - from === 1n ? `${from}` : `${from}-${to - 1n}`)).join(',')
}

/** Undefined where the text says nothing of the kind. */
export function parseLandings(text: string | undefined): CutoffRanges | undefined {
  const parts = text?.split(',').map(part => /^(\d+)(?:-(\d+))?$/.exec(part))
  if (!parts?.every(part => part !== null)) return undefined
  return union(parts.map(([, from, to]) => ({ from: BigInt(from!), to: BigInt(to ?? from!) + 1n })))
}

/** Whether `some` are all among `all`: for each stretch of `some` a look-up in `all`. */
export const holdsAll = (all: CutoffRanges, some: CutoffRanges): boolean =>
  some.every(({ from, to }) => {
    const range = all[firstBehind(all, from)]
    return range !== undefined && range.from <= from && to <= range.to
  })

/** `numbers` but for those `taken`: looks only at what of `taken` lies where they are, however much there is of it. */
export function without(numbers: CutoffRanges, taken: CutoffRanges): CutoffRanges {
  const left: CutoffRange[] = []
  for (const { from, to } of numbers) {
    let next = from
    for (let at = firstBehind(taken, from); at < taken.length && taken[at]!.from < to; at++) {
      if (taken[at]!.from > next) left.push({ from: next, to: taken[at]!.from })
      next = taken[at]!.to
    }
    if (next < to) left.push({ from: next, to })
  }
  return left
}

/** The place of the first of ascending ranges that do not overlap to end behind `number`. */
export function firstBehind(ranges: CutoffRanges, number: bigint): number {
  let [low, high] = [0, ranges.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (ranges[middle]!.to > number) high = middle
    else low = middle + 1
  }
  return low
}
