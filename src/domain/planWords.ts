/** A plan's reasons in words. */

import type { InputChanges } from './inputChanges.ts'
import { changesText, readAgain } from './inputChanges.ts'
import { grouped } from './numberText.ts'
import type { ListedStale, PlanRequest } from './plan.ts'
import { hull } from './ranges.ts'
import type { Instant } from './time.ts'
import { formatInstantShort } from './time.ts'

/** `1 cutoff due`, `12 cutoffs stale`; undefined where there is none. */
export function countText(count: number, what: string): string | undefined {
  return count === 0 ? undefined : `${grouped(count)} ${count === 1 ? 'cutoff' : 'cutoffs'} ${what}`
}

const LISTED = 3

/** The first few of several changes. */
export function listedWords(words: readonly string[]): string {
  const more = words.length - LISTED
  return `${words.slice(0, LISTED).join('; ')}${more > 0 ? `; and ${more} more` : ''}`
}

export function staleReason({ changed, fresh }: InputChanges, count: number, isBackfill: boolean): string {
  if (isBackfill) return countText(count, 'computed anew') ?? 'nothing to compute anew'
  const stale = countText(count, 'stale') ?? 'no cutoff stale'
  if (changed.length === 0) return `late rows: ${stale}`
  const again = readAgain({ fresh, changed }).length
  const other = changed.length - again
  const parts = [
    fresh.length > changed.length ? 'late rows' : undefined,
    other === 0 ? undefined : other === 1 ? '1 file has changed' : `${other} files have changed`,
    again === 0
      ? undefined
      : again === 1
        ? '1 file is read again after a replay'
        : `${again} files are read again after a replay`,
  ]
  return `${parts.filter(part => part !== undefined).join(', ')}: ${stale}`
}

/** Of files that are gone, some of which the cutoffs that are computed would have needed; undefined where none is. */
export function goneReason({ gone }: InputChanges, lost: number): string | undefined {
  if (lost > 0) return `without the rows of ${lost === 1 ? '1 file that is' : `${lost} files that are`} gone`
  return gone.length === 0 ? undefined : gone.length === 1 ? '1 file is gone' : `${gone.length} files are gone`
}

export function unchangedReason(
  { set, basis, changes }: PlanRequest,
  { through, listed }: { through: Instant; listed: readonly ListedStale[] },
): string {
  if (basis.kind !== 'extend') return changes.fresh.length === 0 ? 'the source is empty' : 'no cutoff that is due holds a row'
  if (basis.description !== set.description) return 'only the description changed: unchanged'
  if (basis.alike)
    return `the schema changed where no file has a column and no feature needs one (${listedWords(basis.alike)}): unchanged`
  const last = hull(basis.published)
  const evaluated =
    last && last.to > through
      ? `evaluated through ${formatInstantShort(last.to - set.every)}`
      : 'no cutoff that is due holds a row'
  const words = changesText(changes)
  if (words !== undefined) {
    const its = changes.fresh.length + changes.gone.length === 1 ? 'its' : 'their'
    const counts =
      set.late === 'asKnown' && changes.fresh.length > 0
        ? 'what is known late counts from the next cutoff on'
        : listed.some(({ backfill }) => backfill !== undefined)
          ? `${its} rows came later than \`lateness\` allows`
          : `no cutoff that is ${changes.fresh.length > 0 ? 'due or published' : 'due or stale'} needs ${its} rows`
    return `same definition, ${words}, and ${counts}`
  }
  const files = changes.batches.reduce((sum, { files: own }) => sum + own.length, 0)
  return `same definition, ${files === 1 ? 'the same file' : `the same ${grouped(files)} files`}, and ${evaluated}`
}
