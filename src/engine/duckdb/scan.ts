/** From a source's files to one relation of decoded and judged rows. */
import type { DuckDBConnection } from '@duckdb/node-api'
import { DataError } from '../../domain/errors.ts'
import { nearest } from '../../domain/nearest.ts'
import type { Field } from '../../domain/schema.ts'
import type { PinnedFile, SourceDefinition } from '../../domain/source.ts'
import { EARLIEST_INSTANT, LATEST_INSTANT } from '../../domain/time.ts'
import { checkSql } from './checksSql.ts'
import { loadCsv } from './csv.ts'
import type { Decoder } from './decode.ts'
import { decoderOf } from './decode.ts'
import { sqlType } from './expressionSql.ts'
import type { FileGroup } from './fileGroups.ts'
import { POSITION, parquetGroups } from './fileGroups.ts'
import { loadNdjson } from './ndjson.ts'
import type { FieldSql, ScanRequest, Times } from './scanRequest.ts'
import { keyedSql, timesOf } from './scanRequest.ts'
import { literal } from './sql.ts'

/** A group of files with its decoders, by field. */
export interface DecodedGroup {
  group: FileGroup
  decoders: Map<Field, Decoder>
}

export interface Scan {
  request: ScanRequest
  /** The groups that the engine reads itself. */
  groups: DecodedGroup[]
  /** For FROM: the rows that the schema accepts, the fields as `RowColumns` names them, `__t` (event time, microseconds) and `__known` (or null). */
  relation: string
  /** As `relation`, of all rows: for those who know that every one is accepted. Nothing is judged, and fewer columns are read. */
  unjudged: string
  /** `__file`, the path, and `__t` of each row of `relation`. */
  byFile: string
  /** The condition under which a row of `relation` belongs to an entity. */
  keyed: string
  /** Rows that `relation` was chosen from. */
  rows: number
  /** Rows that were refused while the relation was prepared, beside those in it. */
  rejectedBefore: number
}

export async function prepareScan(connection: DuckDBConnection, request: ScanRequest): Promise<Scan> {
  const { source, inputs } = request
  const ofFormat = (format: string): PinnedFile[] => inputs.files.filter(file => file.format === format)
  const groups = decodedGroups(source, await parquetGroups(connection, ofFormat('parquet')))
  let rejectedBefore = 0
  for (const [at, file] of ofFormat('csv').entries()) {
    const { group, malformed } = await loadCsv(connection, file, source.csv, {
      table: `csv${at}`,
      scratchDir: request.scratchDir,
      signal: request.signal,
      onShare: share =>
        request.onProgress({ stage: 'read', unit: 'bytes', done: Math.round(share * file.size), total: file.size }),
      onMalformed: request.onRejected,
    })
    groups.push(...decodedGroups(source, [group]))
    rejectedBefore += malformed
  }
  const selects = groups.map(decoded => rowsSql(request, decoded))
  let rows = 0
  for (const { group } of groups) rows += await countRows(connection, group)
  const ndjson = ofFormat('ndjson')
  if (ndjson.length > 0) {
    const loaded = await loadNdjson(connection, request, ndjson)
    rejectedBefore += loaded.rejected
    rows += loaded.kept
    selects.push({ valid: loaded.relation, all: loaded.relation, byFile: loaded.byFile })
  }
  if (selects.length === 0)
    selects.push({ valid: emptySql(source), all: emptySql(source), byFile: "SELECT '' AS __file, 0::BIGINT AS __t WHERE false" })
  return {
    request,
    groups,
    relation: `(${selects.map(({ valid }) => valid).join(' UNION ALL ')})`,
    unjudged: `(${selects.map(({ all }) => all).join(' UNION ALL ')})`,
    byFile: `(${selects.map(({ byFile }) => byFile).join(' UNION ALL ')})`,
    keyed: keyedSql(request),
    rows,
    rejectedBefore,
  }
}

async function countRows(connection: DuckDBConnection, group: FileGroup): Promise<number> {
  const reader = await connection.runAndReadAll(`SELECT count(*) FROM ${group.from()}`)
  return Number(reader.getRows()[0]![0])
}

export function decodedGroups(source: SourceDefinition, groups: readonly FileGroup[]): DecodedGroup[] {
  return groups.map(group => {
    const where = group.files[0]!.path
    const decoders = new Map<Field, Decoder>()
    for (const field of source.schema.fields) {
      const column = group.columns.get(field.name)
      if (column) decoders.set(field, decoderOf(field, column, source.zone, where))
      else if (!field.optional) throw missingColumn(field, group, where)
    }
    return { group, decoders }
  })
}

