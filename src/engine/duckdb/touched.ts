/** Which published rows are computed again: the cells of entity and cutoff that late rows reach. */

import type { DuckDBConnection } from '@duckdb/node-api'
import type { StaleScope } from '../../domain/engine.ts'
import { reachOf } from '../../domain/featureSet.ts'
import { hull } from '../../domain/ranges.ts'
import type { Shape } from './shape.ts'
import { partSql, TILES } from './tilesSql.ts'
import { cutoffIndex, cutoffIndices } from './windowShape.ts'

export interface Scope {
  /** A relation of the keys of all entities in the scope; undefined where every entity is. */
  entities: string | undefined
  /** A condition on a row's `__k0`, ... and `__i`. */
  holds: (row: string) => string
}

export async function scopeOf(connection: DuckDBConnection, shape: Shape, { cutoffs, touched }: StaleScope): Promise<Scope> {
  const { set, keys } = shape
  const range = hull(cutoffs)!
  const [low, high] = cutoffIndices(set, range)
  const between = (ranges: readonly [bigint, bigint | string][], i: string): string =>
    `(${ranges.map(([from, to]) => `${i} BETWEEN ${from} AND ${to}`).join(' OR ')})`
  const stale = cutoffs.map(own => cutoffIndices(set, own))
  const end = (last: string): string => (shape.lifetime ? String(high) : `least(${last} + ${reachOf(shape.set)}, ${high})`)
  if (touched.some(({ tiles }) => tiles === undefined)) {
    // Where it is not known who is touched, everyone is.
    const all = touched.map(({ span }): [bigint, string] => [
      cutoffIndex(set, span.first),
      end(String(cutoffIndex(set, span.last))),
    ])
    return { entities: undefined, holds: () => `(${between(stale, '__i')} AND ${between(all, '__i')})` }
  }
  const reached = touched.map(({ tiles, span }) => {
    const within = `i BETWEEN ${cutoffIndex(set, span.first)} AND ${cutoffIndex(set, span.last)}`
    return `SELECT ${keys.join(', ')}, i FROM ${partSql([tiles!], TILES)!} WHERE ${within}`
  })
  await connection.run(`CREATE OR REPLACE TEMP TABLE cells AS
    SELECT DISTINCT ${keys.join(', ')}, unnest(range(greatest(i, ${low}), ${end('i')} + 1)) AS i FROM (${reached.join(' UNION ALL ')})`)
  await connection.run(`DELETE FROM cells WHERE NOT ${between(stale, 'i')}`)
  const equal = (row: string): string => [...keys, 'i'].map(key => `c.${key} = ${row}.__${key}`).join(' AND ')
  return {
    entities: `(SELECT DISTINCT ${keys.join(', ')} FROM cells)`,
    holds: row => `EXISTS (SELECT 1 FROM cells c WHERE ${equal(row)})`,
  }
}
