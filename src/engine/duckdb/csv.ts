/**
 * CSV files, loaded into tables of text with the number of every row.
 *
 * The engine parses what is plain. A file with anything else in it, or that the engine refuses, is parsed by `csvRecords`: slower, but
 * every row is either loaded or reported, and means the same whatever stands beside it.
 */
import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Value } from '../../domain/columnType.ts'
import { DataError } from '../../domain/errors.ts'
import type { RejectedRow } from '../../domain/rejectedRows.ts'
import type { CsvDialect, LocalFile } from '../../domain/source.ts'
import { countRecords } from './csvCount.ts'
import type { CsvRecord } from './csvRecords.ts'
import { readRecords } from './csvRecords.ts'
import { placeOf, utf8Of, writeUtf8 } from './fileBytes.ts'
import type { FileGroup, NamedColumn } from './fileGroups.ts'
import { folderColumns, isDiskFull, POSITION, unreadable } from './fileGroups.ts'
import { beginningOf, ROW_LIMIT } from './pieces.ts'
import { tableAppender } from './rowWriter.ts'
import { fileList, literal } from './sql.ts'
import { count } from './tables.ts'
import { runWatched } from './watched.ts'

interface LoadOptions {
  table: string
  scratchDir: string
  signal: AbortSignal
  /** Is told the share that is done, from 0 to 1. */
  onShare: (share: number) => void
  onMalformed: (rows: RejectedRow[]) => Promise<void>
}

/** Loads one file. `malformed` rows could not be parsed and were reported. */
export async function loadCsv(
  connection: DuckDBConnection,
  file: LocalFile,
  dialect: CsvDialect,
  options: LoadOptions,
): Promise<{ group: FileGroup; malformed: number }> {
  const { table, scratchDir } = options
  const columns = await csvColumns(file, dialect)
  const isPlain = file.compression === 'none' && dialect.encoding === 'utf-8'
  const path = isPlain ? placeOf(file) : join(scratchDir, `${table}.csv`)
  let malformed = 0
  try {
    if (!isPlain) await writeUtf8(path, file, dialect.encoding)
    const expected =
      columns.length === 1 ? undefined : await countRecords(createReadStream(path, BY_BLOCKS), dialect, columns.length)
    const rows = expected === undefined ? undefined : expected - (dialect.header ? 1 : 0)
    if (rows === undefined || !(await parseInEngine(connection, path, { columns, dialect, rows, options }))) {
      malformed = await parseHere(connection, file, path, { columns, dialect, options })
    }
  } catch (error) {
    options.signal.throwIfAborted()
    throw isDiskFull(error) || error instanceof DataError ? error : unreadable(file, error)
  } finally {
    if (!isPlain) await rm(path, { force: true })
  }
  const numbered = columns.map(({ name }, at): [string, FileGroup['columns'] extends Map<string, infer C> ? C : never] => [
    name,
    { sql: `c${at}`, type: 'TEXT' },
  ])
  return {
    group: {
      files: [file],
      columns: new Map([...numbered, ...folderColumns(file.partition)]),
      file: literal(file.path),
      from: () => table,
    },
    malformed,
  }
}

interface Parse {
  columns: readonly NamedColumn[]
  dialect: CsvDialect
  options: LoadOptions
}

/** Whether the engine has loaded every one of `rows`. */
async function parseInEngine(
  connection: DuckDBConnection,
  path: string,
  { columns, dialect, rows, options: { table, onShare } }: Parse & { rows: number },
): Promise<boolean> {
  try {
    await runWatched(connection, `CREATE OR REPLACE TEMP TABLE ${table} AS ${parseSql(path, columns, dialect)}`, onShare)
    return (await count(connection, `SELECT count(*) FROM ${table}`)) === rows
  } catch (error) {
    if (isDiskFull(error) || /INTERRUPT|Out of Memory/i.test((error as Error).message)) throw error
    return false
  }
}

