/** A feature set as the SQL printers see it: keys and windows numbered, partials shared. */

import type { FeatureColumn, FeatureSet } from '../../domain/featureSet.ts'
import { longestWindow } from '../../domain/featureSet.ts'
import type { Duration } from '../../domain/time.ts'
import { expressionBound, neverNull } from './bounds.ts'
import { RowColumns } from './expressionSql.ts'
import type { PartialAggregate, PartialKind } from './partials.ts'
import { PartialSet } from './partials.ts'
import type { WindowShape } from './windowShape.ts'
import { windowShape } from './windowShape.ts'

/** One merged partial: what a feature column reads. */
export interface PartialWindow {
  partial: PartialAggregate
  window: WindowShape
  /** The column that holds it: `p0_w1`. */
  name: string
}

export interface Shape {
  set: FeatureSet
  rows: RowColumns
  /** SQL of whether a decoded row takes back others and is none itself, never null; undefined where none does. */
  retraction: string | undefined
  /** `k0`, `k1`, ...: the entity's key columns. */
  keys: string[]
  partials: PartialSet
  longest: WindowShape
  /** Rows count from when they were known. */
  asKnown: boolean
  /** Some feature counts all rows there ever were. */
  lifetime: boolean
  /** Each pair of a partial and a window that some feature reads, once. */
  windows: PartialWindow[]
  /** The column that holds `kind` for `column`'s window. */
  windowName(column: FeatureColumn, kind: PartialKind): string
}

export function shapeOf(set: FeatureSet): Shape {
  const fields = set.source.schema.fields
  const byName = new Map(fields.map(field => [field.name, field]))
  const { retracts } = set.source
  const rows = new RowColumns(fields, set.source)
  const partials = new PartialSet(set.columns, expressionBound(byName), neverNull(byName))
  const labels = [...new Set(set.columns.map(column => column.window.length))]
  const windowName = (column: FeatureColumn, kind: PartialKind): string =>
    `${partials.of(column, kind).id}_w${labels.indexOf(column.window.length)}`
  const windows = new Map<string, PartialWindow>()
  for (const column of set.columns) {
    for (const kind of partials.kindsOf(column)) {
      const name = windowName(column, kind)
      windows.set(name, { partial: partials.of(column, kind), window: windowShape(column.window.length, set.every), name })
    }
  }
  return {
    set,
    rows,
    retraction: retracts === undefined ? undefined : `(${rows.sql(retracts)} IS TRUE)`,
    keys: set.entity.map((_, at) => `k${at}`),
    partials,
    longest: windowShape(longestWindow(set), set.every),
    asKnown: set.late === 'asKnown',
    lifetime: set.columns.some(({ window }) => window.length === 'lifetime'),
    windows: [...windows.values()],
    windowName,
  }
}

/** The windows that read `partial`. */
export function windowsOf(shape: Shape, partial: PartialAggregate): PartialWindow[] {
  return shape.windows.filter(window => window.partial === partial)
}

/** The tails of the windows over `partial`, each once. */
export function tailsOf(shape: Shape, partial: PartialAggregate): Duration[] {
  return [...new Set(windowsOf(shape, partial).map(({ window }) => window.tail))].filter(tail => tail > 0n)
}

/** The column that holds the part of a tile at most `tail` before its end. */
export function tailName(partial: PartialAggregate, tail: Duration): string {
  return `${partial.id}_t${tail}`
}

/** The column of what a lifetime feature counts from its row's cutoff on: apart where rows may count later than they happened. */
export function lifetimeName(shape: Shape, partial: PartialAggregate): string {
  return shape.asKnown ? `${partial.id}_ever` : partial.id
}

/** The partials that some lifetime window reads, distinct ones aside. */
export function lifetimePartials(shape: Shape): PartialAggregate[] {
  const read = shape.windows.filter(({ window, partial }) => window.whole === 'lifetime' && partial.kind !== 'distinct')
  return [...new Set(read.map(({ partial }) => partial))]
}

/** A tile's columns that are merged into windows, with their partials. */
export function tileColumns(shape: Shape): { name: string; partial: PartialAggregate }[] {
  return shape.partials.all.flatMap(partial => {
    if (partial.kind === 'distinct') return []
    const tails = tailsOf(shape, partial).map(tail => ({ name: tailName(partial, tail), partial }))
    return readsWholeTiles(shape, partial) ? [{ name: partial.id, partial }, ...tails] : tails
  })
}

/** Whether some window over `partial` holds whole tiles. */
export function readsWholeTiles(shape: Shape, partial: PartialAggregate): boolean {
  return windowsOf(shape, partial).some(({ window }) => window.whole !== 0n)
}
