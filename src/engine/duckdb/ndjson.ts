/** NDJSON: its rows are read into a Parquet file in the scratch folder, which the engine then reads. */
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DefinitionError } from '../../domain/errors.ts'
import type { RejectedRow } from '../../domain/rejectedRows.ts'
import type { Field } from '../../domain/schema.ts'
import type { LocalFile } from '../../domain/source.ts'
import { Int32Column } from '../../rows/columnBuilder.ts'
import { isRowGroup, ParquetFile } from '../../rows/parquetFile.ts'
import type { RefusedLine } from '../../rows/rowReader.ts'
import { RowReader } from '../../rows/rowReader.ts'
import { bytesOf } from './fileBytes.ts'
import { unreadable } from './fileGroups.ts'
import { folderValues, lineJudge, UNIT } from './judgeLine.ts'
import { beginningOfBytes, linesOf, TOO_LONG } from './pieces.ts'
import type { ScanRequest } from './scanRequest.ts'
import { fileList, literal } from './sql.ts'

export interface LoadedRows {
  relation: string
  byFile: string
  /** Rows of the relation, those that only the key refuses included; `rejected` are the rest. */
  kept: number
  rejected: number
  /** Removes what was written. */
  release: () => Promise<void>
}

/** A file's row is its line, counted from 1; blank lines count and are nothing. */
export async function loadNdjson(request: ScanRequest, files: readonly LocalFile[]): Promise<LoadedRows> {
  for (const file of files) requireNoDates(file, request.source.schema.fields)
  const path = join(request.scratchDir, `ndjson-${randomUUID()}.parquet`)
  const load = await Load.begin(request, path)
  try {
    for (const [place, file] of files.entries()) await load.file(file, place)
    await load.finish()
  } catch (error) {
    await load.abandon()
    await rm(path, { force: true })
    throw error
  }
  const source = `read_parquet(${fileList([path])}, hive_partitioning = false)`
  const columns = request.source.schema.fields.map((_, at) => `c${at}`)
  const paths = `[${files.map(file => literal(file.path)).join(', ')}]`
  return {
    relation: `SELECT ${[...columns, '__t', '__known'].join(', ')} FROM ${source}`,
    byFile: `SELECT ${paths}[__file + 1] AS __file, __t FROM ${source}`,
    kept: load.kept,
    rejected: load.rejected,
    release: () => rm(path, { force: true }),
  }
}

/** JSON has no dates, so a column that wants nothing else refuses every row. */
export function requireNoDates(file: LocalFile, fields: readonly Field[]): void {
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

class Load {
  kept = 0
  rejected = 0
  readonly #request: ScanRequest
  readonly #reader: RowReader
  /** Of each row, its file's place in the list. */
  readonly #places: Int32Column
  readonly #parquet: ParquetFile

  private constructor(request: ScanRequest, reader: RowReader, places: Int32Column, parquet: ParquetFile) {
    this.#request = request
    this.#reader = reader
    this.#places = places
    this.#parquet = parquet
  }

  static async begin(request: ScanRequest, path: string): Promise<Load> {
    const { schema, zone, eventTime, knownTime } = request.source
    const time = { column: eventTime.column, unit: eventTime.unit && UNIT[eventTime.unit] }
    const reader = new RowReader(schema, { zone, eventTime: time, knownTime, keys: request.keys })
    const places = new Int32Column()
    const { fields, time: times, known } = reader.columns
    const parquet = await ParquetFile.create(path, [
      ...schema.fields.map(({ type }, at) => ({ name: `c${at}`, type, builder: fields[at]! })),
      { name: '__t', type: { kind: 'int64' }, builder: times },
      { name: '__known', type: { kind: 'int64' }, builder: known },
      { name: '__file', type: { kind: 'int32' }, builder: places },
    ])
    return new Load(request, reader, places, parquet)
  }

  async file(file: LocalFile, place: number): Promise<void> {
    const { source, signal } = this.#request
    this.#reader.open(folderValues(source.schema.fields, file, source.zone), lineJudge(this.#request, file))
    let line = 1n
    for await (const { pieces, tooLong } of readable(file)) {
      signal.throwIfAborted()
      const { lines, refused } = tooLong ? longLine(pieces) : this.#reader.read(...pieces)
      while (this.#places.rows < this.#reader.columns.rows) this.#places.put(place)
      await this.#report(file, line, refused)
      line += BigInt(lines)
      const { rows } = this.#reader.columns
      if (isRowGroup(this.#reader.columns)) await this.#flush()
      this.#request.onProgress({ stage: 'read', unit: 'rows', done: this.kept + rows + this.rejected, total: null })
    }
  }

  async #report(file: LocalFile, first: bigint, refused: readonly RefusedLine[]): Promise<void> {
    if (refused.length === 0) return
    this.rejected += refused.filter(row => !row.refusedByKey).length
    const rows = refused.map(
      ({ line, ...row }): RejectedRow => ({ input: file.hash, path: file.path, row: first + BigInt(line), ...row }),
    )
    await this.#request.onRejected(rows)
  }

  async #flush(): Promise<void> {
    const { columns } = this.#reader
    if (columns.rows === 0) return
    await this.#parquet.writeRows()
    this.kept += columns.rows
    columns.clear()
    this.#places.clear()
  }

  async finish(): Promise<void> {
    await this.#flush()
    await this.#parquet.finish()
  }

  abandon(): Promise<void> {
    return this.#parquet.close()
  }
}

function longLine(pieces: readonly Buffer[]): { lines: number; refused: RefusedLine[] } {
  const issues = [{ path: '', code: 'malformed', message: TOO_LONG }]
  return { lines: 1, refused: [{ line: 0, raw: beginningOfBytes(Buffer.concat(pieces)), issues }] }
}

/** The file's lines; what of it cannot be read is its own fault, not that of who reads. */
async function* readable(file: LocalFile): ReturnType<typeof linesOf> {
  try {
    yield* linesOf(bytesOf(file))
  } catch (error) {
    if (error instanceof Error && 'code' in error && /^(Z_|ZSTD_|ERR_|E[A-Z]+$)/.test(String(error.code)))
      throw unreadable(file, error)
    throw error
  }
}
