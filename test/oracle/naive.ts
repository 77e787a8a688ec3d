/**
 * The meaning of a feature set in plain loops over plain objects: slow, obvious, and sharing no code with any engine.
 *
 * For every entity, every cutoff that could hold a row is looked at, and every window is filtered anew from all rows.
 */
import type { FeatureColumn, FeatureSet } from '../../src/domain/featureSet.ts'
import { evaluate } from './evaluate.ts'
import { aggregate } from './folds.ts'

/** Integers and instants are bigints, floats numbers. */
export type Cell = string | number | bigint | boolean | null
export type Row = Record<string, Cell>

/** A value that a result may differ from by `within`, which is 0 for all that is exact. */
export interface Expected {
  value: Cell
  within: number
}

export interface ExpectedRow {
  entity: Cell[]
  cutoff: bigint
  values: Expected[]
}

/** The rows of the table, by entity and cutoff, for `rows` that their schema accepts. */
export function naiveFeatureSet(set: FeatureSet, rows: readonly Row[], through: bigint): ExpectedRow[] {
  const entities = new Map<string, Cell[]>()
  for (const row of rows.filter(one => !isRetraction(set, one) && hasKey(set, one)))
    entities.set(entityOf(set, row), keyOf(set, row))
  const counted = new Map<bigint, Map<string, Row[]>>()
  const at = (cutoff: bigint, entity: string): Row[] => {
    if (!counted.has(cutoff)) counted.set(cutoff, countedAt(set, rows, cutoff))
    return counted.get(cutoff)!.get(entity) ?? []
  }
  const table: ExpectedRow[] = []
  for (const [name, entity] of entities) {
    const own = rows.filter(row => !isRetraction(set, row) && hasKey(set, row) && entityOf(set, row) === name)
    for (const cutoff of cutoffsOf(set, own, through, c => at(c, name))) {
      table.push({ entity, cutoff, values: set.columns.map(column => valueAt(set, column, at(cutoff, name), cutoff)) })
    }
  }
  return table.sort((a, b) => compareMany(a.entity, b.entity) || compare(a.cutoff, b.cutoff))
}

/** The row of one entity at one cutoff, whether or not there is reason for one. */
export function naiveRow(set: FeatureSet, rows: readonly Row[], entity: Cell[], cutoff: bigint): ExpectedRow {
  const own = countedAt(set, rows, cutoff).get(JSON.stringify(entity.map(String))) ?? []
  return { entity, cutoff, values: set.columns.map(column => valueAt(set, column, own, cutoff)) }
}

const keyOf = (set: FeatureSet, row: Row): Cell[] => set.entity.map(({ name }) => row[name]!)
const entityOf = (set: FeatureSet, row: Row): string => JSON.stringify(keyOf(set, row).map(String))
export const isRetraction = ({ source }: FeatureSet, row: Row): boolean =>
  source.retracts !== undefined && row[source.retracts] === true
const hasKey = (set: FeatureSet, row: Row): boolean => keyOf(set, row).every(cell => cell !== null)

/** The rows that count at a cutoff, by entity, in their total order. */
function countedAt(set: FeatureSet, rows: readonly Row[], cutoff: bigint): Map<string, Row[]> {
  const known = set.late === 'asKnown' ? rows.filter(row => (knownOf(set, row) as bigint) <= cutoff + set.delay) : rows
  const byEntity = new Map<string, Row[]>()
  for (const row of withoutRepeats(set, known).filter(one => !isRetraction(set, one) && hasKey(set, one))) {
    const entity = entityOf(set, row)
    byEntity.set(entity, [...(byEntity.get(entity) ?? []), row])
  }
  for (const own of byEntity.values()) own.sort((a, b) => totalOrder(set, a, b))
  return byEntity
}

