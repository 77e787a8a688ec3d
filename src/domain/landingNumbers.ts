/** Which landings a file of an archive holds the rows of, on its date: `1-40,42`. */
import type { CutoffRanges } from './ranges.ts'
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
