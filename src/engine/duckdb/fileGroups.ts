/** Files of a source that hold the same columns, read together. */
import type { DuckDBConnection } from '@duckdb/node-api'
import { DataError } from '../../domain/errors.ts'
import type { PinnedFile } from '../../domain/source.ts'
import type { PhysicalColumn } from './decode.ts'
import { fileList, identifier } from './sql.ts'

export interface FileGroup {
  files: PinnedFile[]
  /** By exact name, folders' columns included. */
  columns: Map<string, PhysicalColumn>
  /** SQL of a row's path. */
  file: string
  /** SQL of all rows, or of one file's with `position`, the row in the file counted from 0. */
  from: (only?: PinnedFile) => string
}

/** Parquet files by equal physical columns. */
export async function parquetGroups(connection: DuckDBConnection, files: readonly PinnedFile[]): Promise<FileGroup[]> {
  const groups = new Map<string, FileGroup>()
  for (const file of files) {
    const columns = await parquetColumns(connection, file)
    const key = JSON.stringify([columns, Object.keys(file.partition)])
    const group = groups.get(key) ?? parquetGroup(file, columns)
    group.files.push(file)
    groups.set(key, group)
  }
  return [...groups.values()]
}

function parquetGroup(file: PinnedFile, columns: NamedColumn[]): FileGroup {
  const files: PinnedFile[] = []
  const folders = Object.keys(file.partition)
  const hive = folders.length > 0 ? 'hive_partitioning = true, hive_types_autocast = false' : 'hive_partitioning = false'
  return {
    files,
    columns: physicalColumns(columns, folders),
    file: 'filename',
    from: only =>
      only
        ? `(SELECT *, file_row_number AS position FROM read_parquet(${fileList([only.path])}, ${hive}, file_row_number = true))`
        : `read_parquet(${fileList(files.map(({ path }) => path))}, ${hive})`,
  }
}

/** A file's own columns, and those that folders give as text. */
export function physicalColumns(columns: readonly NamedColumn[], folders: readonly string[]): Map<string, PhysicalColumn> {
  const all = [...columns, ...folders.map(name => ({ name, type: 'TEXT' }))]
  return new Map(all.map(({ name, type }) => [name, { sql: identifier(name), type }]))
}

export interface NamedColumn {
  name: string
  type: string
}

export async function parquetColumns(connection: DuckDBConnection, file: PinnedFile): Promise<NamedColumn[]> {
  try {
    const reader = await connection.runAndReadAll(
      `DESCRIBE SELECT * FROM read_parquet(${fileList([file.path])}, hive_partitioning = false)`,
    )
    return reader.getRows().map(([name, type]) => ({ name: String(name), type: String(type) }))
  } catch (error) {
    throw unreadable(file, error)
  }
}

export function unreadable(file: PinnedFile, cause: unknown): DataError {
  const reason = (cause as Error).message.split('\n', 1)[0]!.replace(/^[\w ]*Error: /, '')
  return new DataError('data.unreadable', `${file.path} cannot be read as ${file.format}: ${reason}`, {
    hint: 'Write the file anew, or take it out of the pattern. Nothing was committed.',
    cause,
  })
}

export const isDiskFull = (error: unknown): boolean =>
  /no space left on device|ENOSPC|failed to offload/i.test((error as Error).message)
