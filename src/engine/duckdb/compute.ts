/** The story of one computation: tiles to the grid, the grid to windows, windows to the feature set's rows. */

import type { DuckDBConnection } from '@duckdb/node-api'
import type { Computation, ComputationResult, TileSet } from '../../domain/engine.ts'
import { reachOf } from '../../domain/featureSet.ts'
import type { CutoffRange } from '../../domain/ranges.ts'
import { hull } from '../../domain/ranges.ts'
import { closedRowsSql, endedPlacesSql, leftOpenSql } from './closing.ts'
import { distinctStepsSql, loadedBlocksSql } from './distinctSql.ts'
import { gridSql, placesSql } from './gridSql.ts'
import { mergedSpansSql, spanStepsSql } from './itemSpansSql.ts'
import { lateWindows, lateWindowsSql } from './lateSql.ts'
import { momentsSql } from './momentsSql.ts'
import { oneCutoffSql } from './oneCutoffSql.ts'
import { MOMENTS_MACRO } from './partialSql.ts'
import { replaceRows } from './restate.ts'
import type { Shape } from './shape.ts'
import { shapeOf } from './shape.ts'
import type { ComputeOptions } from './stageRows.ts'
import { stageRows } from './stageRows.ts'
import { count, firstRow, withoutTables } from './tables.ts'
import type { TileBounds } from './tilesSql.ts'
import { loadedTilesSql } from './tilesSql.ts'
import { scopeOf } from './touched.ts'
import { cutoffAt, cutoffIndex, cutoffIndices } from './windowShape.ts'
import { emptyRowsSql, resultSql, windowsSql } from './windowsSql.ts'

export function compute(
  connection: DuckDBConnection,
  computation: Computation,
  options: ComputeOptions,
): Promise<ComputationResult> {
  return withoutTables(connection, () => computeInTables(connection, computation, options))
}

async function computeInTables(
  connection: DuckDBConnection,
  { set, tiles, due, stale, closings = [] }: Computation,
  options: ComputeOptions,
): Promise<ComputationResult> {
  const shape = shapeOf(set)
  options.onProgress({ stage: 'compute', unit: 'rows', done: 0, total: null })
  if (hasMoments(shape)) await connection.run(MOMENTS_MACRO)
  await connection.run(`CREATE OR REPLACE TEMP TABLE due_rows AS ${emptyRowsSql(shape)}`)
  const pass = async (into: string, range: CutoffRange, entities?: string): Promise<void> => {
    options.signal.throwIfAborted()
    const [from, to] = cutoffIndices(set, range)
    await computeRows(connection, shape, tiles, { from, to, entities }, into)
    for (const closing of closings) {
      if (closing.cutoff < range.from || closing.cutoff >= range.to) continue
      await connection.run(`CREATE OR REPLACE TEMP TABLE left_open AS ${leftOpenSql(shape, closing, into)}`)
      const at = cutoffIndex(set, closing.cutoff)
      if (shape.lifetime)
        await computeRows(connection, shape, tiles, { from: at, to: at, entities: 'left_open', close: true }, into)
      else await connection.run(`INSERT INTO ${into} ${closedRowsSql(shape, 'left_open', at)}`)
    }
  }
  for (const range of due) await pass('due_rows', range)

  const range = stale && hull(stale.cutoffs)
  let replaced: Awaited<ReturnType<typeof replaceRows>> | undefined
  if (stale && range) {
    const scope = await scopeOf(connection, shape, stale)
    await connection.run(`CREATE OR REPLACE TEMP TABLE stale_rows AS ${emptyRowsSql(shape)}`)
    await pass('stale_rows', range, scope.entities)
    replaced = await replaceRows(connection, shape, stale, scope, options)
  }
  const files = await stageRows(connection, shape, 'due_rows', options)
  const written = replaced ? `(SELECT __i FROM due_rows UNION ALL SELECT __i FROM written_rows)` : 'due_rows'
  const span = async (relation: string): Promise<{ rows: number; cutoffs: ComputationResult['cutoffs'] }> => {
    const byCutoff = `SELECT __i, count(*) AS n FROM ${relation} GROUP BY __i`
    const ends = `SELECT coalesce(sum(n), 0), min(__i), max(__i), count(*) FROM (${byCutoff})`
    const [rows, first, last, n] = (await firstRow(connection, ends)) as [bigint, bigint | null, bigint, bigint]
    const cutoffs = first === null ? undefined : { first: cutoffAt(set, first), last: cutoffAt(set, last), count: Number(n) }
    return { rows: Number(rows), cutoffs }
  }
  return {
    files: [...files, ...(replaced?.files ?? [])],
    replaced: replaced?.replaced ?? [],
    ...(await span(written)),
    restated: replaced
      ? { rows: replaced.rows, removed: replaced.removed, entities: replaced.entities, cutoffs: (await span('moved')).cutoffs }
      : { rows: 0, removed: 0, entities: 0, cutoffs: undefined },
  }
}

