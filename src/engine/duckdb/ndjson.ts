/** NDJSON: parsed and judged row by row by zod itself, the valid rows kept in a table. */
import { isUtf8 } from 'node:buffer'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Value } from '../../domain/columnType.ts'
import { DefinitionError } from '../../domain/errors.ts'
import type { RejectedRow } from '../../domain/rejectedRows.ts'
import type { Field } from '../../domain/schema.ts'
import type { PinnedFile } from '../../domain/source.ts'
import { fromDate, parseInstant } from '../../domain/time.ts'
import { instantOfText } from '../../domain/zonedTime.ts'
import { decodeJson, decodeText, parseJson } from '../../validation/decodeShape.ts'
import { storedValue } from '../../validation/outputs.ts'
import { RowColumns, sqlType } from './expressionSql.ts'
import { bytesOf } from './fileBytes.ts'
import { folderValue, unreadable } from './fileGroups.ts'
import { beginningOf, linesOf, ROW_LIMIT, TOO_LONG } from './pieces.ts'
import { tableAppender } from './rowWriter.ts'
import type { ScanRequest } from './scanRequest.ts'
import { timesOf } from './scanRequest.ts'
import { literal } from './sql.ts'
import { judge } from './verdict.ts'

const BATCH = 2048

/**
 * A file's row is its line, counted from 1; blank lines count and are nothing. `kept` are the rows of the relation, those
 * that only the key refuses included; `rejected` the rest.
 */
export async function loadNdjson(
  connection: DuckDBConnection,
  request: ScanRequest,
  files: readonly PinnedFile[],
): Promise<{ relation: string; byFile: string; kept: number; rejected: number }> {
  const { fields } = request.source.schema
  for (const file of files) requireNoDates(file, fields)
  const names = new RowColumns(fields)
  const columns = fields.map(({ name, type }) => `${names.sql(name)} ${sqlType(type)}`)
  await connection.run(`CREATE OR REPLACE TEMP TABLE ndjson (${columns.join(', ')}, __file INTEGER)`)
  const appender = await tableAppender(connection, 'ndjson', [...fields, { type: { kind: 'int32' } }])
  // Values in the order of the fields, then the file's place.
  let kept: Value[][] = []
  let rejected: RejectedRow[] = []
  let held = 0
  const counts = { kept: 0, rejected: 0 }
  const flush = async (): Promise<void> => {
    counts.kept += kept.length
    counts.rejected += rejected.filter(row => !row.refusedByKey).length
    if (kept.length > 0)
      appender.append({
        rows: kept.length,
        columns: Array.from({ length: fields.length + 1 }, (_, at) => kept.map(row => row[at]!)),
      })
    if (rejected.length > 0) await request.onRejected(rejected)
    request.onProgress({ stage: 'read', unit: 'rows', done: counts.kept + counts.rejected, total: null })
    kept = []
    rejected = []
    held = 0
  }
  for (const [place, file] of files.entries()) {
    let line = 0n
    try {
      // A carriage return before a line feed is white space to JSON.
      for await (const { bytes, tooLong } of linesOf(bytesOf(file))) {
        line++
        const text = bytes.toString('utf8')
        if (!tooLong && text.trim() === '') continue
        const problem = tooLong ? TOO_LONG : isUtf8(bytes) ? undefined : 'Not UTF-8'
        const read = problem === undefined ? readLine(request, file, text) : malformed(text, problem)
        if (read.values) kept.push([...read.values, place])
        if (read.rejected) rejected.push({ input: file.hash, path: file.path, row: line, ...read.rejected })
        held += bytes.length
        if (kept.length + rejected.length >= BATCH || held > ROW_LIMIT) {
          request.signal.throwIfAborted()
          await flush()
        }
      }
    } catch (error) {
      if (error instanceof Error && 'code' in error && /^(Z_|ZSTD_|ERR_|E[A-Z]+$)/.test(String(error.code)))
        throw unreadable(file, error)
      throw error
    }
  }
  await flush()
  appender.close()
  const times = timesOf(request.source, ({ name }) => ({ value: names.sql(name) }))
  const relation = `SELECT ${names.all.join(', ')}, ${times.t} AS __t, ${times.known} AS __known FROM ndjson`
  const paths = `[${files.map(({ path }) => literal(path)).join(', ')}]`
  return { relation, byFile: `SELECT ${paths}[__file + 1] AS __file, ${times.t} AS __t FROM ndjson`, ...counts }
}

