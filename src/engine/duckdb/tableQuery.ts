/** Rows of a table's version: the query in SQL, and its result as plain cells or as a file. */
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api'
import type { Value } from '../../domain/columnType.ts'
import type { Query, RowBatch } from '../../domain/engine.ts'
import { checkCondition } from './condition.ts'
import { sqlType } from './expressionSql.ts'
import { fileList, identifier, literal } from './sql.ts'

/** The query as one SELECT. Raises a DefinitionError where its condition is not one read-only expression on its columns. */
export async function tableQuerySql(connection: DuckDBConnection, query: Query): Promise<string> {
  const from = query.latest ? latestSql(query) : rowsSql(query)
  if (query.where !== undefined) await checkCondition(connection, query.where, query.columns)
  const selected = query.select ?? query.columns.map(({ name }) => name)
  const clauses = [`SELECT ${selected.map(identifier).join(', ')} FROM (${from})`]
  if (query.where !== undefined) clauses.push(`WHERE (${query.where}\n)`)
  if (query.orderBy) clauses.push(`ORDER BY ${query.orderBy.map(identifier).join(', ')}`)
  if (query.limit !== undefined) clauses.push(`LIMIT ${query.limit}`)
  return clauses.join(' ')
}

/** Of each entity the last row, whatever is asked of it afterwards. */
function latestSql(query: Query): string {
  const { keys, order } = query.latest!
  const by = keys.map(identifier).join(', ')
  return `SELECT * FROM (${rowsSql(query)}) QUALIFY row_number() OVER (PARTITION BY ${by} ORDER BY ${identifier(order)} DESC) = 1`
}

/** All rows with all columns, typed as the table says, also where a file was written before a column was added. */
function rowsSql({ paths, columns }: Query): string {
  const typed = `SELECT ${columns.map(({ name, type }) => `NULL::${sqlType(type)} AS ${identifier(name)}`).join(', ')} LIMIT 0`
  if (paths.length === 0) return typed
  return `(${typed}) UNION ALL BY NAME SELECT * FROM read_parquet(${fileList(paths)}, union_by_name = true, hive_partitioning = false)`
}

export async function* queryBatches(connection: DuckDBConnection, sql: string): AsyncIterable<RowBatch> {
  const result = await connection.stream(sql)
  for (;;) {
    const chunk = await result.fetchChunk()
    if (!chunk || chunk.rowCount === 0) return
    const columns = Array.from({ length: chunk.columnCount }, (_, at) => {
      const vector = chunk.getColumnVector(at)
      return Array.from({ length: chunk.rowCount }, (_, row) => plainValue(vector.getItem(row)))
    })
    yield { rows: chunk.rowCount, columns }
  }
}

function plainValue(item: DuckDBValue): Value {
  if (item === null || typeof item !== 'object') return item
  return 'micros' in item ? (item.micros as bigint) : String(item)
}

export async function exportParquet(connection: DuckDBConnection, sql: string, path: string): Promise<void> {
  await connection.run(`COPY (${sql}) TO ${literal(path)} (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v1)`)
}
