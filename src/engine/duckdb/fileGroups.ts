/** Files of a source that hold the same columns, read together. */
import type { DuckDBConnection } from '@duckdb/node-api'
import { DataError } from '../../domain/errors.ts'
import type { LocalFile } from '../../domain/source.ts'
import type { PhysicalColumn } from './decode.ts'
import { placeOf } from './fileBytes.ts'
import { fileList, identifier, literal } from './sql.ts'

export interface FileGroup {
  files: LocalFile[]
  /** By exact name, folders' columns included. */
  columns: Map<string, PhysicalColumn>
  /** SQL of a row's path. */
  file: string
  /** SQL of all rows, or of one file's with `POSITION`, the row in the file counted from 0. */
  from: (only?: LocalFile) => string
}

/** A name, quoted for SQL, that no file gives to a column of its own. */
export const POSITION = identifier('quern: position in the file')

/** Parquet files by equal physical columns and names of folders. */
export async function parquetGroups(connection: DuckDBConnection, files: readonly LocalFile[]): Promise<FileGroup[]> {
  const groups = new Map<string, { files: LocalFile[]; columns: NamedColumn[] }>()
  const columnsOf = await parquetColumns(connection, files)
  for (const [at, file] of files.entries()) {
    const columns = columnsOf[at]!
    // A file that calls columns of its own like those of the engine is read alone.
    const alone = columns.some(({ name }) => ENGINE_COLUMNS.has(name.toLowerCase())) ? file.path : ''
    const key = JSON.stringify([columns, Object.keys(file.partition), alone])
    const group = groups.get(key) ?? { files: [], columns }
    group.files.push(file)
    groups.set(key, group)
  }
  return [...groups.values()].map(group => parquetGroup(group.files, group.columns))
}

/** Columns that the engine adds to a file's own, unless the file has one of the same name. */
const ENGINE_COLUMNS = new Set(['file_index', 'file_row_number', 'filename'])

function parquetGroup(files: LocalFile[], columns: readonly NamedColumn[]): FileGroup {
  const hasOwn = (name: string): boolean => columns.some(column => column.name.toLowerCase() === name)
  const place = hasOwn('file_index') ? '0' : 'file_index::BIGINT'
  const position = hasOwn('file_row_number') ? 'row_number() OVER () - 1' : 'file_row_number'
  const one = (values: readonly (string | null)[]): string =>
    values.length === 1 ? textOrNull(values[0]!) : `([${values.map(textOrNull).join(', ')}])[${place} + 1]`
  const folders = Object.keys(files[0]!.partition).map((name): [string, PhysicalColumn] => [
    name,
    { sql: one(files.map(({ partition }) => folderValue(partition[name]!))), type: 'TEXT' },
  ])
  return {
    files,
    columns: new Map([...physicalColumns(columns), ...folders]),
    file: one(files.map(({ path }) => path)),
    from: only => {
      const source = `read_parquet(${fileList((only ? [only] : files).map(placeOf))}, hive_partitioning = false)`
      if (!only) return source
      // One file alone is the first of its list.
      const index = hasOwn('file_index') ? '' : `, ${files.indexOf(only)} AS file_index`
      return `(SELECT *${index}, ${position} AS ${POSITION} FROM ${source})`
    },
  }
}

export function physicalColumns(columns: readonly NamedColumn[]): Map<string, PhysicalColumn> {
  return new Map(columns.map(({ name, type }) => [name, { sql: identifier(name), type }]))
}

/** What Hive writes for a null. */
const HIVE_NULL = '__HIVE_DEFAULT_PARTITION__'

export function folderValue(text: string): string | null {
  return text === HIVE_NULL ? null : text
}

const textOrNull = (text: string | null): string => (text === null ? 'NULL::VARCHAR' : literal(text))

/** Columns that folders named `column=value` give: the same text in every row. They go before the file's own. */
export function folderColumns(partition: Record<string, string>): [string, PhysicalColumn][] {
  return Object.entries(partition).map(([name, text]) => [name, { sql: textOrNull(folderValue(text)), type: 'TEXT' }])
}

export interface NamedColumn {
  name: string
  type: string
}

/** Files of one query: of more the list would be long. */
const TOGETHER = 1000

/** The columns of each file. Files whose footers say the same of their schema are described once. */
async function parquetColumns(connection: DuckDBConnection, files: readonly LocalFile[]): Promise<NamedColumn[][]> {
  const described = new Map<string, NamedColumn[]>()
  const columns: NamedColumn[][] = []
  for (let from = 0; from < files.length; from += TOGETHER) {
    const some = files.slice(from, from + TOGETHER)
    const schemas = some.length > 1 ? await footerSchemas(connection, some) : undefined
    for (const file of some) {
      const schema = schemas?.get(placeOf(file))
      const known = schema === undefined ? undefined : described.get(schema)
      const own = known ?? (await describedColumns(connection, file))
      if (schema !== undefined) described.set(schema, own)
      columns.push(own)
    }
  }
  return columns
}

/** By the place of a file a text that is equal where its schema is. Undefined where one cannot be read: which one, each tells alone. */
async function footerSchemas(
  connection: DuckDBConnection,
  files: readonly LocalFile[],
): Promise<Map<string, string> | undefined> {
  const parts = SCHEMA_PARTS.map(name => `'${name}': ${name}`).join(', ')
  try {
    const reader = await connection.runAndReadAll(
      `SELECT file_name, md5(string_agg(part, chr(10) ORDER BY n)) FROM (
        SELECT file_name, {${parts}}::VARCHAR AS part, row_number() OVER () AS n FROM parquet_schema(${fileList(files.map(placeOf))})
      ) GROUP BY file_name`,
    )
    return new Map(reader.getRows().map(([name, schema]) => [String(name), String(schema)]))
  } catch {
    return undefined
  }
}

const SCHEMA_PARTS = [
  ...['name', 'type', 'type_length', 'repetition_type', 'num_children', 'converted_type'],
  ...['scale', 'precision', 'field_id', 'logical_type'],
]

async function describedColumns(connection: DuckDBConnection, file: LocalFile): Promise<NamedColumn[]> {
  try {
    const reader = await connection.runAndReadAll(
      `DESCRIBE SELECT * FROM read_parquet(${fileList([placeOf(file)])}, hive_partitioning = false)`,
    )
    return reader.getRows().map(([name, type]) => ({ name: String(name), type: String(type) }))
  } catch (error) {
    throw unreadable(file, error)
  }
}

export function unreadable(file: LocalFile, cause: unknown): DataError {
  const said = (cause as Error).message.split('\n', 1)[0]!.replace(/^[\w ]*Error: /, '')
  // Where a copy of it lies says nothing to anybody.
  const reason = said.replaceAll(placeOf(file), file.path)
  return new DataError('data.unreadable', `${file.path} cannot be read as ${file.format}: ${reason}`, {
    hint: 'Write the file anew, or take it out of the pattern. Nothing was committed.',
    cause,
  })
}

export const isDiskFull = (error: unknown): boolean =>
  /no space left on device|ENOSPC|failed to offload/i.test((error as Error).message)
