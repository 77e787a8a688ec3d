/** A schema's checks as SQL conditions on a decoded value that is not null. Flat and cheap: they run over every row. */
import type { Check } from '../../domain/schema.ts'
import { literal } from './sql.ts'

export function checkSql(check: Check, value: string): string {
  switch (check.kind) {
    case 'min':
      return `${value} ${check.inclusive ? '>=' : '>'} ${numberSql(check.value)}`
    case 'max':
      return `${value} ${check.inclusive ? '<=' : '<'} ${numberSql(check.value)}`
    case 'minInstant':
      return `${value} >= make_timestamptz((${check.value})::BIGINT)`
    case 'maxInstant':
      // The schema sees whole milliseconds: what is less than one above the bound is the bound.
      return `${value} < make_timestamptz((${check.value + 1000n})::BIGINT)`
    case 'multipleOf':
      return `${value} % ${numberSql(check.value)} = 0`
    case 'integer':
      return `${value} = trunc(${value})`
    case 'safe':
      return `${value} BETWEEN -9007199254740991 AND 9007199254740991`
    case 'minLength':
      return `${utf16Length(value)} >= ${check.value}`
    case 'maxLength':
      return `${utf16Length(value)} <= ${check.value}`
    case 'length':
      return `${utf16Length(value)} = ${check.value}`
    case 'startsWith':
      return `starts_with(${value}, ${literal(check.value)})`
    case 'endsWith':
      return `ends_with(${value}, ${literal(check.value)})`
    case 'includes':
      return `contains(${value}, ${literal(check.value)})`
    case 'pattern':
      return `regexp_matches(${value}, ${literal(check.value)})`
    case 'oneOf':
      return `${value} IN (${check.values.map(option => (typeof option === 'string' ? literal(option) : String(option))).join(', ')})`
  }
}

/**
 * Length as JavaScript counts it: characters outside the basic plane count twice. These take four bytes each, so a text with
 * fewer than three bytes more than characters has none.
 */
function utf16Length(value: string): string {
  const outside = `length(regexp_replace(${value}, '[^\\x{10000}-\\x{10FFFF}]', '', 'g'))`
  return `CASE WHEN strlen(${value}) - length(${value}) < 3 THEN length(${value}) ELSE length(${value}) + ${outside} END`
}

function numberSql(value: number | bigint): string {
  return typeof value === 'bigint' || Number.isSafeInteger(value) ? String(value) : `${literal(String(value))}::DOUBLE`
}
