/** Rows from outside into a staged Parquet file, by way of the engine's own column vectors. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { DuckDBConnection, DuckDBType, DuckDBValue } from '@duckdb/node-api'
import type { ColumnType, Value } from '../../domain/columnType.ts'
import type { RowBatch, RowWriter } from '../../domain/engine.ts'
import { InvariantError } from '../../domain/errors.ts'
import type { StagedFile, TableColumn } from '../../domain/tableStore.ts'
import { sqlType } from './expressionSql.ts'
import { identifier } from './sql.ts'
import { writeParquet } from './stagedFile.ts'

/** Appends batches of plain values to a table of the same columns. */
export interface TableAppender {
  append(batch: RowBatch): void
  close(): void
}

export async function tableAppender(
  connection: DuckDBConnection,
  table: string,
  columns: readonly { type: ColumnType }[],
): Promise<TableAppender> {
  const duckdb = await import('@duckdb/node-api')
  const types = columns.map(({ type }) => vectorType(duckdb, type))
  const appender = await connection.createAppender(table)
  return {
    append(batch: RowBatch): void {
      for (let from = 0; from < batch.rows; from += VECTOR_ROWS) {
        const part = duckdb.DuckDBDataChunk.create(types, Math.min(VECTOR_ROWS, batch.rows - from))
        batch.columns.forEach((values, at) => {
          const { type } = columns[at]!
          part.setColumnValues(
            at,
            values.slice(from, from + VECTOR_ROWS).map(value => vectorValue(duckdb, type, value)),
          )
        })
        appender.appendDataChunk(part)
      }
      appender.flushSync()
    },
    close: () => appender.closeSync(),
  }
}

/** `connection` is this writer's own: its table is spilled and dropped with it. */
export async function rowWriter(
  connection: DuckDBConnection,
  columns: readonly TableColumn[],
  scratchDir: string,
): Promise<RowWriter> {
  await connection.run(
    `CREATE TEMP TABLE outgoing (${columns.map(({ name, type }) => `${identifier(name)} ${sqlType(type)}`).join(', ')})`,
  )
  const appender = await tableAppender(connection, 'outgoing', columns)
  let rows = 0
  return {
    async write(batch: RowBatch): Promise<void> {
      appender.append(batch)
      rows += batch.rows
    },
    async finish(): Promise<StagedFile[]> {
      appender.close()
      const path = join(scratchDir, `rows-${randomUUID()}.parquet`)
      const files = rows === 0 ? [] : [await writeParquet(connection, 'SELECT * FROM outgoing', columns, path)]
      connection.closeSync()
      return files
    },
    async abandon(): Promise<void> {
      connection.closeSync()
    },
  }
}

/** The engine's vectors hold this many rows. */
const VECTOR_ROWS = 2048

type DuckDB = typeof import('@duckdb/node-api')

function vectorType(duckdb: DuckDB, type: ColumnType): DuckDBType {
  switch (type.kind) {
    case 'boolean':
      return duckdb.BOOLEAN
    case 'int32':
      return duckdb.INTEGER
    case 'int64':
      return duckdb.BIGINT
    case 'float':
      return duckdb.FLOAT
    case 'double':
      return duckdb.DOUBLE
    case 'string':
      return duckdb.VARCHAR
    case 'timestamp':
      return duckdb.TIMESTAMPTZ
    case 'decimal':
      return duckdb.DECIMAL(type.precision, type.scale)
    case 'date':
      throw new InvariantError('defect.row-writer', 'rows with dates are not written from outside')
  }
}

function vectorValue(duckdb: DuckDB, type: ColumnType, value: Value): DuckDBValue {
  if (type.kind === 'timestamp' && typeof value === 'bigint') return new duckdb.DuckDBTimestampTZValue(value)
  if (type.kind !== 'decimal' || value === null) return value
  const { precision, scale } = type
  return new duckdb.DuckDBDecimalValue(BigInt(String(value).replace('.', '')), precision, scale)
}
