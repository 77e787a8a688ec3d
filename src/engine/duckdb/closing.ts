/** Closing rows of entities whose last rows were taken back: no tile tells of them any more, but the published table does. */
import type { Closing } from '../../domain/engine.ts'
import { sqlType } from './expressionSql.ts'
import { placeColumns } from './gridSql.ts'
import { heldRowsSql } from './restate.ts'
import type { Shape } from './shape.ts'
import { identifier } from './sql.ts'
import { cutoffIndex, cutoffSql } from './windowShape.ts'

const isCount = (name: string): boolean => name === 'count' || name === 'countDistinct'

/**
 * The keys of the entities that have a row at the cutoff before `cutoff` which is not a closing row already, and none at `cutoff`
 * among the rows of the table `computed`.
 */
export function leftOpenSql(shape: Shape, { cutoff, base }: Closing, computed: string): string {
  const { set, keys } = shape
  const finite = set.columns.filter(({ window }) => window.length !== 'lifetime')
  const holdsSomething = finite.map(({ name, aggregation }) =>
    isCount(aggregation.name) ? `${identifier(name)} <> 0` : `${identifier(name)} IS NOT NULL`,
  )
  const at = cutoffIndex(set, cutoff)
  const equal = keys.map(key => `r.__${key} = h.__${key}`).join(' AND ')
  return `SELECT DISTINCT ${keys.map(key => `h.__${key} AS ${key}`).join(', ')} FROM (${heldRowsSql(shape, base)}) h
    WHERE h.__i = ${at - 1n} AND (${holdsSomething.length === 0 ? 'true' : holdsSomething.join(' OR ')})
      AND NOT EXISTS (SELECT 1 FROM ${computed} r WHERE r.__i = ${at} AND ${equal})`
}

/** A row of nothing at cutoff `i` for each of some entities. */
export function closedRowsSql({ set, keys }: Shape, entities: string, i: bigint): string {
  const columns = [
    ...set.entity.map(({ name }, at) => `${keys[at]} AS ${identifier(name)}`),
    `make_timestamptz(${cutoffSql(set, `${i}::BIGINT`)}) AS cutoff`,
    ...set.columns.map(
      ({ name, type, aggregation }) => `${isCount(aggregation.name) ? '0' : 'NULL'}::${sqlType(type)} AS ${identifier(name)}`,
    ),
    ...keys.map(key => `${key} AS __${key}`),
    `${i}::BIGINT AS __i`,
  ]
  return `SELECT ${columns.join(', ')} FROM ${entities}`
}

/** Places, and one more for each entity that keeps it alive up to `last`. */
export function endedPlacesSql(shape: Shape, places: string, { entities, last }: { entities: string; last: bigint }): string {
  const by = shape.keys.join(', ')
  const columns = placeColumns(shape).map(name => `any_value(${name}) AS ${name}`)
  return `SELECT ${[by, 'i', 'max(alive_to) AS alive_to', ...columns].join(', ')}
    FROM (${places} UNION ALL BY NAME SELECT ${by}, ${last}::BIGINT AS i, ${last}::BIGINT AS alive_to FROM ${entities})
    GROUP BY ${by}, i`
}
