/** From tiles to the grid of cutoffs at which entities have rows. */
import { groupMergeSql } from './partialSql.ts'
import type { Shape } from './shape.ts'
import { lifetimeName, lifetimePartials, tileColumns } from './shape.ts'

/** SQL for the last cutoff whose longest window holds something of tile `i`; null where none does. */
export function aliveSql({ longest }: Shape): string {
  const whole = longest.whole as bigint
  if (longest.tail === 0n) return `i + ${whole - 1n}`
  return whole === 0n ? 'CASE WHEN in_tail THEN i END' : `i + ${whole - 1n} + in_tail::BIGINT`
}

/**
 * Where tiles stand on the grid: a row for each entity and cutoff `i` at which something begins to count, with `alive_to`, the
 * last cutoff at which that keeps the entity alive (null: it does not), and the partials that begin there.
 *
 * Rows count from the tile in which they happened. Where they count as known, those that are known in time do too; the others
 * begin where they are known, and only lifetime features find their partials there: finite windows get them from `lateWindowsSql`.
 *
 * @param first the first tile that finite windows can reach; earlier ones are carried to lifetime features as one
 */
export function placesSql(shape: Shape, tiles: string, first: bigint): string {
  const { keys, asKnown } = shape
  const by = keys.join(', ')
  const finite = tileColumns(shape)
  const select = (i: string, alive: string, columns: string[]): string =>
    `${by}, ${i} AS i, ${alive} AS alive_to${columns.map(column => `, ${column}`).join('')}`
  const names = finite.map(({ name }) => name)
  if (!asKnown) return `SELECT ${select('i', aliveSql(shape), names)} FROM ${tiles}`
  const ever = lifetimePartials(shape)
  const everNames = ever.map(partial => lifetimeName(shape, partial))
  const nulls = (columns: readonly string[], of: readonly string[]): string[] =>
    columns.map((name, at) => `CASE WHEN false THEN ${of[at]} END AS ${name}`)
  const everNulls = nulls(
    everNames,
    ever.map(({ id }) => id),
  )
  const alive = aliveSql(shape)
  const late = `CASE WHEN u IS NULL OR ${alive} < u THEN ${alive} ELSE u - 1 END`
  const parts = [
    `SELECT ${select('i', alive, [...names, ...everNulls])} FROM ${tiles} WHERE i >= ${first} AND v = i AND u IS NULL`,
    `SELECT ${select('v', `CASE WHEN ${alive} >= v THEN ${late} END`, [...nulls(names, names), ...everNulls])}
      FROM ${tiles} WHERE i >= ${first} AND NOT (v = i AND u IS NULL)`,
  ]
  if (shape.lifetime) {
    const counted = ever.map(({ id }, at) => `CASE WHEN u IS NULL THEN ${id} END AS ${everNames[at]}`)
    const begun = `greatest(v, ${first - 1n})`
    parts.push(
      `SELECT ${select(begun, 'NULL::BIGINT', [...nulls(names, names), ...counted])} FROM ${tiles} WHERE u IS NULL OR u >= ${first}`,
    )
    // What is replaced leaves lifetime features there, whether or not the entity has a row.
    parts.push(`SELECT ${select('u', 'NULL::BIGINT', [...nulls(names, names), ...everNulls])} FROM ${tiles} WHERE u >= ${first}`)
  }
  const merged = [
    ...finite.map(({ name, partial }) => `${groupMergeSql(partial.kind, name)} AS ${name}`),
    ...ever.map((partial, at) => `${groupMergeSql(partial.kind, everNames[at]!)} AS ${everNames[at]}`),
  ]
  return `SELECT ${select('i', 'max(alive_to)', merged)} FROM (${parts.join(' UNION ALL ')}) GROUP BY ${by}, i`
}

/** The partials of a place. */
export function placeColumns(shape: Shape): string[] {
  return [
    ...tileColumns(shape).map(({ name }) => name),
    ...(shape.asKnown ? lifetimePartials(shape).map(partial => lifetimeName(shape, partial)) : []),
  ]
}

/**
 * A row for each entity and cutoff `i` up to `last` from a place on to the closing row.
 *
 * Rows run on without a gap from a place to the next, or to the closing row one past the last cutoff alive; the next place after
 * that begins a new `stretch`. Within a stretch rows are consecutive cutoffs, so that a window of n tiles is a frame of n rows. A
 * row that is not `visible` only carries a tile to lifetime features: none of the set's windows ever held it.
 */
export function gridSql(shape: Shape, places: string, last: bigint): string {
  const by = shape.keys.join(', ')
  const values = placeColumns(shape).map(name => `CASE WHEN g = i THEN ${name} END AS ${name}`)
  const before = `(PARTITION BY ${by} ORDER BY i ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)`
  return `
    WITH alive AS (
      SELECT * REPLACE (max(alive_to) OVER (PARTITION BY ${by} ORDER BY i ROWS UNBOUNDED PRECEDING) AS alive_to),
        coalesce(i > max(alive_to) OVER ${before} + 1, true) AS begins,
        lead(i) OVER (PARTITION BY ${by} ORDER BY i) AS next_i
      FROM ${places} WHERE i <= ${last}
    ), stretched AS (
      SELECT *, count(*) FILTER (WHERE begins) OVER (PARTITION BY ${by} ORDER BY i ROWS UNBOUNDED PRECEDING) AS stretch FROM alive
    ), spread AS (
      SELECT *, unnest(range(i, greatest(least(next_i, coalesce(alive_to + 2, i + 1), ${last + 1n}), i + 1))) AS g FROM stretched
    )
    SELECT ${[by, 'stretch', 'coalesce(g <= alive_to + 1, false) AS visible', ...values, 'g AS i'].join(', ')} FROM spread`
}
