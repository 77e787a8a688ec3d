/**
 * Exact distinct counts where rows count as known: an item then counts over any span of cutoffs, not only from its tile on.
 *
 * Spans of one item that overlap or touch are one; the count rises by one where it begins and falls by one after it ends.
 */
import type { TileSet } from '../../domain/engine.ts'
import { itemsPart } from './distinctSql.ts'
import { expressionSql } from './expressionSql.ts'
import type { PartialAggregate } from './partials.ts'
import type { PartialWindow, Shape } from './shape.ts'
import { tailName, tailsOf, windowsOf } from './shape.ts'
import type { TileBounds } from './tilesSql.ts'
import { partSql, tiled, tiledRowsSql } from './tilesSql.ts'

const NEVER = 2n ** 62n

const itemKey = (shape: Shape): string => [...shape.keys, 'item', 'i', 'v', 'u'].join(', ')

const tailNames = (shape: Shape, partial: PartialAggregate): string[] =>
  tailsOf(shape, partial).map(tail => tailName(partial, tail))

/** A row for each entity, item, tile and span of cutoffs, with a flag for each tail. */
export function itemSpansSql(shape: Shape, relation: string, partial: PartialAggregate): string {
  const { rows } = shape
  const item = expressionSql(partial.input!, rows)
  const where = partial.where ? ` WHERE ${expressionSql(partial.where, rows)}` : ''
  const tails = tailsOf(shape, partial).map(tail => `bool_or(p <= ${tail}) AS ${tailName(partial, tail)}`)
  const columns = [...shape.keys, 'i', 'v', 'u', 'p'].map(tiled)
  return `SELECT ${[itemKey(shape), ...tails].join(', ')}
    FROM (SELECT ${[...columns, `${item} AS item`].join(', ')} FROM ${tiledRowsSql(shape, relation)}${where})
    WHERE item IS NOT NULL GROUP BY ${itemKey(shape)}`
}

/** The spans of several tile sets as one. */
export function mergedSpansSql(shape: Shape, sets: readonly TileSet[], partial: PartialAggregate, bounds?: TileBounds): string {
  const flags = tailNames(shape, partial).map(name => `bool_or(${name}) AS ${name}`)
  const conditions = bounds
    ? [`i <= ${bounds.last}`, `v <= ${bounds.last}`, ...(bounds.carry ? [] : [`i >= ${bounds.first}`])]
    : ['true']
  const only = bounds?.entities === undefined ? '' : ` SEMI JOIN ${bounds.entities} USING (${shape.keys.join(', ')})`
  return `SELECT ${[itemKey(shape), ...flags].join(', ')} FROM ${partSql(sets, itemsPart(partial))!}${only}
    WHERE ${conditions.join(' AND ')} GROUP BY ${itemKey(shape)}`
}

/** Steps per entity and cutoff `i`, one column for each window over `partial`; earlier tiles than `first` count from the one before it. */
export function spanStepsSql(shape: Shape, partial: PartialAggregate, spans: string, first: bigint): string {
  const by = shape.keys.join(', ')
  const windows = windowsOf(shape, partial)
  const parts = windows.map(window => {
    const lives = livesSql(shape, partial, window, spans, first)
    const only = (step: string): string => windows.map(other => `${other === window ? step : 0} AS ${other.name}`).join(', ')
    return `SELECT ${by}, a AS i, ${only('1')} FROM (${lives})
      UNION ALL SELECT ${by}, b + 1, ${only('-1')} FROM (${lives}) WHERE b < ${NEVER}`
  })
  const sums = windows.map(({ name }) => `sum(${name})::BIGINT AS ${name}`)
  return `SELECT ${[by, 'i', ...sums].join(', ')} FROM (${parts.join(' UNION ALL ')}) GROUP BY ${by}, i`
}

/** From cutoff `a` to `b` an item counts without a gap. */
function livesSql(
  shape: Shape,
  partial: PartialAggregate,
  { window: { whole, tail } }: PartialWindow,
  spans: string,
  first: bigint,
): string {
  const by = `${shape.keys.join(', ')}, item`
  const lifetime = whole === 'lifetime'
  const until = `coalesce(u - 1, ${NEVER})`
  const inTail = tail === 0n ? '' : ` + ${tailName(partial, tail)}::BIGINT`
  const a = lifetime ? `greatest(v, ${first - 1n})` : 'v'
  const b = lifetime ? until : `least(i + ${(whole as bigint) - 1n}${inTail}, ${until})`
  const reached = lifetime ? 'true' : `i >= ${first}`
  return `SELECT ${by}, min(a) AS a, max(b) AS b FROM (
      SELECT *, count(*) FILTER (WHERE before IS NULL OR a > before + 1) OVER (PARTITION BY ${by} ORDER BY a, b ROWS UNBOUNDED PRECEDING) AS life
      FROM (
        SELECT *, max(b) OVER (PARTITION BY ${by} ORDER BY a, b ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
        FROM (SELECT ${by}, ${a} AS a, ${b} AS b FROM ${spans} WHERE ${reached}) WHERE b >= a
      )
    ) GROUP BY ${by}, life`
}
