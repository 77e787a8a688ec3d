/** `quern read`: rows of a version, in the format asked for. */
import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Value } from '../../domain/columnType.ts'
import type { Engine, Query } from '../../domain/engine.ts'
import { DefinitionError, EXIT } from '../../domain/errors.ts'
import { nearest } from '../../domain/nearest.ts'
import type { TableColumn } from '../../domain/tableStore.ts'
import { formatInstant } from '../../domain/time.ts'
import { keysOf } from '../../run/columns.ts'
import { resolveRef } from '../../run/resolveRef.ts'
import type { CommandContext, Flags } from '../command.ts'
import { limitFlag } from '../flags.ts'
import { alignedLine, cellText, columnWidths, jsonText, note, strong } from '../output.ts'
import { outputFile } from '../outputFile.ts'

const FORMATS = ['table', 'json', 'csv', 'arrow', 'parquet']
const EXTENSIONS: Record<string, string> = {
  '.json': 'json',
  '.ndjson': 'json',
  '.jsonl': 'json',
  '.csv': 'csv',
  '.arrow': 'arrow',
  '.arrows': 'arrow',
  '.parquet': 'parquet',
}

/** A person who asked for no limit sees so many rows, and how many there are. */
const ON_SCREEN = 40

export async function read({ app: build, args, flags }: CommandContext): Promise<number> {
  const format = formatOf(flags)
  const { store, engine, scratchDir, signal } = await build()
  const { name, table, snapshot } = await resolveRef(store, args[0]!)
  const select = selectedNames(flags.columns, snapshot.columns)
  const keys = keysOf(snapshot.columns)
  const limit = limitFlag(flags.limit)
  const isShown = format === 'table' && flags.output === undefined && limit === undefined && process.stdout.isTTY
  const query: Query = {
    paths: await table.localPaths(snapshot.files),
    columns: snapshot.columns,
    orderBy: keys,
    ...(select ? { select } : {}),
    ...(flags.where === undefined ? {} : { where: flags.where }),
    ...(flags.latest ? { latest: { keys: keys.slice(0, -1), order: 'cutoff' } } : {}),
    ...(limit === undefined ? (isShown ? { limit: ON_SCREEN + 1 } : {}) : { limit }),
  }
  const columns = select ? select.map(column => snapshot.columns.find(other => other.name === column)!) : snapshot.columns
  if (format === 'parquet') await parquet(engine, query, { output: flags.output, scratchDir, signal })
  else {
    const pieces =
      format === 'table'
        ? tableLines(engine, query, columns, isShown ? ON_SCREEN : undefined)
        : format === 'arrow'
          ? engine.queryArrow(query)
          : textPieces(engine, query, columns, format)
    await write(pieces, { output: flags.output, signal })
  }
  if (flags.output !== undefined) note(`${name}@${snapshot.version}: written to ${flags.output} as ${format}`)
  return EXIT.done
}

/** What is asked for, else what the file's name says, else JSON into a file and a table onto a screen. */
function formatOf({ format, json, output }: Flags): string {
  const named = output === undefined ? undefined : EXTENSIONS[extname(output).toLowerCase()]
  const chosen = format ?? (json ? 'json' : output === undefined ? 'table' : (named ?? 'json'))
  if (FORMATS.includes(chosen)) return chosen
  throw new DefinitionError('definition.format', `--format: there is no format \`${chosen}\``, {
    hint: `Formats are ${FORMATS.join(', ')}.`,
  })
}

function selectedNames(text: string | undefined, columns: readonly TableColumn[]): string[] | undefined {
  const names = text?.split(',').map(name => name.trim())
  for (const [at, name] of names?.entries() ?? []) {
    if (!columns.some(column => column.name === name)) {
      const hint = nearest(
        name,
        columns.map(column => column.name),
      )
      throw new DefinitionError('definition.column', `--columns: there is no column \`${name}\``, { hint })
    }
    if (names!.indexOf(name) !== at) {
      throw new DefinitionError('definition.column', `--columns: \`${name}\` is named twice`, { hint: 'Name each column once.' })
    }
  }
  return names
}

interface Target {
  /** A file; stdout where it is absent. */
  output: string | undefined
  signal: AbortSignal
}

