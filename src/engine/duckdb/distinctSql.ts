/**
 * Exact distinct counts over sliding windows.
 *
 * For one window an item is alive from the first cutoff after it to the last whose window still holds it. Overlapping lives
 * of one item are one: the count rises by one where a life begins and falls by one after it ends, and a running sum of these
 * steps is the count at every cutoff. The cost does not depend on the number of cutoffs or the length of the windows.
 */
import type { PartialAggregate } from './partials.ts'
import type { PartialWindow, Shape } from './shape.ts'
import { tailName, tailsOf, windowsOf } from './shape.ts'

/** Steps per entity and cutoff, one column for each window over `partial`, from the relation of its items. */
export function distinctStepsSql(shape: Shape, partial: PartialAggregate, items: string): string {
  const { keys } = shape
  const windows = windowsOf(shape, partial)
  const life = `(PARTITION BY ${[...keys, 'item'].join(', ')} ORDER BY i)`
  const lagged = tailsOf(shape, partial).map(
    tail => `lag(${tailName(partial, tail)}) OVER life AS last_${tailName(partial, tail)}`,
  )
  const neighbours = ['*', 'lag(i) OVER life AS last_i', 'lead(i) OVER life AS next_i', ...lagged]
  const starts = windows.map(window => `count(*) FILTER (WHERE ${begins(partial, window)}) AS ${window.name}`)
  const steps = [`SELECT ${[...keys, 'i', ...starts].join(', ')} FROM lives GROUP BY ${keys.join(', ')}, i`]
  for (const window of windows) {
    if (window.window.whole === 'lifetime') continue
    const columns = windows.map(other => (other === window ? '-count(*)' : '0'))
    const end = `${lastAlive(window, 'i', tailName(partial, window.window.tail))} + 1`
    steps.push(
      `SELECT ${[...keys, `${end} AS e`, ...columns].join(', ')} FROM lives WHERE ${ends(partial, window)} GROUP BY ${keys.join(', ')}, e`,
    )
  }
  const sums = windows.map(({ name }) => `sum(${name})::BIGINT AS ${name}`)
  return `WITH lives AS MATERIALIZED (SELECT ${neighbours.join(', ')} FROM (${items}) WINDOW life AS ${life})
    SELECT ${[...keys, 'i', ...sums].join(', ')} FROM (${steps.join(' UNION ALL ')}) GROUP BY ${keys.join(', ')}, i`
}

/** The last cutoff at which the item of tile `tile` is alive. */
function lastAlive({ window }: PartialWindow, tile: string, inTail: string): string {
  const whole = (window.whole as bigint) - 1n
  return window.tail === 0n ? `(${tile} + ${whole})` : `(${tile} + ${whole} + ${inTail}::BIGINT)`
}

function begins(partial: PartialAggregate, window: PartialWindow): string {
  const { whole, tail } = window.window
  if (whole === 'lifetime') return 'last_i IS NULL'
  // Shorter than a tile: alive at one cutoff only, or never.
  if (whole === 0n) return tailName(partial, tail)
  return `last_i IS NULL OR i > ${lastAlive(window, 'last_i', `last_${tailName(partial, tail)}`)}`
}

function ends(partial: PartialAggregate, window: PartialWindow): string {
  const { whole, tail } = window.window
  if (whole === 0n) return tailName(partial, tail)
  return `next_i IS NULL OR next_i > ${lastAlive(window, 'i', tailName(partial, tail))}`
}
