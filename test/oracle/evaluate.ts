/** An expression's value in one row, with SQL's three-valued logic, in plain JavaScript. */
import type { Expression } from '../../src/domain/expression.ts'
import type { Cell, Row } from './naive.ts'
import { compare } from './naive.ts'

export function evaluate(node: Expression, row: Row): Cell {
  switch (node.op) {
    case 'column':
      return row[node.name] ?? null
    case 'literal':
      return node.value
    case 'isNull':
      return evaluate(node.of, row) === null
    case 'isNotNull':
      return evaluate(node.of, row) !== null
    case 'not': {
      const value = evaluate(node.of, row)
      return value === null ? null : !value
    }
    case 'and': {
      const [left, right] = [evaluate(node.left, row), evaluate(node.right, row)]
      if (left === false || right === false) return false
      return left === null || right === null ? null : true
    }
    case 'or': {
      const [left, right] = [evaluate(node.left, row), evaluate(node.right, row)]
      if (left === true || right === true) return true
      return left === null || right === null ? null : false
    }
    case 'startsWith': {
      const value = evaluate(node.of, row)
      return value === null ? null : (value as string).startsWith(node.prefix)
    }
    case 'in': {
      const value = evaluate(node.of, row)
      return value === null ? null : node.values.some(literal => order(value, literal.value) === 0)
    }
    case 'between': {
      const [value, low, high] = [evaluate(node.of, row), evaluate(node.low, row), evaluate(node.high, row)]
      const above = value === null || low === null ? null : order(value, low) >= 0
      const below = value === null || high === null ? null : order(value, high) <= 0
      if (above === false || below === false) return false
      return above === null || below === null ? null : true
    }
    case 'abs': {
      const value = evaluate(node.of, row)
      if (value === null) return null
      return typeof value === 'bigint' ? (value < 0n ? -value : value) : Math.abs(value as number)
    }
    case 'plus':
    case 'minus':
    case 'times':
    case 'dividedBy':
      return arithmetic(node.op, evaluate(node.left, row), evaluate(node.right, row))
    case 'none':
      throw new Error('no operand')
    default:
      return comparison(node.op, evaluate(node.left, row), evaluate(node.right, row))
  }
}

function arithmetic(op: 'plus' | 'minus' | 'times' | 'dividedBy', left: Cell, right: Cell): Cell {
  if (left === null || right === null) return null
  if (op === 'dividedBy') return Number(right) === 0 ? null : Number(left) / Number(right)
  if (typeof left === 'bigint' && typeof right === 'bigint') {
    return op === 'plus' ? left + right : op === 'minus' ? left - right : left * right
  }
  const [a, b] = [Number(left), Number(right)]
  return op === 'plus' ? a + b : op === 'minus' ? a - b : a * b
}

function comparison(op: 'eq' | 'ne' | 'gt' | 'gte' | 'lt' | 'lte', left: Cell, right: Cell): Cell {
  if (left === null || right === null) return null
  const sign = order(left, right)
  return { eq: sign === 0, ne: sign !== 0, gt: sign > 0, gte: sign >= 0, lt: sign < 0, lte: sign <= 0 }[op]
}

/** JavaScript compares a bigint with a number exactly. */
const order = (a: Cell, b: Cell): number => compare(a, b)