function parseSql(path: string, columns: readonly NamedColumn[], dialect: CsvDialect): string {
  const options = [
    `columns = {${columns.map((_, at) => `c${at}: 'VARCHAR'`).join(', ')}}`,
    'auto_detect = false',
    `header = ${dialect.header}`,
    `delim = ${literal(dialect.delimiter)}`,
    `quote = ${literal(dialect.quote)}`,
    `escape = ${literal(dialect.quote)}`,
    `nullstr = ${literal(dialect.nullText)}`,
    'allow_quoted_nulls = false',
    "compression = 'none'",
    'hive_partitioning = false',
    // In the file's order, so that rows can be counted.
    'parallel = false',
  ]
  return `SELECT *, row_number() OVER () - 1 AS ${POSITION} FROM read_csv(${fileList([path])}, ${options.join(', ')})`
}

const BY_BLOCKS = { highWaterMark: 2 ** 18 }

const BATCH = 2048

/** Answers how many rows could not be parsed. */
async function parseHere(
  connection: DuckDBConnection,
  file: LocalFile,
  path: string,
  { columns, dialect, options: { table, signal, onMalformed } }: Parse,
): Promise<number> {
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE ${table} (${columns.map((_, at) => `c${at} VARCHAR, `).join('')}${POSITION} BIGINT)`,
  )
  const types = [...columns.map(() => ({ type: { kind: 'string' as const } })), { type: { kind: 'int64' as const } }]
  const appender = await tableAppender(connection, table, types)
  let kept: Value[][] = []
  let refused: RejectedRow[] = []
  let malformed = 0
  let held = 0
  let row = dialect.header ? -1n : 0n
  const flush = async (): Promise<void> => {
    signal.throwIfAborted()
    if (kept.length > 0) appender.append({ rows: kept.length, columns: types.map((_, at) => kept.map(values => values[at]!)) })
    if (refused.length > 0) await onMalformed(refused)
    malformed += refused.length
    kept = []
    refused = []
    held = 0
  }
  for await (const records of readRecords(createReadStream(path, BY_BLOCKS), dialect, { blankIsNull: columns.length === 1 })) {
    for (const record of records) {
      if (row >= 0n) {
        const problem = problemOf(record, columns.length)
        if (problem === undefined) kept.push([...record.fields, row])
        else refused.push(malformedRow(file, row + 1n, record.raw, problem))
      }
      row++
      held += record.raw.length
      if (kept.length + refused.length >= BATCH || held > ROW_LIMIT) await flush()
    }
  }
  await flush()
  appender.close()
  return malformed
}

function problemOf({ fields, problem }: CsvRecord, columns: number): string | undefined {
  if (problem !== undefined) return problem
  if (fields.length === columns) return undefined
  return `${fields.length} ${fields.length === 1 ? 'field' : 'fields'}, where the header names ${columns}`
}

function malformedRow(file: LocalFile, row: bigint, raw: string, message: string): RejectedRow {
  return {
    input: file.hash,
    path: file.path,
    row,
    raw: beginningOf(raw),
    issues: [{ path: '', code: 'malformed', message }],
  }
}

/** CSV fields are text; their names are the header's, or `column0`, ... where there is none. */
export async function csvColumns(file: LocalFile, dialect: CsvDialect): Promise<NamedColumn[]> {
  const first = await firstRecord(file, dialect).catch(error => {
    throw unreadable(file, error)
  })
  if (!first)
    throw new DataError('data.empty-file', `${file.path} is empty: a CSV file needs its header`, {
      hint: 'Write the header, or take the file out of the pattern.',
    })
  if (first.problem !== undefined)
    throw new DataError('data.header', `${file.path}: the header cannot be read: ${first.problem}`, {
      hint: 'Mend the first line, or name the dialect: csv: { delimiter, quote, encoding }.',
    })
  const columns = first.fields.map((name, at) => ({ name: dialect.header ? (name ?? '') : `column${at}`, type: 'TEXT' }))
  const repeated = columns.find(({ name }, at) => columns.findIndex(other => other.name === name) !== at)
  if (repeated)
    throw new DataError('data.header', `${file.path}: the header names \`${repeated.name}\` twice`, {
      hint: 'Give every column a name of its own.',
    })
  return columns
}

async function firstRecord(file: LocalFile, dialect: CsvDialect): Promise<CsvRecord | undefined> {
  for await (const [record] of readRecords(utf8Of(file, dialect.encoding), { ...dialect, nullText: '' }))
    if (record) return record
  return undefined
}
