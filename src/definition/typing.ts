/** The type of an expression over a schema's columns, and everything in it that has none. */
import type { ColumnType } from '../domain/columnType.ts'
import { isFloat, isInteger, isNumeric, typeName } from '../domain/columnType.ts'
import type { Expression, Literal } from '../domain/expression.ts'
import type { Aggregation } from '../domain/featureSet.ts'
import { nearest } from '../domain/nearest.ts'
import type { Field } from '../domain/schema.ts'

export interface TypeFault {
  message: string
  hint?: string
  code: string
}

const BOOLEAN: ColumnType = { kind: 'boolean' }
const DOUBLE: ColumnType = { kind: 'double' }
const INT64: ColumnType = { kind: 'int64' }

/** Undefined where the expression has no type; what is wrong was then given to `report`. */
export function typeOf(
  expression: Expression,
  fields: ReadonlyMap<string, Field>,
  report: (fault: TypeFault) => void,
): ColumnType | undefined {
  const of = (node: Expression): ColumnType | undefined => typeOf(node, fields, report)
  switch (expression.op) {
    case 'column':
      return columnType(expression.name, fields, report)
    case 'literal':
      return literalType(expression, report)
    case 'none':
      report({
        message: `${expression.given} stands where a column belongs`,
        hint: "Name a column of the features' parameter, such as `f.amount`.",
        code: 'definition.operand',
      })
      return undefined
    case 'isNull':
    case 'isNotNull':
      return of(expression.of) && BOOLEAN
    case 'not':
      return requireBoolean('not', of(expression.of), report)
    case 'and':
    case 'or': {
      const [left, right] = [of(expression.left), of(expression.right)]
      const both = requireBoolean(expression.op, left, report) && requireBoolean(expression.op, right, report)
      return both && BOOLEAN
    }
    case 'startsWith': {
      const type = of(expression.of)
      if (type && type.kind !== 'string') report(mismatch(`\`startsWith\` needs a string, not ${typeName(type)}`))
      return type && BOOLEAN
    }
    case 'in':
      for (const value of expression.values) checkChoice(expression.of, value, fields, report)
      return comparable('in', [of(expression.of), ...expression.values.map(of)], report)
    case 'between':
      return comparable('between', [of(expression.of), of(expression.low), of(expression.high)], report)
    case 'abs': {
      const type = requireNumeric('abs', of(expression.of), report)
      return type && (isInteger(type) ? INT64 : DOUBLE)
    }
    case 'plus':
    case 'minus':
    case 'times':
    case 'dividedBy': {
      const left = requireNumeric(expression.op, of(expression.left), report)
      const right = requireNumeric(expression.op, of(expression.right), report)
      if (!left || !right) return undefined
      return expression.op !== 'dividedBy' && isInteger(left) && isInteger(right) ? INT64 : DOUBLE
    }
    default:
      checkChoice(expression.left, expression.right, fields, report)
      return comparable(expression.op, [of(expression.left), of(expression.right)], report)
  }
}

/** A text that a column of given choices can never hold. */
function checkChoice(
  left: Expression,
  right: Expression,
  fields: ReadonlyMap<string, Field>,
  report: (fault: TypeFault) => void,
): void {
  if (left.op !== 'column' || right.op !== 'literal' || typeof right.value !== 'string') return
  const check = fields.get(left.name)?.steps?.find(({ kind }) => kind === 'oneOf')
  const options = check?.kind === 'oneOf' ? check.values.map(String) : undefined
  if (!options || options.includes(right.value)) return
  report({
    message: `column \`${left.name}\` is compared with '${right.value}', which its schema never accepts`,
    hint: nearest(right.value, options),
    code: 'definition.choice',
  })
}

function columnType(
  name: string,
  fields: ReadonlyMap<string, Field>,
  report: (fault: TypeFault) => void,
): ColumnType | undefined {
  const field = fields.get(name)
  if (!field) report({ message: `there is no column \`${name}\``, hint: nearest(name, fields.keys()), code: 'definition.column' })
  return field?.type
}

