/** What the schema tells of an expression's value before a row is read. */
import type { Value } from '../../domain/columnType.ts'
import type { Expression } from '../../domain/expression.ts'
import { childrenOf, columnsOf } from '../../domain/expression.ts'
import type { Field } from '../../domain/schema.ts'
import { mayBeNull } from '../../domain/schema.ts'

/** A function from an integer expression to the largest |x| that it can have; undefined where the schema sets no bound. */
export function expressionBound(fields: ReadonlyMap<string, Field>): (expression: Expression) => bigint | undefined {
  const bound = (node: Expression): bigint | undefined => {
    switch (node.op) {
      case 'column':
        return fieldBound(fields.get(node.name))
      case 'literal':
        return typeof node.value === 'bigint' || Number.isInteger(node.value) ? magnitude(BigInt(node.value)) : undefined
      case 'abs':
        return bound(node.of)
      case 'plus':
      case 'minus': {
        const [left, right] = [bound(node.left), bound(node.right)]
        return left === undefined || right === undefined ? undefined : left + right
      }
      case 'times': {
        const [left, right] = [bound(node.left), bound(node.right)]
        return left === undefined || right === undefined ? undefined : left * right
      }
      default:
        return undefined
    }
  }
  return bound
}

/** A function that tells whether an expression has a value in every row that the schema accepts. */
export function neverNull(fields: ReadonlyMap<string, Field>): (expression: Expression) => boolean {
  const present = (name: string): boolean => {
    const field = fields.get(name)
    return field !== undefined && !mayBeNull(field)
  }
  return expression => !divides(expression) && [...columnsOf(expression)].every(present)
}

/** A division by zero has no value. */
function divides(expression: Expression): boolean {
  return expression.op === 'dividedBy' || childrenOf(expression).some(divides)
}

function fieldBound(field: Field | undefined): bigint | undefined {
  if (!field?.steps) return undefined
  let low: bigint | undefined
  let high: bigint | undefined
  for (const check of field.steps) {
    if (check.kind === 'min') low = outward(check.value, Math.floor)
    if (check.kind === 'max') high = outward(check.value, Math.ceil)
  }
  if (low === undefined || high === undefined) return undefined
  const values = [low, high, ...[field.whenNull, field.whenAbsent, field.caught?.value].map(substitute)]
  return values.map(magnitude).reduce((a, b) => (a > b ? a : b))
}

/** What a default or a catch puts in need not keep to the checks. */
function substitute(value: Value | undefined): bigint {
  if (typeof value === 'number') return outward(value, value < 0 ? Math.floor : Math.ceil) ?? 0n
  return typeof value === 'bigint' ? value : 0n
}

function outward(value: number | bigint, round: (value: number) => number): bigint | undefined {
  return typeof value === 'bigint' ? value : Number.isFinite(value) ? BigInt(round(value)) : undefined
}

const magnitude = (value: bigint): bigint => (value < 0n ? -value : value)
