/** From the grid to merged windows, and from these to the feature set's own columns. */
import { isFloat } from '../../domain/columnType.ts'
import type { Grid } from '../../domain/time.ts'
import { sqlType } from './expressionSql.ts'
import { featureSql, finiteSql } from './featureSql.ts'
import { lateName, lateWindows } from './lateSql.ts'
import { frameAggregateSql, groupMergeSql, mergeSql, pairMergeSql } from './partialSql.ts'
import type { PartialWindow, Shape } from './shape.ts'
import { lifetimeName, tailName } from './shape.ts'
import { identifier, literal } from './sql.ts'
import { cutoffSql } from './windowShape.ts'

/** Tables that are joined to the grid. */
interface GridTables {
  grid: string
  /** Steps of distinct counts, a table for each distinct partial. */
  steps: readonly string[]
  /** Windows over late tiles, where rows count as known. */
  late?: string
}

/** A row for each row of the grid from `first` to `last` with one column for each merged partial. */
export function windowsSql(shape: Shape, { grid, steps, late }: GridTables, first: bigint, last: bigint): string {
  const { keys, windows } = shape
  const by = keys.join(', ')
  const frames = new Map<string, string>([
    ['in_order', `(PARTITION BY ${by}, stretch ORDER BY i)`],
    ['since', `(PARTITION BY ${by}, stretch ORDER BY i ROWS UNBOUNDED PRECEDING)`],
    ['ever', `(PARTITION BY ${by} ORDER BY i ROWS UNBOUNDED PRECEDING)`],
  ])
  const lateOnes = new Set(late === undefined ? [] : lateWindows(shape))
  const columns = windows.map(window => {
    const value = windowSql(shape, window, frames)
    const merged = lateOnes.has(window) ? pairMergeSql(window.partial.kind, value, lateName(window)) : value
    return `${merged} AS ${window.name}`
  })
  const joins = [...steps, ...(late === undefined ? [] : [late])].map(table => ` LEFT JOIN ${table} USING (${by}, i)`).join('')
  const definitions = [...frames].map(([name, frame]) => `${name} AS ${frame}`).join(', ')
  const all = `SELECT ${[...keys, 'i', 'visible', ...columns].join(', ')} FROM ${grid}${joins} WINDOW ${definitions}`
  return `SELECT * EXCLUDE (visible) FROM (${all}) WHERE visible AND i BETWEEN ${first} AND ${last}`
}

function windowSql(shape: Shape, { partial, window, name }: PartialWindow, frames: Map<string, string>): string {
  // Steps of finite windows add up to nothing by the end of a stretch, and one order of rows is cheaper than two.
  if (partial.kind === 'distinct') return `sum(${name}) OVER ${window.whole === 'lifetime' ? 'ever' : 'since'}`
  if (partial.kind === 'moments') return name
  if (window.whole === 'lifetime') {
    const ever = lifetimeName(shape, partial)
    // What became known late may have happened before what stands earlier in the grid.
    const isOrdered = shape.asKnown && ['first', 'last', 'lastRow'].includes(partial.kind)
    return isOrdered ? `${groupMergeSql(partial.kind, ever)} OVER ever` : frameAggregateSql(partial.kind, ever, 'ever')
  }
  const tail = window.tail > 0n ? `lag(${tailName(partial, window.tail)}, ${window.whole}) OVER in_order` : undefined
  if (window.whole === 0n) return tail!
  const frame = `last_${window.whole}`
  if (window.whole > 1n) {
    frames.set(frame, `(PARTITION BY ${shape.keys.join(', ')}, stretch ORDER BY i ROWS ${window.whole - 1n} PRECEDING)`)
  }
  const whole = window.whole === 1n ? partial.id : frameAggregateSql(partial.kind, partial.id, frame)
  return tail === undefined ? whole : mergeSql(partial.kind, whole, tail)
}

/** The feature set's columns, in order, then the keys `__k0`, ... and the cutoff's number `__i`, from the relation of windows. */
export function resultSql(shape: Shape, windows: string): string {
  const { set, keys } = shape
  const entity = (prefix: string): string =>
    `concat_ws(', ', ${keys.map((key, at) => `${literal(`${set.entity[at]!.name}=`)} || ${prefix}${key}::VARCHAR`).join(', ')})`
  const columns = [
    ...set.entity.map(({ name }, at) => `${keys[at]} AS ${identifier(name)}`),
    `make_timestamptz(${cutoffSql(set satisfies Grid, 'i')}) AS cutoff`,
    ...set.columns.map(
      column =>
        `${featureSql(column, shape.partials, kind => shape.windowName(column, kind), entity(''))} AS ${identifier(column.name)}`,
    ),
  ]
  const results = `SELECT ${[...columns, ...[...keys, 'i'].map(name => `${name} AS __${name}`)].join(', ')} FROM ${windows}`
  const checked = set.columns.filter(({ type }) => isFloat(type)).map(column => finiteSql(column, entity('__')))
  return checked.length === 0 ? results : `SELECT * REPLACE (${checked.join(', ')}) FROM (${results})`
}

/** No rows of the same columns. */
export function emptyRowsSql({ set, keys }: Shape): string {
  const typed = [
    ...set.entity,
    { name: 'cutoff', type: { kind: 'timestamp' as const } },
    ...set.columns,
    ...set.entity.map(({ type }, at) => ({ name: `__${keys[at]}`, type })),
    { name: '__i', type: { kind: 'int64' as const } },
  ]
  return `SELECT ${typed.map(({ name, type }) => `NULL::${sqlType(type)} AS ${identifier(name)}`).join(', ')} WHERE false`
}
