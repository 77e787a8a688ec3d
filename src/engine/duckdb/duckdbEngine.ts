/** The embedded engine: DuckDB in this process, on local files. */
import { stat } from 'node:fs/promises'
import type { Engine, Query, TileSet } from '../../domain/engine.ts'
import type { DefinitionError } from '../../domain/errors.ts'
import { arrowStream } from './arrow.ts'
import { compareTables } from './compareTables.ts'
import { compute } from './compute.ts'
import { evaluationError } from './condition.ts'
import { inspectInputs } from './inspect.ts'
import { DuckDBLanding } from './landing.ts'
import { mergeTiles, read } from './reading.ts'
import { rowWriter } from './rowWriter.ts'
import type { DuckDBOptions } from './session.ts'
import { DuckDBSession } from './session.ts'
import { writeParquet } from './stagedFile.ts'
import { stagedPath } from './stageRows.ts'
import { exportParquet, queryBatches, tableQuerySql } from './tableQuery.ts'
import { count } from './tables.ts'

/** Nothing is loaded or opened until the first call. */
export function duckdbEngine(options: DuckDBOptions): Engine {
  const session = new DuckDBSession(options)
  const { scratchDir } = options
  return {
    name: 'duckdb',
    tileFormat: 'duckdb-2',

    version: () => session.use(async connection => String((await connection.runAndReadAll('SELECT version()')).getRows()[0]![0])),

    limits: async () => ({ memoryBytes: options.memory, threads: options.threads }),

    inspect: (source, inputs) => session.use(connection => inspectInputs(connection, source, inputs)),

    read: (reading, readOptions) =>
      session.use(connection => read(connection, reading, { ...readOptions, scratchDir }), {
        signal: readOptions.signal,
        size: reading.inputs.files.reduce((sum, { size }) => sum + size, 0),
      }),

    mergeTiles: (set, tiles) => session.use(connection => mergeTiles(connection, set, tiles, scratchDir)),

    compute: async (computation, computeOptions) =>
      session.use(connection => compute(connection, computation, { ...computeOptions, scratchDir }), {
        signal: computeOptions.signal,
        size: computation.stale ? undefined : await sizeOf(computation.tiles),
      }),

    writeRows: async columns => rowWriter(await session.anotherConnection(), columns, scratchDir),

    land: async request => new DuckDBLanding(request, await session.anotherConnection(), scratchDir),

    countDistinct: query =>
      session.use(async connection =>
        count(connection, `SELECT count(*) FROM (SELECT DISTINCT * FROM (${await tableQuerySql(connection, query)}))`),
      ),

    query: query =>
      session.stream(async connection => queryBatches(connection, await tableQuerySql(connection, query)), explained(query)),

    queryArrow: query =>
      session.stream(
        async connection => arrowStream(connection, await tableQuerySql(connection, query), selectedColumns(query)),
        explained(query),
      ),

    queryParquet: (query, path) =>
      session.use(async connection => exportParquet(connection, await tableQuerySql(connection, query), path), {
        explain: explained(query),
      }),

    stageQuery: query =>
      session.use(async connection =>
        writeParquet(connection, await tableQuerySql(connection, query), selectedColumns(query), stagedPath(scratchDir)),
      ),

    compare: comparison => session.use(connection => compareTables(connection, comparison)),

    close: () => session.close(),
  }
}

async function sizeOf(tiles: readonly TileSet[]): Promise<number> {
  const files = tiles.flatMap(({ parts }) => Object.values(parts))
  return (await Promise.all(files.map(path => stat(path)))).reduce((sum, { size }) => sum + size, 0)
}

/** What fails while a condition is evaluated is the condition's fault. */
function explained({ where }: Query): (error: unknown) => DefinitionError | undefined {
  return error => (where !== undefined && error instanceof Error ? evaluationError(where, error) : undefined)
}

function selectedColumns({ columns, select }: Query): Query['columns'] {
  return select ? select.map(name => columns.find(column => column.name === name)!) : columns
}
