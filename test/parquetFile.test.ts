/** The Parquet files that rows are handed over in: read by the engine, by JavaScript and by Python. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet'
import { describe, expect, it } from 'vitest'
import type { ColumnType, Value } from '../src/domain/columnType.ts'
import { formatInstant } from '../src/domain/time.ts'
import { columnOf } from '../src/rows/columns.ts'
import { ParquetFile } from '../src/rows/parquetFile.ts'
import { duckdb } from './kit/parquet.ts'
import { python } from './kit/python.ts'
import { scratch } from './kit/scratch.ts'

const folder = scratch('parquet')
let files = 0

const COLUMNS: Record<string, { type: ColumnType; values: Value[] }> = {
  flag: { type: { kind: 'boolean' }, values: [true, false, false] },
  int: { type: { kind: 'int32' }, values: [0, -1, 2 ** 31 - 1, -(2 ** 31)] },
  long: {
    type: { kind: 'int64' },
    values: [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 32n, -(2n ** 32n) - 1n, 2n ** 53n + 1n],
  },
  single: { type: { kind: 'float' }, values: [0.5, -3.4028234663852886e38] },
  double: { type: { kind: 'double' }, values: [0.1, -1e308, 5e-324] },
  text: { type: { kind: 'string' }, values: ['', 'a', '\u00e9\u{1f600}', 'x'.repeat(300), 'nul \0 nul'] },
  day: { type: { kind: 'date' }, values: ['1970-01-01', '0001-01-01', '9999-12-31', '2024-02-29'] },
  instant: { type: { kind: 'timestamp' }, values: [0n, -1n, 253402300799999999n, -62135596800000000n] },
  digits: { type: { kind: 'decimal', precision: 20, scale: 0 }, values: ['0', '18446744073709551615', '-99999999999999999999'] },
  cents: {
    type: { kind: 'decimal', precision: 38, scale: 2 },
    values: ['1.5', '-0.01', '123456789012345678901234567890123456.78'],
  },
}
const NAMES = Object.keys(COLUMNS)

type Rows = Record<string, Value>[]

/** `rows` rows, of which `isNull` says which are null, in row groups of the given sizes. */
async function written(
  groups: readonly number[],
  isNull: (row: number, column: number) => boolean,
): Promise<{ path: string; rows: Rows }> {
  const path = join(folder, `${files++}.parquet`)
  const columns = NAMES.map(name => ({ name, type: COLUMNS[name]!.type, builder: columnOf(COLUMNS[name]!.type) }))
  const parquet = await ParquetFile.create(path, columns)
  const rows: Rows = []
  for (const size of groups) {
    for (let at = 0; at < size; at++) {
      const row = columns.map(({ name, builder }, column): [string, Value] => {
        const { values } = COLUMNS[name]!
        const value = isNull(rows.length, column) ? null : values[rows.length % values.length]!
        builder.append(value)
        return [name, value]
      })
      rows.push(Object.fromEntries(row))
    }
    await parquet.writeRows()
    for (const { builder } of columns) builder.clear()
  }
  await parquet.finish()
  return { path, rows }
}

/** As the readers' own texts of values are brought to. */
const text = (name: string, value: Value): string | null => {
  const { type } = COLUMNS[name]!
  if (value === null) return null
  if (type.kind === 'timestamp') return formatInstant(value as bigint)
  if (type.kind === 'decimal') return Number(value).toPrecision(12)
  return String(value)
}
const texts = (rows: Rows): (string | null)[][] => rows.map(row => NAMES.map(name => text(name, row[name]!)))

const PATTERNS: Record<string, [groups: number[], isNull: (row: number, column: number) => boolean]> = {
  'no rows': [[], () => false],
  'one row': [[1], () => false],
  'no nulls': [[100], () => false],
  'nothing but nulls': [[9], () => true],
  'every third null': [[7, 8, 9, 1], (row, column) => (row + column) % 3 === 0],
  'nulls in one group only': [[1000, 1000], row => row > 1000 && row % 7 === 0],
  'more than a capacity': [[3000, 70_000], (row, column) => row % 11 === column],
}

