/** The port to versioned tables: snapshots of immutable versions, and commits that either happen wholly or not at all. */
import type { ColumnType } from './columnType.ts'
import type { Instant } from './time.ts'

export interface TableColumn {
  name: string
  type: ColumnType
  nullable: boolean
  /** For people and readers' tools; kept in the table's metadata. */
  comment?: string
}

/** What is known of one column of one file, for file skipping. Values are exact, in the column's own JavaScript form. */
export interface ColumnStatistics {
  /** Absent where unknown or not usable (NaN among the values). Timestamps are Instants (bigint microseconds). */
  min?: string | number | bigint | boolean
  max?: string | number | bigint | boolean
  nullCount: number
}

/** A data file that belongs to a version. */
export interface TableFile {
  /** Relative to the table's root. */
  path: string
  size: number
  rows: number
  columns: Record<string, ColumnStatistics>
  modifiedAt: number
  /** Of a partitioned table: the value that all rows of the file have in a column that the file itself does not hold. */
  partition: Record<string, string | null>
  tags: Record<string, string>
}

/** A finished Parquet file on local disk, not yet part of any table. */
export interface StagedFile {
  localPath: string
  size: number
  rows: number
  columns: Record<string, ColumnStatistics>
  /** Values of the columns that the table is partitioned by, as Delta writes them; the file does not hold these. */
  partition?: Record<string, string>
  tags?: Record<string, string>
}

export interface Snapshot {
  /** The table's identity: a UUID that never changes. */
  tableId: string
  version: number
  /** When this version was committed; monotone over versions. */
  committedAt: Instant
  columns: TableColumn[]
  /** Columns, each file having one value of each. */
  partitionBy: string[]
  description: string | undefined
  /** The table's own properties, `quern.*` among them. */
  properties: Record<string, string>
  files: TableFile[]
  /** Application transactions: appId -> version. */
  transactions: ReadonlyMap<string, bigint>
  /** The lineage that this version's commit recorded, if it still can be read. */
  lineage: unknown
}

/** One line of a table's history. */
export interface CommitRecord {
  version: number
  committedAt: Instant
  operation: string
  lineage: unknown
}

export interface TableChange {
  /** The version that this change was planned from; undefined makes a new table. */
  base: Snapshot | undefined
  /** A short word for `log`: 'run', 'rebuild', 'append'. */
  operation: string
  /** Present when the table is made or its schema changes. */
  schema?: { columns: TableColumn[]; partitionBy?: string[]; description?: string }
  add: StagedFile[]
  /** Paths of files of `base` that the new version no longer holds. */
  remove: string[]
  /** Files of an older version that are part of the table again, as copies. One that is gone makes a conflict. */
  restore?: { version: number; paths: string[] }
  /** The same rows in other files: streaming readers may pass over it. Default true. */
  dataChange?: boolean
  transactions?: Record<string, bigint>
  /** JSON: bigint becomes exact digits. */
  lineage: unknown
  /**
   * 'plan': any commit since `base` makes this one a conflict (a feature set).
   * 'append': commits that only appended do not; the change is tried again on top, unless one of `transactions` has
   * moved meanwhile, or one of the files in `remove` is gone, which is a conflict.
   */
  isolation: 'plan' | 'append'
}

/** Of a conflict under 'append' also the files of the change, where they can be taken up from again. */
export type CommitOutcome =
  | { outcome: 'committed'; version: number }
  | { outcome: 'conflict'; latest: number; files: StagedFile[] }

export type VersionSelector = { version: number } | { asOf: Instant } | 'latest'

/**
 * One table. Every implementation must pass test/conformance/tableStore.ts.
 */
export interface Table {
  /** What Python readers are given. */
  readonly uri: string

  /**
   * The version that `selector` names: the latest, one by number, or the latest committed at or before an instant.
   * Undefined where there is no such version or no table. A log that cannot be read is a DataError.
   */
  snapshot(selector: VersionSelector): Promise<Snapshot | undefined>

  /**
   * Publishes a change as version base + 1 (or, under 'append', as the next free one), atomically: until the commit's
   * one put-if-absent succeeds nothing of it is visible, afterwards all of it is, whatever dies when. Files are moved
   * into the table first, under fresh names; those of a lost race stay behind as unreferenced garbage.
   */
  commit(change: TableChange): Promise<CommitOutcome>

  /** Commits, newest first; at most `limit`. */
  history(limit?: number): AsyncIterable<CommitRecord>

  /** Local paths at which the engine can read the snapshot's files, in order. */
  localPaths(files: readonly TableFile[]): Promise<string[]>

  /** Whether all files of a version are still there: a clean-up may have removed those of old versions. */
  isWhole(snapshot: Snapshot): Promise<boolean>

  /** Those that are not. */
  filesGone(snapshot: Snapshot): Promise<TableFile[]>

  /**
   * Every object in the table's folder, by its name below it, the log's and `_quern`'s included, and after them what writers have
   * begun and not finished.
   */
  contents(): AsyncIterable<{ name: string; size: number; modifiedAt: number; unfinished: boolean }>

  /**
   * What some versions hold: the paths of their data files, and the lineages of their commits. `from` stands for every version
   * from that number on. `past` are the paths of files that some version held and none of these does.
   */
  heldBy(versions: {
    from: number
    also: readonly number[]
  }): Promise<{ paths: Set<string>; past: Set<string>; lineages: unknown[] }>

  /** The names of log objects without which `version` and all later ones can be read, once `version` has a checkpoint. */
  logBefore(version: number): Promise<string[]>

  /** Writes what makes a version quick to open, and readable without the log before it. */
  checkpoint(version: number): Promise<void>

  /** Removes objects for good. */
  remove(names: readonly string[]): Promise<void>

  /** The versions that have names, by name. */
  tags(): Promise<ReadonlyMap<string, number>>

  /**
   * Lets `tag` name `version`, or nothing where that is undefined, if it names `expected` now (undefined: nothing). 'moved'
   * where it does not, or where another moves it at the same time: of any number that expect the same, one receives 'written'.
   * 'gone' where a clean-up has taken the version away meanwhile; the tag is then where it was.
   */
  moveTag(tag: string, version: number | undefined, expected: number | undefined): Promise<'written' | 'moved' | 'gone'>

  /**
   * Keeps `bytes` as an immutable object that commits may refer to, under `_quern/<name>`. Equal names hold equal bytes: one that is
   * there already becomes as young as a new one, since what is old and not referred to may be deleted; one that is damaged is mended.
   */
  putObject(name: string, bytes: Uint8Array): Promise<void>
  getObject(name: string): Promise<Uint8Array | undefined>

  /** The same with a finished local file, which is moved away (one that is there stays), and with a local path to read it at. */
  putObjectFile(name: string, localPath: string): Promise<void>
  objectPath(name: string): Promise<string | undefined>
}

export interface TableStore {
  readonly uri: string
  table(path: string): Table
  /** The names of the tables directly under `folder`, sorted: `features` -> `origin_delays`. */
  tables(folder: string): Promise<string[]>
}
