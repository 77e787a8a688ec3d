/** From a source's files to one relation of decoded and judged rows. */
import type { DuckDBConnection } from '@duckdb/node-api'
import { DataError } from '../../domain/errors.ts'
import { nearest } from '../../domain/nearest.ts'
import type { Field } from '../../domain/schema.ts'
import type { LocalFile, SourceDefinition } from '../../domain/source.ts'
import { EARLIEST_INSTANT, LATEST_INSTANT } from '../../domain/time.ts'
import { loadCsv } from './csv.ts'
import type { Decoder, PhysicalColumn } from './decode.ts'
import { decoderOf } from './decode.ts'
import type { DecodedGroup } from './decodedGroup.ts'
import { decoderIn, fieldOf, fromSql, sentSql } from './decodedGroup.ts'
import { sqlType } from './expressionSql.ts'
import type { FileGroup } from './fileGroups.ts'
import { POSITION, parquetGroups } from './fileGroups.ts'
import { judgeValues } from './judgeValues.ts'
import { judgeWholeRows } from './judgeWholeRows.ts'
import { loadNdjson } from './ndjson.ts'
import { judgedOfRetraction, retractionSql } from './retraction.ts'
import type { ScanRequest, Times, ValueSql } from './scanRequest.ts'
import { keyColumns, keyedSql, keyFields, timesOf } from './scanRequest.ts'
import { literal } from './sql.ts'

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
  /** Sentences about the files for people. */
  notes: string[]
  /** Rows that were refused while the relation was prepared, beside those in it. */
  rejectedBefore: number
  /** Removes what was written for it; its relations cannot be read any more. */
  release: () => Promise<void>
}

export async function prepareScan(connection: DuckDBConnection, request: ScanRequest): Promise<Scan> {
  const { source, inputs } = request
  const ofFormat = (format: string): LocalFile[] => inputs.files.filter(file => file.format === format)
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
  for (const [at, decoded] of groups.entries()) {
    request.signal.throwIfAborted()
    await judgeValues(connection, decoded, at)
    if (source.schema.wholeRow === undefined) continue
    const { valid, retraction } = judgement(request, decoded)
    await judgeWholeRows(connection, request, decoded, retraction === undefined ? valid : `NOT ${retraction} AND ${valid}`)
  }
  const selects = groups.map(decoded => rowsSql(request, decoded))
  let rows = 0
  let release = async (): Promise<void> => undefined
  for (const { group } of groups) rows += await countRows(connection, group)
  const ndjson = ofFormat('ndjson')
  if (ndjson.length > 0) {
    const loaded = await loadNdjson(request, ndjson)
    release = loaded.release
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
    notes: groups.flatMap(decoded => otherCases(source.schema.fields, decoded.group)),
    rejectedBefore,
    release,
  }
}

async function countRows(connection: DuckDBConnection, group: FileGroup): Promise<number> {
  const reader = await connection.runAndReadAll(`SELECT count(*) FROM ${group.from()}`)
  return Number(reader.getRows()[0]![0])
}

export function decodedGroups(source: SourceDefinition, groups: readonly FileGroup[]): DecodedGroup[] {
  const { fields, extra } = source.schema
  const known = new Set(fields.map(({ name }) => name))
  return groups.map(group => {
    const where = group.files[0]!.path
    const decoded: DecodedGroup = { group, decoders: new Map(), extras: new Map(), judged: new Map(), refused: undefined }
    for (const field of fields) {
      const column = group.columns.get(field.name)
      if (column) decoded.decoders.set(field, decoderOf(field, column, source.zone, where))
      else if (!field.optional) throw missingColumn(field, group, where)
    }
    if (extra.kind === 'ignored') return decoded
    for (const [name, column] of group.columns) {
      if (known.has(name)) continue
      const field = extra.field(name)
      // Of what must not be there nobody asks what it is.
      const forbidden: Decoder = { value: undefined, conditions: [], raw: column.sql, seen: String }
      decoded.extras.set(field, extra.kind === 'refused' ? forbidden : decoderOf(field, column, source.zone, where))
    }
    return decoded
  })
}

