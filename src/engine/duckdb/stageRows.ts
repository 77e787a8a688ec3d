/** Finished rows into Parquet files of neighbouring cutoffs. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { ReadOptions } from '../../domain/engine.ts'
import type { FeatureSet } from '../../domain/featureSet.ts'
import { reachOf } from '../../domain/featureSet.ts'
import type { StagedFile } from '../../domain/tableStore.ts'
import type { Shape } from './shape.ts'
import { identifier } from './sql.ts'
import type { NamedType } from './stagedFile.ts'
import { writeParquet } from './stagedFile.ts'

export type ComputeOptions = Pick<ReadOptions, 'onProgress' | 'signal'> & { scratchDir: string }

/** About 128 MB of output per file, by a guess of 5 bytes a value once compressed. */
const VALUES_PER_FILE = 25_000_000

/** A late row rewrites the files that hold the cutoffs which it reaches: at most this share of the table, where that can be. */
const REWRITTEN_SHARE = 0.045

/** The table's columns: keys, `cutoff`, features in the order written. */
export function outputColumns(set: FeatureSet): NamedType[] {
  return [
    ...set.entity,
    { name: 'cutoff', type: { kind: 'timestamp' } },
    ...set.columns.map(({ name, type }) => ({ name, type })),
  ]
}

export function stagedPath(scratchDir: string): string {
  return join(scratchDir, `staged-${randomUUID()}.parquet`)
}

/** The order of rows within a file: by entity, then cutoff. */
export const rowOrder = (set: FeatureSet): string => [...set.entity.map(({ name }) => identifier(name)), 'cutoff'].join(', ')

export async function stageRows(
  connection: DuckDBConnection,
  { set }: Shape,
  table: string,
  { onProgress, signal, scratchDir }: ComputeOptions,
): Promise<StagedFile[]> {
  const columns = outputColumns(set)
  const names = columns.map(({ name }) => identifier(name)).join(', ')
  const perCutoff = await connection.runAndReadAll(`SELECT __i, count(*) FROM ${table} GROUP BY __i ORDER BY __i`)
  const cutoffs = perCutoff.getRows().map(([i, n]) => ({ i: i as bigint, rows: Number(n) }))
  const total = cutoffs.reduce((sum, cutoff) => sum + cutoff.rows, 0)
  const files: StagedFile[] = []
  let done = 0
  const rowsPerFile = Math.max(1, Math.floor(VALUES_PER_FILE / columns.length))
  const atOnce = cutoffsPerFile(cutoffs.length, Number(reachOf(set)))
  for (const { first, last } of rangesOf(cutoffs, atOnce, rowsPerFile)) {
    signal.throwIfAborted()
    onProgress({ stage: 'write', unit: 'rows', done, total })
    const query = `SELECT ${names} FROM ${table} WHERE __i BETWEEN ${first} AND ${last} ORDER BY ${rowOrder(set)}`
    const file = await writeParquet(connection, query, columns, stagedPath(scratchDir))
    files.push(file)
    done += file.rows
  }
  return files
}

/** As many as keep what a late row rewrites, that reaches so many neighbouring cutoffs, below its share. */
function cutoffsPerFile(cutoffs: number, reached: number): number {
  const most = cutoffs * REWRITTEN_SHARE
  for (let each = Math.floor(most); each >= 1; each--) {
    const files = Math.ceil((reached - 1) / each) + 1
    if (files * each <= most) return each
  }
  // They are too many in any case: finer cuts would save little.
  return Math.ceil(reached / 2)
}

/** Neighbouring cutoffs, at most so many of them and so many rows together. */
function rangesOf(
  cutoffs: readonly { i: bigint; rows: number }[],
  atOnce: number,
  most: number,
): { first: bigint; last: bigint }[] {
  const ranges: { first: bigint; last: bigint; cutoffs: number; rows: number }[] = []
  for (const { i, rows } of cutoffs) {
    const open = ranges.at(-1)
    if (!open || open.cutoffs === atOnce || open.rows + rows > most) ranges.push({ first: i, last: i, cutoffs: 1, rows })
    else Object.assign(open, { last: i, cutoffs: open.cutoffs + 1, rows: open.rows + rows })
  }
  return ranges
}
