/** What differs between the rows that a case expects and those that came out. Pure. */
import type { Value } from './columnType.ts'
import type { FeatureColumn } from './featureSet.ts'
import { addsFloats, PRECISION } from './featureSet.ts'
import type { RejectedRow } from './rejectedRows.ts'
import type { Issue } from './schema.ts'
import type { CaseDifference, UnitCase } from './unitCase.ts'

/** A row of the table: the key's columns and the cutoff, then the features, in their order. */
export type TableRow = readonly Value[]

/**
 * @param slack rows as `got`: how far a float may be off that was added up, since its last digits go by the order in which that was
 * done; where absent a float may be off by its own share alone
 */
export function tableDifferences(
  { set, expected }: UnitCase,
  got: readonly TableRow[],
  slack: readonly TableRow[] = [],
): CaseDifference[] {
  const names = [...set.entity.map(({ name }) => name), 'cutoff']
  const keyOf = (values: readonly Value[]): CaseDifference['key'] => names.map((name, at) => ({ name, value: values[at]! }))
  const byKey = (rows: readonly TableRow[]): Map<string, TableRow> => new Map(rows.map(row => [identity(row, names.length), row]))
  const [found, slacks] = [byKey(got), byKey(slack)]
  const differences: CaseDifference[] = []
  for (const { key, values } of expected) {
    const id = identity(key, names.length)
    const row = found.get(id)
    found.delete(id)
    if (!row) {
      differences.push({ kind: 'missing', key: keyOf(key), input: null, column: null, expected: values, got: null })
      continue
    }
    for (const [at, column] of set.columns.entries()) {
      const wanted = values[column.name]
      const [value, off] = [row[names.length + at]!, slacks.get(id)?.[names.length + at] ?? 0]
      if (wanted === undefined || isEqual(column, wanted, value, Number(off))) continue
      differences.push({ kind: 'value', key: keyOf(key), input: null, column: column.name, expected: wanted, got: value })
    }
  }
  for (const row of found.values()) {
    const values = Object.fromEntries(set.columns.map(({ name }, at) => [name, row[names.length + at]!]))
    differences.push({ kind: 'unexpected', key: keyOf(row), input: null, column: null, expected: null, got: values })
  }
  return differences
}

const identity = (values: readonly Value[], columns: number): string => JSON.stringify(values.slice(0, columns).map(String))

/** Floats within 1e-12 of the larger one and what rounding gives, all else exactly. */
function isEqual(column: FeatureColumn, a: Value, b: Value, slack: number): boolean {
  if (typeof a !== 'number' || typeof b !== 'number') return a === b
  const largest = Math.max(Math.abs(a), Math.abs(b))
  const more = column.aggregation.name === 'variance' ? slack * Math.sqrt(largest) : slack
  return Math.abs(a - b) <= PRECISION * largest + more
}

/** Whether a difference may be rounding's: a value that was added up. */
export function mayBeRounding({ set }: UnitCase, { kind, column }: CaseDifference): boolean {
  return kind === 'value' && set.columns.some(one => one.name === column && addsFloats(one))
}

/** @param rejected the refused rows of the case's one file, `rows` first */
export function rejectionDifferences({ rows, rejects }: UnitCase, rejected: readonly RejectedRow[]): CaseDifference[] {
  const issues = new Map(rejected.map(row => [Number(row.row) - 1, row.issues]))
  const difference = (
    kind: CaseDifference['kind'],
    input: string,
    of: Pick<CaseDifference, 'expected' | 'got'>,
  ): CaseDifference => ({
    kind,
    key: null,
    input,
    column: null,
    ...of,
  })
  const refused = rows.flatMap((_, at) => {
    const found = issues.get(at)
    return found ? [difference('rejected', `rows[${at}]`, { expected: null, got: found })] : []
  })
  const wrong = rejects.flatMap(({ issue }, at) => {
    const found = issues.get(rows.length + at)
    if (found?.some(one => fits(issue, one))) return []
    return [difference(found ? 'issue' : 'accepted', `rejects[${at}]`, { expected: issue, got: found ?? null })]
  })
  return [...refused, ...wrong]
}

const fits = ({ path, code, message }: Partial<Issue>, issue: Issue): boolean =>
  (path === undefined || path === issue.path) &&
  (code === undefined || code === issue.code) &&
  (message === undefined || issue.message.includes(message))
