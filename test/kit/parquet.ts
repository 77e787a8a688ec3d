/** Parquet files with given rows, written by DuckDB from literals. */
import type { DuckDBConnection } from '@duckdb/node-api'
import { DuckDBInstance } from '@duckdb/node-api'
import type { Cell, Row } from '../oracle/naive.ts'

let tables = 0

let opened: Promise<DuckDBConnection> | undefined

export async function duckdb(): Promise<DuckDBConnection> {
  opened ??= DuckDBInstance.create(':memory:').then(async instance => {
    const connection = await instance.connect()
    await connection.run(`SET TimeZone = 'UTC'`)
    return connection
  })
  return opened
}

/** `columns`: name to SQL type; a TIMESTAMPTZ cell is microseconds. */
export async function writeParquet(
  path: string,
  columns: Record<string, string>,
  rows: readonly Row[],
  options = '',
): Promise<void> {
  const connection = await duckdb()
  const names = Object.keys(columns)
  const definition = names.map(name => `"${name}" ${columns[name]}`).join(', ')
  // One of its own: a test that ran out of time may still be at work beside the next.
  const table = `kit_${tables++}`
  await connection.run(`CREATE TEMP TABLE ${table} (${definition})`)
  for (let at = 0; at < rows.length; at += 500) {
    const values = rows
      .slice(at, at + 500)
      .map(row => `(${names.map(name => cellSql(row[name] ?? null, columns[name]!)).join(', ')})`)
    await connection.run(`INSERT INTO ${table} VALUES ${values.join(', ')}`)
  }
  await connection.run(`COPY ${table} TO '${path.replaceAll("'", "''")}' (FORMAT parquet${options})`)
  await connection.run(`DROP TABLE ${table}`)
}

function cellSql(cell: Cell, type: string): string {
  if (cell === null) return 'NULL'
  if (typeof cell === 'boolean') return String(cell)
  if (typeof cell === 'string') return `'${cell.replaceAll("'", "''")}'`
  if (typeof cell === 'number') return `'${cell}'::DOUBLE`
  if (type === 'TIMESTAMPTZ') return `make_timestamptz((${cell})::BIGINT)`
  if (type === 'TIMESTAMP') return `make_timestamp((${cell})::BIGINT)`
  return `(${cell})::${type}`
}
