/** Expressions as people read them. */
import type { Arithmetic, Comparison, Expression } from './expression.ts'
import type { FeatureColumn } from './featureSet.ts'
import { formatInstantShort } from './time.ts'

const SIGNS: Record<Comparison | Arithmetic, string> = {
  ...{ eq: '=', ne: '<>', gt: '>', gte: '>=', lt: '<', lte: '<=' },
  ...{ plus: '+', minus: '-', times: '*', dividedBy: '/' },
}

/** `amount > 10 and currency = 'EUR'`. */
export function expressionText(expression: Expression): string {
  const inner = (node: Expression): string => {
    const text = expressionText(node)
    return 'left' in node ? `(${text})` : text
  }
  switch (expression.op) {
    case 'column':
      return expression.name
    case 'none':
      return expression.given
    case 'literal':
      if (expression.type.kind === 'timestamp') return formatInstantShort(expression.value as bigint)
      return typeof expression.value === 'string' ? `'${expression.value}'` : String(expression.value)
    case 'abs':
      return `abs(${expressionText(expression.of)})`
    case 'not':
      return `not ${inner(expression.of)}`
    case 'isNull':
      return `${inner(expression.of)} is null`
    case 'isNotNull':
      return `${inner(expression.of)} is not null`
    case 'in':
      return `${inner(expression.of)} in (${expression.values.map(expressionText).join(', ')})`
    case 'between':
      return `${inner(expression.of)} between ${inner(expression.low)} and ${inner(expression.high)}`
    case 'startsWith':
      return `${inner(expression.of)} starts with '${expression.prefix}'`
    case 'and':
    case 'or':
      return `${inner(expression.left)} ${expression.op} ${inner(expression.right)}`
    default:
      return `${inner(expression.left)} ${SIGNS[expression.op]} ${inner(expression.right)}`
  }
}

/** `mean of delay over 7d`, `count over 1d where currency = 'EUR'`. */
export function featureText({ aggregation, window, where }: Pick<FeatureColumn, 'aggregation' | 'window' | 'where'>): string {
  const of = aggregation.input ? ` of ${expressionText(aggregation.input)}` : ''
  const only = where ? ` where ${expressionText(where)}` : ''
  return `${aggregation.name}${of} over ${window.label}${only}`
}
