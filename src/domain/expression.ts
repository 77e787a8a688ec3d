/** Expressions on the columns of one row: plain data, as the planner, every engine and the tests' oracle read them. */
import type { ColumnType } from './columnType.ts'

/** A constant. Instants are given as Dates by the author and kept as bigint microseconds with type 'timestamp'. */
export type Literal = { op: 'literal'; type: ColumnType; value: string | number | bigint | boolean }

export type Comparison = 'eq' | 'ne' | 'gt' | 'gte' | 'lt' | 'lte'
export type Arithmetic = 'plus' | 'minus' | 'times' | 'dividedBy'

/**
 * Every node has three-valued logic as in SQL: a comparison with null is null.
 *
 * Arithmetic of integers is int64 and stops the run on overflow; with a float on either side it is double; `dividedBy` is
 * always double, null where the divisor is zero. Strings compare by their UTF-8 bytes.
 */
export type Expression =
  | { op: 'column'; name: string }
  | Literal
  | { op: Comparison; left: Expression; right: Expression }
  | { op: Arithmetic; left: Expression; right: Expression }
  | { op: 'abs' | 'not' | 'isNull' | 'isNotNull'; of: Expression }
  | { op: 'and' | 'or'; left: Expression; right: Expression }
  | { op: 'in'; of: Expression; values: Literal[] }
  /** Both ends are held. */
  | { op: 'between'; of: Expression; low: Expression; high: Expression }
  | { op: 'startsWith'; of: Expression; prefix: string }
  /** Something else stands where a column or an expression should: no definition that passed its check holds one. */
  | { op: 'none'; given: string }

/** The names of the columns that an expression reads. */
export function columnsOf(expression: Expression): Set<string> {
  const names = new Set<string>()
  const visit = (node: Expression): void => {
    if (node.op === 'column') names.add(node.name)
    for (const child of childrenOf(node)) visit(child)
  }
  visit(expression)
  return names
}

/** The expressions that a node is made of. */
export function childrenOf(node: Expression): Expression[] {
  switch (node.op) {
    case 'column':
    case 'literal':
    case 'none':
      return []
    case 'abs':
    case 'not':
    case 'isNull':
    case 'isNotNull':
    case 'in':
    case 'startsWith':
      return [node.of]
    case 'between':
      return [node.of, node.low, node.high]
    default:
      return [node.left, node.right]
  }
}
