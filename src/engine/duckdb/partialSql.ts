/** Partial aggregates in SQL: how a tile's are computed from rows, and how those of a window's tiles are merged. */
import type { ColumnType } from '../../domain/columnType.ts'
import { isFloat } from '../../domain/columnType.ts'
import type { RowColumns } from './expressionSql.ts'
import { expressionSql } from './expressionSql.ts'
import type { PartialAggregate, PartialKind } from './partials.ts'

/** The partial's input over a row, null where the feature's condition does not hold. */
function inputSql(partial: PartialAggregate, rows: RowColumns): string {
  const input = expressionSql(partial.input!, rows)
  // Inside CASE the engine evaluates the input only for rows that the condition keeps, so that an overflow in a row that the
  // feature does not count stops nothing.
  return partial.where ? `CASE WHEN ${expressionSql(partial.where, rows)} THEN ${input} END` : input
}

/** The aggregate of one tile; `filter` keeps a part of the tile's rows. */
export function tileAggregateSql(partial: PartialAggregate, rows: RowColumns, filter: string | undefined): string {
  const only = (condition: string | undefined): string => {
    const conditions = [filter, condition].filter(text => text !== undefined)
    return conditions.length === 0 ? '' : ` FILTER (WHERE ${conditions.join(' AND ')})`
  }
  if (partial.kind === 'rows') {
    return `count(*)${only(partial.where && expressionSql(partial.where, rows))}`
  }
  const x = inputSql(partial, rows)
  switch (partial.kind) {
    case 'count':
      return `count(${x})${only(undefined)}`
    case 'true':
      return `count(*)${only(x)}`
    case 'sum':
      return `sum(${x})${only(undefined)}`
    case 'floatSum':
      return `fsum(${x})${only(undefined)}`
    case 'squares':
      return `sum((${x})::BIGINT * (${x})::BIGINT)${only(undefined)}`
    case 'moments': {
      const value = `(${x})::DOUBLE`
      // The covariance of a value with itself is its variance, by the same method; var_pop stops where it is no finite double.
      const moments = `{'n': count(${value})${only(undefined)}::DOUBLE, 'mean': favg(${value})${only(undefined)}, 's': covar_pop(${value}, ${value})${only(undefined)} * count(${value})${only(undefined)}}`
      return `CASE WHEN count(${value})${only(undefined)} > 0 THEN ${moments} END`
    }
    case 'min':
    case 'max':
      return `${partial.kind}(${withoutNegativeZero(x, partial.inputType!)})${only(undefined)}`
    case 'first':
      return `min(${orderedSql(x, rows)})${only(`${x} IS NOT NULL`)}`
    case 'last':
      return `max(${orderedSql(x, rows)})${only(`${x} IS NOT NULL`)}`
    case 'lastRow':
      return `max(${orderedSql(x, rows)})${only(partial.where && expressionSql(partial.where, rows))}`
    case 'distinct':
      throw new Error('distinct values are kept apart')
  }
}

/** -0 and 0 are equal, so which of the two is the least would depend on the order of rows. */
function withoutNegativeZero(x: string, type: ColumnType): string {
  return isFloat(type) ? `(${x}) + 0` : x
}

/**
 * A value under its row's place in the total order: event time, known time where it tells order, position, then the content. Such
 * structs compare by it; the engine's least and greatest of them hold 0 for -0.
 */
function orderedSql(x: string, rows: RowColumns): string {
  const columns = [...rows.position, ...rows.content]
  const order = columns.map((column, at) => `'n${at}': ${column} IS NOT NULL, 'c${at}': ${column}`)
  const known = rows.byKnown ? ["'k': __known"] : []
  return `{'o': {${["'t': __t", ...known, ...order].join(', ')}}, 'v': ${x}}`
}

/** Partials that are wider in memory than a file can hold. */
const isWide = ({ kind, inputType }: PartialAggregate): boolean =>
  kind === 'squares' || (kind === 'sum' && inputType?.kind !== 'decimal')

/** A partial's column as it is kept in a file. */
export function keptSql(partial: PartialAggregate, column: string): string {
  return isWide(partial) ? `${column}::DECIMAL(38, 0)` : column
}

/** And back. */
export function loadedSql(partial: PartialAggregate, column: string): string {
  return isWide(partial) ? `${column}::HUGEINT` : column
}

/** The merge of several partials in a GROUP BY: any number of them, in any order, nulls being nothing. */
export function groupMergeSql(kind: PartialKind, x: string): string {
  switch (kind) {
    case 'rows':
    case 'count':
    case 'true':
      return `sum(${x})::BIGINT`
    case 'floatSum':
      return `fsum(${x})`
    case 'moments':
      return `list_reduce(list(${x}) FILTER (${x} IS NOT NULL), lambda a, b: merge_moments(a, b))`
    case 'min':
    case 'first':
      return `min(${x})`
    case 'max':
    case 'last':
    case 'lastRow':
      return `max(${x})`
    default:
      return `sum(${x})`
  }
}

/** The merge of two partials whose rows may lie among one another. */
export function pairMergeSql(kind: PartialKind, a: string, b: string): string {
  switch (kind) {
    case 'first':
      return `least(${a}, ${b})`
    case 'last':
    case 'lastRow':
      return `greatest(${a}, ${b})`
    default:
      return mergeSql(kind, a, b)
  }
}

/** The merge of a partial over a window frame; `frame` is the frame's name. */
export function frameAggregateSql(kind: PartialKind, column: string, frame: string): string {
  switch (kind) {
    case 'floatSum':
      return `fsum(${column}) OVER ${frame}`
    case 'min':
    case 'max':
      return `${kind}(${column}) OVER ${frame}`
    case 'first':
      return `first_value(${column} IGNORE NULLS) OVER ${frame}`
    case 'last':
    case 'lastRow':
      return `last_value(${column} IGNORE NULLS) OVER ${frame}`
    default:
      return `sum(${column}) OVER ${frame}`
  }
}

/** The merge of a window's whole tiles with the part of a tile before them. Either may be null: nothing there. */
export function mergeSql(kind: PartialKind, whole: string, tail: string): string {
  switch (kind) {
    case 'min':
      return `least(${whole}, ${tail})`
    case 'max':
      return `greatest(${whole}, ${tail})`
    case 'first':
      return `coalesce(${tail}, ${whole})`
    case 'last':
    case 'lastRow':
      return `coalesce(${whole}, ${tail})`
    case 'moments':
      return mergeMomentsSql(tail, whole)
    default:
      return `CASE WHEN ${whole} IS NULL THEN ${tail} WHEN ${tail} IS NULL THEN ${whole} ELSE ${whole} + ${tail} END`
  }
}

/**
 * Chan, Golub and LeVeque's pairwise update, by a macro that `MOMENTS_MACRO` defines. Through a list, since the engine writes a
 * macro's arguments out at every place where it names them: nested merges would grow without bound.
 */
export function mergeMomentsSql(...parts: string[]): string {
  return `list_reduce([${parts.join(', ')}], lambda a, b: merge_moments(a, b))`
}

export const MOMENTS_MACRO = `CREATE OR REPLACE TEMP MACRO merge_moments(a, b) AS CASE
  WHEN a IS NULL THEN b
  WHEN b IS NULL THEN a
  ELSE {
    'n': a.n + b.n,
    'mean': a.mean + (b.mean - a.mean) * (b.n / (a.n + b.n)),
    's': a.s + b.s + (b.mean - a.mean) * (b.mean - a.mean) * (a.n * (b.n / (a.n + b.n)))
  } END`
