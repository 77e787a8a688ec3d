/** One DuckDB instance with quern's settings, its scratch folder, and the translation of its errors. */
import { mkdir, rm } from 'node:fs/promises'
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { DataError, InvariantError, QuernError, TransientError } from '../../domain/errors.ts'
import type { Overflow } from './featureSql.ts'
import { OVERFLOW_MARK } from './featureSql.ts'
import { enableProgress } from './watched.ts'

export interface DuckDBOptions {
  /** Bytes that the engine may hold in memory; past it, it spills to `scratchDir`. */
  memory: number
  /**
   * Give memory back to the system as soon as it is free, so that the process stays near `memory`. Otherwise the allocator keeps what
   * it may need again, which saves up to a quarter of the CPU and may hold twice the memory for a while.
   */
  frugal?: boolean
  threads: number
  /** A folder of this process alone. Made when first needed, removed by `close`. */
  scratchDir: string
}

interface UseOptions {
  signal?: AbortSignal
  /** May know better what an error means. */
  explain?: Explain
  /** Bytes that the work has to look at, where they are known to be few. */
  size?: number | undefined
}

type Explain = (error: unknown) => QuernError | undefined

/** What the engine takes beside what its own limit counts: file buffers, strings in flight, fragments. */
const uncounted = (memory: number): number => Math.min(memory * 0.3 + 16 * 2 ** 20, memory / 2)

/** Bytes of files below which one thread is done before another has begun. */
const SMALL = 2 ** 20

export class DuckDBSession {
  readonly options: DuckDBOptions
  #threads = 1
  #opened: Promise<{ instance: DuckDBInstance; connection: DuckDBConnection }> | undefined

  constructor(options: DuckDBOptions) {
    this.options = options
  }

  /** The session's connection; the engine is loaded and opened when first asked for. */
  async connection(): Promise<DuckDBConnection> {
    this.#opened ??= this.#open()
    return (await this.#opened).connection
  }

  async #open(): Promise<{ instance: DuckDBInstance; connection: DuckDBConnection }> {
    // Read once, when the library is loaded.
    if (this.options.frugal) process.env.DUCKDB_JE_MALLOC_CONF ??= 'dirty_decay_ms:0,muzzy_decay_ms:0'
    const { DuckDBInstance } = await import('@duckdb/node-api')
    await mkdir(this.options.scratchDir, { recursive: true, mode: 0o700 })
    const instance = await DuckDBInstance.create(':memory:', {
      threads: String(this.#threads),
      memory_limit: `${Math.floor((this.options.memory - uncounted(this.options.memory)) / 1024)}KiB`,
      temp_directory: this.options.scratchDir,
      preserve_insertion_order: 'false',
      // A file that is replaced within a tick of its clock would be served as it was.
      enable_external_file_cache: 'false',

      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    })
    const connection = await instance.connect()
    await connection.run(`SET TimeZone = 'UTC'`)
    await enableProgress(connection)
    return { instance, connection }
  }

  /**
   * Runs `work` on the connection; an abort interrupts the engine, and its errors come out as quern's.
   */
  async use<T>(work: (connection: DuckDBConnection) => Promise<T>, { signal, explain, size }: UseOptions = {}): Promise<T> {
    signal?.throwIfAborted()
    const connection = await this.#connectionFor(size)
    const interrupt = (): void => connection.interrupt()
    signal?.addEventListener('abort', interrupt)
    try {
      return await work(connection)
    } catch (error) {
      signal?.throwIfAborted()
      throw explain?.(error) ?? translated(error, this.options)
    } finally {
      signal?.removeEventListener('abort', interrupt)
    }
  }

  /** As `use`, for results that come piece by piece. */
  async *stream<T>(begin: (connection: DuckDBConnection) => Promise<AsyncIterable<T>>, explain?: Explain): AsyncIterable<T> {
    try {
      yield* await begin(await this.#connectionFor(undefined))
    } catch (error) {
      throw explain?.(error) ?? translated(error, this.options)
    }
  }

  async #connectionFor(size: number | undefined): Promise<DuckDBConnection> {
    const connection = await this.connection()
    const threads = size !== undefined && size < SMALL ? 1 : this.options.threads
    if (threads !== this.#threads) await connection.run(`SET threads = ${threads}`)
    this.#threads = threads
    return connection
  }

  /** A connection of the caller's own, with its own temporary tables; the caller closes it. */
  async anotherConnection(): Promise<DuckDBConnection> {
    await this.connection()
    const connection = await (await this.#opened!).instance.connect()
    await connection.run(`SET TimeZone = 'UTC'`)
    return connection
  }

  async close(): Promise<void> {
    const opened = await this.#opened
    this.#opened = undefined
    opened?.connection.closeSync()
    opened?.instance.closeSync()
    await rm(this.options.scratchDir, { recursive: true, force: true })
  }
}

function translated(error: unknown, options: DuckDBOptions): unknown {
  if (error instanceof QuernError || !(error instanceof Error)) return error
  const message = error.message
  const mark = message.indexOf(OVERFLOW_MARK)
  if (mark >= 0) return overflow(message.slice(mark + OVERFLOW_MARK.length), error)
  if (/Out of Range Error|Conversion Error.*(out of range|Could not cast value)/i.test(message)) return outOfRange(message, error)
  if (/No space left on device|disk quota|max_temp_directory_size|failed to offload/i.test(message)) {
    return new TransientError('transient.disk-full', `the disk that holds ${options.scratchDir} is full`, {
      hint: 'Free space there, or set TMPDIR to a larger disk.',
      cause: error,
    })
  }
  if (/Out of Memory Error/.test(message)) {
    return new TransientError('transient.memory', `the computation does not fit into ${mebibytes(options.memory)} of memory`, {
      hint: 'Give it more with QUERN_MEMORY, or run with fewer QUERN_THREADS.',
      cause: error,
    })
  }
  if (/IO Error|Invalid Input Error.*parquet/i.test(message)) {
    return new DataError('data.unreadable', `an input could not be read: ${firstLine(message)}`, { cause: error })
  }
  return new InvariantError('defect.engine', `the engine failed: ${message}`, { cause: error })
}

/** Hints for values that a definition or a schema can keep out. */
const NARROW = 'narrow the rows with `.where(...)`'
const BOUND = `Bound the columns in the schema (\`z.number().max(...)\`), so that such rows are rejected, or ${NARROW}.`

/** The engine's own arithmetic says what has left which type. */
function outOfRange(message: string, cause: Error): DataError {
  const said = firstLine(message)
  if (/INT64|on abs\(/.test(said)) {
    const hint = `Compute with doubles (multiply by a literal with a fraction), or ${NARROW}.`
    return new DataError('data.overflow', `an integer expression of a feature leaves int64: ${said}`, { hint, cause })
  }
  return new DataError('data.overflow', `a value leaves the range of its type: ${said}`, { hint: BOUND, cause })
}

function overflow(json: string, cause: Error): DataError {
  const { feature, entity, aggregation, range } = JSON.parse(json.slice(0, json.lastIndexOf('}') + 1)) as Overflow
  const left = range === 'int64' ? 'leaves int64' : 'leaves the range of doubles, or a sum on the way to it does'
  return new DataError('data.overflow', `feature \`${feature}\`: the ${aggregation} of entity ${entity} ${left}`, {
    hint: range === 'int64' ? "Write `sum(...).as('decimal')` to widen it." : BOUND,
    values: { feature, entity },
    cause,
  })
}

const firstLine = (text: string): string => text.split('\n', 1)[0]!.replace(/^\w+( \w+)* Error: /, '')
const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`
