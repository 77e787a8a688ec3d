/** One generated schema against files of each format: what the engine's scan makes of the rows, and what the oracle does. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { RejectedRow } from '../../src/domain/rejectedRows.ts'
import type { Issue, RowSchema } from '../../src/domain/schema.ts'
import type { FileFormat, SourceDefinition } from '../../src/domain/source.ts'
import { RejectStage } from '../../src/engine/duckdb/rejectStage.ts'
import { stageRejects } from '../../src/engine/duckdb/rejects.ts'
import { prepareScan } from '../../src/engine/duckdb/scan.ts'
import { pinned } from './computing.ts'
import type { Random } from './random.ts'
import type { Shape } from './zodColumn.ts'
import type { OracleSchema, Outcome } from './zodOracle.ts'
import { outcomeOf, seenInJson } from './zodOracle.ts'
import type { Row, SeenRow, Wants } from './zodRows.ts'
import { EXTRA, rowsOf, seenOfLine, writeCsv, writeNdjson, writeParquet } from './zodRows.ts'
import { jsonOf } from './zodSamples.ts'
import type { SchemaCase } from './zodSchemas.ts'
import { ROW } from './zodSchemas.ts'

export interface ProofOptions {
  /** The engine's, and one to write Parquet with. */
  connection: DuckDBConnection
  writer: DuckDBConnection
  folder: string
  random: Random
  rows: number
}

export interface Difference {
  format: FileFormat
  column?: string
  message: string
}

export interface Proof {
  cases: number
  accepted: number
  differences: Difference[]
}

let files = 0

/** Tries one schema, as `readSchema` read it. */
export async function prove(tried: SchemaCase, schema: RowSchema, options: ProofOptions): Promise<Proof> {
  const { random } = options
  const shapes = new Map<string, Shape>([
    [ROW, { kind: 'number' }],
    ...tried.columns.map(({ name, column }) => [name, column.wants] as const),
  ])
  const wants: Wants = { of: name => shapes.get(name) ?? tried.extraWants, isNamed: name => shapes.has(name) }
  const oracle = oracleOf(tried, schema)
  const rows = rowsOf(tried, options.rows, random, (sample, shape) => {
    try {
      return seenInJson(shape, JSON.parse(jsonOf(sample))).value
    } catch {
      return undefined
    }
  })
  const names = [ROW, ...tried.columns.map(({ name }) => name), ...(tried.extra ? [EXTRA] : [])]
  const proof: Proof = { cases: 0, accepted: 0, differences: [] }
  for (const format of ['ndjson', 'csv', 'parquet'] as const) {
    // JSON has no dates: such a source is refused.
    if (format === 'ndjson' && tried.columns.some(({ column }) => column.wants.kind === 'date' && !column.wants.coerce)) continue
    // The engine may remember what stood under a name.
    const path = join(options.folder, `rows${files++}.${format}`)
    const { seen, types } = await written(format, path, { names, rows, wants, options })
    const got = await scanned(schema, format, path, options)
    rmSync(path)
    compare({ format, oracle, rows, seen, got, types }, proof)
  }
  return proof
}

function oracleOf(tried: SchemaCase, schema: RowSchema): OracleSchema {
  const columns = schema.fields.map(({ name, type, isJson, byZod, steps }) => {
    const found = tried.columns.find(column => column.name === name)
    return {
      name,
      type,
      isJson,
      losesSign: byZod !== undefined || steps?.some(({ kind }) => kind === 'oneOf') === true,
      wants: found?.column.wants ?? ({ kind: 'number' } as const),
      schema: found?.schema ?? tried.schema.shape[ROW]!,
    }
  })
  return { schema: tried.schema, columns: columns as OracleSchema['columns'], extra: tried.extra }
}

interface Written {
  names: string[]
  rows: Row[]
  wants: Wants
  options: ProofOptions
}

async function written(
  format: FileFormat,
  path: string,
  { names, rows, wants, options }: Written,
): Promise<{ seen: SeenRow[]; types?: string[] }> {
  switch (format) {
    case 'ndjson':
      return { seen: writeNdjson(path, rows, options.random).map(line => seenOfLine(line, wants)) }
    case 'csv':
      return { seen: writeCsv(path, names, rows, options.random, wants) }
    case 'parquet':
      return writeParquet(options.writer, path, names, rows, options.random, wants)
  }
}

/** What the engine's scan makes of a file. */
export interface Scanned {
  /** By position in the file, from 0. */
  refused: Map<number, string[]>
  /** By the row's own number. */
  accepted: Map<number, unknown[]>
  error?: string
}

export async function scanned(
  schema: RowSchema,
  format: FileFormat,
  path: string,
  { connection, folder }: Pick<ProofOptions, 'connection' | 'folder'>,
): Promise<Scanned> {
  const source: SourceDefinition = {
    kind: 'objects',
    name: 'tried',
    uri: path,
    projectDir: folder,
    schema,
    eventTime: { column: ROW, unit: 'ms' },
    zone: 'UTC',
    allowEmpty: false,
    csv: { delimiter: ',', quote: '"', header: true, nullText: '', encoding: 'utf-8' },
  }
  const got: Scanned = { refused: new Map(), accepted: new Map() }
  const refusals = new Refusals(connection, source)
  try {
    const scan = await prepareScan(connection, {
      source,
      inputs: { source: 'tried', files: [pinned(path, { format, size: 1 })] },
      keys: [],
      setName: 'tried',
      scratchDir: folder,
      onRejected: rows => refusals.add(rows),
      onProgress: () => {},
      signal: new AbortController().signal,
    })
    const columns = schema.fields.map(({ type }, at) => selected(type.kind, `c${at}`))
    const reader = await connection.runAndReadAll(`SELECT ${columns.join(', ')} FROM ${scan.relation}`)
    const place = schema.fields.findIndex(({ name }) => name === ROW)
    for (const row of reader.getRows()) {
      const values = row.map((cell, at) => plain(schema.fields[at]!.type.kind, cell))
      got.accepted.set(Number(values[place]), values)
    }
    if (got.accepted.size < scan.rows) await stageRejects(connection, scan, refusals)
  } catch (error) {
    return { ...got, error: (error as Error).message }
  }
  for (const [row, issues] of refusals.found) got.refused.set(row - 1, issues)
  return got
}