/** Columns that may be absent, and that a file has in other case: their values are not read. */
function otherCases(fields: readonly Field[], { files, columns }: FileGroup): string[] {
  return fields.flatMap(({ name }) => {
    if (columns.has(name)) return []
    const alike = [...columns.keys()].find(column => column.toLowerCase() === name.toLowerCase())
    if (alike === undefined) return []
    const which = `${files[0]!.path}${files.length > 1 ? ` and ${files.length - 1} more` : ''}`
    return [`${which}: column \`${name}\` is absent, and \`${alike}\` is not read: names are case-sensitive`]
  })
}

function missingColumn(field: Field, group: FileGroup, where: string): DataError {
  const names = [...group.columns.keys()]
  const [only] = names
  const delimiter = names.length === 1 ? [';', '\t', '|', ','].find(sign => only!.includes(sign)) : undefined
  const alike = nearest(field.name, names)
  const isHeaderless = group.files[0]?.format === 'csv' && names.some(name => /^-?\d[\d.]*$|^\d{4}-\d\d-\d\d/.test(name))
  const hint = isHeaderless
    ? 'Its first line looks like a row: declare csv: { header: false }; its columns are then called column0, column1, ...'
    : delimiter !== undefined
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
  const columns = `${values.join(', ')}, ${times.t} AS __t, ${times.known} AS __known`
  // Bare conditions: the engine takes one after the other, each only over the rows that those before it have left.
  const accepted = (select: string): string => {
    const { refused, group } = decoded
    if (refused === undefined) return `SELECT ${select} FROM ${fromSql(decoded)} WHERE ${valid}`
    const each = group.files.map(
      file => `SELECT ${select} FROM ${fromSql(decoded, file)} WHERE ${valid} AND ${passesWhole(refused, group, file)}`,
    )
    return each.join(' UNION ALL ')
  }
  return {
    valid: accepted(columns),
    all: `SELECT ${columns} FROM ${fromSql(decoded)}`,
    byFile: accepted(`${decoded.group.file} AS __file, ${times.t} AS __t`),
  }
}

const passesWhole = (refused: string, { files }: FileGroup, file: LocalFile): string =>
  `${POSITION} NOT IN (SELECT position FROM ${refused} WHERE file = ${files.indexOf(file)})`

/**
 * One file's refused rows. `rows`: the row counted from 1, its `raw` JSON, and its `__kind`, a text that is equal where the same
 * columns have failed with the same values. `kinds`: of each kind the number of rows, and of one of them `__t` and a column for
 * each decoder, those of extra columns last.
 */
export function refusedSql(request: ScanRequest, decoded: DecodedGroup, file: LocalFile): { kinds: string; rows: string } {
  const { values, valid, times, parts, retraction } = judgement(request, decoded)
  const { group, refused } = decoded
  const decoders = [...decoded.decoders.values(), ...decoded.extras.values()]
  const whole = refused === undefined ? 'true' : passesWhole(refused, group, file)
  const failed = parts.map(({ field, conditions }, at) => {
    const decoder = field && decoderIn(decoded, field)
    const text = decoder ? kindText(decoder, group.columns.get(field.name)!.type) : "''"
    return `CASE WHEN (${conditions.join(' AND ')}) IS TRUE THEN '' ELSE concat('${at}', ${text}, ';') END`
  })
  const nulls = keyColumns(request).map((column, at) => `CASE WHEN ${column} IS NULL THEN 'k${at}' ELSE '' END`)
  // Where the row as a whole is judged, each row speaks for itself.
  const kind =
    request.source.schema.wholeRow === undefined
      ? `concat(${["''", ...failed].join(', ')})`
      : `CASE WHEN (${valid}) IS TRUE AND (${whole}) THEN '' ELSE concat('r', ${POSITION}) END`
  const columns = rawColumns(request, group)
  const rawRow = `json_object(${columns.map(([name, { sql }]) => `${literal(name)}, ${sql}`).join(', ')})::VARCHAR`
  const ofRow = retraction === undefined ? '' : `NOT ${retraction} AND `
  const isRefused = [
    `(${valid}) IS NOT TRUE`,
    `(${whole}) IS NOT TRUE`,
    // Not by the names that the values are given here: the files may have columns that are called so.
    ...keyFields(request).map(field => `${ofRow}(${fieldOf(decoded, field).value}) IS NULL`),
  ].join(' OR ')
  const refusedRows = (
    more: readonly string[],
  ): string => `SELECT ${['*', `concat(${['__failed', ...nulls].join(', ')}) AS __kind`].join(', ')}
    FROM (SELECT ${[POSITION, ...values, `${times.t} AS __t`, `${kind} AS __failed`, ...more].join(', ')}
      FROM ${fromSql(decoded, file)} WHERE ${isRefused})`
  const raws = decoders.map((decoder, at) => `${sentSql(decoder, decoder.raw)} AS __raw${at}`)
  const firsts = ['__t', ...decoders.map((_, at) => `__raw${at}`)].map(name => `any_value(${name}) AS ${name}`)
  return {
    kinds: `SELECT __kind, count(*) AS __rows, ${firsts.join(', ')} FROM (${refusedRows(raws)}) GROUP BY __kind`,
    rows: `SELECT ${POSITION} + 1 AS row, __row AS raw, __kind FROM (${refusedRows([`${rawRow} AS __row`])})`,
  }
}

