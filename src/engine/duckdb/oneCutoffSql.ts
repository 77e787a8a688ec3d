/**
 * The windows of one cutoff: each tile is looked at once, and asked which windows hold it.
 *
 * The grid and its frames cost what they do for the many cutoffs that they serve at once; a run that publishes the day's cutoff
 * alone needs one pass over the tiles that its windows reach.
 */
import type { TileSet } from '../../domain/engine.ts'
import { holdsTilesSql, itemsPart } from './distinctSql.ts'
import { aliveSql } from './gridSql.ts'
import { groupMergeSql } from './partialSql.ts'
import type { PartialAggregate } from './partials.ts'
import type { PartialWindow, Shape } from './shape.ts'
import { tailName, windowsOf } from './shape.ts'
import type { TileBounds } from './tilesSql.ts'
import { onlySql, partSql, tileRowsSql } from './tilesSql.ts'

/**
 * A row for each entity that has one at cutoff `bounds.last`, with one column for each merged partial: what `windowsSql` gives.
 * Not for rows that count as known, whose tiles do not all count where they stand.
 */
export function oneCutoffSql(shape: Shape, sets: readonly TileSet[], bounds: TileBounds): string {
  const { keys } = shape
  const by = keys.join(', ')
  const counted = shape.windows.filter(({ partial }) => partial.kind !== 'distinct')
  const columns = counted.map(window => `${mergedSql(window, bounds.last)} AS ${window.name}`)
  // The closing row stands one past the last cutoff alive.
  const rows = `SELECT ${[by, `${bounds.last}::BIGINT AS i`, ...columns].join(', ')} FROM (${tileRowsSql(shape, sets, bounds)})
    GROUP BY ${by} HAVING max(${aliveSql(shape)}) >= ${bounds.last - 1n}`
  const distinct = shape.partials.all.filter(({ kind }) => kind === 'distinct')
  const joins = distinct.map(partial => ` LEFT JOIN (${distinctSql(shape, sets, partial, bounds)}) USING (${by})`)
  return `SELECT * FROM (${rows})${joins.join('')}`
}

function mergedSql({ partial, window: { whole, tail } }: PartialWindow, cutoff: bigint): string {
  if (whole === 'lifetime') return groupMergeSql(partial.kind, partial.id)
  const parts = [
    ...(whole > 0n ? [`WHEN i > ${cutoff - whole} THEN ${partial.id}`] : []),
    ...(tail > 0n ? [`WHEN i = ${cutoff - whole} THEN ${tailName(partial, tail)}`] : []),
  ]
  return groupMergeSql(partial.kind, `CASE ${parts.join(' ')} END`)
}

/** How many items each window holds, by entity. */
function distinctSql(shape: Shape, sets: readonly TileSet[], partial: PartialAggregate, bounds: TileBounds): string {
  const by = shape.keys.join(', ')
  const windows = windowsOf(shape, partial)
  const held = windows.map(window => `bool_or(${holdsSql(window, bounds.last)}) AS ${window.name}`)
  const within = holdsTilesSql('bits', bounds.carry ? undefined : bounds.first, bounds.last)
  return `SELECT ${[by, ...windows.map(({ name }) => `count(*) FILTER (${name}) AS ${name}`)].join(', ')}
    FROM (
      SELECT ${[by, 'item', ...held].join(', ')} FROM ${partSql(sets, itemsPart(partial))!}${onlySql(shape, bounds)}
      WHERE ${within} GROUP BY ${by}, item
    ) GROUP BY ${by}`
}

/** Whether a block of an item's tiles has any that the window holds. */
function holdsSql({ partial, window: { whole, tail } }: PartialWindow, cutoff: bigint): string {
  if (whole === 'lifetime') return 'true'
  const parts = [
    ...(whole > 0n ? [holdsTilesSql('bits', cutoff - whole + 1n, cutoff)] : []),
    ...(tail > 0n ? [holdsTilesSql(tailName(partial, tail), cutoff - whole, cutoff - whole)] : []),
  ]
  return parts.join(' OR ')
}
