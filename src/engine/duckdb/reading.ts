/** The story of one reading: files to judged rows, rows to tiles, tiles to staged files. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Reading, ReadOptions, ReadResult, StagedTiles, StaleRange, TileSet, TileSpan } from '../../domain/engine.ts'
import { exceeds } from '../../domain/engine.ts'
import type { FeatureSet } from '../../domain/featureSet.ts'
import { hasLifetime, reachOf } from '../../domain/featureSet.ts'
import type { CutoffRange } from '../../domain/ranges.ts'
import { itemBlocksSql, itemsPart, mergedBlocksSql } from './distinctSql.ts'
import { itemSpansSql, mergedSpansSql } from './itemSpansSql.ts'
import { measureBatch } from './measures.ts'
import { MOMENTS_MACRO } from './partialSql.ts'
import type { PartialAggregate } from './partials.ts'
import { RejectStage } from './rejectStage.ts'
import { stageRejects } from './rejects.ts'
import { requireOrder } from './retraction.ts'
import type { Scan } from './scan.ts'
import { prepareScan } from './scan.ts'
import type { Shape } from './shape.ts'
import { shapeOf } from './shape.ts'
import { literal } from './sql.ts'
import { firstRow, withoutTables } from './tables.ts'
import { keptTilesSql, knownTileSql, mergedFilesSql, TILES, tilesSql } from './tilesSql.ts'
import { runWatched } from './watched.ts'
import { cutoffAt, cutoffIndices, tileSql } from './windowShape.ts'

export function read(
  connection: DuckDBConnection,
  reading: Reading,
  options: ReadOptions & { scratchDir: string },
): Promise<ReadResult> {
  return withoutTables(connection, () => readInTables(connection, reading, options))
}

async function readInTables(
  connection: DuckDBConnection,
  reading: Reading,
  options: ReadOptions & { scratchDir: string },
): Promise<ReadResult> {
  const { set, inputs } = reading
  requireOrder(set.source)
  const { rejects: run, scratchDir } = options
  const stage =
    run &&
    new RejectStage({
      connection,
      fingerprint: set.source.schema.fingerprint,
      setName: set.name,
      run,
      files: inputs.files,
      scratchDir,
    })
  const scan = await prepareScan(connection, {
    source: set.source,
    inputs,
    keys: set.entity.map(({ name }) => name),
    setName: set.name,
    scratchDir: options.scratchDir,
    onRejected: async rows => stage?.add(rows),
    onProgress: options.onProgress,
    signal: options.signal,
  })
  for (const note of scan.notes) options.onNote?.(note)
  try {
    return await readScan(connection, reading, { scan, stage }, options)
  } finally {
    await scan.release()
  }
}

async function readScan(
  connection: DuckDBConnection,
  { set, published, expected, keep }: Reading,
  { scan, stage }: { scan: Scan; stage: RejectStage | undefined },
  options: ReadOptions & { scratchDir: string },
): Promise<ReadResult> {
  const shape = shapeOf(set)
  const watched = async (sql: string): Promise<void> => {
    options.signal.throwIfAborted()
    await runWatched(connection, sql, share =>
      options.onProgress({ stage: 'read', unit: 'rows', done: Math.round(share * scan.rows), total: scan.rows }),
    )
  }
  const rows = await countedRows(connection, shape, scan)
  await watched(`CREATE OR REPLACE TEMP TABLE tiles AS ${tilesSql(shape, rows.relation)}`)
  const summary = await summaryOf(connection)
  const accepted = rows.accepted ?? summary.counted
  const rowsRejected = scan.rejectedBefore + scan.rows - accepted
  const rowsRead = scan.rejectedBefore + scan.rows - rows.retractions
  if (stage && scan.rows > accepted) await stageRejects(connection, scan, stage)
  const tooMany = exceeds({ rowsRead, rowsRejected }, options.maxRejected)
  let tiles: StagedTiles | undefined
  if (keep && !tooMany) {
    // A first pass that accepted every row of files that are pinned has judged for the others too.
    const again = !set.source.rowKey && scan.rows === accepted ? scan.unjudged : rows.relation
    tiles = await stageTiles(shape, options.scratchDir, {
      tiles: keptTilesSql(shape, 'tiles'),
      items: partial => (shape.asKnown ? itemSpansSql(shape, again, partial) : itemBlocksSql(shape, again, partial)),
      run: watched,
      rows: summary.rows,
    })
  }
  return {
    rowsRead,
    rowsRejected,
    rejects: await stage?.finish(),
    tiles,
    ...(expected && !tooMany ? { measured: await measureBatch(connection, shape, { scan, accepted }, expected) } : {}),
    spans: await spansOf(connection, shape, scan, summary),
    knownThrough: await knownThrough(connection, set, rows.known),
    touched: published && reaches(set, summary, published) ? await touchedCutoffs(connection, shape, published) : [],
  }
}

/** Several tile sets as one. */
export function mergeTiles(
  connection: DuckDBConnection,
  set: FeatureSet,
  sets: readonly TileSet[],
  scratchDir: string,
): Promise<StagedTiles> {
  return withoutTables(connection, async () => {
    const shape = shapeOf(set)
    await connection.run(MOMENTS_MACRO)
    await connection.run(`CREATE OR REPLACE TEMP TABLE tiles AS ${mergedFilesSql(shape, sets)}`)
    return stageTiles(shape, scratchDir, {
      tiles: keptTilesSql(shape, 'tiles'),
      items: partial => (shape.asKnown ? mergedSpansSql(shape, sets, partial) : mergedBlocksSql(shape, sets, partial)),
      run: async sql => void (await connection.run(sql)),
      rows: (await summaryOf(connection)).rows,
    })
  })
}

