/** Typed columns and the conditions and arithmetic that an author builds from them. */
import type { ColumnType } from '../domain/columnType.ts'
import type { Arithmetic, Comparison, Expression, Literal } from '../domain/expression.ts'

/** What a column's values are in TypeScript. */
export type Scalar = string | number | bigint | boolean | Date

/** The literals that may stand beside a value of type T: numbers and bigints mix. */
export type LiteralOf<T> = T extends number | bigint ? number | bigint : T extends boolean ? boolean : T

type NumberLike = number | bigint

/** Something that has a value in every row. */
export class Operand<T extends Scalar> {
  /** The plain form, as planner and engines read it. */
  readonly expression: Expression
  declare protected readonly value: T

  constructor(expression: Expression) {
    this.expression = expression
  }

  eq(other: LiteralOf<T> | Operand<T>): Condition {
    return this.#compare('eq', other)
  }
  ne(other: LiteralOf<T> | Operand<T>): Condition {
    return this.#compare('ne', other)
  }
  gt(other: LiteralOf<T> | Operand<T>): Condition {
    return this.#compare('gt', other)
  }
  gte(other: LiteralOf<T> | Operand<T>): Condition {
    return this.#compare('gte', other)
  }
  lt(other: LiteralOf<T> | Operand<T>): Condition {
    return this.#compare('lt', other)
  }
  lte(other: LiteralOf<T> | Operand<T>): Condition {
    return this.#compare('lte', other)
  }
  /** Equal to one of `values`. */
  in(values: readonly LiteralOf<T>[]): Condition {
    return new Condition({ op: 'in', of: this.expression, values: values.map(literalOf) })
  }
  /** From `low` to `high`, both included. */
  between(low: LiteralOf<T> | Operand<T>, high: LiteralOf<T> | Operand<T>): Condition {
    return new Condition({ op: 'between', of: this.expression, low: expressionOf(low), high: expressionOf(high) })
  }
  isNull(): Condition {
    return new Condition({ op: 'isNull', of: this.expression })
  }
  isNotNull(): Condition {
    return new Condition({ op: 'isNotNull', of: this.expression })
  }
  startsWith(this: Operand<string>, prefix: string): Condition {
    return new Condition({ op: 'startsWith', of: this.expression, prefix })
  }

  plus<U extends NumberLike>(this: Operand<U>, other: NumberLike | Operand<NumberLike>): Operand<U> {
    return arithmetic('plus', this, other)
  }
  minus<U extends NumberLike>(this: Operand<U>, other: NumberLike | Operand<NumberLike>): Operand<U> {
    return arithmetic('minus', this, other)
  }
  times<U extends NumberLike>(this: Operand<U>, other: NumberLike | Operand<NumberLike>): Operand<U> {
    return arithmetic('times', this, other)
  }
  /** Always a double; null where the divisor is zero. */
  dividedBy(this: Operand<NumberLike>, other: NumberLike | Operand<NumberLike>): Operand<number> {
    return arithmetic<number>('dividedBy', this, other)
  }
  abs<U extends NumberLike>(this: Operand<U>): Operand<U> {
    return new Operand<U>({ op: 'abs', of: this.expression })
  }

  #compare(op: Comparison, other: unknown): Condition {
    return new Condition({ op, left: this.expression, right: expressionOf(other) })
  }
}

/** A truth value in every row: true, false, or unknown where a null took part. */
export class Condition extends Operand<boolean> {
  and(other: Operand<boolean>): Condition {
    return new Condition({ op: 'and', left: this.expression, right: operandOf(other) })
  }
  or(other: Operand<boolean>): Condition {
    return new Condition({ op: 'or', left: this.expression, right: operandOf(other) })
  }
  not(): Condition {
    return new Condition({ op: 'not', of: this.expression })
  }
}

function arithmetic<U extends NumberLike>(op: Arithmetic, left: Operand<NumberLike>, right: unknown): Operand<U> {
  return new Operand<U>({ op, left: left.expression, right: expressionOf(right) })
}

function expressionOf(value: unknown): Expression {
  return value instanceof Operand ? value.expression : literalOf(value)
}

/** The plain form of what should be a column, a condition or an expression; anything else is reported by the definition's check. */
export function operandOf(value: unknown): Expression {
  return value instanceof Operand ? value.expression : { op: 'none', given: givenText(value) }
}

function givenText(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`
  return value === undefined ? 'nothing' : typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/**
 * A constant as plain data. A value that no column can have (undefined, NaN, an object) becomes a literal without a type that
 * the definition's check reports at its place.
 */
function literalOf(value: unknown): Literal {
  const typed = (kind: 'boolean' | 'int64' | 'double' | 'string' | 'timestamp', plain: Literal['value']): Literal => ({
    op: 'literal',
    type: { kind } satisfies ColumnType,
    value: plain,
  })
  switch (typeof value) {
    case 'boolean':
      return typed('boolean', value)
    case 'string':
      return typed('string', value)
    case 'bigint':
      return typed('int64', value)
    case 'number':
      return Number.isSafeInteger(value) ? typed('int64', BigInt(value)) : typed('double', value)
    default:
      if (value instanceof Date) {
        const time = value.getTime()
        return typed('timestamp', Number.isNaN(time) ? Number.NaN : BigInt(time) * 1000n)
      }
      return typed('double', Number.NaN)
  }
}
