/** What an author declares about an input, and what a source knows of it at one moment. */
import type { KafkaLanding } from './kafkaSource.ts'
import type { EventTime, RowSchema } from './schema.ts'

export type { EventTime }

export interface CsvDialect {
  delimiter: string
  quote: string
  header: boolean
  /** The unquoted text that stands for null. */
  nullText: string
  encoding: string
}

export const DEFAULT_DIALECT: CsvDialect = { delimiter: ',', quote: '"', header: true, nullText: '', encoding: 'utf-8' }

/** What a computation needs to know of the rows of any source. */
interface RowsSource {
  name: string
  projectDir: string
  schema: RowSchema
  eventTime: EventTime
  /** Column: when the pipeline could have used the row. */
  knownTime?: string
  /**
   * Known times are those of landings: they say since when a row counts, and nothing of which came first, since what was refused lands
   * behind what came after it. So the position alone tells the order of rows. Absent: known time tells it, before the position.
   */
  landed?: true
  /** Columns whose equal values make two rows one. */
  rowKey?: string[]
  /** IANA zone of timestamps that carry no offset. */
  zone?: string
  /**
   * Columns that tell the order of rows whose times are equal, ascending, as far as they lie in a log: partition and offset. Of rows
   * with one row key and known time (where these are `landed`, with one row key) the last by position counts.
   */
  position?: string[]
  /**
   * A boolean column: a row in which it is true takes back the rows of its row key that were known before it, and is none itself. Of
   * such a row only times, row key and position are judged; it may lack all else.
   */
  retracts?: string
  allowEmpty: boolean
  csv: CsvDialect
}

/** A source of immutable files, read in place. */
export interface ObjectsSource extends RowsSource {
  kind: 'objects'
  /** A pattern, folder or file path as it is written: relative ones start at the project's folder. */
  uri: string
  /**
   * Of a bucket. `all`: every run lists what there is. `afterLast`: keys of new objects come after those of older ones, and a run
   * lists what comes after the last that is known; what is known is taken to be there as it was. Absent: `all`.
   */
  listing?: 'all' | 'afterLast'
  /** Of a bucket: the manifest of an inventory of it, `s3://bucket/key`, in place of a listing. */
  inventory?: string
}

/**
 * A topic. Its messages land in `archive/<name>/`, whose rows are the source's: `schema`, `eventTime` and all else speak of them. What
 * messages are and how they are judged stands in `landing`.
 */
export interface KafkaSource extends RowsSource {
  kind: 'kafka'
  landing: KafkaLanding
}

export type SourceDefinition = ObjectsSource | KafkaSource

/** The schema that judges a source's rows: of an archive's it did so when they landed. */
export const gateOf = (source: SourceDefinition): RowSchema => (source.kind === 'kafka' ? source.landing.schema : source.schema)

export type FileFormat = 'parquet' | 'csv' | 'ndjson'
export type Compression = 'none' | 'gzip' | 'zstd'

/** One file, pinned by content. */
export interface PinnedFile {
  /** As the store or file system calls it now; a rename changes it and nothing else. */
  path: string
  /** Names the bytes: their sha256 in hex; of an object in a bucket its ETag and size. */
  hash: string
  size: number
  /** Nanoseconds since the epoch; with `size`, lets a later run trust `hash` without reading. */
  modifiedAt: string
  /** Of an object in a bucket that keeps versions. */
  versionId?: string
  format: FileFormat
  compression: Compression
  /** Columns of the schema that folders named `column=value` give. */
  partition: Record<string, string>
  /**
   * How many replays had found, when the file was pinned, that rows of its content are accepted by now which had been refused.
   * Absent where none had.
   */
  replays?: number
  /** When its events happened, where that is known unread. */
  events?: { first: string; last: string }
}

/** What names the bytes of an object in a bucket. */
export const hashOf = ({ etag, size }: { etag: string; size: number }): string => `s3:${etag}:${size}`

/** The ETag in such a name; undefined in the hash of a file's bytes. */
export const etagIn = (hash: string): string | undefined =>
  hash.startsWith('s3:') ? hash.slice('s3:'.length, hash.lastIndexOf(':')) : undefined

/** A pinned file where the engine can read it. */
export interface LocalFile extends PinnedFile {
  /** Absent: at `path`. It may be a part of the file that has all that the schema asks for. */
  localPath?: string
  /** Where it was opened for its columns: so many bytes its rows would take to bring. Absent: all. */
  rowBytes?: number
}

export interface LocalInputs {
  source: string
  files: LocalFile[]
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

export interface PinOptions {
  /** What an option of the source lets go unseen of what is known is looked at as well. */
  anew?: boolean
  signal?: AbortSignal
}

export interface OpenOptions {
  what: 'rows' | 'columns'
  signal: AbortSignal
  /** Bytes that have been brought, of so many. */
  onBytes?: (done: number, total: number) => void
}

export interface OpenInputs extends LocalInputs {
  /** Removes what was made; the files cannot be read any more. */
  release(): Promise<void>
}

/** A source as a run sees it. Every implementation must pass test/conformance/source.ts. */
export interface Source {
  readonly definition: SourceDefinition

  /** How many bytes of its files may be brought to this machine at a time; undefined where they are read where they lie. */
  readonly room: number | undefined

  /**
   * Pins what there is now. `known` are the files that an earlier version recorded: a file of equal path, size and
   * modification time keeps its hash unread. A pattern that matches nothing is a DataError unless `allowEmpty`.
   */
  pin(known: readonly PinnedFile[], options?: PinOptions): Promise<PinnedInputs>

  /**
   * Brings pinned files to where the engine can read them. `rows`: all that the schema asks for of their rows; `columns`: what tells
   * which columns they have, and nothing of rows. One that is no longer what was pinned raises a ChangedObjectError, or is told by
   * `changedSince` afterwards.
   */
  open(inputs: PinnedInputs, options: OpenOptions): Promise<OpenInputs>

  /** The paths among `inputs` whose content may have changed since they were pinned. */
  changedSince(inputs: PinnedInputs): Promise<string[]>
}
