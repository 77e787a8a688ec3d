/** The port to whatever computes: a plan in, staged Parquet files with statistics out; and a query in, rows out. */
import type { Value } from './columnType.ts'
import type { BatchMeasures } from './expectations.ts'
import type { FeatureSet } from './featureSet.ts'
import type { Landing, LandingRequest } from './landing.ts'
import type { CutoffRange, CutoffRanges } from './ranges.ts'
import type { RejectingRun, StagedRejects } from './rejectedRows.ts'
import type { LocalInputs, SourceDefinition } from './source.ts'
import type { StagedFile, TableColumn } from './tableStore.ts'
import type { Instant } from './time.ts'

/** Files to be read, validated and turned into tiles. */
export interface Reading {
  set: FeatureSet
  inputs: LocalInputs
  /**
   * Published cutoffs that may still change. The reading tells which of them the rows' windows touch; absent where none may.
   */
  published?: CutoffRange
  /** What the set's expectations are to be measured against; absent where nothing is to be measured, which then costs nothing. */
  expected?: ExpectedBatch
  /** Whether the tiles are wanted, or only what is known of them. */
  keep: boolean
}

export interface ExpectedBatch {
  /** Rows are as old as they are then. */
  until: Instant
  /** Rows are late whose event lies in a tile that a cutoff of these ends. */
  published: CutoffRanges
}

/**
 * Partial aggregates of rows by entity and tile, a tile being the time between two neighbouring cutoffs: all that a feature
 * set needs of those rows. Each part is a Parquet file. Tiles of different rows add up; they are never subtracted.
 */
export interface TileSet {
  /** Name of the part -> local path. */
  parts: Record<string, string>
}

/** The tiles that a file's rows fall in, by the cutoffs that end the first and the last. */
export interface TileSpan {
  first: Instant
  last: Instant
}

/** Published cutoffs, both ends included, that are no longer what the rows say. */
export interface StaleRange {
  from: Instant
  to: Instant
  /** Null where it cannot be known before computing. */
  entities: number | null
}

export interface ReadResult {
  /** Those that were refused included, those that only take back others not. */
  rowsRead: number
  rowsRejected: number
  /** All of them, also where they are more than allowed; undefined where they are only counted. */
  rejects: StagedRejects | undefined
  /** Undefined where more rows were rejected than allowed, or where tiles were not wanted. */
  tiles: StagedTiles | undefined
  /** For each file of the inputs, in their order; null where none of its rows counts. */
  spans: (TileSpan | null)[]
  /** The greatest known time that was read; undefined where the source declares none. */
  knownThrough: Instant | undefined
  touched: StaleRange[]
  /**
   * What the accepted rows measure, repeated row keys included, those that only take back others not: an entry for each of the set's expectations. Undefined where it was
   * not asked for, or more rows were rejected than allowed.
   */
  measured?: BatchMeasures
}

/** Whether more rows were rejected than allowed. A share such as 0.29 is a little off as a double; one row in 10^12 more is not. */
export function exceeds({ rowsRead, rowsRejected }: { rowsRead: number; rowsRejected: number }, share: number): boolean {
  return rowsRejected > share * rowsRead * (1 + 1e-12)
}

export interface StagedTiles extends TileSet {
  /** A measure of their size. */
  rows: number
}

/** Everything that decides the rows which are computed: equal computations give equal rows. */
export interface Computation {
  set: FeatureSet
  /** Tiles of all rows that count. More than the cutoffs need does no harm. */
  tiles: TileSet[]
  /** Cutoffs that are not published yet: computed for every entity. */
  due: CutoffRanges
  stale?: StaleScope
  closings?: Closing[]
}

/**
 * A cutoff, due or stale, from which on rows no longer count that were taken back. An entity that had a row at the cutoff before it,
 * and has none at it, gets its closing row: its old numbers would be found for ever.
 */
export interface Closing {
  cutoff: Instant
  /** The files that hold rows of the cutoff before. */
  base: BaseFile[]
}

/** Published cutoffs that are computed again, and the rows that they have now. */
export interface StaleScope {
  cutoffs: CutoffRanges
  /**
   * Only the entities that occur in these tiles from `first` to `last`, each at the cutoffs that these tiles reach; every
   * entity where the tiles are undefined.
   */
  touched: { tiles: TileSet | undefined; span: TileSpan }[]
  /** The version's files that hold any of `cutoffs`. */
  base: BaseFile[]
  columns: TableColumn[]
}

export interface BaseFile extends TileSpan {
  localPath: string
}

export interface Progress {
  stage: 'fetch' | 'land' | 'read' | 'compute' | 'write'
  unit: 'rows' | 'bytes'
  /** So many are done, of so many in all where that is known. */
  done: number
  total: number | null
}

export interface ComputationResult {
  files: StagedFile[]
  /** Places in `stale.base` of the files that are no longer part of the table: their other rows are in `files`. */
  replaced: number[]
  /** Rows that are new or have other values; rows that were only copied do not count. */
  rows: number
  /** Cutoffs of those rows; `last` included. Undefined where there is none. */
  cutoffs: CutoffSpan | undefined
  /** Of the published ones: what has changed. */
  restated: { rows: number; removed: number; entities: number; cutoffs: CutoffSpan | undefined }
}

