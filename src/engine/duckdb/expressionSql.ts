/** Expressions on columns, printed as DuckDB SQL over the relation of decoded rows. */
import type { ColumnType } from '../../domain/columnType.ts'
import { InvariantError } from '../../domain/errors.ts'
import type { Comparison, Expression, Literal } from '../../domain/expression.ts'
import type { Field } from '../../domain/schema.ts'
import type { SourceDefinition } from '../../domain/source.ts'
import { literal } from './sql.ts'

const COMPARISONS: Record<Comparison, string> = { eq: '=', ne: '<>', gt: '>', gte: '>=', lt: '<', lte: '<=' }

type RowOrder = Pick<SourceDefinition, 'position' | 'landed'>

/**
 * The columns of a relation of decoded rows. They are numbered there, `c0`, `c1`, ... in the schema's order, so that whatever a
 * schema calls its columns meets no name of ours.
 */
export class RowColumns {
  readonly #fields: readonly Pick<Field, 'name' | 'type'>[]
  readonly #places: ReadonlyMap<string, number>
  readonly #position: readonly string[]
  /** Whether known times tell the order of rows, before their position does. */
  readonly byKnown: boolean

  /** @param order what tells the order of rows before their content does: `position`, and known times where they are not `landed` */
  constructor(fields: readonly Pick<Field, 'name' | 'type'>[], { position = [], landed }: RowOrder = {}) {
    this.#fields = fields
    this.#position = position
    this.byKnown = landed !== true
    this.#places = new Map(fields.map(({ name }, at) => [name, at]))
  }

  /** The column's name in SQL. */
  sql(name: string): string {
    return `c${this.#places.get(name)}`
  }

  type(name: string): ColumnType | undefined {
    return this.#fields[this.#places.get(name) ?? -1]?.type
  }

  /** The columns of the position, the first of them first. */
  get position(): string[] {
    return this.#position.map(name => this.sql(name))
  }

  /** All others, in the schema's order. */
  get content(): string[] {
    return this.#fields.flatMap(({ name }, at) => (this.#position.includes(name) ? [] : [`c${at}`]))
  }
}

/** The engine's own name of a column type. */
export function sqlType(type: ColumnType): string {
  switch (type.kind) {
    case 'boolean':
      return 'BOOLEAN'
    case 'int32':
      return 'INTEGER'
    case 'int64':
      return 'BIGINT'
    case 'float':
      return 'FLOAT'
    case 'double':
      return 'DOUBLE'
    case 'string':
      return 'VARCHAR'
    case 'date':
      return 'DATE'
    case 'timestamp':
      return 'TIMESTAMPTZ'
    case 'decimal':
      return `DECIMAL(${type.precision},${type.scale})`
  }
}

/**
 * Prints an expression.
 *
 * Integers are widened to BIGINT before arithmetic, so that overflow is that of int64 whatever the column's width.
 */
export function expressionSql(expression: Expression, columns: RowColumns): string {
  const sql = (node: Expression): string => expressionSql(node, columns)
  switch (expression.op) {
    case 'column':
      return columns.sql(expression.name)
    case 'literal':
      return literalSql(expression)
    case 'eq':
    case 'ne':
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return `(${sql(expression.left)} ${COMPARISONS[expression.op]} ${sql(expression.right)})`
    case 'plus':
    case 'minus':
    case 'times':
      return arithmeticSql(expression.op, expression.left, expression.right, columns)
    case 'dividedBy': {
      const divisor = `(${sql(expression.right)})::DOUBLE`
      return `(CASE WHEN ${divisor} <> 0 THEN (${sql(expression.left)})::DOUBLE / ${divisor} END)`
    }
    case 'abs':
      return `abs(${widened(expression.of, columns)})`
    case 'not':
      return `(NOT ${sql(expression.of)})`
    case 'isNull':
      return `(${sql(expression.of)} IS NULL)`
    case 'isNotNull':
      return `(${sql(expression.of)} IS NOT NULL)`
    case 'and':
      return `(${sql(expression.left)} AND ${sql(expression.right)})`
    case 'or':
      return `(${sql(expression.left)} OR ${sql(expression.right)})`
    case 'in':
      return expression.values.length === 0
        ? `(CASE WHEN ${sql(expression.of)} IS NOT NULL THEN false END)`
        : `(${sql(expression.of)} IN (${expression.values.map(literalSql).join(', ')}))`
    case 'between':
      return `(${sql(expression.of)} BETWEEN ${sql(expression.low)} AND ${sql(expression.high)})`
    case 'none':
      throw new InvariantError('defect.expression', `an expression of ${expression.given} was never checked`)
    case 'startsWith':
      return `starts_with(${sql(expression.of)}, ${literal(expression.prefix)})`
  }
}

const ARITHMETIC = { plus: '+', minus: '-', times: '*' } as const

function arithmeticSql(op: keyof typeof ARITHMETIC, left: Expression, right: Expression, columns: RowColumns): string {
  return `(${widened(left, columns)} ${ARITHMETIC[op]} ${widened(right, columns)})`
}

/** Narrow integers as int64, decimals and narrow floats as double; the rest as it is. */
function widened(node: Expression, columns: RowColumns): string {
  const sql = expressionSql(node, columns)
  const kind = node.op === 'column' ? columns.type(node.name)?.kind : node.op === 'literal' ? node.type.kind : undefined
  if (kind === 'int32') return `${sql}::BIGINT`
  if (kind === 'float' || kind === 'decimal') return `${sql}::DOUBLE`
  return sql
}

function literalSql({ type, value }: Literal): string {
  if (type.kind === 'timestamp') return `make_timestamptz((${value})::BIGINT)`
  if (type.kind === 'double' || type.kind === 'float') return `(${literal(String(value))})::DOUBLE`
  if (typeof value === 'string') return literal(value)
  return type.kind === 'boolean' ? String(value) : `(${value})::${sqlType(type)}`
}
