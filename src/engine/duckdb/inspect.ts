/** What files physically hold, compared with the schema before any row is read. */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { InputColumns } from '../../domain/engine.ts'
import type { LocalInputs, SourceDefinition } from '../../domain/source.ts'
import { csvColumns } from './csv.ts'
import { placeOf } from './fileBytes.ts'
import { folderColumns, parquetGroups, physicalColumns } from './fileGroups.ts'
import { requireNoDates } from './ndjson.ts'
import { decodedGroups } from './scan.ts'
import { fileList } from './sql.ts'

/** Raises what a scan of the same files would raise of their columns. */
export async function inspectInputs(
  connection: DuckDBConnection,
  source: SourceDefinition,
  inputs: LocalInputs,
): Promise<InputColumns[]> {
  const inspected: InputColumns[] = []
  const groups = await parquetGroups(
    connection,
    inputs.files.filter(({ format }) => format === 'parquet'),
  )
  decodedGroups(source, groups)
  for (const { files, columns } of groups) {
    const physical = [...columns].map(([name, { type }]) => ({ name, type }))
    for (const file of files) {
      const reader = await connection.runAndReadAll(`SELECT num_rows FROM parquet_file_metadata(${fileList([placeOf(file)])})`)
      inspected.push({ path: file.path, columns: physical, rows: Number(reader.getRows()[0]![0]) })
    }
  }
  for (const file of inputs.files) {
    if (file.format === 'parquet') continue
    if (file.format === 'ndjson') requireNoDates(file, source.schema.fields)
    const columns = file.format === 'csv' ? await csvColumns(file, source.csv) : []
    if (file.format === 'csv') {
      decodedGroups(source, [
        {
          files: [file],
          columns: new Map([...physicalColumns(columns), ...folderColumns(file.partition)]),
          file: '',
          from: () => '',
        },
      ])
    }
    inspected.push({ path: file.path, columns, rows: null })
  }
  return inspected
}
