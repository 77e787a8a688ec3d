/** Published rows computed again: what differs is replaced, file by file, and everything else stays as it is. */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { BaseFile, StaleScope } from '../../domain/engine.ts'
import type { FeatureColumn } from '../../domain/featureSet.ts'
import type { StagedFile } from '../../domain/tableStore.ts'
import type { Rounding } from './compareTables.ts'
import { differsSql } from './compareTables.ts'
import type { Shape } from './shape.ts'
import { fileList, identifier, literal } from './sql.ts'
import { writeParquet } from './stagedFile.ts'
import type { ComputeOptions } from './stageRows.ts'
import { outputColumns, rowOrder, stagedPath } from './stageRows.ts'
import { count, firstRow } from './tables.ts'
import type { Scope } from './touched.ts'
import { cutoffIndex, tileSql } from './windowShape.ts'
import { emptyRowsSql } from './windowsSql.ts'

interface Replaced {
  files: StagedFile[]
  replaced: number[]
  rows: number
  removed: number
  entities: number
}

/**
 * Compares the table `stale_rows` with the rows that the version holds in `scope`. Leaves the table `moved` with the cells that
 * differ, and `written_rows` with those among them that have rows now. New rows in no file's range are added to `due_rows`.
 */
export async function replaceRows(
  connection: DuckDBConnection,
  shape: Shape,
  stale: StaleScope,
  scope: Scope,
  options: ComputeOptions,
): Promise<Replaced> {
  const { set, keys } = shape
  const columns = outputColumns(set)
  await connection.run(`DELETE FROM stale_rows WHERE NOT ${scope.holds('stale_rows')}`)
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE held_rows AS SELECT * FROM (${heldRowsSql(shape, stale.base)}) held WHERE ${scope.holds('held')}`,
  )
  const cell = [...keys, 'i'].map(name => `__${name}`)
  const on = cell.map(name => `h.${name} = s.${name}`).join(' AND ')
  const differs = set.columns.map(column => differsSql(column.name, roundingOf(shape, column), 'h', 's')).join(' OR ')
  const key = cell.map(name => `coalesce(s.${name}, h.${name}) AS ${name}`).join(', ')
  await connection.run(`CREATE OR REPLACE TEMP TABLE moved AS
    SELECT ${key}, coalesce(h.__file, ${fileOfCutoffSql(shape, stale.base, 's.__i')}) AS __file, s.__i IS NOT NULL AS is_there
    FROM held_rows h FULL JOIN stale_rows s ON ${on} WHERE s.__i IS NULL OR h.__i IS NULL OR ${differs}`)
  await connection.run('DROP TABLE held_rows')
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE written_rows AS SELECT s.*, m.__file FROM stale_rows s JOIN moved m USING (${cell.join(', ')})`,
  )
  await connection.run('DROP TABLE stale_rows')
  // What belongs into no file there is goes with the new rows.
  await connection.run('INSERT INTO due_rows SELECT * EXCLUDE (__file) FROM written_rows WHERE __file IS NULL')
  await connection.run('DELETE FROM written_rows WHERE __file IS NULL')
  const touched = (
    await connection.runAndReadAll('SELECT DISTINCT __file FROM moved WHERE __file IS NOT NULL ORDER BY __file')
  ).getRows()
  const replaced = touched.map(([file]) => Number(file))
  const files: StagedFile[] = []
  const names = columns.map(({ name }) => identifier(name)).join(', ')
  for (const file of replaced) {
    options.signal.throwIfAborted()
    const kept = `SELECT ${names} FROM (${heldRowsSql(shape, [stale.base[file]!])}) ANTI JOIN moved USING (${cell.join(', ')})`
    const query = `${kept} UNION ALL SELECT ${names} FROM written_rows WHERE __file = ${file} ORDER BY ${rowOrder(set)}`
    files.push(await writeParquet(connection, query, columns, stagedPath(options.scratchDir)))
  }
  const [removed, entities] = await firstRow(
    connection,
    `SELECT count(*) FILTER (WHERE NOT is_there), count(DISTINCT (${keys.map(name => `__${name}`).join(', ')})) FROM moved`,
  )
  const rows = await count(connection, 'SELECT count(*) FILTER (WHERE is_there) FROM moved')
  return { files, replaced, rows, removed: Number(removed), entities: Number(entities) }
}

/** What was only merged in another order is not written again. */
function roundingOf({ partials }: Shape, column: FeatureColumn): Rounding | undefined {
  return partials.isRounded(column) ? { isVariance: column.aggregation.name === 'variance' } : undefined
}

/** The rows of some of the version's files, with `__k0`, ..., `__i` and `__file`, the file's place. */
export function heldRowsSql(shape: Shape, base: readonly BaseFile[]): string {
  const { set, keys } = shape
  const names = outputColumns(set).map(({ name }) => identifier(name))
  if (base.length === 0) return `SELECT *, NULL::BIGINT AS __file FROM (${emptyRowsSql(shape)})`
  const keyColumns = set.entity.map(({ name }, at) => `${identifier(name)} AS __${keys[at]}`)
  const file = `list_position([${base.map(({ localPath }) => literal(localPath)).join(', ')}], __path) - 1`
  // A cutoff's number is one less than that of the tile which begins with it.
  const i = `${tileSql(set, 'epoch_us(cutoff)')} - 1`
  return `SELECT ${[...names, ...keyColumns, `${i} AS __i`, `${file} AS __file`].join(', ')}
    FROM read_parquet(${fileList(base.map(({ localPath }) => localPath))}, filename = '__path', union_by_name = true, hive_partitioning = false)`
}

/** The place of the file whose range of cutoffs holds `i`; the narrowest of several, null where there is none. */
function fileOfCutoffSql({ set }: Shape, base: readonly BaseFile[], i: string): string {
  const ranges = base.map(({ first, last }, at) => ({ at, first: cutoffIndex(set, first), last: cutoffIndex(set, last) }))
  ranges.sort((a, b) => Number(a.last - a.first - (b.last - b.first)))
  const cases = ranges.map(({ at, first, last }) => `WHEN ${i} BETWEEN ${first} AND ${last} THEN ${at}`)
  return cases.length === 0 ? 'NULL::BIGINT' : `CASE ${cases.join(' ')} END`
}
