/** CSV files: parsed once into a table of text, with the position of every row, and the rows that cannot be parsed apart. */
import { createReadStream } from 'node:fs'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { RejectedRow } from '../../domain/engine.ts'
import { DataError } from '../../domain/errors.ts'
import type { CsvDialect, PinnedFile } from '../../domain/source.ts'
import type { FileGroup, NamedColumn } from './fileGroups.ts'
import { physicalColumns, unreadable } from './fileGroups.ts'
import { fileList, identifier, literal } from './sql.ts'

/** Loads one file; `malformed` are the rows that could not be parsed. */
export async function loadCsv(
  connection: DuckDBConnection,
  file: PinnedFile,
  dialect: CsvDialect,
  table: string,
): Promise<{ group: FileGroup; malformed: RejectedRow[] }> {
  const columns = await csvColumns(file, dialect)
  try {
    await connection.run(`CREATE OR REPLACE TEMP TABLE ${table}_parsed AS ${parseSql(file, columns, dialect)}`)
  } catch (error) {
    throw unreadable(file, error)
  }
  const malformed = await malformedRows(connection, file, dialect)
  const folders = Object.entries(file.partition).map(([name, value]) => `, ${literal(value)} AS ${identifier(name)}`)
  // Parsed rows are numbered among themselves. `line` numbers all rows, so each malformed row moves those after it by one.
  await connection.run(`CREATE OR REPLACE TEMP TABLE ${table} AS
    SELECT p.* EXCLUDE (position), p.position + coalesce(b.n, 0) AS position${folders.join('')}
    FROM ${table}_parsed p ASOF LEFT JOIN (
      SELECT idx - n AS after, n FROM (SELECT line - ${firstRowLine(dialect)} AS idx, row_number() OVER (ORDER BY line) AS n FROM (SELECT DISTINCT line FROM reject_errors))
    ) b ON p.position > b.after`)
  await connection.run(`DROP TABLE ${table}_parsed`)
  await connection.run('DROP TABLE reject_errors')
  await connection.run('DROP TABLE reject_scans')
  return {
    group: { files: [file], columns: physicalColumns(columns, Object.keys(file.partition)), from: () => table },
    malformed,
  }
}

/** The line, as the engine counts rows, of the first row of data. */
const firstRowLine = ({ header }: CsvDialect): number => (header ? 2 : 1)

async function malformedRows(connection: DuckDBConnection, file: PinnedFile, dialect: CsvDialect): Promise<RejectedRow[]> {
  const reader = await connection.runAndReadAll(
    "SELECT line, any_value(csv_line), string_agg(DISTINCT error_message, '; ') FROM reject_errors GROUP BY line ORDER BY line",
  )
  return reader.getRows().map(([line, text, message]) => ({
    input: file.hash,
    path: file.path,
    row: BigInt(line as bigint) - BigInt(firstRowLine(dialect)) + 1n,
    raw: String(text).replace(/^[\r\n]+/, ''),
    issues: [{ path: '', code: 'malformed', message: String(message) }],
  }))
}

/** CSV fields are text; their names are the header's, or `column0`, ... where there is none. */
export async function csvColumns(file: PinnedFile, dialect: CsvDialect): Promise<NamedColumn[]> {
  const first = await firstLine(file).catch(error => {
    throw unreadable(file, error)
  })
  if (first === '')
    throw new DataError('data.empty-file', `${file.path} is empty: a CSV file needs its header`, {
      hint: 'Write the header, or take the file out of the pattern.',
    })
  const names = splitFields(first, dialect)
  const columns = names.map((name, at) => ({ name: dialect.header ? name : `column${at}`, type: 'TEXT' }))
  const repeated = columns.find(({ name }, at) => columns.findIndex(other => other.name === name) !== at)
  if (repeated)
    throw new DataError('data.header', `${file.path}: the header names \`${repeated.name}\` twice`, {
      hint: 'Give every column a name of its own.',
    })
  return columns
}

async function firstLine(file: PinnedFile): Promise<string> {
  const bytes = createReadStream(file.path)
  const stream =
    file.compression === 'gzip'
      ? bytes.pipe(createGunzip())
      : file.compression === 'zstd'
        ? bytes.pipe(createZstdDecompress())
        : bytes
  let text = ''
  try {
    for await (const chunk of stream) {
      text += (chunk as Buffer).toString('utf8')
      const quotes = text.split('\n', 1)[0]!.split('"').length - 1
      if (text.includes('\n') && quotes % 2 === 0) break
    }
  } finally {
    bytes.destroy()
  }
  return text.replace(/^\ufeff/, '').split(/\r?\n/, 1)[0]!
}

function splitFields(line: string, { delimiter, quote }: CsvDialect): string[] {
  const fields: string[] = []
  let field = ''
  let quoted = false
  for (let at = 0; at < line.length; at++) {
    const char = line[at]!
    if (quoted && char === quote && line[at + 1] === quote) {
      field += quote
      at++
    } else if (char === quote) quoted = !quoted
    else if (char === delimiter && !quoted) {
      fields.push(field)
      field = ''
    } else field += char
  }
  return [...fields, field]
}

function parseSql(file: PinnedFile, columns: readonly NamedColumn[], dialect: CsvDialect): string {
  const types = columns.map(({ name }) => `${literal(name)}: 'VARCHAR'`).join(', ')
  const options = [
    `columns = {${types}}`,
    'auto_detect = false',
    `header = ${dialect.header}`,
    `delim = ${literal(dialect.delimiter)}`,
    `quote = ${literal(dialect.quote)}`,
    `escape = ${literal(dialect.quote)}`,
    `nullstr = ${literal(dialect.nullText)}`,
    'allow_quoted_nulls = false',
    `encoding = ${literal(dialect.encoding)}`,
    `compression = ${literal(file.compression)}`,
    'ignore_errors = true',
    'store_rejects = true',
    'rejects_limit = 0',
    'hive_partitioning = false',
    // In the file's order, so that rows can be counted.
    'parallel = false',
  ]
  return `SELECT *, row_number() OVER () - 1 AS position FROM read_csv(${fileList([file.path])}, ${options.join(', ')})`
}
