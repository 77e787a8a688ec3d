/** Parquet files written by the engine, with the statistics that it gathered while writing. */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { ColumnType } from '../../domain/columnType.ts'
import type { ColumnStatistics, StagedFile } from '../../domain/tableStore.ts'
import { parseInstant } from '../../domain/time.ts'
import { identifier, literal } from './sql.ts'

export interface NamedType {
  name: string
  type: ColumnType
}

/**
 * Writes the rows of `query` to one file.
 *
 * Version 1 of the format: Spark cannot read the encodings of version 2. Field ids are stable positions, so that a table
 * format that goes by ids can be put over the same files.
 */
export async function writeParquet(
  connection: DuckDBConnection,
  query: string,
  columns: readonly NamedType[],
  path: string,
): Promise<StagedFile> {
  const ids = columns.map(({ name }, at) => `${identifier(name)}: ${at + 1}`).join(', ')
  const reader = await connection.runAndReadAll(
    `COPY (${query}) TO ${literal(path)} (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v1, FIELD_IDS {${ids}}, RETURN_STATS)`,
  )
  const [row] = reader.getRowObjectsJson() as unknown as [CopyStatistics | undefined]
  const statistics = new Map(row?.column_statistics.map(({ key, value }) => [key, new Map(value.map(e => [e.key, e.value]))]))
  return {
    localPath: path,
    size: Number(row?.file_size_bytes ?? 0),
    rows: Number(row?.count ?? 0),
    columns: Object.fromEntries(
      columns.map(({ name, type }) => [name, columnStatistics(type, statistics.get(identifier(name)) ?? new Map())]),
    ),
  }
}

interface CopyStatistics {
  count: string
  file_size_bytes: string
  column_statistics: { key: string; value: { key: string; value: string }[] }[]
}

function columnStatistics(type: ColumnType, texts: ReadonlyMap<string, string>): ColumnStatistics {
  const nullCount = Number(texts.get('null_count') ?? 0)
  const [min, max] = [texts.get('min'), texts.get('max')]
  if (min === undefined || max === undefined || texts.get('has_nan') === 'true') return { nullCount }
  const [low, high] = [parseStatistic(type, min), parseStatistic(type, max)]
  return low === undefined || high === undefined ? { nullCount } : { nullCount, min: low, max: high }
}

function parseStatistic(type: ColumnType, text: string): ColumnStatistics['min'] | undefined {
  switch (type.kind) {
    case 'boolean':
      return text === '1' || text === 'true'
    case 'int32':
      return Number(text)
    case 'int64':
      return BigInt(text)
    case 'float':
    case 'double':
      return Number.isFinite(Number(text)) ? Number(text) : undefined
    case 'timestamp':
      return parseInstant(text.replace(/([+-]\d{2})$/, '$1:00'))
    default:
      return text
  }
}