function literalType({ type, value }: Literal, report: (fault: TypeFault) => void): ColumnType | undefined {
  if (typeof value === 'bigint' && type.kind === 'int64' && BigInt.asIntN(64, value) !== value) {
    report({
      message: `${value} is more than a 64-bit integer holds`,
      hint: 'Compare with a value that a column can have.',
      code: 'definition.literal',
    })
    return undefined
  }
  if (typeof value !== 'number' || Number.isFinite(value)) return type
  report({
    message: 'a value is compared with something that no column can hold (undefined, null, NaN or an infinity)',
    hint: 'Compare with a number, string, boolean or Date; ask for nulls with `isNull()`.',
    code: 'definition.literal',
  })
  return undefined
}

const mismatch = (message: string): TypeFault => ({ message, code: 'definition.expression-type' })

function requireBoolean(op: string, type: ColumnType | undefined, report: (fault: TypeFault) => void): ColumnType | undefined {
  if (!type || type.kind === 'boolean') return type
  report(mismatch(`\`${op}\` needs conditions, not ${typeName(type)}`))
  return undefined
}

function requireNumeric(op: string, type: ColumnType | undefined, report: (fault: TypeFault) => void): ColumnType | undefined {
  if (!type || isNumeric(type)) return type
  report(mismatch(`\`${op}\` needs numbers, not ${typeName(type)}`))
  return undefined
}

/** Values compare within their family: numbers with numbers, else like with like. */
function comparable(
  op: string,
  types: readonly (ColumnType | undefined)[],
  report: (fault: TypeFault) => void,
): ColumnType | undefined {
  const known = types.filter(type => type !== undefined)
  if (known.length < types.length) return undefined
  const family = (type: ColumnType): string => (isNumeric(type) ? 'number' : type.kind)
  const odd = known.find(type => family(type) !== family(known[0]!))
  if (odd) {
    report(mismatch(`\`${op}\` compares ${typeName(known[0]!)} with ${typeName(odd)}`))
    return undefined
  }
  return BOOLEAN
}

/** The type of an aggregation's result, or what it refuses. */
export function resultType(
  { name, asDecimal, input: expression }: Aggregation,
  input: ColumnType | undefined,
  fields: ReadonlyMap<string, Field>,
): ColumnType | TypeFault {
  const refuses = (accepts: string, hint: string): TypeFault => ({
    message: `\`${name}\` of ${inputText(expression, input)}; it accepts ${accepts}`,
    hint,
    code: 'definition.aggregation-type',
  })
  switch (name) {
    case 'count':
      return INT64
    case 'countDistinct':
      return input && !isFloat(input)
        ? INT64
        : refuses('any type but floats', 'Floats that print alike can differ: count another column.')
    case 'share':
      return input?.kind === 'boolean' ? DOUBLE : refuses('a condition', 'Write a condition, such as `f.delay.gt(15)`.')
    case 'sum':
      if (!input || !isNumeric(input)) break
      if (input.kind === 'decimal') return { kind: 'decimal', precision: 38, scale: input.scale }
      if (asDecimal && !isInteger(input)) return refuses('integers where it is widened', "Leave out `.as('decimal')`.")
      if (asDecimal) return { kind: 'decimal', precision: 38, scale: 0 }
      return isInteger(input) ? INT64 : DOUBLE
    case 'mean':
    case 'variance':
    case 'stddev':
      if (input && isNumeric(input)) return DOUBLE
      break
    default:
      return input ?? refuses('a column', 'Name the column.')
  }
  const numeric = [...fields.values()].filter(field => isNumeric(field.type)).map(field => `\`${field.name}\``)
  const choice = numeric.length === 0 ? 'The schema has no numeric column' : `Numeric columns are ${numeric.join(', ')}`
  return refuses('int, decimal or float', `${choice}; of others there is \`countDistinct\`.`)
}

function inputText(expression: Expression | undefined, type: ColumnType | undefined): string {
  if (!type) return 'nothing'
  return expression?.op === 'column' ? `\`${expression.name}\`, a ${typeName(type)}` : typeName(type)
}
