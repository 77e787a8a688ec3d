/** From rows to tiles, and from several sets of tiles to one. */
import type { TileSet } from '../../domain/engine.ts'
import { EARLIEST_INSTANT } from '../../domain/time.ts'
import { groupMergeSql, keptSql, loadedSql, tileAggregateSql } from './partialSql.ts'
import type { Shape } from './shape.ts'
import { readsWholeTiles, tailName, tailsOf, tileColumns } from './shape.ts'
import { fileList } from './sql.ts'
import { cutoffSql, tileSql } from './windowShape.ts'

/** The part of a tile set that holds all partials but the distinct ones. */
export const TILES = 'tiles'

/** SQL for the number of the first cutoff at which a row is known: the run that computes it begins `delay` after the cutoff. */
export function knownTileSql({ set }: Shape): string {
  return tileSql(set, `greatest(__known - ${set.delay + 1n}, ${EARLIEST_INSTANT})`)
}

/**
 * The accepted rows with their columns, their keys (`__k0`, ...), their tile `__i`, and `__p`, the microseconds from
 * the event to its tile's end. Where rows count as known also `__v`, the first cutoff at which the row counts, and `__u`, the first
 * at which it no longer does (null: none).
 */
export function tiledRowsSql(shape: Shape, relation: string): string {
  const { set, keys, rows } = shape
  const keyColumns = set.entity.map(({ name }, at) => `${rows.sql(name)} AS __${keys[at]}`)
  const tiled = `SELECT *, ${keyColumns.join(', ')}, ${tileSql(set, '__t')} AS __i FROM ${relation}`
  const ended = `SELECT *, ${cutoffSql(set, '__i')} - __t AS __p FROM (${tiled})`
  if (!shape.asKnown) return `(${ended})`
  const until = set.source.rowKey ? '__until' : 'NULL::BIGINT'
  const counted = `SELECT *, greatest(__i, ${knownTileSql(shape)}) AS __v, ${until} AS __u FROM (${ended})`
  return `(SELECT * FROM (${counted}) WHERE __u IS NULL OR __u > __v)`
}

/** A column of tiled rows under its own name. */
export const tiled = (name: string): string => `__${name} AS ${name}`

/** The columns that tell tiles apart. */
const tileKey = (shape: Shape): string[] => [...shape.keys, 'i', ...(shape.asKnown ? ['v', 'u'] : [])]

/** A row for each entity and tile: `n` rows and the partial aggregates. */
export function tilesSql(shape: Shape, relation: string): string {
  const { rows, partials, longest } = shape
  const columns = [...tileKey(shape).map(tiled), 'count(*) AS n']
  if (longest.tail > 0n) columns.push(`bool_or(__p <= ${longest.tail}) AS in_tail`)
  for (const partial of partials.all) {
    if (partial.kind === 'distinct') continue
    if (readsWholeTiles(shape, partial)) columns.push(`${tileAggregateSql(partial, rows, undefined)} AS ${partial.id}`)
    for (const tail of tailsOf(shape, partial)) {
      columns.push(`${tileAggregateSql(partial, rows, `__p <= ${tail}`)} AS ${tailName(partial, tail)}`)
    }
  }
  const by = tileKey(shape).map(name => `__${name}`)
  return `SELECT ${columns.join(', ')} FROM ${tiledRowsSql(shape, relation)} GROUP BY ${by.join(', ')}`
}

/** Tiles as they are kept in a file: those of one time beside one another. */
export function keptTilesSql(shape: Shape, tiles: string): string {
  const columns = tileColumns(shape).map(({ name, partial }) => `${keptSql(partial, name)} AS ${name}`)
  const tail = shape.longest.tail > 0n ? ['in_tail'] : []
  return `SELECT ${[...tileKey(shape), 'n', ...tail, ...columns].join(', ')} FROM ${tiles} ORDER BY i, ${shape.keys.join(', ')}`
}

/** The rows of one part of several tile sets, for FROM; undefined where none has it. */
export function partSql(sets: readonly TileSet[], part: string): string | undefined {
  const paths = sets.flatMap(({ parts }) => parts[part] ?? [])
  return paths.length === 0 ? undefined : `read_parquet(${fileList(paths)}, hive_partitioning = false)`
}

export interface TileBounds {
  /** The first and the last tile that are wanted. */
  first: bigint
  last: bigint
  /** Tiles before the first are wanted too, as one: `first - 1`. */
  carry: boolean
  /** Only the entities of this relation. */
  entities?: string | undefined
}

/** Keeps the rows of the wanted entities, behind a relation in FROM. */
export const onlySql = ({ keys }: Shape, { entities }: TileBounds): string =>
  entities === undefined ? '' : ` SEMI JOIN ${entities} USING (${keys.join(', ')})`

/** The tiles of several sets beside one another: of one entity and tile each set has a row. */
export function tileRowsSql(shape: Shape, sets: readonly TileSet[], bounds: TileBounds): string {
  const { keys, asKnown, longest } = shape
  const columns = tileColumns(shape).map(({ name, partial }) => `${loadedSql(partial, name)} AS ${name}`)
  const conditions = [`i <= ${bounds.last}`]
  if (!bounds.carry) conditions.push(`i >= ${bounds.first}`)
  if (asKnown) conditions.push(`v <= ${bounds.last}`)
  const tail = longest.tail > 0n ? [asKnown ? 'in_tail' : `in_tail AND i >= ${bounds.first} AS in_tail`] : []
  const rest = [...(asKnown ? ['v', 'u'] : []), 'n', ...tail, ...columns]
  return `SELECT ${[...keys, `${carriedSql(shape, bounds)} AS i`, ...rest].join(', ')}
    FROM ${partSql(sets, TILES)!}${onlySql(shape, bounds)} WHERE ${conditions.join(' AND ')}`
}

/** The tile that a row counts in. What is known late keeps its own: where it counts depends on it. */
const carriedSql = ({ asKnown }: Shape, { carry, first }: TileBounds): string =>
  carry && !asKnown ? `greatest(i, ${first - 1n})` : 'i'

/** Tiles of several sets, merged: one row for each entity and tile (and, as known, for each `v` and `u`). */
export function loadedTilesSql(shape: Shape, sets: readonly TileSet[], bounds: TileBounds): string {
  const rows = tileRowsSql(shape, sets, bounds)
  return sets.length === 1 && carriedSql(shape, bounds) === 'i' ? rows : mergedTilesSql(shape, `(${rows})`)
}

/** Tiles with equal keys become one. */
export function mergedTilesSql(shape: Shape, tiles: string): string {
  const columns = tileColumns(shape).map(({ name, partial }) => `${groupMergeSql(partial.kind, name)} AS ${name}`)
  const tail = shape.longest.tail > 0n ? ['bool_or(in_tail) AS in_tail'] : []
  const key = tileKey(shape)
  return `SELECT ${[...key, 'sum(n)::BIGINT AS n', ...tail, ...columns].join(', ')} FROM ${tiles} GROUP BY ${key.join(', ')}`
}

/** As `mergedTilesSql`, of what is kept in files. */
export function mergedFilesSql(shape: Shape, sets: readonly TileSet[]): string {
  const columns = tileColumns(shape).map(({ name, partial }) => `${loadedSql(partial, name)} AS ${name}`)
  const tail = shape.longest.tail > 0n ? ['in_tail'] : []
  const loaded = `SELECT ${[...tileKey(shape), 'n', ...tail, ...columns].join(', ')} FROM ${partSql(sets, TILES)!}`
  return mergedTilesSql(shape, `(${loaded})`)
}
