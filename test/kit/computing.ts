/** What an engine makes of given rows, in the oracle's terms. */
import { join } from 'node:path'
import type { Engine, Reading, ReadResult, TileSet } from '../../src/domain/engine.ts'
import type { FeatureSet } from '../../src/domain/featureSet.ts'
import type { CutoffRanges } from '../../src/domain/ranges.ts'
import { BEFORE_ALL } from '../../src/domain/ranges.ts'
import type { RejectedRow } from '../../src/domain/rejectedRows.ts'
import type { PinnedFile } from '../../src/domain/source.ts'
import type { StagedFile } from '../../src/domain/tableStore.ts'
import { gridFloor } from '../../src/domain/time.ts'
import { tableColumns } from '../../src/run/columns.ts'
import { stagedRejects } from '../../src/run/stagedRejects.ts'
import type { Cell, ExpectedRow, Row } from '../oracle/naive.ts'
import { compare } from '../oracle/naive.ts'
import { writeParquet } from './parquet.ts'

export interface ComputedRow {
  entity: Cell[]
  cutoff: bigint
  values: Cell[]
}

export function pinned(path: string, more: Partial<PinnedFile> = {}): PinnedFile {
  return { path, hash: path, size: 0, modifiedAt: '0', format: 'parquet', compression: 'none', partition: {}, ...more }
}

let written = 0

/** Writes `files`, each a list of rows, computes `set` on them and reads what was staged, by entity and cutoff. */
export async function computeRows(
  engine: Engine,
  set: FeatureSet,
  files: readonly (readonly Row[])[],
  options: { columns: Record<string, string>; folder: string; through: bigint; maxRejected?: number },
): Promise<{ rows: ComputedRow[]; rejected: RejectedRow[] }> {
  const inputs: PinnedFile[] = []
  for (const rows of files) inputs.push(await writeRows(rows, options))
  return computeFiles(engine, set, inputs, options)
}

export async function writeRows(
  rows: readonly Row[],
  { columns, folder }: { columns: Record<string, string>; folder: string },
): Promise<PinnedFile> {
  const path = join(folder, `input-${written++}.parquet`)
  await writeParquet(path, columns, rows)
  return pinned(path)
}

export async function computeFiles(
  engine: Engine,
  set: FeatureSet,
  files: PinnedFile[],
  { through, maxRejected = 1 }: { through: bigint; maxRejected?: number },
): Promise<{ rows: ComputedRow[]; rejected: RejectedRow[] }> {
  const { read, rejected } = await readTiles(engine, set, files, { maxRejected })
  if (!read.tiles) throw new Error(`${read.rowsRejected} rows were rejected: ${JSON.stringify(rejected[0]?.issues)}`)
  const due = [{ from: BEFORE_ALL, to: gridFloor(set, through) + set.every }]
  const result = await engine.compute({ set, tiles: [read.tiles], due }, QUIET)
  return { rows: await stagedRows(engine, set, result.files), rejected }
}

const QUIET = { onProgress: () => {}, signal: new AbortController().signal }

export async function readTiles(
  engine: Engine,
  set: FeatureSet,
  files: PinnedFile[],
  { maxRejected = 1, ...more }: { maxRejected?: number } & Pick<Reading, 'published' | 'expected'> = {},
): Promise<{ read: ReadResult; rejected: RejectedRow[] }> {
  const reading = { set, inputs: { source: set.source.name, files }, keep: true, ...more }
  const read = await engine.read(reading, { ...QUIET, maxRejected, rejects: { id: 'test', startedAt: 0n } })
  return { read, rejected: await stagedRejects(engine, read.rejects!) }
}

/** The rows of `tiles` at the cutoffs of `due`. */
export async function computeTiles(engine: Engine, set: FeatureSet, tiles: TileSet[], due: CutoffRanges): Promise<ComputedRow[]> {
  return stagedRows(engine, set, (await engine.compute({ set, tiles, due }, QUIET)).files)
}

const stagedRows = (engine: Engine, set: FeatureSet, files: readonly StagedFile[]): Promise<ComputedRow[]> =>
  snapshotRows(
    engine,
    set,
    files.map(({ localPath }) => localPath),
  )

/** The rows of a feature set's files, by entity and cutoff. */
export async function snapshotRows(engine: Engine, set: FeatureSet, paths: string[]): Promise<ComputedRow[]> {
  const rows: ComputedRow[] = []
  for await (const batch of engine.query({ paths, columns: tableColumns(set) })) {
    for (let at = 0; at < batch.rows; at++) {
      const cells = batch.columns.map(column => column[at]!)
      const keys = set.entity.length
      rows.push({ entity: cells.slice(0, keys), cutoff: cells[keys] as bigint, values: cells.slice(keys + 1) })
    }
  }
  return rows.sort((a, b) => byEntity(a, b) || compare(a.cutoff, b.cutoff))
}

function byEntity(a: { entity: Cell[] }, b: { entity: Cell[] }): number {
  for (const [at, cell] of a.entity.entries()) {
    const order = compare(cell, b.entity[at]!)
    if (order !== 0) return order
  }
  return 0
}

/** What differs, in words; empty where the rows are as expected. */
export function differences(set: FeatureSet, computed: readonly ComputedRow[], expected: readonly ExpectedRow[]): string[] {
  const name = ({ entity, cutoff }: { entity: Cell[]; cutoff: bigint }): string => `${entity.map(String).join('/')} @ ${cutoff}`
  const found: string[] = []
  const rows = new Map(computed.map(row => [name(row), row]))
  if (rows.size !== computed.length) found.push('a row stands twice')
  for (const row of expected) {
    const other = rows.get(name(row))
    if (!other) found.push(`${name(row)}: the row is missing`)
    else {
      row.values.forEach((value, at) => {
        if (!agrees(other.values[at]!, value)) {
          found.push(
            `${name(row)}: ${set.columns[at]!.name} is ${other.values[at]} instead of ${value.value} (within ${value.within})`,
          )
        }
      })
    }
    rows.delete(name(row))
  }
  return [...found, ...[...rows.keys()].map(row => `${row}: the row should not be there`)]
}

function agrees(value: Cell, expected: { value: Cell; within: number }): boolean {
  if (value === null || expected.value === null || typeof expected.value !== 'number') {
    // int32 columns come as numbers; the oracle knows integers as bigints alone.
    return typeof expected.value === 'bigint' && typeof value === 'number'
      ? Number.isInteger(value) && BigInt(value) === expected.value
      : value === expected.value
  }
  return Math.abs((value as number) - expected.value) <= expected.within
}