/** JSON has no dates, so a column that wants nothing else refuses every row. */
export function requireNoDates(file: PinnedFile, fields: readonly Field[]): void {
  const date = fields.find(({ input, coerce }) => input === 'date' && !coerce)
  if (!date) return
  throw new DefinitionError(
    'definition.json-date',
    `${file.path}: column \`${date.name}\`: z.date() refuses text, and JSON has no dates`,
    {
      hint: 'Use z.coerce.date() or z.iso.datetime().',
    },
  )
}

/** A row that only the key refuses is both: it is reported, and kept, since a repeated row key may choose it. */
interface Read {
  values?: Value[]
  rejected?: Pick<RejectedRow, 'raw' | 'issues' | 'refusedByKey'>
}

function readLine(request: ScanRequest, file: PinnedFile, text: string): Read {
  const { source } = request
  let parsed: unknown
  try {
    parsed = parseJson(text.replace(/^\ufeff/, ''))
  } catch (error) {
    // The parser counts lines within the text that it was given, which is one line.
    return malformed(text, (error as Error).message.replace(/ \(line \d+ column \d+\)$/, ''))
  }
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) return malformed(text, 'Not a JSON object')
  // Nothing is inherited: zod would take a column called `constructor` for present.
  const seen: Record<string, unknown> = Object.assign(Object.create(null), parsed)
  for (const [name, value] of Object.entries(file.partition)) {
    const field = source.schema.fields.find(candidate => candidate.name === name)
    const folder = folderValue(value)
    if (field) seen[name] = folder === null ? null : decodeText(field.shape, folder, source.zone)
  }
  /** Exact instants of date columns: a date itself has milliseconds. */
  const instants = new Map<string, bigint>()
  for (const field of source.schema.fields) decodeValue(field, seen, source.zone, instants)
  const { issues, refusedByKey, row } = judge(request, seen, accepted => eventTime(request, accepted, instants))
  if (!row) return { rejected: { raw: text, issues } }
  const values = source.schema.fields.map(field => instants.get(field.name) ?? storedValue(field, row[field.name])!)
  if (issues.length === 0) return { values }
  return refusedByKey ? { values, rejected: { raw: text, issues, refusedByKey } } : { rejected: { raw: text, issues } }
}

/** Turns what JSON gives into what zod is shown. */
function decodeValue(field: Field, seen: Record<string, unknown>, zone: string | undefined, instants: Map<string, bigint>): void {
  const { name } = field
  if (!Object.hasOwn(seen, name)) return
  const value = seen[name]
  if (value === null && !field.nullable && field.optional) {
    delete seen[name]
    return
  }
  if (field.input === 'date' && field.steps && typeof value === 'string') {
    const instant = instantOfText(value, zone)
    if (instant !== undefined) instants.set(name, instant)
  }
  seen[name] = decodeJson(field.shape, value, zone)
}

function malformed(raw: string, message: string): Read {
  return { rejected: { raw: beginningOf(raw), issues: [{ path: '', code: 'malformed', message }] } }
}

const UNIT = { s: 1e6, ms: 1e3, us: 1 } as const

function eventTime({ source }: ScanRequest, row: Record<string, unknown>, instants: Map<string, bigint>): bigint | undefined {
  const { column, unit } = source.eventTime
  const value = row[column]
  if (value === null || value === undefined) return undefined
  if (unit === undefined)
    return (
      instants.get(column) ??
      (value instanceof Date ? fromDate(value) : typeof value === 'string' ? parseInstant(value) : undefined)
    )
  if (typeof value === 'bigint') return value * BigInt(UNIT[unit])
  const micros = Math.floor((value as number) * UNIT[unit])
  return Number.isFinite(micros) ? BigInt(micros) : undefined
}
