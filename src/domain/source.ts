/** What an author declares about an input, and what a source knows of it at one moment. */
import type { RowSchema } from './schema.ts'

/** Where the moment of an event stands: a column of instants, or a number in a unit since 1970. */
export interface EventTime {
  column: string
  unit?: 's' | 'ms' | 'us'
}

export interface CsvDialect {
  delimiter: string
  quote: string
  header: boolean
  /** The unquoted text that stands for null. */
  nullText: string
  encoding: string
}

/** A source of immutable files, read in place. */
export interface ObjectsSource {
  kind: 'objects'
  name: string
  /** A pattern, folder or file path as it is written: relative ones start at the project's folder. */
  uri: string
  projectDir: string
  schema: RowSchema
  eventTime: EventTime
  /** Column: when the pipeline could have used the row. */
  knownTime?: string
  /** Columns whose equal values make two rows one. */
  rowKey?: string[]
  /** IANA zone of timestamps that carry no offset. */
  zone?: string
  allowEmpty: boolean
  csv: CsvDialect
}

export type SourceDefinition = ObjectsSource

export type FileFormat = 'parquet' | 'csv' | 'ndjson'
export type Compression = 'none' | 'gzip' | 'zstd'

/** One file, pinned by content. */
export interface PinnedFile {
  /** As the store or file system calls it now; a rename changes it and nothing else. */
  path: string
  /** sha256 of the bytes, hex. */
  hash: string
  size: number
  /** Nanoseconds since the epoch; with `size`, lets a later run trust `hash` without reading. */
  modifiedAt: string
  format: FileFormat
  compression: Compression
  /** Columns of the schema that folders named `column=value` give. */
  partition: Record<string, string>
  /**
   * How many replays had found, when the file was pinned, that rows of its content are accepted by now which had been refused.
   * Absent where none had.
   */
  replays?: number
}

/** All of a file that decides its rows: files of one content hold the same, wherever they lie. */
export function contentOf({ hash, format, compression, partition }: PinnedFile): string {
  const folders = Object.entries(partition).sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify([hash, format, compression, folders])
}

/** A content, and which of its rows were accepted: what was read before a replay is another input than what is read after it. */
export function identityOf(file: PinnedFile): string {
  return file.replays === undefined ? contentOf(file) : JSON.stringify([contentOf(file), file.replays])
}

/** What a source holds at one moment, in an order that depends on nothing but the contents. */
export interface PinnedInputs {
  source: string
  files: PinnedFile[]
}

/** A source as a run sees it. Every implementation must pass test/conformance/source.ts. */
export interface Source {
  readonly definition: SourceDefinition

  /**
   * Pins what there is now. `known` are the files that an earlier version recorded: a file of equal path, size and
   * modification time keeps its hash unread. A pattern that matches nothing is a DataError unless `allowEmpty`.
   */
  pin(known: readonly PinnedFile[]): Promise<PinnedInputs>

  /** The paths among `inputs` whose content may have changed since they were pinned. */
  changedSince(inputs: PinnedInputs): Promise<string[]>
}
