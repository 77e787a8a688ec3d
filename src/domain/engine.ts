/** The port to whatever computes: a plan in, staged Parquet files with statistics out; and a query in, rows out. */
import type { FeatureSet } from './featureSet.ts'
import type { Issue } from './schema.ts'
import type { PinnedInputs, SourceDefinition } from './source.ts'
import type { StagedFile, TableColumn } from './tableStore.ts'
import type { Instant } from './time.ts'

/** Everything that decides a feature set's content: equal computations give equal tables. */
export interface Computation {
  set: FeatureSet
  inputs: PinnedInputs
  /** The last cutoff that may be published. */
  through: Instant
}

/** A row that its schema, or a feature set's key, refuses. */
export interface RejectedRow {
  /** sha256 of the file's bytes, and the row in it counted from 1 (a CSV header does not count). */
  input: string
  path: string
  row: bigint
  /** The row as it was read, as JSON text; for a row that could not be parsed the text itself. */
  raw: string
  issues: Issue[]
  /** The schema accepts the row; the feature set that is computed refuses it, since a column of its key is null. */
  refusedByKey?: boolean
}

export interface Progress {
  stage: 'read' | 'compute' | 'write'
  unit: 'rows' | 'bytes'
  /** So many are done, of so many in all where that is known. */
  done: number
  total: number | null
}

export interface ComputationResult {
  rowsRead: number
  rowsRejected: number
  /** Undefined where more rows were rejected than allowed: nothing was computed. */
  staged: StagedFiles | undefined
}

export interface StagedFiles {
  files: StagedFile[]
  rows: number
  /** Distinct keys among the rows; null where counting them would cost another pass. */
  entities: number | null
  /** Those that hold rows; `last` included. Undefined where no row is due. */
  cutoffs: { first: Instant; last: Instant; count: number } | undefined
}

export interface ComputeOptions {
  /** At most this share of the rows may be rejected. */
  maxRejected: number
  /** Receives rejected rows in batches, before the verdict on their share; each once. */
  onRejected(rows: RejectedRow[]): Promise<void>
  onProgress(progress: Progress): void
  signal: AbortSignal
}

/** What a file physically holds. */
export interface InputColumns {
  path: string
  columns: { name: string; type: string }[]
  /** Null where it cannot be known before reading. */
  rows: number | null
}

/**
 * A value of a table's row: int64 is a bigint, a timestamp an Instant, a decimal its exact digits, a date `2026-01-31`.
 */
export type Value = boolean | number | bigint | string | null

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
  /** A read-only expression in the engine's SQL over the table's columns; a wrong one is a DefinitionError. */
  where?: string
  /** Of the rows that `where` keeps, only the last one by `order` of each distinct `keys`. */
  latest?: { keys: string[]; order: string }
  /** Ascending, nulls last. Absent: the order of the files. */
  orderBy?: string[]
  limit?: number
}

/** Two tables whose rows have the same keys. */
export interface Comparison {
  left: Query
  right: Query
  /** Together unique on each side, and never null. */
  keys: string[]
  /** Floats count as equal within this share of the larger magnitude. */
  tolerance: number
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
  version(): Promise<string>

  /** What it may use. */
  limits(): Promise<{ memoryBytes: number; threads: number }>

  /** Compares the files' real columns with the schema: what would stop a run, without reading rows. */
  inspect(source: SourceDefinition, inputs: PinnedInputs): Promise<InputColumns[]>

  compute(computation: Computation, options: ComputeOptions): Promise<ComputationResult>

  /** Rows from outside into staged Parquet files. May be used while `compute` runs: by its `onRejected`. */
  writeRows(columns: TableColumn[]): Promise<RowWriter>

  /** The rows of a query in bounded batches. */
  query(query: Query): AsyncIterable<RowBatch>

  /** The rows of a query as the bytes of one Arrow IPC stream. */
  queryArrow(query: Query): AsyncIterable<Uint8Array>

  /** The rows of a query as one Parquet file at `path`. */
  queryParquet(query: Query, path: string): Promise<void>

  /** What differs between two queries' rows. */
  compare(comparison: Comparison): Promise<Differences>

  /** Frees memory and scratch files. */
  close(): Promise<void>
}
