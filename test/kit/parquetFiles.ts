/** Parquet files of many shapes, as DuckDB writes them; and what they hold, in a form that is quickly compared. */

import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Random } from './random.ts'

/** Values of a column at row `i`, by its type. */
const VALUES: Record<string, string> = {
  flag: 'i % 3 = 0',
  tiny: '(i % 100)::TINYINT',
  unsigned: '(i * 3)::UINTEGER',
  int: '(i * 7919 % 1000)::INTEGER',
  long: 'i::BIGINT * 1000000007',
  huge: '(i::HUGEINT * 10) ** 6',
  single: '(i / 7)::FLOAT',
  double: 'sqrt(i)',
  few: `'town ' || (i % 7)`,
  many: `md5(i::VARCHAR)`,
  blob: `encode('b' || i)`,
  day: `DATE '2026-01-05' + (i % 90)::INTEGER`,
  time: 'make_timestamptz(i * 1000003)',
  local: 'make_timestamp(i * 1000003)',
  nanos: 'make_timestamp_ns(i * 1000000007)',
  clock: 'make_time(i % 24, i % 60, i % 59)',
  cents: '(i / 100)::DECIMAL(9, 2)',
  wide: '(i / 1000)::DECIMAL(38, 3)',
  uuid: 'md5(i::VARCHAR)::UUID',
  kind: `(['red', 'green'])[i % 2 + 1]::ENUM('red', 'green')`,
  list: 'range(i % 4)',
  struct: `{'k': i, 'v': {'t': 'v' || (i % 3), 'l': [i, NULL]}}`,
  structs: `[{'k': i % 3, 'v': 's' || i}, NULL]`,
  map: `map {'m' || (i % 2): i}`,
  json: `{'a': i}::JSON`,
  interval: 'to_seconds(i)',
  nothing: 'NULL::INTEGER',
}

const CODECS = ['uncompressed', 'snappy', 'gzip', 'zstd', 'lz4_raw', 'brotli']

/** `count` files of up to six columns, of each codec and version in turn; answers their paths. */
export async function duckdbFiles(
  connection: DuckDBConnection,
  folder: string,
  { pick, whole, chance }: Random,
  count: number,
): Promise<string[]> {
  const paths: string[] = []
  for (let file = 0; file < count; file++) {
    const path = join(folder, `duckdb-${file}.parquet`)
    const columns = Array.from({ length: whole(1, 6) }, (_, at) => {
      const kind = pick(Object.keys(VALUES))
      const value = chance(0.3) ? `CASE WHEN i % ${whole(2, 9)} > 0 THEN ${VALUES[kind]} END` : VALUES[kind]
      return `${value} AS ${quoted(`${kind}${pick([' ', '.', '"', 'é', '\u{1f600}'])}${at}`)}`
    })
    const options = [
      'FORMAT parquet',
      `COMPRESSION ${CODECS[file % CODECS.length]}`,
      `PARQUET_VERSION ${Math.floor(file / CODECS.length) % 2 === 0 ? 'v1' : 'v2'}`,
      'ROW_GROUP_SIZE 2048',
      `WRITE_BLOOM_FILTER ${chance(0.5)}`,
      `DICTIONARY_SIZE_LIMIT ${pick([0, 10, 100_000])}`,
      ...(chance(0.3) ? [`KV_METADATA {'note': 'x'}`] : []),
      ...(chance(0.3) ? [`FIELD_IDS 'auto'`] : []),
    ]
    const rows = pick([0, 1, 100, 3000, 5000])
    await connection.run(`COPY (SELECT ${columns.join(', ')} FROM range(${rows}) r(i)) TO '${path}' (${options.join(', ')})`)
    paths.push(path)
  }
  return paths
}

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** Of each column in its order: the name, the type and a sum over hashes of all values with their places. */
export async function contents(connection: DuckDBConnection, path: string): Promise<[string, string, string][]> {
  const described = await connection.runAndReadAll(`DESCRIBE SELECT * FROM read_parquet('${path}')`)
  const columns = described.getRows().map(([name, type]) => [String(name), String(type)] as const)
  const sums = columns.map(([name]) => `coalesce(sum(hash(${quoted(name)}, file_row_number)), 0)::VARCHAR || '/' || count(*)`)
  const summed = await connection.runAndReadAll(`SELECT ${sums.join(', ')} FROM read_parquet('${path}', file_row_number = true)`)
  return columns.map(([name, type], at) => [name, type, String(summed.getRows()[0]![at])])
}
