/** The input rows of a unit case as one file, of the format that the source's own files have: what reads them is what reads those. */
import { createHash, randomUUID } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ColumnType, Value } from '../domain/columnType.ts'
import { isFloat } from '../domain/columnType.ts'
import type { Engine } from '../domain/engine.ts'
import { DefinitionError } from '../domain/errors.ts'
import type { Field } from '../domain/schema.ts'
import type { FileFormat, PinnedFile, SourceDefinition } from '../domain/source.ts'
import { fromDate, parseInstant } from '../domain/time.ts'
import type { InputRow } from '../domain/unitCase.ts'

export interface CaseParts {
  engine: Engine
  /** A folder for files of this process. */
  scratchDir: string
}

/** The file holds the rows in their order. */
export async function writeInput(source: SourceDefinition, rows: readonly InputRow[], parts: CaseParts): Promise<PinnedFile> {
  const format = formatOf(source)
  const names = [...new Set([...source.schema.fields.map(({ name }) => name), ...rows.flatMap(row => Object.keys(row))])]
  const path =
    format === 'parquet'
      ? await parquetFile(source, { names, rows }, parts.engine)
      : join(parts.scratchDir, `case-${randomUUID()}.${format}`)
  if (format === 'csv') await writeFile(path, csvText(names, rows))
  if (format === 'ndjson') await writeFile(path, rows.map(row => `${jsonText(row)}\n`).join(''))
  const bytes = await readFile(path)
  const hash = createHash('sha256').update(bytes).digest('hex')
  return { path, hash, size: bytes.length, modifiedAt: 'racy', format, compression: 'none', partition: {} }
}

