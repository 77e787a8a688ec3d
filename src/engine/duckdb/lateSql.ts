/**
 * Windows over what became known after its time, or was replaced later.
 *
 * Such rows do not count at all cutoffs whose windows hold their time, so they cannot stand in frames of tiles. Each of their
 * tiles is spread over the cutoffs at which it does count, and the few partials of one cutoff are merged.
 */
import { reachOf } from '../../domain/featureSet.ts'
import { groupMergeSql } from './partialSql.ts'
import type { PartialWindow, Shape } from './shape.ts'
import { tailName } from './shape.ts'

/** The condition under which a tile is none of the ordinary ones. */
export const IS_LATE = 'NOT (v = i AND u IS NULL)'

/** The windows that late tiles are merged into. */
export function lateWindows(shape: Shape): PartialWindow[] {
  return shape.asKnown ? shape.windows.filter(({ partial }) => partial.kind !== 'distinct') : []
}

export const lateName = ({ name }: PartialWindow): string => `late_${name}`

/** A row for each entity and cutoff `i` at which late tiles count, with a column for each of `lateWindows`. */
export function lateWindowsSql(shape: Shape, tiles: string, last: bigint): string {
  const by = shape.keys.join(', ')
  const columns = lateWindows(shape).map(
    window => `${groupMergeSql(window.partial.kind, valueSql(window))} AS ${lateName(window)}`,
  )
  const bounded = `coalesce(u - 1, ${last})`
  // A lifetime feature finds what is never replaced in the grid.
  const end = shape.lifetime
    ? `CASE WHEN u IS NULL THEN least(i + ${reachOf(shape.set)}, ${last}) ELSE least(${bounded}, ${last}) END`
    : `least(i + ${reachOf(shape.set)}, ${bounded}, ${last})`
  return `SELECT ${[by, 'c AS i', ...columns].join(', ')}
    FROM (SELECT *, unnest(range(v, ${end} + 1)) AS c FROM ${tiles} WHERE ${IS_LATE}) GROUP BY ${by}, c`
}

/** The partial that a late tile gives to one window at cutoff `c`. */
function valueSql({ partial, window: { whole, tail } }: PartialWindow): string {
  if (whole === 'lifetime') return `(CASE WHEN u IS NOT NULL THEN ${partial.id} END)`
  const parts = [
    ...(whole > 0n ? [`WHEN c < i + ${whole} THEN ${partial.id}`] : []),
    ...(tail > 0n ? [`WHEN c = i + ${whole} THEN ${tailName(partial, tail)}`] : []),
  ]
  return `(CASE ${parts.join(' ')} END)`
}
