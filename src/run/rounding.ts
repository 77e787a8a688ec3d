/** How far values may be apart that come from adding floats up. */
import type { ColumnType } from '../domain/columnType.ts'
import type { Expression } from '../domain/expression.ts'
import type { FeatureColumn, FeatureSet } from '../domain/featureSet.ts'
import { addsFloats, PRECISION } from '../domain/featureSet.ts'

/**
 * The feature set with what rounding may move where floats are added up: a share of the magnitudes that went in, which is more than
 * one of the result where they cancel. Of n values x a sum may be off by that share of sum |x|, a mean and a standard deviation by
 * that of sum |x| / n, a variance by the latter times its root.
 */
export function slackOf(set: FeatureSet): FeatureSet {
  const type: ColumnType = { kind: 'double' }
  const share = (x: Expression): Expression => ({
    op: 'abs',
    of: { op: 'times', left: x, right: { op: 'literal', type, value: PRECISION } },
  })
  const columns = set.columns.map((column): FeatureColumn => {
    if (!addsFloats(column)) return column
    const { name, input } = column.aggregation
    return { ...column, aggregation: { name: name === 'sum' ? 'sum' : 'mean', input: share(input!) }, inputType: type, type }
  })
  return { ...set, columns }
}
