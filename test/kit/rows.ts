/** Lines of JSON, read into rows as a run reads them, and what zod alone makes of the same lines. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { z } from 'zod'
import type { Value } from '../../src/domain/columnType.ts'
import type { RejectedRow } from '../../src/domain/rejectedRows.ts'
import type { Issue, RowSchema } from '../../src/domain/schema.ts'
import type { ObjectsSource } from '../../src/domain/source.ts'
import { EARLIEST_INSTANT, LATEST_INSTANT, parseInstant } from '../../src/domain/time.ts'
import { instantOfText } from '../../src/domain/zonedTime.ts'
import { loadNdjson } from '../../src/engine/duckdb/ndjson.ts'
import { decodeJson, parseJson } from '../../src/validation/decodeShape.ts'
import { storedValue } from '../../src/validation/outputs.ts'
import { readSchema } from '../../src/validation/readSchema.ts'
import { duckdb } from './parquet.ts'
import { scratch } from './scratch.ts'

const folder = scratch('rows')
let files = 0

export function schemaOf(object: z.ZodType): RowSchema {
  const read = readSchema(object)
  if ('faults' in read) throw new Error(JSON.stringify(read.faults))
  return read.schema
}

export interface RowsOptions {
  eventTime?: ObjectsSource['eventTime']
  knownTime?: string
  zone?: string
  keys?: string[]
  partition?: Record<string, string>
}

export interface ReadRows {
  /** Values in the order of the fields. */
  kept: Value[][]
  times: { t: bigint; known: bigint | null }[]
  rejected: RejectedRow[]
}

/** The rows of a file of these bytes, as the engine sees them. */
export async function readRows(schema: RowSchema, bytes: string | Buffer, options: RowsOptions = {}): Promise<ReadRows> {
  const { eventTime = { column: 'time' }, knownTime, zone, keys = [], partition = {} } = options
  const path = join(folder, `${files++}.ndjson`)
  writeFileSync(path, bytes)
  const source: ObjectsSource = {
    kind: 'objects',
    name: 'rows',
    uri: path,
    projectDir: folder,
    schema,
    eventTime,
    ...(knownTime === undefined ? {} : { knownTime }),
    ...(zone === undefined ? {} : { zone }),
    allowEmpty: false,
    csv: { delimiter: ',', quote: '"', header: true, nullText: '', encoding: 'utf-8' },
  }
  const file = {
    path,
    hash: path,
    size: bytes.length,
    modifiedAt: '0',
    format: 'ndjson' as const,
    compression: 'none' as const,
    partition,
  }
  const rejected: RejectedRow[] = []
  const loaded = await loadNdjson(
    {
      source,
      inputs: { source: 'rows', files: [file] },
      keys,
      setName: 'set',
      scratchDir: folder,
      onRejected: async rows => void rejected.push(...rows),
      onProgress: () => undefined,
      signal: new AbortController().signal,
    },
    [file],
  )
  const connection = await duckdb()
  // The client drops a byte order mark that begins a text.
  const columns = schema.fields.map(({ type }, at) => {
    if (type.kind === 'string') return `'.' || c${at}`
    return type.kind === 'timestamp' ? `epoch_us(c${at})` : type.kind === 'decimal' ? `c${at}::VARCHAR` : `c${at}`
  })
  const reader = await connection.runAndReadAll(`SELECT ${[...columns, '__t', '__known'].join(', ')} FROM (${loaded.relation})`)
  await loaded.release()
  const rows = reader.getRows()
  const { length } = schema.fields
  return {
    kept: rows.map(row =>
      schema.fields.map(({ type }, at) => {
        const value = row[at] as Value
        return type.kind === 'string' && value !== null ? String(value).slice(1) : value
      }),
    ),
    times: rows.map(row => ({ t: row[length] as bigint, known: row[length + 1] as bigint | null })),
    rejected,
  }
}

/** What a line is by JSON.parse and zod alone; null of a blank one. */
export type Expected = { values: Value[] } | { issues: Pick<Issue, 'path' | 'code'>[] } | null

const refused = (path: string, code: string): Expected => ({ issues: [{ path, code }] })

/** Of a line that is UTF-8. `time` is an instant or a text that is one. */
export function expectedRow(schema: RowSchema, line: string, zone: string | undefined): Expected {
  if (line.trim() === '') return null
  let row: Record<string, unknown>
  try {
    row = parseJson(line.replace(/^\ufeff/, '')) as Record<string, unknown>
  } catch {
    return refused('', 'malformed')
  }
  if (typeof row !== 'object' || row === null || Array.isArray(row)) return refused('', 'malformed')
  const seen: Record<string, unknown> = Object.assign(Object.create(null), row)
  for (const { name, nullable, optional, shape } of schema.fields) {
    if (!Object.hasOwn(row, name)) continue
    if (row[name] === null && optional && !nullable) delete seen[name]
    else seen[name] = decodeJson(shape, row[name], zone)
  }
  const verdict = schema.validate(seen)
  if (!verdict.ok) return { issues: verdict.issues.map(({ path, code }) => ({ path, code })) }
  const values = schema.fields.map(field => {
    const [given, shown, output] = [row[field.name], seen[field.name], verdict.row[field.name]]
    const isKept = shown instanceof Date && output instanceof Date && shown.getTime() === output.getTime()
    // The instant itself, of which zod has seen the millisecond.
    const exact = isKept && typeof given === 'string' ? instantOfText(given, zone) : undefined
    return utf8(exact ?? storedValue(field, output)!)
  })
  const time = values[schema.fields.findIndex(({ name }) => name === 'time')]
  const t = typeof time === 'string' ? parseInstant(time) : time
  if (t === null || t === undefined) return refused('time', 'no_event_time')
  if ((t as bigint) < EARLIEST_INSTANT || (t as bigint) > LATEST_INSTANT) return refused('time', 'event_time_range')
  return { values }
}

const utf8 = (value: Value): Value => (typeof value === 'string' ? value.toWellFormed() : value)
