/** Checkpoints of a table's log as Parquet: nested columns by way of JSON. */
import { randomUUID } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { identifier, literal } from './sql.ts'

/** A function that writes NDJSON lines with the given columns (name -> SQL type) and returns the file's path. */
export function checkpointWriter(scratchDir: string): (lines: string[], columns: Record<string, string>) => Promise<string> {
  return async (lines, columns) => {
    const { DuckDBInstance } = await import('@duckdb/node-api')
    await mkdir(scratchDir, { recursive: true })
    const base = join(scratchDir, `checkpoint-${randomUUID()}`)
    await writeFile(`${base}.ndjson`, `${lines.join('\n')}\n`)
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
    const connection = await instance.connect()
    try {
      const types = Object.entries(columns).map(([name, type]) => `${identifier(name)}: ${literal(type)}`)
      const rows = `read_json(${literal(`${base}.ndjson`)}, format = 'newline_delimited', columns = {${types.join(', ')}}, maximum_object_size = 268435456)`
      await connection.run(
        `COPY (SELECT * FROM ${rows}) TO ${literal(`${base}.parquet`)} (FORMAT parquet, COMPRESSION snappy, PARQUET_VERSION v1)`,
      )
    } finally {
      connection.closeSync()
      instance.closeSync()
      await rm(`${base}.ndjson`, { force: true })
    }
    return `${base}.parquet`
  }
}
