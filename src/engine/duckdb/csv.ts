/** CSV files: parsed once into a table of text, with the position of every row, and the rows that cannot be parsed apart. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { RejectedRow } from '../../domain/engine.ts'
import { DataError } from '../../domain/errors.ts'
import type { CsvDialect, PinnedFile } from '../../domain/source.ts'
import { bytesOf, decompressTo } from './fileBytes.ts'
import type { FileGroup, NamedColumn } from './fileGroups.ts'
import { isDiskFull, physicalColumns, unreadable } from './fileGroups.ts'
import { tableAppender } from './rowWriter.ts'
import { fileList, identifier, literal } from './sql.ts'
import { runWatched } from './watched.ts'

interface LoadOptions {
  table: string
  scratchDir: string
  /** Is told the share that is done, from 0 to 1. */
  onShare: (share: number) => void
}

/** Loads one file; `malformed` are the rows that could not be parsed. */
export async function loadCsv(
  connection: DuckDBConnection,
  file: PinnedFile,
  dialect: CsvDialect,
  { table, ...more }: LoadOptions,
): Promise<{ group: FileGroup; malformed: RejectedRow[] }> {
  const columns = await csvColumns(file, dialect)
  await parse(connection, file, columns, dialect, { table: `${table}_parsed`, ...more })
  const malformed = await malformedRows(connection, file, columns, dialect)
  const folders = Object.entries(file.partition).map(([name, value]) => `, ${literal(value)} AS ${identifier(name)}`)
  // Parsed rows are numbered among themselves, so each malformed row moves those after it by one.
  await connection.run('CREATE OR REPLACE TEMP TABLE malformed (after BIGINT, n BIGINT)')
  const appender = await tableAppender(connection, 'malformed', [{ type: { kind: 'int64' } }, { type: { kind: 'int64' } }])
  const count = malformed.map((_, at) => BigInt(at + 1))
  appender.append({ rows: malformed.length, columns: [malformed.map(({ row }, at) => row - 1n - count[at]!), count] })
  appender.close()
  await connection.run(`CREATE OR REPLACE TEMP TABLE ${table} AS
    SELECT p.* EXCLUDE (position), p.position + coalesce(b.n, 0) AS position${folders.join('')}
    FROM ${table}_parsed p ASOF LEFT JOIN malformed b ON p.position > b.after`)
  for (const name of [`${table}_parsed`, 'malformed', 'reject_errors', 'reject_scans']) await connection.run(`DROP TABLE ${name}`)
  return {
    group: {
      files: [file],
      columns: physicalColumns(columns, Object.keys(file.partition)),
      file: literal(file.path),
      from: () => table,
    },
    malformed,
  }
}

/** Fields as text, with `position`, the row's number among the parsed ones; the others go to `reject_errors`. */
async function parse(
  connection: DuckDBConnection,
  file: PinnedFile,
  columns: readonly NamedColumn[],
  dialect: CsvDialect,
  { table, scratchDir, onShare }: LoadOptions,
): Promise<void> {
  const plain = file.compression === 'none' ? file.path : join(scratchDir, `${table}.csv`)
  try {
    if (plain !== file.path) await decompressTo(plain, file)
    await runWatched(connection, `CREATE OR REPLACE TEMP TABLE ${table} AS ${parseSql(plain, columns, dialect)}`, onShare)
  } catch (error) {
    throw isDiskFull(error) ? error : unreadable(file, error)
  } finally {
    if (plain !== file.path) await rm(plain, { force: true })
  }
}

/** The line, as the engine counts rows, of the first row of data. */
const firstRowLine = ({ header }: CsvDialect): number => (header ? 2 : 1)

async function malformedRows(
  connection: DuckDBConnection,
  file: PinnedFile,
  columns: readonly NamedColumn[],
  dialect: CsvDialect,
): Promise<RejectedRow[]> {
  const reader = await connection.runAndReadAll(
    "SELECT line, any_value(csv_line), string_agg(DISTINCT error_message, '; ') FROM reject_errors GROUP BY line ORDER BY line",
  )
  const found = reader.getRows()
  // The engine's lines count blank ones, which are no rows, unless a blank line is the one column's null.
  const blank = found.length === 0 || columns.length === 1 ? [] : await blankLines(file, dialect)
  let skipped = 0
  return found.map(([line, text, message]) => {
    while (skipped < blank.length && blank[skipped]! < Number(line)) skipped++
    return {
      input: file.hash,
      path: file.path,
      row: BigInt(line as bigint) - BigInt(firstRowLine(dialect)) + 1n - BigInt(skipped),
      raw: String(text).replace(/^[\r\n]+/, ''),
      issues: [{ path: '', code: 'malformed', message: String(message) }],
    }
  })
}

/** The numbers of the blank lines, counted as the engine does: from 1, a row with quoted line breaks being one line. */
async function blankLines(file: PinnedFile, dialect: CsvDialect): Promise<number[]> {
  const blank: number[] = []
  let [line, length, quoted] = [1, 0, false]
  const decoder = decoderOf(dialect)
  for await (const chunk of bytesOf(file)) {
    for (const char of decoder.decode(chunk, { stream: true })) {
      if (char === '\n' && !quoted) {
        if (length === 0) blank.push(line)
        line++
        length = 0
      } else if (char !== '\r') {
        length++
        if (char === dialect.quote) quoted = !quoted
      }
    }
  }
  return blank
}

const decoderOf = ({ encoding }: CsvDialect): InstanceType<typeof TextDecoder> =>
  new TextDecoder(encoding === 'latin-1' ? 'latin1' : encoding)

/** CSV fields are text; their names are the header's, or `column0`, ... where there is none. */
export async function csvColumns(file: PinnedFile, dialect: CsvDialect): Promise<NamedColumn[]> {
  const first = await firstLine(file, dialect).catch(error => {
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

async function firstLine(file: PinnedFile, dialect: CsvDialect): Promise<string> {
  const decoder = decoderOf(dialect)
  let text = ''
  for await (const chunk of bytesOf(file)) {
    text += decoder.decode(chunk, { stream: true })
    const quotes = text.split('\n', 1)[0]!.split(dialect.quote).length - 1
    if (text.includes('\n') && quotes % 2 === 0) break
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

function parseSql(path: string, columns: readonly NamedColumn[], dialect: CsvDialect): string {
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
    "compression = 'none'",
    'ignore_errors = true',
    'store_rejects = true',
    'rejects_limit = 0',
    'hive_partitioning = false',
    // In the file's order, so that rows can be counted.
    'parallel = false',
  ]
  return `SELECT *, row_number() OVER () - 1 AS position FROM read_csv(${fileList([path])}, ${options.join(', ')})`
}