/** The one that the pattern names; Parquet, whose columns have types, where it names none or several. Messages are as JSON. */
function formatOf(source: SourceDefinition): FileFormat {
  if (source.kind === 'kafka') return 'ndjson'
  const { uri, schema } = source
  const namedBy = (text: string, pattern: RegExp): Set<string> =>
    new Set([...text.matchAll(pattern)].map(([, extension]) => extension!.replace('jsonl', 'ndjson')))
  const byFile = namedBy(uri.slice(uri.lastIndexOf('/') + 1), /[.{,](parquet|csv|ndjson|jsonl)\b/g)
  const named = (byFile.size > 0 ? byFile : namedBy(uri, /\b(parquet|csv|ndjson|jsonl)\b/g)) as Set<FileFormat>
  const format = named.size === 1 ? [...named][0]! : 'parquet'
  const names = new Set(schema.fields.map(({ name }) => name.toLowerCase()))
  // The engine writes no two columns that differ by their case alone, and nested values only as text.
  const isPlain = names.size === schema.fields.length && schema.fields.every(({ input }) => input !== 'any')
  return format === 'parquet' && !isPlain ? 'csv' : format
}

/** Texts are quoted, so that an empty one is no null. */
function csvText(names: readonly string[], rows: readonly InputRow[]): string {
  const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`
  const cell = (value: unknown): string => {
    if (value === null || value === undefined) return ''
    return value instanceof Date ? value.toISOString() : quoted(typeof value === 'object' ? jsonText(value) : String(value))
  }
  const lines = [names.map(quoted), ...rows.map(row => names.map(name => cell(row[name])))]
  return lines.map(line => `${line.join(',')}\n`).join('')
}

/** As JSON.stringify, with all digits of 64-bit integers. */
function jsonText(value: unknown): string {
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new DefinitionError('definition.case', `a row holds ${value}, which JSON cannot write`, {
      hint: 'Leave it out of the case.',
    })
  }
  if (Array.isArray(value)) return `[${value.map(one => jsonText(one ?? null)).join(',')}]`
  if (typeof value !== 'object' || value === null || value instanceof Date) return JSON.stringify(value)
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${jsonText(member)}`).join(',')}}`
}

async function parquetFile(
  { schema, zone }: SourceDefinition,
  { names, rows }: { names: readonly string[]; rows: readonly InputRow[] },
  engine: Engine,
): Promise<string> {
  const fields = new Map(schema.fields.map(field => [field.name, field]))
  const columns = names.map(name => ({ ...parquetColumn(name, fields.get(name), { rows, zone }), name }))
  const writer = await engine.writeRows(columns.map(({ name, type }) => ({ name, type, nullable: true })))
  try {
    await writer.write({ rows: rows.length, columns: columns.map(({ values }) => values) })
    return (await writer.finish())[0]!.localPath
  } catch (error) {
    await writer.abandon()
    throw error
  }
}

interface ParquetColumn {
  type: ColumnType
  values: Value[]
}

/** Of the type that the values have: a file may hold doubles where the schema wants integers, and rows are refused for it. */
function parquetColumn(
  name: string,
  field: Field | undefined,
  { rows, zone }: { rows: readonly InputRow[]; zone: string | undefined },
): ParquetColumn {
  const type = field && TYPES[field.input] ? TYPES[field.input]!(field) : ({ kind: 'string' } as const)
  const given = rows.map(row => row[name] ?? null)
  const present = given.filter(value => value !== null)
  const every = (...types: string[]): boolean => present.every(value => types.includes(typeof value))
  if (present.length === 0)
    return { type: WRITABLE.includes(type.kind) ? type : { kind: 'string' }, values: given.map(() => null) }
  if (type.kind === 'timestamp' || present.some(value => value instanceof Date)) {
    return { type: { kind: 'timestamp' }, values: given.map(value => (value === null ? null : instantOf(name, value, zone))) }
  }
  if (every('boolean')) return { type: { kind: 'boolean' }, values: given as boolean[] }
  if (every('string')) return { type: { kind: 'string' }, values: given as string[] }
  if (every('number', 'bigint')) {
    const whole = !isFloat(type) && present.every(value => typeof value === 'bigint' || Number.isSafeInteger(value))
    if (!whole) return { type: { kind: 'double' }, values: given.map(value => (value === null ? null : Number(value))) }
    if (present.every(value => BigInt.asIntN(64, BigInt(value as number)) === BigInt(value as number)))
      return { type: { kind: 'int64' }, values: given.map(value => (value === null ? null : BigInt(value as number))) }
  }
  throw new DefinitionError(
    'definition.case',
    `column \`${name}\` holds ${shownValues(present)}, which no Parquet column can hold together`,
    {
      hint: 'A column has one type: a file with another one ends a run, and rejects no row.',
    },
  )
}

/** What a file holds that was written for the schema, by what zod expects. */
const TYPES: Partial<Record<Field['input'], (field: Field) => ColumnType>> = {
  boolean: () => ({ kind: 'boolean' }),
  date: () => ({ kind: 'timestamp' }),
  bigint: () => ({ kind: 'int64' }),
  number: ({ type }) => (type.kind === 'int32' || type.kind === 'int64' ? type : { kind: 'double' }),
}

const WRITABLE = ['boolean', 'int32', 'int64', 'float', 'double', 'string', 'timestamp']

/** A text without an offset is read in the source's zone, where that is UTC. */
function instantOf(name: string, value: unknown, zone: string | undefined): bigint {
  if (value instanceof Date) return fromDate(value)
  const text = String(value)
  const local = /^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00Z` : `${text}Z`
  const instant = parseInstant(text) ?? (zone === 'UTC' ? parseInstant(local) : undefined)
  if (instant !== undefined && typeof value === 'string') return instant
  throw new DefinitionError('definition.case', `column \`${name}\` holds \`${text}\`, which is no instant`, {
    hint: "Write a Date, or a text with its offset such as '2026-01-31T00:00:00Z': a Parquet column of instants holds nothing else.",
  })
}

function shownValues(values: readonly unknown[]): string {
  const shown = new Map(
    values.map(value => [typeof value, typeof value === 'string' ? `'${value.slice(0, 40)}'` : String(value)]),
  )
  return [...shown.values()].join(' and ')
}
