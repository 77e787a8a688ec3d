/** From the grid to merged windows, and from these to the feature set's own columns. */
import type { Grid } from '../../domain/time.ts'
import { featureSql } from './featureSql.ts'
import { frameAggregateSql, mergeSql } from './partialSql.ts'
import type { PartialWindow, Shape } from './shape.ts'
import { tailName } from './shape.ts'
import { identifier } from './sql.ts'
import { cutoffSql } from './windowShape.ts'

/**
 * A row for each visible row of the grid with one column for each merged partial.
 *
 * @param steps the tables of steps, one for each distinct partial
 */
export function windowsSql(shape: Shape, grid: string, steps: readonly string[]): string {
  const { keys, windows } = shape
  const by = keys.join(', ')
  const frames = new Map<string, string>([
    ['in_order', `(PARTITION BY ${by}, stretch ORDER BY i)`],
    ['since', `(PARTITION BY ${by}, stretch ORDER BY i ROWS UNBOUNDED PRECEDING)`],
    ['ever', `(PARTITION BY ${by} ORDER BY i ROWS UNBOUNDED PRECEDING)`],
  ])
  const columns = windows.map(window => `${windowSql(window, frames, by)} AS ${window.name}`)
  const joins = steps.map(table => ` LEFT JOIN ${table} USING (${by}, i)`).join('')
  const definitions = [...frames].map(([name, frame]) => `${name} AS ${frame}`).join(', ')
  return `SELECT ${[...keys, 'i', 'visible', ...columns].join(', ')} FROM ${grid}${joins} WINDOW ${definitions}`
}

function windowSql({ partial, window, name }: PartialWindow, frames: Map<string, string>, by: string): string {
  // Steps of finite windows add up to nothing by the end of a stretch, and one order of rows is cheaper than two.
  if (partial.kind === 'distinct') return `sum(${name}) OVER ${window.whole === 'lifetime' ? 'ever' : 'since'}`
  if (partial.kind === 'moments') return name
  if (window.whole === 'lifetime') return frameAggregateSql(partial.kind, partial.id, 'ever')
  const tail = window.tail > 0n ? `lag(${tailName(partial, window.tail)}, ${window.whole}) OVER in_order` : undefined
  if (window.whole === 0n) return tail!
  const frame = `last_${window.whole}`
  if (window.whole > 1n) frames.set(frame, `(PARTITION BY ${by}, stretch ORDER BY i ROWS ${window.whole - 1n} PRECEDING)`)
  const whole = window.whole === 1n ? partial.id : frameAggregateSql(partial.kind, partial.id, frame)
  return tail === undefined ? whole : mergeSql(partial.kind, whole, tail)
}

/** The feature set's columns, in order, from the relation of windows. */
export function resultSql(shape: Shape, windows: string): string {
  const { set, keys } = shape
  const entity = `concat_ws(', ', ${keys.map((key, at) => `'${set.entity[at]!.name}=' || ${key}::VARCHAR`).join(', ')})`
  const columns = [
    ...set.entity.map(({ name }, at) => `${keys[at]} AS ${identifier(name)}`),
    `make_timestamptz(${cutoffSql(set satisfies Grid, 'i')}) AS cutoff`,
    ...set.columns.map(
      column =>
        `${featureSql(column, shape.partials, kind => shape.windowName(column, kind), entity)} AS ${identifier(column.name)}`,
    ),
  ]
  return `SELECT ${columns.join(', ')} FROM ${windows} WHERE visible`
}