/** What tiles are written from. */
interface TileQueries {
  tiles: string
  items: (partial: PartialAggregate) => string
  run: (sql: string) => Promise<void>
  /** How many rows the table `tiles` has. */
  rows: number
}

interface TileSummary {
  rows: number
  /** Rows of the source in them. */
  counted: number
  first: bigint | null
  last: bigint | null
}

/** Whether any of the tiles may touch a published cutoff: those of a day that is new do not. */
function reaches(set: FeatureSet, { first, last }: TileSummary, published: CutoffRange): boolean {
  if (first === null || last === null) return false
  const [low, high] = cutoffIndices(set, published)
  return first <= high && (hasLifetime(set) || last + reachOf(set) >= low)
}

/** What the table `tiles` holds. */
async function summaryOf(connection: DuckDBConnection): Promise<TileSummary> {
  const summary = 'SELECT count(*), coalesce(sum(n), 0), min(i), max(i) FROM tiles'
  const [rows, counted, first, last] = await firstRow(connection, summary)
  return { rows: Number(rows), counted: Number(counted), first: first as bigint | null, last: last as bigint | null }
}

async function stageTiles(shape: Shape, scratchDir: string, from: TileQueries): Promise<StagedTiles> {
  const base = join(scratchDir, `tiles-${randomUUID()}`)
  const parts: Record<string, string> = {}
  const write = async (part: string, query: string): Promise<void> => {
    parts[part] = `${base}-${part}.parquet`
    await from.run(`COPY (${query}) TO ${literal(parts[part])} (FORMAT parquet, COMPRESSION zstd)`)
  }
  await write(TILES, from.tiles)
  for (const partial of shape.partials.all) if (partial.kind === 'distinct') await write(itemsPart(partial), from.items(partial))
  return { parts, rows: from.rows }
}

interface CountedRows {
  /** The rows that count. */
  relation: string
  /** The same, and those that have taken back others: through all of them it is known. */
  known: string
  /** Where repeated row keys are dropped: how many rows were accepted before. */
  accepted: number | undefined
  /** Of these the ones that take back others. */
  retractions: number
}

/**
 * Which of several rows with one row key counts is chosen before keys are looked at: what belongs to no entity may replace what did.
 * Where the chosen one takes the others back, none of them counts.
 */
async function countedRows(connection: DuckDBConnection, shape: Shape, scan: Scan): Promise<CountedRows> {
  const { source } = shape.set
  const only = (relation: string, condition: string): string =>
    condition === 'true' ? relation : `(SELECT * FROM ${relation} WHERE ${condition})`
  if (!source.rowKey) {
    const relation = only(scan.relation, scan.keyed)
    return { relation, known: relation, accepted: undefined, retractions: 0 }
  }
  await connection.run(`CREATE OR REPLACE TEMP TABLE valid AS SELECT * FROM ${scan.relation}`)
  const { retraction = 'false' } = shape
  const counts = `SELECT count(*) FILTER (WHERE ${retraction} OR ${scan.keyed}), count(*) FILTER (WHERE ${retraction}) FROM valid`
  const [accepted, retractions] = (await firstRow(connection, counts)).map(Number) as [number, number]
  const chosen = shape.asKnown ? replacedRows(shape, source.rowKey) : lastOfEachRowKey(shape, source.rowKey)
  if (shape.retraction === undefined) {
    const relation = only(chosen, scan.keyed)
    return { relation, known: relation, accepted, retractions }
  }
  return {
    relation: only(chosen, `NOT ${retraction} AND ${scan.keyed}`),
    known: only(chosen, `(${retraction} OR ${scan.keyed})`),
    accepted,
    retractions,
  }
}

