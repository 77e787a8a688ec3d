/** The story of one computation: rows to tiles, tiles to the grid, the grid to windows, windows to staged files. */
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Computation, ComputationResult, ComputeOptions, StagedFiles } from '../../domain/engine.ts'
import type { FeatureSet } from '../../domain/featureSet.ts'
import type { StagedFile } from '../../domain/tableStore.ts'
import { floorDiv } from '../../domain/time.ts'
import { distinctStepsSql, itemBlocksSql } from './distinctSql.ts'
import { momentsSql } from './momentsSql.ts'
import { MOMENTS_MACRO } from './partialSql.ts'
import { readRejected } from './rejects.ts'
import type { Scan } from './scan.ts'
import { prepareScan } from './scan.ts'
import type { Shape } from './shape.ts'
import { shapeOf } from './shape.ts'
import { identifier } from './sql.ts'
import type { NamedType } from './stagedFile.ts'
import { writeParquet } from './stagedFile.ts'
import { gridSql, tilesSql } from './tilesSql.ts'
import { runWatched } from './watched.ts'
import { resultSql, windowsSql } from './windowsSql.ts'

/** About 128 MB of output per file, by a guess of 5 bytes a value once compressed. */
const VALUES_PER_FILE = 25_000_000

export async function compute(
  connection: DuckDBConnection,
  computation: Computation,
  options: ComputeOptions & { scratchDir: string },
): Promise<ComputationResult> {
  try {
    return await computeInTables(connection, computation, options)
  } finally {
    await dropTables(connection)
  }
}

/** Whatever became of the computation, its tables make room for the next. */
async function dropTables(connection: DuckDBConnection): Promise<void> {
  const tables = await connection.runAndReadAll('SELECT table_name FROM duckdb_tables() WHERE temporary')
  for (const [name] of tables.getRows()) await connection.run(`DROP TABLE IF EXISTS temp.${identifier(String(name))}`)
}

async function computeInTables(
  connection: DuckDBConnection,
  { set, inputs, through }: Computation,
  options: ComputeOptions & { scratchDir: string },
): Promise<ComputationResult> {
  const shape = shapeOf(set)
  const last = floorDiv(through - set.offset, set.every)
  const run = async (sql: string): Promise<void> => {
    options.signal.throwIfAborted()
    await connection.run(sql)
  }
  const read = async (sql: string, total: number): Promise<void> => {
    options.signal.throwIfAborted()
    const onShare = (share: number): void =>
      options.onProgress({ stage: 'read', unit: 'rows', done: Math.round(share * total), total })
    await runWatched(connection, sql, onShare)
  }

  const scan = await prepareScan(connection, {
    source: set.source,
    inputs,
    keys: set.entity.map(({ name }) => name),
    setName: set.name,
    scratchDir: options.scratchDir,
    onRejected: options.onRejected,
    onProgress: options.onProgress,
    signal: options.signal,
  })
  const rows = await acceptedRows(connection, shape, scan)
  await read(`CREATE OR REPLACE TEMP TABLE tiles AS ${tilesSql(shape, rows.relation)}`, scan.rows)
  const accepted = rows.accepted ?? (await count(connection, 'SELECT coalesce(sum(n), 0) FROM tiles'))
  const rowsRejected = scan.rejectedBefore + scan.rows - accepted
  const rowsRead = scan.rejectedBefore + scan.rows
  if (scan.rows > accepted) await readRejected(connection, scan)
  // A share such as 0.29 is a little off as a double; one row in 10^12 more is not.
  if (rowsRejected > options.maxRejected * rowsRead * (1 + 1e-12)) return { rowsRead, rowsRejected, staged: undefined }

  // A first pass that accepted every row of files that are pinned has judged for the second one too.
  const again = !set.source.rowKey && scan.rows === accepted ? scan.unjudged : rows.relation
  const steps: string[] = []
  for (const partial of shape.partials.all) {
    if (partial.kind !== 'distinct') continue
    const table = `steps_${partial.id}`
    await read(`CREATE OR REPLACE TEMP TABLE item_blocks AS ${itemBlocksSql(shape, again, partial, last)}`, scan.rows)
    await run(`CREATE OR REPLACE TEMP TABLE ${table} AS ${distinctStepsSql(shape, partial, 'item_blocks')}`)
    await run('DROP TABLE item_blocks')
    steps.push(table)
  }
  options.onProgress({ stage: 'compute', unit: 'rows', done: 0, total: null })
  await run(`CREATE OR REPLACE TEMP TABLE grid AS ${gridSql(shape, 'tiles', last)}`)
  await run('DROP TABLE tiles')
  await run(`CREATE OR REPLACE TEMP TABLE windows AS ${windowsSql(shape, await withMoments(connection, shape), steps)}`)
  for (const table of ['grid', ...steps]) await run(`DROP TABLE ${table}`)
  const staged = await stage(connection, shape, options)
  return { rowsRead, rowsRejected, staged }
}