describe('rows in Parquet', () => {
  it.each(Object.entries(PATTERNS))('are what was appended, to DuckDB: %s', async (_, [groups, isNull]) => {
    const { path, rows } = await written(groups, isNull)
    const connection = await duckdb()
    const columns = NAMES.map(name => {
      const { kind } = COLUMNS[name]!.type
      return kind === 'timestamp' ? `epoch_us(${name})` : kind === 'decimal' || kind === 'date' ? `${name}::VARCHAR` : name
    })
    const { type: cents } = COLUMNS.cents as { type: ColumnType & { kind: 'decimal' } }
    const reader = await connection.runAndReadAll(`SELECT ${columns.join(', ')} FROM read_parquet('${path}')`)
    const expected = rows.map(row =>
      NAMES.map(name => (name === 'cents' && row.cents !== null ? padded(String(row.cents), cents.scale) : row[name])),
    )
    // One comparison: of 73,000 rows a matcher takes its time.
    expect(reader.getRows().length).toBe(expected.length)
    const differing = reader.getRows().findIndex((row, at) => row.some((value, column) => value !== expected[at]![column]))
    expect(differing < 0 ? [] : [reader.getRows()[differing], expected[differing]]).toEqual([])
    const types = await connection.runAndReadAll(`DESCRIBE SELECT * FROM read_parquet('${path}')`)
    expect(types.getRows().map(([, type]) => type)).toEqual(
      'BOOLEAN INTEGER BIGINT FLOAT DOUBLE VARCHAR DATE|TIMESTAMP WITH TIME ZONE|DECIMAL(20,0) DECIMAL(38,2)'
        .split('|')
        .flatMap(part => (part.startsWith('TIMESTAMP') ? [part] : part.split(' '))),
    )
  })

  it('are what was appended, to hyparquet', async () => {
    const { path, rows } = await written([7, 8, 9, 1], (row, column) => (row + column) % 3 === 0)
    const read = await parquetReadObjects({
      file: await asyncBufferFromFile(path),
      parsers: {
        timestampFromMicroseconds: (micros: bigint) => micros,
        dateFromDays: (days: number) => new Date(days * 86_400_000).toISOString().slice(0, 10),
      } as never,
    })
    expect(texts(read as Rows)).toEqual(texts(rows))
  })

  const found = python()
  it.skipIf('missing' in found)('are what was appended, to pyarrow', async () => {
    const { path, rows } = await written([7, 8, 9, 1], (row, column) => (row + column) % 3 === 0)
    const script = `
import json, sys, pyarrow.parquet
table = pyarrow.parquet.read_table(sys.argv[1])
assert pyarrow.parquet.ParquetFile(sys.argv[1]).metadata.num_row_groups == 4
micros = table.column('instant').cast('int64').to_pylist()
rows = [{name: None if value is None else value if isinstance(value, bool) else str(value) for name, value in row.items()}
  for row in table.drop_columns(['instant']).to_pylist()]
print(json.dumps([[dict(row, instant=None if at is None else str(at)) for row, at in zip(rows, micros)], [str(field.type) for field in table.schema]]))`
    const { interpreter } = found as { interpreter: string }
    const output = execFileSync(interpreter, ['-c', script, path], { encoding: 'utf8' })
    const [read, types] = JSON.parse(output) as [Record<string, string | boolean | null>[], string[]]
    const values = read.map(row => {
      const { instant, double, single, ...rest } = row
      const number = (value: unknown): Value => (value === null ? null : Number(value))
      return {
        ...rest,
        double: number(double),
        single: number(single),
        instant: instant === null ? null : BigInt(instant as string),
      }
    })
    expect(texts(values as Rows)).toEqual(texts(rows.map(row => ({ ...row, single: row.single ?? null }))))
    expect(types).toEqual(
      'bool int32 int64 float double string date32[day]|timestamp[us, tz=UTC]|decimal128(20, 0)|decimal128(38, 2)'
        .split('|')
        .flatMap(part => (/[,]/.test(part) ? [part] : part.split(' '))),
    )
  })
})

function padded(digits: string, scale: number): string {
  const [whole, fraction = ''] = digits.split('.')
  return `${whole}.${fraction.padEnd(scale, '0')}`
}
