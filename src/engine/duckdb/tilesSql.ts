/** From rows to tiles, and from tiles to the grid of cutoffs at which entities have rows. */
import { tileAggregateSql } from './partialSql.ts'
import type { Shape } from './shape.ts'
import { readsWholeTiles, tailName, tailsOf } from './shape.ts'
import { identifier } from './sql.ts'
import { cutoffSql, tileSql } from './windowShape.ts'

/**
 * The accepted rows with their keys, their tile `i`, and `p`, the microseconds from the event to its tile's end.
 * `through` is the number of the last cutoff that is due.
 */
export function tiledRowsSql(shape: Shape, relation: string): string {
  const { set, keys } = shape
  const keyColumns = set.entity.map(({ name }, at) => `${identifier(name)} AS ${keys[at]}`)
  const tiled = `SELECT *, ${keyColumns.join(', ')}, ${tileSql(set, '__t')} AS i FROM ${relation}`
  return `(SELECT *, ${cutoffSql(set, 'i')} - __t AS p FROM (${tiled}))`
}

/** A row for each entity and tile: `n` rows and the partial aggregates. */
export function tilesSql(shape: Shape, relation: string): string {
  const { keys, rows, partials, longest } = shape
  const columns = [...keys, 'i', 'count(*) AS n']
  if (longest.tail > 0n) columns.push(`bool_or(p <= ${longest.tail}) AS in_tail`)
  for (const partial of partials.all) {
    if (partial.kind === 'distinct') continue
    if (readsWholeTiles(shape, partial)) columns.push(`${tileAggregateSql(partial, rows, undefined)} AS ${partial.id}`)
    for (const tail of tailsOf(shape, partial)) {
      columns.push(`${tileAggregateSql(partial, rows, `p <= ${tail}`)} AS ${tailName(partial, tail)}`)
    }
  }
  return `SELECT ${columns.join(', ')} FROM ${tiledRowsSql(shape, relation)} GROUP BY ${keys.join(', ')}, i`
}

/** The names of the tile's columns that are merged into windows. */
export function tileColumns(shape: Shape): string[] {
  return shape.partials.all.flatMap(partial => {
    if (partial.kind === 'distinct') return []
    const tails = tailsOf(shape, partial).map(tail => tailName(partial, tail))
    return readsWholeTiles(shape, partial) ? [partial.id, ...tails] : tails
  })
}

/**
 * A row for each entity and cutoff `i` up to `through` from a tile's first cutoff on to the closing row.
 *
 * A tile keeps its entity alive up to the last cutoff whose longest window holds it. Rows run on without a gap from a tile to
 * the next, or to the closing row one past the last cutoff alive; the next tile after that begins a new `stretch`. Within a
 * stretch rows are consecutive cutoffs, so that a window of n tiles is a frame of n rows. A row that is not `visible` only
 * carries a tile to lifetime features: none of the set's windows ever held it.
 */
export function gridSql(shape: Shape, tiles: string, through: bigint): string {
  const { keys, longest } = shape
  const by = keys.join(', ')
  const whole = longest.whole as bigint
  const alive =
    longest.tail === 0n
      ? `i + ${whole - 1n}`
      : whole === 0n
        ? 'CASE WHEN in_tail THEN i END'
        : `i + ${whole - 1n} + in_tail::BIGINT`
  const values = tileColumns(shape).map(name => `CASE WHEN g = i THEN ${name} END AS ${name}`)
  return `
    WITH alive AS (
      SELECT *, max(${alive}) OVER (PARTITION BY ${by} ORDER BY i ROWS UNBOUNDED PRECEDING) AS alive_to,
        lead(i) OVER (PARTITION BY ${by} ORDER BY i) AS next_i
      FROM ${tiles} WHERE i <= ${through}
    ), begun AS (
      SELECT *, coalesce(i > lag(alive_to) OVER (PARTITION BY ${by} ORDER BY i) + 1, true) AS begins FROM alive
    ), stretched AS (
      SELECT *, count(*) FILTER (WHERE begins) OVER (PARTITION BY ${by} ORDER BY i ROWS UNBOUNDED PRECEDING) AS stretch FROM begun
    ), spread AS (
      SELECT *, unnest(range(i, greatest(least(next_i, alive_to + 2, ${through + 1n}), i + 1))) AS g FROM stretched
    )
    SELECT ${[...keys, 'stretch', 'coalesce(g <= alive_to + 1, false) AS visible', ...values, 'g AS i'].join(', ')} FROM spread`
}