interface Pass {
  /** The first and the last cutoff. */
  from: bigint
  to: bigint
  /** A relation of the entities' keys; all where absent. */
  entities: string | undefined
  /** The entities had a row at the cutoff before the first, and end there. */
  close?: boolean
}

/** Adds the rows of one stretch of cutoffs to the table `into`. */
async function computeRows(
  connection: DuckDBConnection,
  shape: Shape,
  tiles: readonly TileSet[],
  { from, to, entities, close = false }: Pass,
  into: string,
): Promise<void> {
  if (tiles.length === 0) {
    if (close) await connection.run(`INSERT INTO ${into} ${closedRowsSql(shape, entities!, from)}`)
    return
  }
  // One more than windows reach: its tile may be what a closing row closes.
  const first = from - reachOf(shape.set) - 1n
  const bounds: TileBounds = { first, last: to, carry: shape.lifetime, entities }
  const run = async (sql: string): Promise<void> => void (await connection.run(sql))
  if (from === to && !shape.asKnown && !close) {
    await run(`INSERT INTO ${into} ${resultSql(shape, `(${oneCutoffSql(shape, tiles, bounds)})`)}`)
    return
  }
  await run(`CREATE OR REPLACE TEMP TABLE tiles AS ${loadedTilesSql(shape, tiles, bounds)}`)
  const steps: string[] = []
  for (const partial of shape.partials.all) {
    if (partial.kind !== 'distinct') continue
    const table = `steps_${partial.id}`
    const items = shape.asKnown ? mergedSpansSql(shape, tiles, partial, bounds) : loadedBlocksSql(shape, tiles, partial, bounds)
    await run(`CREATE OR REPLACE TEMP TABLE items AS ${items}`)
    const stepsSql = shape.asKnown ? spanStepsSql(shape, partial, 'items', first) : distinctStepsSql(shape, partial, 'items')
    await run(`CREATE OR REPLACE TEMP TABLE ${table} AS ${stepsSql}`)
    await run('DROP TABLE items')
    steps.push(table)
  }
  const places = placesSql(shape, 'tiles', first)
  const ends = close ? endedPlacesSql(shape, places, { entities: entities!, last: from - 1n }) : places
  await run(`CREATE OR REPLACE TEMP TABLE grid AS ${gridSql(shape, `(${ends})`, to)}`)
  const late = lateWindows(shape).length > 0 ? 'late' : undefined
  if (late) await run(`CREATE OR REPLACE TEMP TABLE late AS ${lateWindowsSql(shape, 'tiles', to)}`)
  await run('DROP TABLE tiles')
  const windows = windowsSql(shape, { grid: 'grid', steps, ...(late ? { late } : {}) }, from, to)
  if (hasMoments(shape)) {
    await addMoments(connection, shape)
    // Tables between the steps: in one statement the engine would write a merge out wherever its result is read.
    await run(`CREATE OR REPLACE TEMP TABLE windows AS ${windows}`)
    await run(`INSERT INTO ${into} ${resultSql(shape, 'windows')}`)
    await run('DROP TABLE windows')
  } else await run(`INSERT INTO ${into} ${resultSql(shape, `(${windows})`)}`)
  for (const table of ['grid', ...steps, ...(late ? [late] : [])]) await run(`DROP TABLE ${table}`)
}

const hasMoments = ({ partials }: Shape): boolean => partials.all.some(({ kind }) => kind === 'moments')

/** Adds the windows of moments to the grid. */
async function addMoments(connection: DuckDBConnection, shape: Shape): Promise<void> {
  const longest = `SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM grid GROUP BY ${shape.keys.join(', ')})`
  const longestRun = BigInt(await count(connection, longest))
  await connection.run('ALTER TABLE grid RENAME TO grid_before')
  await connection.run(`CREATE OR REPLACE TEMP TABLE grid AS ${momentsSql(shape, 'grid_before', longestRun)}`)
  await connection.run('DROP TABLE grid_before')
}