async function write(pieces: AsyncIterable<string | Uint8Array>, { output, signal }: Target): Promise<void> {
  if (output === undefined) return writeOut(pieces, signal)
  const iterator = pieces[Symbol.asyncIterator]()
  const source = { [Symbol.asyncIterator]: () => iterator }
  try {
    await outputFile(output, path => pipeline(source, createWriteStream(path), { signal }))
  } finally {
    // The engine is at rest when the last piece is here, wanted or not.
    await iterator.return?.()
  }
}

/** As a pipeline into stdout, but with an end where nobody takes what was written: stdout cannot be destroyed. */
async function writeOut(pieces: AsyncIterable<string | Uint8Array>, signal: AbortSignal): Promise<void> {
  for await (const piece of pieces) {
    signal.throwIfAborted()
    if (!process.stdout.write(piece)) await once(process.stdout, 'drain', { signal })
  }
}

async function parquet(
  engine: Engine,
  query: Query,
  { output, signal, scratchDir }: Target & { scratchDir: string },
): Promise<void> {
  if (output !== undefined) return outputFile(output, path => engine.queryParquet(query, path))
  if (process.stdout.isTTY)
    throw new DefinitionError('definition.output', 'Parquet is not for a terminal', {
      hint: 'Name a file with --output, or use a pipe.',
    })
  const path = join(scratchDir, 'read.parquet')
  try {
    await engine.queryParquet(query, path)
    await writeOut(createReadStream(path), signal)
  } finally {
    await rm(path, { force: true })
  }
}

/** Rows that a table's widths are taken from; longer cells behind them push their line out. */
const MEASURED = 1000
const TO_THE_LEFT = ['string', 'timestamp', 'boolean', 'date']

/** @param most so many rows are shown, and whether there are more is said */
async function* tableLines(
  engine: Engine,
  query: Query,
  columns: readonly TableColumn[],
  most: number | undefined,
): AsyncIterable<string> {
  const header = columns.map(({ name }) => name)
  const right = new Set(columns.flatMap(({ type }, at) => (TO_THE_LEFT.includes(type.kind) ? [] : [at])))
  let waiting: string[][] | undefined = []
  let widths: number[] = []
  const begin = (rows: string[][]): string => {
    widths = columnWidths(header, rows)
    return [strong(alignedLine(header, widths, right)), ...rows.map(row => alignedLine(row, widths, right)), ''].join('\n')
  }
  let shown = 0
  for await (const batch of engine.query(query)) {
    const rows = Array.from({ length: batch.rows }, (_, row) =>
      columns.map(({ type }, at) => cellText(batch.columns[at]![row]!, type.kind === 'timestamp')),
    ).slice(0, most === undefined ? undefined : most - shown)
    const isMore = most !== undefined && shown + batch.rows > most
    shown += rows.length
    if (waiting) waiting.push(...rows)
    else yield `${rows.map(row => alignedLine(row, widths, right)).join('\n')}\n`
    if (waiting && waiting.length >= MEASURED) {
      yield begin(waiting)
      waiting = undefined
    }
    if (isMore) {
      if (waiting) yield begin(waiting)
      note(`the first ${most} rows; for more: --limit, --where, --latest, or another --format`)
      return
    }
  }
  if (waiting) yield begin(waiting)
}

async function* textPieces(engine: Engine, query: Query, columns: readonly TableColumn[], format: string): AsyncIterable<string> {
  if (format === 'csv') yield `${columns.map(({ name }) => csvField(name)).join(',')}\n`
  const cells = columns.map((column, at): ((value: Value) => string) => {
    if (format === 'csv') return value => (at === 0 ? '' : ',') + csvValue(value, column)
    const name = `${at === 0 ? '{' : ','}${JSON.stringify(column.name)}:`
    return value => name + jsonText(plain(value, column))
  })
  const end = format === 'csv' ? '\n' : '}\n'
  for await (const batch of engine.query(query)) {
    let text = ''
    for (let row = 0; row < batch.rows; row++) {
      cells.forEach((cell, at) => {
        text += cell(batch.columns[at]![row]!)
      })
      text += end
    }
    if (text !== '') yield text
  }
}

/** A number that JSON lacks becomes text. */
function plain(value: Value, { type }: TableColumn): unknown {
  if (type.kind === 'timestamp' && value !== null) return formatInstant(value as bigint)
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
}

function csvValue(value: Value, column: TableColumn): string {
  if (value === null) return ''
  const text = String(plain(value, column))
  return column.type.kind === 'string' ? csvField(text) : text
}

/** Null is nothing, so the empty string is quoted. */
function csvField(text: string): string {
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
