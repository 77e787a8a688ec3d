/** What an engine makes of given rows, in the oracle's terms. */
import { join } from 'node:path'
import type { Engine, RejectedRow } from '../../src/domain/engine.ts'
import type { FeatureSet } from '../../src/domain/featureSet.ts'
import type { PinnedFile } from '../../src/domain/source.ts'
import { tableColumns } from '../../src/run/runFeatureSet.ts'
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
  for (const rows of files) {
    const path = join(options.folder, `input-${written++}.parquet`)
    await writeParquet(path, options.columns, rows)
    inputs.push(pinned(path))
  }
  return computeFiles(engine, set, inputs, options)
}

export async function computeFiles(
  engine: Engine,
  set: FeatureSet,
  files: PinnedFile[],
  { through, maxRejected = 1 }: { through: bigint; maxRejected?: number },
): Promise<{ rows: ComputedRow[]; rejected: RejectedRow[] }> {
  const rejected: RejectedRow[] = []
  const result = await engine.compute(
    { set, inputs: { source: set.source.name, files }, through },
    {
      maxRejected,
      onRejected: async rows => void rejected.push(...rows),
      onProgress: () => {},
      signal: new AbortController().signal,
    },
  )
  if (!result.staged) throw new Error(`${result.rowsRejected} rows were rejected: ${JSON.stringify(rejected[0]?.issues)}`)
  const paths = result.staged.files.map(({ localPath }) => localPath)
  const rows: ComputedRow[] = []
  for await (const batch of engine.query({ paths, columns: tableColumns(set) })) {
    for (let at = 0; at < batch.rows; at++) {
      const cells = batch.columns.map(column => column[at]!)
      const keys = set.entity.length
      rows.push({ entity: cells.slice(0, keys), cutoff: cells[keys] as bigint, values: cells.slice(keys + 1) })
    }
  }
  rows.sort((a, b) => byEntity(a, b) || compare(a.cutoff, b.cutoff))
  return { rows, rejected }
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
