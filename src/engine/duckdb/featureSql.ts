/** The last step: a feature's value from the merged partials of its window. */
import type { ColumnType } from '../../domain/columnType.ts'
import type { AggregationName, FeatureColumn } from '../../domain/featureSet.ts'
import { sqlType } from './expressionSql.ts'
import type { PartialKind, PartialSet } from './partials.ts'
import { identifier, literal } from './sql.ts'

/** Marks the engine's messages that are ours: what follows is JSON. */
export const OVERFLOW_MARK = 'quern.overflow:'

/**
 * @param window the name of the column that holds the merged partial of a kind for this feature's window
 * @param entity SQL for the entity's key as text, for messages
 */
export function featureSql(
  column: FeatureColumn,
  partials: PartialSet,
  window: (kind: PartialKind) => string,
  entity: string,
): string {
  const { aggregation, type } = column
  switch (aggregation.name) {
    case 'count':
    case 'countDistinct':
      return `coalesce(${window(aggregation.name === 'countDistinct' ? 'distinct' : aggregation.input ? 'count' : 'rows')}, 0)::BIGINT`
    case 'share':
      return `CASE WHEN ${window('count')} > 0 THEN ${window('true')}::DOUBLE / ${window('count')}::DOUBLE END`
    case 'sum':
      return type.kind === 'int64'
        ? narrowedSum(column, window('sum'), entity)
        : castTo(type, window(partials.kindsOf(column)[0]!))
    case 'mean':
      return `CASE WHEN ${window('count')} > 0 THEN ${window(partials.kindsOf(column)[0]!)}::DOUBLE / ${window('count')}::DOUBLE END`
    case 'variance':
    case 'stddev': {
      const variance = varianceSql(column, partials, window)
      return aggregation.name === 'stddev' ? `sqrt(${variance})` : variance
    }
    case 'first':
    case 'last':
    case 'lastRow':
      return castTo(type, `(${window(aggregation.name)}).v`)
    default:
      return castTo(type, window(aggregation.name))
  }
}

function castTo(type: ColumnType, sql: string): string {
  return `(${sql})::${sqlType(type)}`
}

/** Partial sums are 128 bits wide; a result past int64 stops the run and says where. */
function narrowedSum(column: FeatureColumn, sum: string, entity: string): string {
  return `CASE WHEN ${sum} BETWEEN (-9223372036854775808)::HUGEINT AND 9223372036854775807::HUGEINT THEN (${sum})::BIGINT WHEN ${sum} IS NOT NULL THEN ${overflowSql(column, 'int64', entity)}::BIGINT END`
}

/** A column of floats, already computed, under its name. Inputs are finite: what is not has left the range of doubles. */
export function finiteSql(column: FeatureColumn, entity: string): string {
  const name = identifier(column.name)
  const type = sqlType(column.type)
  return `CASE WHEN isfinite(${name}) THEN ${name} WHEN ${name} IS NOT NULL THEN ${overflowSql(column, 'double', entity)}::${type} END AS ${name}`
}

/** What an `OVERFLOW_MARK` is followed by. */
export interface Overflow {
  feature: string
  aggregation: AggregationName
  range: 'int64' | 'double'
  entity: string
}

function overflowSql({ name, aggregation }: FeatureColumn, range: Overflow['range'], entity: string): string {
  const known: Omit<Overflow, 'entity'> = { feature: name, aggregation: aggregation.name, range }
  const begin = `${OVERFLOW_MARK}${JSON.stringify(known).slice(0, -1)},"entity":`
  return `error(${literal(begin)} || to_json(${entity})::VARCHAR || '}')`
}

/**
 * From moments: s / (n - 1). From exact integer sums: deviations are taken from the integer `k` nearest to the mean, so that
 * n, the sum and the sum of squares stay exact integers until the last step, where nothing cancels.
 */
function varianceSql(column: FeatureColumn, partials: PartialSet, window: (kind: PartialKind) => string): string {
  const less = column.aggregation.population ? 0 : 1
  if (!partials.squaresAreExact(column)) {
    const moments = window('moments')
    return `CASE WHEN (${moments}).n > ${less} THEN greatest((${moments}).s, 0) / ((${moments}).n - ${less}) END`
  }
  const [n, sum, squares] = [window('count'), window('sum'), window('squares')]
  const k = `round(${sum}::DOUBLE / ${n}::DOUBLE)::HUGEINT`
  const deviations = `(${squares} - ${k} * (2 * ${sum} - ${n} * ${k}))::DOUBLE`
  const correction = `pow((${sum} - ${n} * ${k})::DOUBLE, 2) / ${n}::DOUBLE`
  return `CASE WHEN ${n} > ${less} THEN greatest(${deviations} - ${correction}, 0) / (${n} - ${less})::DOUBLE END`
}