/** The rows that a scan refuses, kept as they are told of instead of in files. */
class Refusals extends RejectStage {
  readonly found: [row: number, issues: string[]][] = []
  readonly #words: string[][] = []
  readonly #connection: DuckDBConnection

  constructor(connection: DuckDBConnection, source: SourceDefinition) {
    super({
      connection,
      fingerprint: source.schema.fingerprint,
      setName: 'tried',
      run: { id: 'tried', startedAt: 0n },
      files: [],
      scratchDir: '',
    })
    this.#connection = connection
  }

  override async add(rows: readonly RejectedRow[]): Promise<void> {
    for (const { row, issues } of rows) this.found.push([Number(row), wordsOf(issues)])
  }

  override issueId(issues: readonly Issue[], byKey: boolean): number {
    const id = super.issueId(issues, byKey)
    this.#words[id] = wordsOf(issues)
    return id
  }

  override async addQuery(sql: string): Promise<void> {
    const reader = await this.#connection.runAndReadAll(`SELECT row, issue FROM (${sql})`)
    for (const [row, issue] of reader.getRows()) this.found.push([Number(row), this.#words[Number(issue)]!])
  }
}

const wordsOf = (issues: readonly Issue[]): string[] => issues.map(({ path, code }) => `${path}: ${code}`).sort()

/** With a letter before each text: without it the client drops a mark at its beginning. */
const selected = (kind: string, sql: string): string =>
  kind === 'string' || kind === 'decimal' ? `'>' || ${sql}::VARCHAR` : kind === 'timestamp' ? `epoch_us(${sql})` : sql

function plain(kind: string, cell: unknown): unknown {
  return (kind === 'string' || kind === 'decimal') && cell !== null ? String(cell).slice(1) : cell
}

interface Compared {
  format: FileFormat
  oracle: OracleSchema
  rows: Row[]
  seen: SeenRow[]
  got: Scanned
  types: string[] | undefined
}

function compare({ format, oracle, rows, seen, got, types }: Compared, proof: Proof): void {
  const differ = (message: string, column?: string): void =>
    void proof.differences.push({ format, message, ...(column === undefined ? {} : { column }) })
  if (got.error !== undefined) {
    differ(`the scan failed: ${got.error}${types ? ` (${types})` : ''}`)
    return
  }
  /** The column that the first issue is about which only one of the two has. */
  const blamed = (expected: readonly string[], issues: readonly string[]): string | undefined => {
    const issue = [...issues.filter(one => !expected.includes(one)), ...expected.filter(one => !issues.includes(one))][0]
    return oracle.columns.find(({ name }) => issue?.startsWith(`${name}:`) || issue?.startsWith(`${name}.`))?.name
  }
  const refused = new Map(got.refused)
  for (const [at, cells] of seen.entries()) {
    if (cells === undefined) continue
    proof.cases++
    const expected: Outcome = cells === 'malformed' ? { issues: [': malformed'] } : outcomeOf(oracle, cells)
    const shown = (): string =>
      `row ${at}${cells === 'malformed' ? '' : `, zod sees ${[...cells].map(([name, cell], place) => `${name}${types ? ` (${types[place]})` : ''} = ${show(cell?.value ?? null)}`).join(', ')}`}`
    const issues = refused.get(at)
    refused.delete(at)
    // Where two rows share a number, the later one is what stands.
    const number = cells === 'malformed' ? undefined : cells.get(ROW)?.value
    const values = number === at ? got.accepted.get(at) : undefined
    if ('issues' in expected) {
      const got = issues ?? []
      if (got.join() === expected.issues.join()) continue
      const column = blamed(expected.issues, got)
      if (issues === undefined) differ(`${shown()}: expected ${expected.issues.join('; ')}; it was accepted`, column)
      else differ(`${shown()}: expected ${expected.issues.join('; ')}; got ${got.join('; ')}`, column)
      continue
    }
    if (number !== at) continue
    proof.accepted++
    if (!values) {
      differ(`${shown()}: expected acceptance; got ${issues?.join('; ') ?? 'nothing at all'}`, blamed([], issues ?? []))
      continue
    }
    for (const [place, value] of expected.values.entries()) {
      const { name, losesSign } = oracle.columns[place]!
      if (Object.is(values[place], value) || ((losesSign || format !== 'ndjson') && value === 0 && values[place] === 0)) continue
      const cell = cells === 'malformed' ? undefined : cells.get(name)
      differ(
        `row ${at}: ${name}${types ? ` (${types.join()})` : ''} was ${show(cell?.value)}: expected ${show(value)}, got ${show(values[place])}`,
        name,
      )
    }
  }
  for (const [at, issues] of refused) differ(`row ${at}: refused, and is no row: ${issues.join('; ')}`)
  void rows
}

export function show(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  if (Object.is(value, -0)) return '-0'
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : `Date(${value.toISOString()})`
  if (typeof value === 'string') return JSON.stringify(value.length > 200 ? `${value.slice(0, 200)}…` : value)
  if (typeof value !== 'object' || value === null) return String(value)
  return JSON.stringify(value, (_, member) => (typeof member === 'bigint' ? `${member}n` : member))?.slice(0, 200)
}