/** A repeated row key keeps the row that is last. */
function lastOfEachRowKey(shape: Shape, rowKey: readonly string[]): string {
  const by = rowKey.map(name => shape.rows.sql(name)).join(', ')
  return `(SELECT * FROM valid QUALIFY row_number() OVER (PARTITION BY ${by} ORDER BY ${replacingOrder(shape, 'DESC NULLS LAST')}) = 1)`
}

/**
 * As known, each row counts until a later one with its row key is known: the first such cutoff is `__until`. Where a later one was
 * known before the row itself, that is no cutoff at which the row counts.
 */
function replacedRows(shape: Shape, rowKey: readonly string[]): string {
  const by = rowKey.map(name => shape.rows.sql(name)).join(', ')
  const later = 'ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING'
  const order = `PARTITION BY ${by} ORDER BY ${replacingOrder(shape, 'NULLS FIRST')}`
  // In the order of known times the next row is known before all others that follow.
  const next = shape.rows.byKnown
    ? `lead(${knownTileSql(shape)}) OVER (${order})`
    : `min(${knownTileSql(shape)}) OVER (${order} ${later})`
  return `(SELECT *, ${next} AS __until FROM valid)`
}

/**
 * The order in which rows replace one another: by known time, but for that of landings, then by the position, since a log has them in
 * this order. Where neither tells, what happened last is taken to be known last, and a row to be there before it is taken back.
 */
function replacingOrder({ rows, retraction }: Shape, direction: string): string {
  const taken = retraction === undefined ? [] : [retraction]
  const columns = [...(rows.byKnown ? ['__known'] : []), ...rows.position, '__t', ...taken, ...rows.content]
  return columns.map(column => `${column} ${direction}`).join(', ')
}

/** Of one file the tiles tell; of several its rows must be looked at one by one. */
async function spansOf(
  connection: DuckDBConnection,
  shape: Shape,
  { request, byFile }: Scan,
  tiles: TileSummary,
): Promise<(TileSpan | null)[]> {
  const { files } = request.inputs
  const spanOf = ([first, last]: unknown[]): TileSpan | null =>
    first === null ? null : { first: cutoffAt(shape.set, first as bigint), last: cutoffAt(shape.set, last as bigint) }
  if (files.length === 0) return []
  if (files.length === 1 && !shape.set.source.rowKey) return [spanOf([tiles.first, tiles.last])]
  const tile = (t: string): string => tileSql(shape.set, t)
  const reader = await connection.runAndReadAll(
    `SELECT __file, ${tile('min(__t)')}, ${tile('max(__t)')} FROM ${byFile} GROUP BY __file`,
  )
  const spans = new Map(reader.getRows().map(([path, ...ends]) => [String(path), spanOf(ends)]))
  return files.map(({ path }) => spans.get(path) ?? null)
}

async function knownThrough(connection: DuckDBConnection, { source }: FeatureSet, relation: string): Promise<bigint | undefined> {
  if (source.knownTime === undefined) return undefined
  const [known] = await firstRow(connection, `SELECT max(__known) FROM ${relation}`)
  return (known as bigint | null) ?? undefined
}

/** The stretches of published cutoffs that the tiles reach, with the number of their entities. */
async function touchedCutoffs(connection: DuckDBConnection, shape: Shape, published: CutoffRange): Promise<StaleRange[]> {
  const { set, keys } = shape
  const [low, high] = cutoffIndices(set, published)
  const end = shape.lifetime ? `${high}::BIGINT` : `least(i + ${reachOf(shape.set)}, ${high})`
  const before = 'ORDER BY a, b ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING'
  const reader = await connection.runAndReadAll(`
    WITH reached AS (SELECT DISTINCT i, greatest(i, ${low}) AS a, ${end} AS b FROM tiles),
      marked AS (SELECT *, max(b) OVER (${before}) AS before FROM reached WHERE a <= b),
      numbered AS (SELECT *, count(*) FILTER (WHERE before IS NULL OR a > before + 1) OVER (ORDER BY a, b ROWS UNBOUNDED PRECEDING) AS stretch FROM marked)
    SELECT min(a), max(b), count(DISTINCT (${keys.join(', ')})) FROM tiles JOIN numbered USING (i) GROUP BY stretch ORDER BY 1`)
  return reader
    .getRows()
    .map(([a, b, entities]) => ({ from: cutoffAt(set, a as bigint), to: cutoffAt(set, b as bigint), entities: Number(entities) }))
}
