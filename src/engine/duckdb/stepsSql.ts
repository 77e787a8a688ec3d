/** A schema's steps on one column as SQL: flat and cheap, since they run over every row. */
import { isInteger } from '../../domain/columnType.ts'
import type { Field, Step } from '../../domain/schema.ts'
import { notInSql } from '../../domain/schema.ts'
import { literal } from './sql.ts'

export interface StepsSql {
  /** The value as the steps leave it. */
  value: string
  /** All of them are true of what the schema accepts. */
  conditions: string[]
  /** Where the SQL may not mean what zod does; undefined where it does everywhere. */
  uncertain: string | undefined
}

/** Undefined where some step has no form in SQL. `value` is not null where it is evaluated. */
export function stepsSql(field: Field, input: string): StepsSql | undefined {
  if (notInSql(field) !== undefined) return undefined
  let value = input
  const conditions: string[] = []
  const uncertain = new Set<string>()
  for (const step of field.steps ?? []) {
    switch (step.kind) {
      case 'trim':
        value = `trim(${value}, ${WHITE_SPACE})`
        break
      case 'lowerCase':
      case 'upperCase':
        // Beyond ASCII the rules of the two differ.
        uncertain.add(`strlen(${input}) <> length(${input})`)
        value = `${step.kind === 'lowerCase' ? 'lower' : 'upper'}(${value})`
        break
      case 'normalize':
        break
      case 'pattern':
        if (step.re2!.basicPlane) uncertain.add(isBeyondBasicPlane(input))
        conditions.push(`regexp_matches(${value}, ${literal(step.re2!.pattern)})`)
        break
      case 'includes':
        conditions.push(`contains(${value}, ${literal(step.value)})`)
        break
      default: {
        const condition = checkSql(step, value, field)
        if (condition !== undefined) conditions.push(condition)
      }
    }
  }
  return { value, conditions, uncertain: uncertain.size > 0 ? [...uncertain].join(' OR ') : undefined }
}

/** What JavaScript trims: white space of Unicode, line ends, and the byte order mark. */
const WHITE_SPACE = literal(
  '\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff',
)

type Simple = Exclude<Step, { kind: 'trim' | 'lowerCase' | 'upperCase' | 'normalize' | 'pattern' | 'includes' }>

function checkSql(step: Simple, value: string, field: Field): string | undefined {
  switch (step.kind) {
    case 'min':
      return isRangeOfType(step, field) ? undefined : `${value} ${step.inclusive ? '>=' : '>'} ${boundSql(step.value, field)}`
    case 'max':
      return isRangeOfType(step, field) ? undefined : `${value} ${step.inclusive ? '<=' : '<'} ${boundSql(step.value, field)}`
    // The schema sees whole milliseconds, floored.
    case 'minInstant':
      return `${value} >= ${instantSql(step.inclusive ? step.value : step.value + 1000n)}`
    case 'maxInstant':
      return `${value} < ${instantSql(step.inclusive ? step.value + 1000n : step.value)}`
    case 'multipleOf':
      return multipleSql(value, step.value)
    case 'integer':
    case 'safe':
      // A decoder of integers lets nothing else pass.
      return isInteger(field.type)
        ? undefined
        : step.kind === 'integer'
          ? `${value} = trunc(${value})`
          : `${value} BETWEEN ${SAFE}`
    case 'minLength':
      return `${lengthSql(value, step.unit)} >= ${step.value}`
    case 'maxLength':
      return `${lengthSql(value, step.unit)} <= ${step.value}`
    case 'length':
      return `${lengthSql(value, step.unit)} = ${step.value}`
    case 'startsWith':
      return `starts_with(${value}, ${literal(step.value)})`
    case 'endsWith':
      return `ends_with(${value}, ${literal(step.value)})`
    case 'oneOf':
      return `${value} IN (${step.values.map(option => (typeof option === 'string' ? literal(option) : valueSql(option))).join(', ')})`
  }
}

const SAFE = '-9007199254740991 AND 9007199254740991'

/** The bounds that the column's own type has. */
function isRangeOfType({ kind, value }: { kind: 'min' | 'max'; value: number | bigint }, { type }: Field): boolean {
  return type.kind === 'int32' && Number(value) === (kind === 'min' ? -(2 ** 31) : 2 ** 31 - 1)
}

const instantSql = (micros: bigint): string => `make_timestamptz((${micros})::BIGINT)`

/** Of numbers by zod's tolerance: four epsilons of the quotient. */
function multipleSql(value: string, step: number | bigint): string {
  if (typeof step === 'bigint') return `${value} % ${numberSql(step)} = 0`
  const ratio = `(${value}::DOUBLE / ${literal(String(step))}::DOUBLE)`
  return `abs(${ratio} - round(${ratio})) < ${literal(String(4 * Number.EPSILON))}::DOUBLE * greatest(abs(${ratio}), 1)`
}

function lengthSql(value: string, unit: 'codePoint' | 'codeUnit'): string {
  return unit === 'codePoint' ? `length(${value})` : utf16Length(value)
}

/**
 * Length in UTF-16 code units: characters outside the basic plane count twice. These take four bytes each, so a text with
 * fewer than three bytes more than characters has none.
 */
function utf16Length(value: string): string {
  const outside = `length(regexp_replace(${value}, '[^\\x{10000}-\\x{10FFFF}]', '', 'g'))`
  return `CASE WHEN strlen(${value}) - length(${value}) < 3 THEN length(${value}) ELSE length(${value}) + ${outside} END`
}

function isBeyondBasicPlane(value: string): string {
  return `(strlen(${value}) - length(${value}) >= 3 AND regexp_matches(${value}, '[\\x{10000}-\\x{10FFFF}]'))`
}

const valueSql = (value: number | bigint | boolean): string => (typeof value === 'boolean' ? String(value) : numberSql(value))

/** The engine compares decimals exactly with decimals only. */
function boundSql(value: number | bigint, { type }: Field): string {
  const isWhole = typeof value === 'bigint' || Number.isSafeInteger(value)
  return type.kind === 'decimal' && isWhole ? `${literal(String(value))}::DECIMAL(38,0)` : numberSql(value)
}

function numberSql(value: number | bigint): string {
  return typeof value === 'bigint' || Number.isSafeInteger(value) ? `(${value})` : `${literal(String(value))}::DOUBLE`
}