export interface CutoffSpan {
  first: Instant
  last: Instant
  count: number
}

export interface ReadOptions {
  /** At most this share of the rows may be rejected. */
  maxRejected: number
  /** Stages the rejected rows, as found by this run. Absent: they are only counted. */
  rejects?: RejectingRun
  onProgress(progress: Progress): void
  /** Receives what people should know of the files, beside what stops a run: a sentence each. */
  onNote?: ((text: string) => void) | undefined
  signal: AbortSignal
}

/** What a file physically holds. */
export interface InputColumns {
  path: string
  columns: { name: string; type: string }[]
  /** Null where it cannot be known before reading. */
  rows: number | null
}

/** Rows by column: `columns[i][j]` is the value of the query's i-th column in the j-th row. */
export interface RowBatch {
  rows: number
  columns: Value[][]
}

/** Rows of Parquet files that hold one table. */
export interface Query {
  paths: string[]
  /** The table's columns, with their types; a file that lacks one holds nulls there. */
  columns: TableColumn[]
  /** The names of those wanted, in their order; all where absent. */
  select?: string[]
  /** Only the last row by `order` of each distinct `keys`. */
  latest?: { keys: string[]; order: string }
  /** Of these rows only those for which a read-only expression in the engine's SQL is true; a wrong one is a DefinitionError. */
  where?: string
  /** Ascending, nulls last. Absent: the order of the files. */
  orderBy?: string[]
  limit?: number
}

export interface RoundedColumn {
  name: string
  isVariance: boolean
}

/** Two tables whose rows have the same keys. */
export interface Comparison {
  left: Query
  right: Query
  /** Together unique on each side, and never null. */
  keys: string[]
  /** Columns of floats that were added up. Their values are equal within 1e-12 of the larger one; all others to the bit. */
  rounded: RoundedColumn[]
  /** How much farther apart rounded values may be, by the same keys and names; two variances by so much times their root. */
  slack?: Query
  /** At most so many examples. */
  limit: number
}

/** What differs in the columns that both sides have with the same type. */
export interface Differences {
  /** Rows that only the right side, only the left side, or both sides have, the last with other values. */
  added: number
  removed: number
  changed: number
  /** The columns with other values: in how many rows, and for numbers the largest distance. */
  columns: { name: string; rows: number; largest: number | null }[]
  /** The first rows that differ, by key; null where a side has no such row. */
  examples: {
    key: { name: string; value: Value }[]
    left: Record<string, Value> | null
    right: Record<string, Value> | null
  }[]
}

/** Rows on their way into Parquet files. */
export interface RowWriter {
  /** Takes a batch; returns when there is room for the next, so that memory stays bounded. */
  write(batch: RowBatch): Promise<void>
  /** The finished files, none where no row was written. */
  finish(): Promise<StagedFile[]>
  /** Gives up: removes what was staged. Nothing happens after `finish`. */
  abandon(): Promise<void>
}

/**
 * Computes and queries on files at local paths. Every implementation must pass test/conformance/engine.ts.
 *
 * Unreadable files, missing columns and columns whose type cannot hold the schema's raise a DataError that names the file;
 * a full scratch disk raises a TransientError. An aborted signal raises its reason.
 */
export interface Engine {
  readonly name: string
  /** Changes whenever tiles of an older release mean something else. */
  readonly tileFormat: string
  version(): Promise<string>

  /** What it may use. */
  limits(): Promise<{ memoryBytes: number; threads: number }>

  /** Compares the files' real columns with the schema: what would stop a run, without reading rows. */
  inspect(source: SourceDefinition, inputs: LocalInputs): Promise<InputColumns[]>

  /** Validates the rows of files and gathers them into tiles. */
  read(reading: Reading, options: ReadOptions): Promise<ReadResult>

  /** One set of tiles that says what the given ones say together. */
  mergeTiles(set: FeatureSet, tiles: TileSet[]): Promise<StagedTiles>

  /** The feature set's rows at some cutoffs, from tiles. */
  compute(computation: Computation, options: Pick<ReadOptions, 'onProgress' | 'signal'>): Promise<ComputationResult>

  /** Rows from outside into staged Parquet files. */
  writeRows(columns: TableColumn[]): Promise<RowWriter>

  /** Begins a landing of messages. Others may be begun meanwhile. */
  land(request: LandingRequest): Promise<Landing>

  /** How many different rows a query has. */
  countDistinct(query: Query): Promise<number>

  /** The rows of a query in bounded batches. */
  query(query: Query): AsyncIterable<RowBatch>

  /** The rows of a query as the bytes of one Arrow IPC stream. */
  queryArrow(query: Query): AsyncIterable<Uint8Array>

  /** The rows of a query as one Parquet file at `path`. */
  queryParquet(query: Query, path: string): Promise<void>

  /** The rows of a query as one staged file with statistics, in the query's order. */
  stageQuery(query: Query): Promise<StagedFile>

  /** What differs between two queries' rows. */
  compare(comparison: Comparison): Promise<Differences>

  /** Frees memory and scratch files. */
  close(): Promise<void>
}
