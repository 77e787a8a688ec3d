/**
 * How a feature set's windows fall onto tiles.
 *
 * A tile is the stretch of time between two neighbouring cutoffs; it is numbered by the cutoff that ends it, so the events of
 * tile `i` are those with `i` as the first cutoff after them. A window of `w = whole * every + tail` at cutoff `i` holds the
 * tiles `i - whole + 1 .. i`, and of tile `i - whole` the events at most `tail` before that tile's end.
 */
import type { CutoffRange } from '../../domain/ranges.ts'
import type { Duration, Grid, Instant } from '../../domain/time.ts'
import { EARLIEST_INSTANT, floorDiv } from '../../domain/time.ts'

export interface WindowShape {
  /** Whole tiles, or all there ever were. */
  whole: bigint | 'lifetime'
  /** Microseconds of the tile before them; 0 where the window ends on a tile's edge. */
  tail: Duration
}

export function windowShape(length: Duration | 'lifetime', every: Duration): WindowShape {
  return length === 'lifetime' ? { whole: 'lifetime', tail: 0n } : { whole: length / every, tail: length % every }
}

/**
 * SQL for the tile of an event: the number of the first cutoff after `t`.
 *
 * The engine's integer division truncates towards zero, so time is first shifted by a whole number of steps to where it is
 * positive.
 */
export function tileSql(grid: Grid, t: string): string {
  const steps = -EARLIEST_INSTANT / grid.every + 2n
  const shift = steps * grid.every - (grid.offset % grid.every)
  const base = grid.offset / grid.every
  return `((${t} + ${shift}) // ${grid.every} - ${steps - 1n + base})`
}

/** SQL for the instant, in microseconds, of cutoff `i`. */
export function cutoffSql(grid: Grid, i: string): string {
  return `(${i} * ${grid.every} + ${grid.offset})`
}

/** The number of a cutoff. */
export function cutoffIndex(grid: Grid, cutoff: Instant): bigint {
  return floorDiv(cutoff - grid.offset, grid.every)
}

export function cutoffAt(grid: Grid, i: bigint): Instant {
  return i * grid.every + grid.offset
}

/** The numbers of the first and the last cutoff of a range. */
export function cutoffIndices(grid: Grid, { from, to }: CutoffRange): [first: bigint, last: bigint] {
  return [cutoffIndex(grid, from - 1n) + 1n, cutoffIndex(grid, to - 1n)]
}
