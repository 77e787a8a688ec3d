/** Decides what a run has to do, and says why in words. Pure. */
import type { FeatureSet } from './featureSet.ts'
import { longestWindow } from './featureSet.ts'
import type { Lineage } from './lineage.ts'
import type { PinnedInputs } from './source.ts'
import type { Instant } from './time.ts'
import { formatInstantShort, gridFloor, parseInstant } from './time.ts'

export interface PlanRequest {
  set: FeatureSet
  inputs: PinnedInputs
  /** Cutoffs `c` with `c + delay <= until` are due. */
  until: Instant
  /** What the latest version recorded, and the files that it was computed from. */
  latest: { lineage: Lineage; inputs: PinnedInputs } | undefined
  /** Compute whatever there is to say against it. */
  full: boolean
}

export type Plan =
  | { outcome: 'unchanged'; reason: string; through: Instant }
  | { outcome: 'run'; operation: 'run' | 'rebuild'; reason: string; through: Instant }

/** The last cutoff that is due at `until`. */
export function dueCutoff(set: FeatureSet, until: Instant): Instant {
  return gridFloor(set, until - set.delay)
}

export function planRun({ set, inputs, until, latest, full }: PlanRequest): Plan {
  const through = dueCutoff(set, until)
  const run = (operation: 'run' | 'rebuild', reason: string): Plan => ({ outcome: 'run', operation, reason, through })
  if (inputs.files.length === 0 && !latest) return { outcome: 'unchanged', reason: 'the source is empty', through }
  if (!latest) return run('run', 'first run')
  if (full) return run('rebuild', '--full')
  const { lineage } = latest
  if (lineage.definition.fingerprint !== set.fingerprint) {
    const schema = lineage.schema.fingerprint !== set.source.schema.fingerprint
    return run('rebuild', schema ? 'schema changed: rebuild' : 'definition changed: rebuild')
  }
  const changes = inputChanges(latest.inputs, inputs)
  if (changes) return run('run', changes)

  const described = lineage.definition.description !== set.description
  const unchanged = (reason: string): Plan => ({
    outcome: 'unchanged',
    reason: described ? `only the description changed; ${reason}` : reason,
    through,
  })
  const files = inputs.files.length === 1 ? 'the same file' : `the same ${inputs.files.length} files`
  const before = parseInstant(lineage.through)!
  if (through <= before) return unchanged(`same definition, ${files}, and evaluated through ${formatInstantShort(before)}`)
  const last = lineage.cutoffs ? parseInstant(lineage.cutoffs.to)! : undefined
  // Closing rows are all there: the last cutoff with a row came before the last one that was due.
  if (last === undefined || last < before) {
    return unchanged(`same definition, ${files}, and no cutoff after ${formatInstantShort(last ?? before)} holds a row`)
  }
  const due = Number((through - before) / set.every)
  const held = Number(longestWindow(set) / set.every) + 2
  return run('run', due > held ? 'cutoffs due' : `${due} ${due === 1 ? 'cutoff' : 'cutoffs'} due`)
}

/** What differs between two lists of inputs, in words; undefined where they hold the same contents as often. */
function inputChanges(before: PinnedInputs, now: PinnedInputs): string | undefined {
  const counts = new Map<string, number>()
  for (const { hash } of now.files) counts.set(hash, (counts.get(hash) ?? 0) + 1)
  for (const { hash } of before.files) counts.set(hash, (counts.get(hash) ?? 0) - 1)
  const added = [...counts.values()].reduce((sum, n) => sum + Math.max(n, 0), 0)
  const gone = [...counts.values()].reduce((sum, n) => sum + Math.max(-n, 0), 0)
  const nowPaths = new Set(now.files.map(({ path }) => path))
  const changed = Math.min(
    added,
    gone,
    before.files.filter(({ path, hash }) => nowPaths.has(path) && counts.get(hash)! < 0).length,
  )
  const parts = [
    [added - changed, 'new'],
    [changed, 'changed'],
    [gone - changed, 'gone'],
  ] as const
  const words = parts.filter(([n]) => n > 0).map(([n, word]) => `${n} ${n === 1 ? 'file is' : 'files are'} ${word}`)
  return words.length === 0 ? undefined : words.join(', ')
}
