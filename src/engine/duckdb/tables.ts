/** Temporary tables and small answers of one connection. */
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api'
import { identifier } from './sql.ts'

/** Whatever becomes of the work, its tables make room for the next. */
export async function withoutTables<T>(connection: DuckDBConnection, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } finally {
    const tables = await connection.runAndReadAll('SELECT table_name FROM duckdb_tables() WHERE temporary')
    for (const [name] of tables.getRows()) await connection.run(`DROP TABLE IF EXISTS temp.${identifier(String(name))}`)
  }
}

export async function firstRow(connection: DuckDBConnection, sql: string): Promise<unknown[]> {
  return (await connection.runAndReadAll(sql)).getRows()[0]!
}

export async function count(connection: DuckDBConnection, sql: string): Promise<number> {
  return Number((await firstRow(connection, sql))[0])
}

const PAGE = 20_000n

/**
 * The rows of a table that numbers them from 1 in a column `id`, in pages. Between pages no result is open, so that the connection
 * may be used otherwise.
 */
export async function* pages(
  connection: DuckDBConnection,
  table: string,
  columns: readonly string[],
): AsyncIterable<{ from: bigint; rows: DuckDBValue[][] }> {
  for (let from = 1n; ; from += PAGE) {
    const reader = await connection.runAndReadAll(
      `SELECT ${columns.join(', ')} FROM ${table} WHERE id >= ${from} AND id < ${from + PAGE} ORDER BY id`,
    )
    const rows = reader.getRows()
    if (rows.length === 0) return
    yield { from, rows }
  }
}