/** Of Parquet that was brought here the columns of the schema: whether others came along is by chance. */
function rawColumns({ source: { schema } }: ScanRequest, { files, columns }: FileGroup): [string, PhysicalColumn][] {
  const isPart =
    schema.extra.kind === 'ignored' && files.some(({ format, localPath }) => format === 'parquet' && localPath !== undefined)
  return [...columns].filter(([name]) => !isPart || schema.fields.some(field => field.name === name))
}

const SIMPLE = /^(U?(TINYINT|SMALLINT|INTEGER|BIGINT)|DOUBLE|FLOAT|BOOLEAN|DATE|TIMESTAMP.*)$/

/** A text for a raw value, null and others told apart, whose end is known. */
function kindText({ raw }: Decoder, type: string): string {
  const text = `(${raw})::VARCHAR`
  return SIMPLE.test(type) ? text : `strlen(${text}) || ':' || ${text}`
}

/** Conditions on one column, or on the times where `field` is undefined. */
interface Part {
  field: Field | undefined
  conditions: string[]
}

interface Judgement {
  values: string[]
  times: Times
  parts: Part[]
  /** The condition under which schema and times accept the row. */
  valid: string
  /** Whether the row takes back others; undefined where none does. */
  retraction: string | undefined
}

/** All over physical columns. */
function judgement({ source }: ScanRequest, decoded: DecodedGroup): Judgement {
  const { fields } = source.schema
  const columns = new Map([...fields, ...decoded.extras.keys()].map(field => [field, fieldOf(decoded, field)]))
  const sqlOf: ValueSql = field => columns.get(field)!
  const times = timesOf(source, sqlOf)
  const retraction = retractionSql(source, field => columns.get(field)!)
  const always = new Set(judgedOfRetraction(source))
  const isWaived = (field: Field): boolean => retraction !== undefined && !always.has(field)
  const parts: Part[] = [...columns].map(([field, column]) => {
    // What an event time can be is narrower than what a date can be.
    const range =
      field.name === source.eventTime.column && column.micros !== undefined ? decoderIn(decoded, field)!.conditions : []
    const conditions = column.conditions.filter(condition => !range.includes(condition))
    return { field, conditions: isWaived(field) ? conditions.map(condition => `(${retraction} OR (${condition}))`) : conditions }
  })
  const ofTime = fields.find(({ name }) => name === source.eventTime.column)
  parts.push({ field: ofTime, conditions: [`${times.t} BETWEEN ${EARLIEST_INSTANT} AND ${LATEST_INSTANT}`] })
  if (source.knownTime !== undefined) parts.push({ field: undefined, conditions: [`${times.known} IS NOT NULL`] })
  const judged = parts.filter(({ conditions }) => conditions.length > 0)
  const decodedSql = (field: Field): string =>
    isWaived(field) ? `CASE WHEN NOT ${retraction} THEN ${sqlOf(field).value} END` : sqlOf(field).value
  const values = fields.map((field, at) => `${decodedSql(field)} AS c${at}`)
  return { values, times, parts: judged, valid: judged.flatMap(({ conditions }) => conditions).join(' AND '), retraction }
}

function emptySql(source: SourceDefinition): string {
  const columns = source.schema.fields.map(({ type }, at) => `NULL::${sqlType(type)} AS c${at}`)
  return `SELECT ${columns.join(', ')}, NULL::BIGINT AS __t, NULL::BIGINT AS __known WHERE false`
}