/** Those at which the longest window holds an event that counts, and the one after each run of them. */
function cutoffsOf(set: FeatureSet, rows: readonly Row[], through: bigint, at: (cutoff: bigint) => Row[]): bigint[] {
  const finite = set.columns.flatMap(({ window }) => (window.length === 'lifetime' ? [] : [window.length]))
  const longest = finite.length === 0 ? set.every : finite.reduce((a, b) => (a > b ? a : b))
  const alive = (cutoff: bigint): boolean => at(cutoff).some(row => isIn(timeOf(set, row), cutoff, longest))
  const found = new Set<bigint>()
  for (const row of rows) {
    const t = timeOf(set, row)
    for (let cutoff = firstCutoffAfter(set, t); cutoff <= t + longest + set.every; cutoff += set.every) {
      if (alive(cutoff) || alive(cutoff - set.every)) found.add(cutoff)
    }
  }
  return [...found].filter(cutoff => cutoff <= through).sort(compare)
}

export function firstCutoffAfter({ every, offset }: FeatureSet, t: bigint): bigint {
  let k = (t - offset) / every - 2n
  while (k * every + offset <= t) k++
  return k * every + offset
}

const isIn = (t: bigint, cutoff: bigint, length: bigint | 'lifetime'): boolean =>
  t < cutoff && (length === 'lifetime' || t >= cutoff - length)

function valueAt(set: FeatureSet, column: FeatureColumn, rows: readonly Row[], cutoff: bigint): Expected {
  const inside = rows.filter(
    row =>
      isIn(timeOf(set, row), cutoff, column.window.length) &&
      (column.where === undefined || evaluate(column.where, row) === true),
  )
  const input = column.aggregation.input
  return aggregate(
    column,
    inside.map(row => (input ? evaluate(input, row) : true)),
  )
}

export function timeOf({ source }: FeatureSet, row: Row): bigint {
  const { column, unit } = source.eventTime
  const value = row[column]!
  if (unit === undefined) return value as bigint
  const factor = { s: 1_000_000, ms: 1_000, us: 1 }[unit]
  return typeof value === 'bigint' ? value * BigInt(factor) : BigInt(Math.floor((value as number) * factor))
}

function knownOf({ source }: FeatureSet, row: Row): Cell {
  return source.knownTime === undefined ? null : row[source.knownTime]!
}

const positionOf = ({ source }: FeatureSet, row: Row): Cell[] => (source.position ?? []).map(name => row[name] ?? null)

/** The columns in the schema's order, nulls first. */
const contentOf = ({ source }: FeatureSet, row: Row): Cell[] => source.schema.fields.map(({ name }) => row[name] ?? null)

/** What known time says of order: that of a landing nothing. */
const knownTells = (set: FeatureSet, row: Row): Cell => (set.source.landed ? null : knownOf(set, row))

/** Event time, known time, the position in a log, and then the content. */
function totalOrder(set: FeatureSet, a: Row, b: Row): number {
  const key = (row: Row): Cell[] => [timeOf(set, row), knownTells(set, row), ...positionOf(set, row), ...contentOf(set, row)]
  return compareMany(key(a), key(b))
}

/** Known time, the position in a log, event time, what takes back after what it may take back, and then the content. */
function knownOrder(set: FeatureSet, a: Row, b: Row): number {
  const key = (row: Row): Cell[] => [
    knownTells(set, row),
    ...positionOf(set, row),
    timeOf(set, row),
    isRetraction(set, row),
    ...contentOf(set, row),
  ]
  return compareMany(key(a), key(b))
}

/** Of rows with an equal row key the last. */
function withoutRepeats(set: FeatureSet, rows: readonly Row[]): Row[] {
  const { rowKey } = set.source
  if (!rowKey) return [...rows]
  const last = new Map<string, Row>()
  for (const row of rows) {
    const key = JSON.stringify(rowKey.map(name => (row[name] === null ? null : String(row[name]))))
    const other = last.get(key)
    if (!other || knownOrder(set, row, other) > 0) last.set(key, row)
  }
  return [...last.values()]
}

function compareMany(a: readonly Cell[], b: readonly Cell[]): number {
  for (let at = 0; at < a.length; at++) {
    const order = compare(a[at]!, b[at]!)
    if (order !== 0) return order
  }
  return 0
}

/** Nulls first, strings by their UTF-8 bytes. */
export function compare(a: Cell, b: Cell): number {
  if (a === null || b === null) return Number(b === null) - Number(a === null)
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b))
  return a < b ? -1 : a > b ? 1 : 0
}
