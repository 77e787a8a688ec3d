/** What differs between two tables of rows with keys, in SQL. */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Value } from '../../domain/columnType.ts'
import { isNumeric } from '../../domain/columnType.ts'
import type { Comparison, Differences } from '../../domain/engine.ts'
import { PRECISION } from '../../domain/featureSet.ts'
import type { TableColumn } from '../../domain/tableStore.ts'
import { identifier } from './sql.ts'
import { queryBatches, tableQuerySql } from './tableQuery.ts'

export async function compareTables(connection: DuckDBConnection, comparison: Comparison): Promise<Differences> {
  const { left, right, keys } = comparison
  const [a, b] = [await tableQuerySql(connection, left), await tableQuerySql(connection, right)]
  const columns = comparedColumns(comparison)
  // Keys are never null, so a null key says that a side has no such row.
  const on = keys.map(key => `l.${identifier(key)} = r.${identifier(key)}`).join(' AND ')
  const joined = `FROM (${a}) l FULL JOIN (${b}) r ON ${on}${await slackJoin(connection, comparison)}`
  const [lacksLeft, lacksRight] = ['l', 'r'].map(side => `${side}.${identifier(keys[0]!)} IS NULL`) as [string, string]
  const changed = columns.map(({ name }) => differsSql(name, roundingOf(comparison, name), 'l', 'r'))
  const anyChanged = changed.length === 0 ? 'false' : changed.map(condition => `coalesce(${condition}, false)`).join(' OR ')
  const both = `NOT ${lacksLeft} AND NOT ${lacksRight}`
  const counts = [
    `count(*) FILTER (WHERE ${lacksLeft})`,
    `count(*) FILTER (WHERE ${lacksRight})`,
    `count(*) FILTER (WHERE ${both} AND (${anyChanged}))`,
    ...columns.flatMap((column, at) => [
      `count(*) FILTER (WHERE ${both} AND ${changed[at]})`,
      isNumeric(column.type) ? `max(${distanceSql(column)}) FILTER (WHERE ${both})` : 'NULL::DOUBLE',
    ]),
  ]
  const [row] = (await connection.runAndReadAll(`SELECT ${counts.join(', ')} ${joined}`)).getRows()
  const numbers = row!.map(value => (value === null ? null : Number(value)))
  const features = columns.map(({ name }, at) => ({ name, rows: numbers[3 + 2 * at]!, largest: numbers[4 + 2 * at]! }))
  return {
    added: numbers[0]!,
    removed: numbers[1]!,
    changed: numbers[2]!,
    columns: features.filter(({ rows }) => rows > 0),
    examples: await examples(connection, comparison, columns, joined, `${lacksLeft} OR ${lacksRight} OR ${anyChanged}`),
  }
}

/** Those that both sides have, with the same type. */
function comparedColumns({ left, right, keys }: Comparison): TableColumn[] {
  return left.columns.filter(({ name, type }) => {
    const other = right.columns.find(column => column.name === name)
    return other && JSON.stringify(other.type) === JSON.stringify(type) && !keys.includes(name)
  })
}

async function slackJoin(connection: DuckDBConnection, { slack, keys }: Comparison): Promise<string> {
  if (!slack) return ''
  const on = keys.map(key => `l.${identifier(key)} = e.${identifier(key)}`).join(' AND ')
  return ` LEFT JOIN (${await tableQuerySql(connection, slack)}) e ON ${on}`
}

/** How far apart two floats may be that were added up in different orders. */
export interface Rounding {
  isVariance: boolean
  /** SQL for what they may differ by beside their own share. */
  slack?: string
}

function roundingOf({ rounded, slack }: Comparison, name: string): Rounding | undefined {
  const column = rounded.find(one => one.name === name)
  if (!column || !slack) return column
  return { isVariance: column.isVariance, slack: `coalesce(e.${identifier(name)}, 0)` }
}

/** Whether a column's values on two sides differ: to the bit, or by more than rounding gives. */
export function differsSql(name: string, rounding: Rounding | undefined, left: string, right: string): string {
  const [l, r] = [`${left}.${identifier(name)}`, `${right}.${identifier(name)}`]
  const distinct = `${l} IS DISTINCT FROM ${r}`
  if (!rounding) return `(${distinct})`
  const largest = `greatest(abs(${l}), abs(${r}))`
  const { isVariance, slack } = rounding
  const more = slack === undefined ? '' : ` + ${slack}${isVariance ? ` * sqrt(${largest})` : ''}`
  // To the engine NaN equals NaN, and an infinity is within any share of itself.
  const close = `isfinite(${largest}) AND abs(${l} - ${r}) <= ${PRECISION} * ${largest}${more}`
  return `(${distinct} AND NOT coalesce(${close}, false))`
}

const distanceSql = ({ name }: TableColumn): string => `abs(l.${identifier(name)}::DOUBLE - r.${identifier(name)}::DOUBLE)`

async function examples(
  connection: DuckDBConnection,
  { keys, limit }: Comparison,
  columns: readonly TableColumn[],
  joined: string,
  differs: string,
): Promise<Differences['examples']> {
  const key = keys.map(name => `coalesce(l.${identifier(name)}, r.${identifier(name)})`)
  const presence = ['l', 'r'].map(side => `${side}.${identifier(keys[0]!)} IS NOT NULL`)
  const values = columns.flatMap(({ name }) => [`l.${identifier(name)}`, `r.${identifier(name)}`])
  const sql = `SELECT ${[...key, ...presence, ...values].map((value, at) => `${value} AS c${at}`).join(', ')} ${joined}
    WHERE ${differs} ORDER BY ${key.map((_, at) => `c${at}`).join(', ')} LIMIT ${limit}`
  const found: Differences['examples'] = []
  for await (const batch of queryBatches(connection, sql)) {
    for (let row = 0; row < batch.rows; row++) {
      const cells = batch.columns.map(column => column[row]!)
      const side = (offset: number): Record<string, Value> | null =>
        cells[keys.length + offset] === true
          ? Object.fromEntries(columns.map(({ name }, at) => [name, cells[keys.length + 2 + 2 * at + offset]!]))
          : null
      found.push({ key: keys.map((name, at) => ({ name, value: cells[at]! })), left: side(0), right: side(1) })
    }
  }
  return found
}
