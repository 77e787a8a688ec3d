/** From a source's files to one relation of decoded and judged rows. */
import type { DuckDBConnection } from '@duckdb/node-api'
import { DataError } from '../../domain/errors.ts'
import type { Field } from '../../domain/schema.ts'
import type { PinnedFile, SourceDefinition } from '../../domain/source.ts'
import { EARLIEST_INSTANT, LATEST_INSTANT } from '../../domain/time.ts'
import { checkSql } from './checksSql.ts'
import { loadCsv } from './csv.ts'
import type { Decoder } from './decode.ts'
import { decoderOf } from './decode.ts'
import { sqlType } from './expressionSql.ts'
import type { FileGroup } from './fileGroups.ts'
import { parquetGroups } from './fileGroups.ts'
import { loadNdjson } from './ndjson.ts'
import type { ScanRequest, Times } from './scanRequest.ts'
import { keysThatMayBeNull, timesOf } from './scanRequest.ts'
import { identifier } from './sql.ts'

/** A group of files with its decoders, by field. */
export interface DecodedGroup {
  group: FileGroup
  decoders: Map<Field, Decoder>
}

export interface Scan {
  request: ScanRequest
  /** The groups that the engine reads itself. */
  groups: DecodedGroup[]
  /**
   * For FROM: every field under its own name and type, `__t` (event time, microseconds), `__known` (or null), and two verdicts,
   * never null: `__valid`, the schema accepts the row, and `__ok`, the key does too.
   */
  relation: string
  /** Rows of `relation`. */
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
    })
    groups.push(...decodedGroups(source, [group]))
    rejectedBefore += malformed.length
    if (malformed.length > 0) await request.onRejected(malformed)
  }
  const selects = groups.map(decoded => acceptedSql(request, decoded))
  let rows = 0
  for (const { group } of groups) rows += await countRows(connection, group)
  const ndjson = ofFormat('ndjson')
  if (ndjson.length > 0) {
    const loaded = await loadNdjson(connection, request, ndjson)
    rejectedBefore += loaded.rejected
    rows += loaded.kept
    selects.push(loaded.relation)
  }
  if (selects.length === 0) selects.push(emptySql(source))
  return { request, groups, relation: `(${selects.join(' UNION ALL ')})`, rows, rejectedBefore }
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
  const alike = names.find(name => name.toLowerCase() === field.name.toLowerCase())
  return new DataError(
    'data.missing-column',
    `${where}: column \`${field.name}\` is missing; the file has ${names.map(name => `\`${name}\``).join(', ')}`,
    {
      hint: alike
        ? `Names are case-sensitive: did you mean \`${alike}\`?`
        : 'Name the column as the file does, or make it `.optional()` in the schema.',
    },
  )
}

/** One group's rows, decoded and judged. */
function acceptedSql(request: ScanRequest, decoded: DecodedGroup): string {
  const { values, schema, timed, keyed, times } = judgement(request, decoded)
  const names = request.source.schema.fields.map(({ name }) => identifier(name))
  const verdicts = `((__schema AND ${timed}) IS TRUE) AS __valid, ((__schema AND ${timed} AND ${keyed}) IS TRUE) AS __ok`
  return `SELECT ${names.join(', ')}, ${times.t} AS __t, ${times.known} AS __known, ${verdicts}
    FROM (SELECT ${values.join(', ')}, (${schema}) AS __schema FROM ${decoded.group.from()})`
}

/** One file's refused rows: `position`, `__t`, and `raw0`, `raw1`, ..., a column for each decoder. */
export function refusedSql(request: ScanRequest, decoded: DecodedGroup, file: PinnedFile): string {
  const { values, schema, timed, keyed, times } = judgement(request, decoded)
  const raws = [...decoded.decoders.values()].map((decoder, at) => `${decoder.raw} AS raw${at}`)
  const names = raws.map((_, at) => `raw${at}`)
  return `SELECT position, ${times.t} AS __t${['', ...names].join(', ')}
    FROM (SELECT position, ${[...values, ...raws].join(', ')}, (${schema}) AS __schema FROM ${decoded.group.from(file)})
    WHERE ((__schema AND ${timed} AND ${keyed}) IS TRUE) = false`
}

/** The verdict in three parts: what is said of physical columns, and of times and keys, which are taken from decoded ones. */
function judgement(
  request: ScanRequest,
  { decoders }: DecodedGroup,
): { values: string[]; schema: string; timed: string; keyed: string; times: Times } {
  const { source } = request
  const values: string[] = []
  const conditions: string[] = []
  for (const field of source.schema.fields) {
    const decoder = decoders.get(field)
    values.push(`${decoder ? decoder.value : `NULL::${sqlType(field.type)}`} AS ${identifier(field.name)}`)
    if (decoder) conditions.push(...fieldConditions(field, decoder))
  }
  const times = timesOf(source)
  const timed = [`${times.t} BETWEEN ${EARLIEST_INSTANT} AND ${LATEST_INSTANT}`]
  if (source.knownTime !== undefined) timed.push(`${times.known} IS NOT NULL`)
  const present = keysThatMayBeNull(request).map(name => `${identifier(name)} IS NOT NULL`)
  return {
    values,
    schema: conditions.join(' AND ') || 'true',
    timed: timed.join(' AND '),
    keyed: present.join(' AND ') || 'true',
    times,
  }
}

function fieldConditions(field: Field, decoder: Decoder): string[] {
  const conditions = [...decoder.conditions, ...field.checks.map(check => checkSql(check, decoder.value))]
  const present = decoder.value === decoder.raw ? [] : [`${decoder.value} IS NOT NULL`]
  if (field.nullable || field.optional) {
    const all = [...present, ...conditions]
    return all.length === 0 ? [] : [`(${decoder.raw} IS NULL OR (${all.join(' AND ')}))`]
  }
  return [`${decoder.value} IS NOT NULL`, ...conditions]
}

function emptySql(source: SourceDefinition): string {
  const columns = source.schema.fields.map(({ name, type }) => `NULL::${sqlType(type)} AS ${identifier(name)}`)
  return `SELECT ${columns.join(', ')}, NULL::BIGINT AS __t, NULL::BIGINT AS __known, false AS __valid, false AS __ok WHERE false`
}
