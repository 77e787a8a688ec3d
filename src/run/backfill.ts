/** A range of cutoffs computed anew, in chunks that commit one by one. */
import { DefinitionError } from '../domain/errors.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import { longestWindow } from '../domain/featureSet.ts'
import { lineageOf } from '../domain/lineage.ts'
import { dueCutoff } from '../domain/planner.ts'
import type { CutoffRange } from '../domain/ranges.ts'
import { hull, intersect, NONE, union } from '../domain/ranges.ts'
import type { Table } from '../domain/tableStore.ts'
import type { Duration, Instant } from '../domain/time.ts'
import { formatInstant, formatInstantShort, gridCeil, readInstant } from '../domain/time.ts'
import type { Parts } from './parts.ts'
import type { RunOptions, RunResult } from './runFeatureSet.ts'
import { runFeatureSet } from './runFeatureSet.ts'
import { findInputs, groundOf } from './survey.ts'

export interface BackfillOptions extends Omit<RunOptions, 'until' | 'full' | 'backfill'> {
  /** Cutoffs `c` with `from <= c < to`. */
  from: Instant
  to: Instant
  /** How much of the range one commit covers; by default as much as the longest window, and a day at least. */
  chunk: Duration | undefined
}

const DAY: Duration = 86_400_000_000n

/**
 * Yields the result of each chunk. Started again with the same range after it was interrupted, it goes on behind the last chunk that
 * was committed, unless the table has been rebuilt since; where rows have come late meanwhile, it goes back to what they reach.
 */
export async function* backfill(
  set: FeatureSet,
  parts: Parts,
  options: BackfillOptions,
): AsyncIterable<RunResult & { chunk: CutoffRange }> {
  const { to, chunk: wanted, ...rest } = options
  const table = parts.store.table(`features/${set.name}`)
  await requireSameDefinition(set, parts)
  const until = parts.now()
  const from = gridCeil(set, options.from)
  const end = least(gridCeil(set, to), dueCutoff(set, until) + set.every)
  const chunk = gridCeil({ ...set, offset: 0n }, wanted ?? greatest(longestWindow(set), DAY))
  const request = { from: formatInstant(from), to: formatInstant(gridCeil(set, to)) }
  const done = await resumedAt(set, table, request, from)
  const begin = done > from ? await provenThrough(set, parts, { from, to: done }) : from
  // Once a commit says how far the range has come another must say that it is done, or the same range would go on there for ever.
  let isBegun = done > from
  let length = chunk
  for (let at = begin, part: CutoffRange; at < end; at = part.to) {
    part = { from: at, to: least(at + length, end) }
    const isLast = part.to === end
    const record = { ...request, done: isLast ? request.to : formatInstant(part.to) }
    const backfill = { chunk: part, record, conclude: isLast && isBegun }
    const result = await runFeatureSet(set, parts, { ...rest, until, full: false, backfill })
    isBegun ||= result.outcome === 'committed'
    // Files that no version needs yet are read for each chunk: where there is nothing chunks grow, so that a wrong year costs little.
    length = result.outcome === 'committed' ? chunk : length * 2n
    yield { ...result, chunk: part }
  }
}

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b)
const greatest = (a: bigint, b: bigint): bigint => (a > b ? a : b)

async function requireSameDefinition(set: FeatureSet, parts: Parts): Promise<void> {
  const { latest, content, basis } = await groundOf(set, parts, false)
  const lineage = lineageOf(latest?.lineage)
  if (!lineage || (content === latest && !basis.restored)) return
  throw new DefinitionError(
    'definition.changed',
    `\`${set.name}\`: the definition is another than that of the latest version, so its rows cannot be mixed`,
    { hint: `Compute everything anew first: quern run ${set.name}.` },
  )
}

/** So many versions are looked through for the backfill that was interrupted. */
const LOOKED_THROUGH = 1000

/** Where an interrupted backfill of the same range has got to. */
async function resumedAt(set: FeatureSet, table: Table, request: { from: string; to: string }, from: Instant): Promise<Instant> {
  for await (const { operation, lineage: recorded } of table.history(LOOKED_THROUGH)) {
    const lineage = lineageOf(recorded)
    if (operation === 'rebuild' || lineage?.definition.fingerprint !== set.fingerprint) return from
    const { backfill: before } = lineage
    if (before?.from !== request.from || before.to !== request.to) continue
    // A finished one is begun again.
    return before.done === before.to ? from : readInstant(before.done)
  }
  return from
}

/** The end of the cutoffs of `range`, computed before, that still are what they would be now. */
async function provenThrough(set: FeatureSet, parts: Parts, range: CutoffRange): Promise<Instant> {
  const ground = await groundOf(set, parts, false)
  const { changes } = await findInputs(set, parts, ground, { until: range.to + set.delay, signal: parts.signal })
  const { batches, fresh } = changes
  // What no version has read may reach any cutoff.
  if (fresh.length > 0) return range.from
  const late = set.late === 'restate' ? union(...batches.map(({ except }) => except)) : NONE
  return hull(intersect(late, [range]))?.from ?? range.to
}

export function chunkText({ from, to }: CutoffRange, every: Duration): string {
  return `${formatInstantShort(from)} to ${formatInstantShort(to - every)}`
}