function missingColumn(field: Field, group: FileGroup, where: string): DataError {
  const names = [...group.columns.keys()]
  const [only] = names
  const delimiter = names.length === 1 ? [';', '\t', '|', ','].find(sign => only!.includes(sign)) : undefined
  const alike = nearest(field.name, names)
  const hint =
    delimiter !== undefined
      ? `Its fields seem to be separated by ${JSON.stringify(delimiter)}: declare csv: { delimiter: ${JSON.stringify(delimiter)} }.`
      : alike.startsWith('Did you mean')
        ? `${alike} Names are case-sensitive, and the schema's must be the file's.`
        : 'Name the column as the file does; make it `.optional()` only if files may lack it.'
  return new DataError(
    'data.missing-column',
    `${where}: column \`${field.name}\` is missing; the file has ${names.map(name => `\`${name}\``).join(', ')}`,
    { hint },
  )
}

/** One group's rows: those that the schema accepts, and all; and of the former the files that they stand in. */
function rowsSql(request: ScanRequest, decoded: DecodedGroup): { valid: string; all: string; byFile: string } {
  const { values, times, valid } = judgement(request, decoded)
  const all = `SELECT ${values.join(', ')}, ${times.t} AS __t, ${times.known} AS __known FROM ${decoded.group.from()}`
  // Bare conditions: the engine takes one after the other, each only over the rows that those before it have left.
  const byFile = `SELECT ${decoded.group.file} AS __file, ${times.t} AS __t FROM ${decoded.group.from()} WHERE ${valid}`
  return { valid: `${all} WHERE ${valid}`, all, byFile }
}

/** One file's refused rows: their position, `__t`, the row as JSON, and a column for each decoder. */
export function refusedSql(request: ScanRequest, decoded: DecodedGroup, file: PinnedFile): string {
  const { values, times, valid } = judgement(request, decoded)
  const { columns } = decoded.group
  const inner = [
    POSITION,
    ...[...columns.values()].map(({ sql }, at) => `${sql} AS __file${at}`),
    ...[...decoded.decoders.values()].map((decoder, at) => `${decoder.raw} AS __raw${at}`),
    ...values,
    `${times.t} AS __t`,
    `(${valid}) AS __valid`,
  ]
  const row = [...columns.keys()].map((name, at) => `${literal(name)}, __file${at}`)
  const raws = [...decoded.decoders.keys()].map((_, at) => `__raw${at}`)
  return `SELECT ${[POSITION, '__t', `json_object(${row.join(', ')})::VARCHAR`, ...raws].join(', ')}
    FROM (SELECT ${inner.join(', ')} FROM ${decoded.group.from(file)})
    WHERE ((__valid AND ${keyedSql(request)}) IS TRUE) = false`
}

/** The values, the times, and the condition under which schema and times accept the row, all over physical columns. */
function judgement({ source }: ScanRequest, { decoders }: DecodedGroup): { values: string[]; times: Times; valid: string } {
  const sqlOf: FieldSql = field => decoders.get(field) ?? { value: `NULL::${sqlType(field.type)}` }
  const times = timesOf(source, sqlOf)
  const conditions = source.schema.fields.flatMap(field => {
    const decoder = decoders.get(field)
    return decoder ? fieldConditions(field, decoder) : []
  })
  conditions.push(`${times.t} BETWEEN ${EARLIEST_INSTANT} AND ${LATEST_INSTANT}`)
  if (source.knownTime !== undefined) conditions.push(`${times.known} IS NOT NULL`)
  const values = source.schema.fields.map((field, at) => `${sqlOf(field).value} AS c${at}`)
  return { values, times, valid: conditions.join(' AND ') }
}

function fieldConditions(field: Field, decoder: Decoder): string[] {
  const conditions = [...decoder.conditions, ...field.checks.map(check => checkSql(check, decoder.value))]
  const present = decoder.value === decoder.raw ? [] : [`${decoder.value} IS NOT NULL`]
  if (field.nullable || field.optional) {
    const all = [...present, ...conditions]
    return all.length === 0 ? [] : [`(${decoder.raw} IS NULL OR (${all.join(' AND ')}))`]
  }
  // An instant's range holds no null.
  return decoder.micros === undefined ? [`${decoder.value} IS NOT NULL`, ...conditions] : conditions
}

function emptySql(source: SourceDefinition): string {
  const columns = source.schema.fields.map(({ type }, at) => `NULL::${sqlType(type)} AS c${at}`)
  return `SELECT ${columns.join(', ')}, NULL::BIGINT AS __t, NULL::BIGINT AS __known WHERE false`
}
