/** The expectations of a feature set as declared, resolved into plain data, each with its faults. */
import type { Expectation } from '../domain/expectations.ts'
import { EXPECTATIONS } from '../domain/expectations.ts'
import { nearest } from '../domain/nearest.ts'
import { parseDuration } from '../domain/time.ts'
import type { GivenExpectation } from './expectations.ts'
import { ExpectationDeclaration } from './expectations.ts'
import { shown } from './options.ts'
import type { TypeFault } from './typing.ts'

type Report = (part: string, fault: TypeFault) => void

/** @param columns the schema's, or undefined where it could not be read: then no column is looked up */
export function resolveExpectations(declared: unknown, columns: readonly string[] | undefined, report: Report): Expectation[] {
  if (declared === undefined) return []
  if (!Array.isArray(declared)) {
    report('expect', fault(`\`${shown(declared)}\` is no list`, 'Write one such as expect: [rowsBetween(1, 1_000_000)].'))
    return []
  }
  const seen = new Set<string>()
  return declared.flatMap((one: unknown) => {
    if (!(one instanceof ExpectationDeclaration)) {
      report('expect', strangerFault(one))
      return []
    }
    const text = givenText(one.given)
    const complain = (problem: TypeFault): void => report(`expect: ${text}`, problem)
    if (seen.has(text)) complain(fault('stands twice', 'Write each expectation once.'))
    seen.add(text)
    return resolveOne(one.given, columns, complain) ?? []
  })
}

const fault = (message: string, hint: string, code = 'definition.expectation'): TypeFault => ({ message, hint, code })

const givenText = ({ kind, columns, limits }: GivenExpectation): string =>
  `${kind}(${[...columns, ...limits].map(one => (typeof one === 'string' ? `'${shown(one)}'` : shown(one))).join(', ')})`

/** Something else stands where an expectation should. */
function strangerFault(one: unknown): TypeFault {
  const example = "Write one such as nullShareBelow('amount', 0.01)."
  if (typeof one === 'function') return fault(`\`${one.name || 'a function'}\` is not called`, example)
  const hint =
    typeof one === 'string' ? `${nearest(/^\w*/.exec(one)![0], EXPECTATIONS)} Import it from 'quern' and call it.` : example
  return fault(`\`${shown(one)}\` is no expectation`, hint)
}

/** Undefined where something is wrong with it. */
function resolveOne(
  { kind, severity, columns: given, limits }: GivenExpectation,
  columns: readonly string[] | undefined,
  report: (fault: TypeFault) => void,
): Expectation | undefined {
  const known = given.filter((column, at) => {
    const isKnown = columns === undefined || columns.includes(column)
    if (!isKnown)
      report(fault(`there is no column \`${shown(column)}\``, nearest(String(shown(column)), columns), 'definition.column'))
    else if (given.indexOf(column) !== at) report(fault(`\`${shown(column)}\` is named twice`, 'Name each column once.'))
    return isKnown
  })
  const [limit, other] = limits
  switch (kind) {
    case 'rowsBetween':
      return rowsFault(limit, other, report) ? undefined : { kind, severity, min: limit as number, max: other as number }
    case 'fresherThan': {
      const age = typeof limit === 'string' ? parseDuration(limit) : undefined
      if (age !== undefined && age > 0n) return { kind, severity, limit: age }
      report(
        fault(
          `\`${shown(limit)}\` is no duration${age === 0n ? ' above 0' : ''}`,
          'A duration is <n> with ms, s, m, h or d, such as 2d.',
        ),
      )
      return undefined
    }
    case 'uniqueKey':
      if (given.length > 0) return { kind, severity, columns: known }
      report(fault('names no column', "Name the key's columns: uniqueKey('order_id')."))
      return undefined
    default: {
      if (!(typeof limit === 'number' && limit >= 0 && limit <= 1)) {
        report(fault(`\`${shown(limit)}\` is no share`, 'Give a number from 0 to 1, such as 0.01.'))
        return undefined
      }
      return kind === 'lateShareBelow' ? { kind, severity, limit } : { kind, severity, column: known[0]!, limit }
    }
  }
}

function rowsFault(min: unknown, max: unknown, report: (fault: TypeFault) => void): boolean {
  const isRows = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
  const wrong = [...(isRows(min) ? [] : [min]), ...(isRows(max) || max === Number.POSITIVE_INFINITY ? [] : [max])]
  for (const value of wrong)
    report(fault(`\`${shown(value)}\` is no number of rows`, 'Give a whole number from 0 on; the second may be Infinity.'))
  if (wrong.length > 0) return true
  if ((min as number) <= (max as number)) return false
  report(fault(`${min} is more than ${max}`, 'Write the smaller number first: rowsBetween(min, max).'))
  return true
}
