/** `quern read`: rows of a version, in the format asked for. */
import { createReadStream, createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Engine, Query, Value } from '../../domain/engine.ts'
import { DefinitionError, EXIT } from '../../domain/errors.ts'
import type { TableColumn } from '../../domain/tableStore.ts'
import { formatInstant } from '../../domain/time.ts'
import { resolveRef } from '../../run/resolveRef.ts'
import type { CommandContext } from '../command.ts'
import { limitFlag } from '../flags.ts'
import { cellText, jsonText, tableText } from '../output.ts'
import { outputFile } from '../outputFile.ts'

const FORMATS = ['table', 'json', 'csv', 'arrow', 'parquet']

export async function read({ app: build, args, flags }: CommandContext): Promise<number> {
  const format = flags.format ?? (flags.json || flags.output ? 'json' : 'table')
  if (!FORMATS.includes(format)) {
    throw new DefinitionError('definition.format', `--format: \`${format}\` is none`, {
      hint: `Formats are ${FORMATS.join(', ')}.`,
    })
  }
  const { store, engine } = await build()
  const { table, snapshot } = await resolveRef(store, args[0]!)
  const limit = limitFlag(flags.limit)
  const select = flags.columns?.split(',').map(name => name.trim())
  const unknown = select?.find(name => !snapshot.columns.some(column => column.name === name))
  if (unknown !== undefined) {
    throw new DefinitionError('definition.column', `--columns: there is no column \`${unknown}\``, {
      hint: `There is ${snapshot.columns.map(({ name }) => `\`${name}\``).join(', ')}.`,
    })
  }
  const cutoff = snapshot.columns.findIndex(({ name }) => name === 'cutoff')
  const keys = snapshot.columns.slice(0, Math.max(cutoff, 0)).map(({ name }) => name)
  const query: Query = {
    paths: await table.localPaths(snapshot.files),
    columns: snapshot.columns,
    orderBy: [...keys, 'cutoff'],
    ...(select ? { select } : {}),
    ...(flags.where === undefined ? {} : { where: flags.where }),
    ...(flags.latest ? { latest: { keys, order: 'cutoff' } } : {}),
    ...(limit === undefined ? {} : { limit }),
  }
  const columns = select ? select.map(name => snapshot.columns.find(column => column.name === name)!) : snapshot.columns
  if (format === 'parquet') await parquet(engine, query, flags.output)
  else {
    const pieces = format === 'arrow' ? engine.queryArrow(query) : textPieces(engine, query, columns, format)
    if (flags.output === undefined) await pipeline(pieces, process.stdout, { end: false })
    else await outputFile(flags.output, path => pipeline(pieces, createWriteStream(path)))
  }
  return EXIT.done
}

async function parquet(engine: Engine, query: Query, output: string | undefined): Promise<void> {
  if (output !== undefined) return outputFile(output, path => engine.queryParquet(query, path))
  if (process.stdout.isTTY)
    throw new DefinitionError('definition.output', 'Parquet is not for a terminal', {
      hint: 'Name a file with --output, or use a pipe.',
    })
  const path = join(tmpdir(), `quern-read-${process.pid}.parquet`)
  try {
    await engine.queryParquet(query, path)
    await pipeline(createReadStream(path), process.stdout, { end: false })
  } finally {
    await rm(path, { force: true })
  }
}

async function* textPieces(engine: Engine, query: Query, columns: readonly TableColumn[], format: string): AsyncIterable<string> {
  if (format === 'csv') yield `${columns.map(({ name }) => csvField(name)).join(',')}\n`
  const shown: string[][] = []
  for await (const batch of engine.query(query)) {
    const lines: string[] = []
    for (let row = 0; row < batch.rows; row++) {
      const values = columns.map((_, at) => batch.columns[at]![row]!)
      if (format === 'table') shown.push(values.map((value, at) => cellText(value, columns[at]!.type.kind === 'timestamp')))
      else if (format === 'csv') lines.push(values.map((value, at) => csvValue(value, columns[at]!)).join(','))
      else lines.push(jsonText(Object.fromEntries(values.map((value, at) => [columns[at]!.name, plain(value, columns[at]!)]))))
    }
    if (lines.length > 0) yield `${lines.join('\n')}\n`
  }
  if (format !== 'table') return
  const right = new Set(
    columns.flatMap(({ type }, at) => (['string', 'timestamp', 'boolean', 'date'].includes(type.kind) ? [] : [at])),
  )
  yield `${tableText(
    columns.map(({ name }) => name),
    shown,
    right,
  )}\n`
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