/** The rows that count, and the number of accepted ones where repeated row keys are dropped after it. */
async function acceptedRows(
  connection: DuckDBConnection,
  shape: Shape,
  scan: Scan,
): Promise<{ relation: string; accepted: number | undefined }> {
  const { source } = shape.set
  const keyed = (relation: string): string =>
    scan.keyed === 'true' ? relation : `(SELECT * FROM ${relation} WHERE ${scan.keyed})`
  if (!source.rowKey) return { relation: keyed(scan.relation), accepted: undefined }
  await connection.run(`CREATE OR REPLACE TEMP TABLE valid AS SELECT * FROM ${scan.relation}`)
  const accepted = await count(connection, `SELECT count(*) FILTER (WHERE ${scan.keyed}) FROM valid`)
  return { relation: keyed(lastOfEachRowKey(shape, source.rowKey)), accepted }
}

/** Chosen before keys are looked at: what belongs to no entity may replace what did. A repeated row key keeps the row with the greatest known time, then the last in the total order of rows. */
function lastOfEachRowKey(shape: Shape, rowKey: readonly string[]): string {
  const content = shape.rows.order.map(name => `${identifier(name)} DESC NULLS LAST`)
  const order = ['__known DESC NULLS LAST', '__t DESC', ...content].join(', ')
  const by = rowKey.map(identifier).join(', ')
  return `(SELECT * FROM valid QUALIFY row_number() OVER (PARTITION BY ${by} ORDER BY ${order}) = 1)`
}

/** The grid's name, after windows of moments were added to it. */
async function withMoments(connection: DuckDBConnection, shape: Shape): Promise<string> {
  if (!shape.partials.all.some(({ kind }) => kind === 'moments')) return 'grid'
  const longest = `SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM grid GROUP BY ${shape.keys.join(', ')})`
  const longestRun = BigInt(await count(connection, longest))
  await connection.run(MOMENTS_MACRO)
  return `(${momentsSql(shape, 'grid', longestRun)})`
}

/** Writes the result in files of neighbouring cutoffs, each sorted by entity and cutoff. */
async function stage(
  connection: DuckDBConnection,
  shape: Shape,
  options: ComputeOptions & { scratchDir: string },
): Promise<StagedFiles> {
  const { set } = shape
  const columns = outputColumns(set)
  const perCutoff = await connection.runAndReadAll('SELECT i, count(*) FROM windows WHERE visible GROUP BY i ORDER BY i')
  const cutoffs = perCutoff.getRows().map(([i, n]) => ({ i: i as bigint, rows: Number(n) }))
  const rows = cutoffs.reduce((sum, cutoff) => sum + cutoff.rows, 0)
  const order = [...set.entity.map(({ name }) => identifier(name)), 'cutoff'].join(', ')
  const files: StagedFile[] = []
  let written = 0
  for (const range of rangesOf(cutoffs, Math.max(1, Math.floor(VALUES_PER_FILE / columns.length)))) {
    options.signal.throwIfAborted()
    options.onProgress({ stage: 'write', unit: 'rows', done: written, total: rows })
    const part = `(SELECT * FROM windows WHERE i BETWEEN ${range.first} AND ${range.last})`
    const path = join(options.scratchDir, `staged-${files.length}.parquet`)
    const file = await writeParquet(connection, `${resultSql(shape, part)} ORDER BY ${order}`, columns, path)
    files.push(file)
    written += file.rows
  }
  const instantOf = (i: bigint): bigint => i * set.every + set.offset
  const cutoffRange =
    cutoffs.length === 0
      ? undefined
      : { first: instantOf(cutoffs[0]!.i), last: instantOf(cutoffs.at(-1)!.i), count: cutoffs.length }
  const keys = `SELECT DISTINCT ${shape.keys.join(', ')} FROM windows WHERE visible`
  const entities = await count(connection, `SELECT count(*) FROM (${keys})`)
  return { files, rows, entities, cutoffs: cutoffRange }
}

/** Neighbouring cutoffs, joined until they hold `target` rows. */
function rangesOf(cutoffs: readonly { i: bigint; rows: number }[], target: number): { first: bigint; last: bigint }[] {
  const ranges: { first: bigint; last: bigint }[] = []
  let held = Number.POSITIVE_INFINITY
  for (const { i, rows } of cutoffs) {
    if (held + rows > target) {
      ranges.push({ first: i, last: i })
      held = 0
    }
    ranges.at(-1)!.last = i
    held += rows
  }
  return ranges
}

/** The table's columns: keys, `cutoff`, features in the order written. */
export function outputColumns(set: FeatureSet): NamedType[] {
  return [
    ...set.entity,
    { name: 'cutoff', type: { kind: 'timestamp' } },
    ...set.columns.map(({ name, type }) => ({ name, type })),
  ]
}

async function count(connection: DuckDBConnection, sql: string): Promise<number> {
  return Number(await firstCell(connection, sql))
}

async function firstCell(connection: DuckDBConnection, sql: string): Promise<unknown> {
  return (await connection.runAndReadAll(sql)).getRows()[0]![0]
}
