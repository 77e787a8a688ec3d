/** What became of a unit case, as text and as JSON. */
import type { Value } from '../domain/engine.ts'
import { FaultsError, QuernError } from '../domain/errors.ts'
import type { Issue } from '../domain/schema.ts'
import { formatInstant, formatInstantShort } from '../domain/time.ts'
import type { CaseDifference } from '../domain/unitCase.ts'
import type { Fixture } from '../fixtures.ts'
import { defectText, errorText, isExpected } from './errorText.ts'
import { counted, tableText } from './output.ts'

export interface CaseResult {
  fixture: Fixture
  seconds: number
  differences: CaseDifference[]
  /** The case could not be run. */
  error: Error | undefined
}

export const outcomeOf = ({ differences, error }: CaseResult): 'ok' | 'failed' | 'error' =>
  error !== undefined ? 'error' : differences.length > 0 ? 'failed' : 'ok'

const LABELS = { ok: 'ok', failed: 'FAILED', error: 'ERROR' }

export function caseText(result: CaseResult): string {
  const { set, name, file } = result.fixture
  const outcome = outcomeOf(result)
  const title = name === null ? file : `${set}: ${name}`
  const line = `${LABELS[outcome].padEnd(6)}  ${title} (${milliseconds(result.seconds)})`
  return outcome === 'ok' ? line : `${line}\n${reasonText(result).replaceAll(/^(?=.)/gm, '  ')}`
}

export function summaryText(results: readonly CaseResult[], seconds: number): string {
  const outcomes = results.map(outcomeOf)
  const parts = (['ok', 'failed', 'error'] as const).flatMap(outcome => {
    const count = outcomes.filter(one => one === outcome).length
    return count === 0 ? [] : [outcome === 'error' ? counted(count, 'error') : `${count} ${outcome}`]
  })
  return `${counted(results.length, 'case')}: ${parts.join(', ')} (${milliseconds(seconds)})`
}

const milliseconds = (seconds: number): string => `${Math.round(seconds * 1000)} ms`

/** Why a case is not ok: its differences as a table, or its error. */
export function reasonText({ differences, error }: CaseResult): string {
  if (error !== undefined) return isExpected(error) ? errorText(error) : defectText(error)
  const rows = differences.map(one => [placeOf(one), one.column ?? '', expectedText(one), gotText(one)])
  return tableText(['row', 'column', 'expected', 'got'], rows, new Set())
}

/** `ATL @ 2001-01-02`, or the input row. */
function placeOf({ key, input }: CaseDifference): string {
  if (!key) return input!
  const values = key.map(({ name, value }) => (name === 'cutoff' ? formatInstantShort(value as bigint) : String(value)))
  return `${values.slice(0, -1).join(', ')} @ ${values.at(-1)}`
}

function expectedText({ kind, expected }: CaseDifference): string {
  if (kind === 'value') return valueText(expected as Value)
  if (kind === 'missing') return 'a row'
  if (kind === 'unexpected') return 'no row'
  if (kind === 'rejected') return 'accepted'
  const { path, code, message } = expected as Partial<Issue>
  const reason = [path, code, message].filter(part => part !== undefined).join(': ')
  return reason === '' ? 'rejected' : `rejected: ${reason}`
}

function gotText({ kind, got }: CaseDifference): string {
  if (kind === 'value') return valueText(got as Value)
  if (kind === 'missing') return 'no row'
  if (kind === 'accepted') return 'accepted'
  if (kind === 'unexpected') {
    const values = Object.entries(got as Record<string, Value>).map(([name, value]) => `${name} ${valueText(value)}`)
    return `a row: ${values.slice(0, SHOWN).join(', ')}${values.length > SHOWN ? ', ...' : ''}`
  }
  return `rejected: ${(got as Issue[]).map(({ path, code, message }) => `${path === '' ? '' : `${path}: `}${code}: ${message}`).join('; ')}`
}

/** Values of a row that nobody expected. */
const SHOWN = 4

/** All digits: what differs may do so in the last one. */
const valueText = (value: Value): string => (typeof value === 'string' ? `'${value}'` : String(value))

export function caseJson(result: CaseResult): object {
  const { fixture, seconds, differences, error } = result
  return {
    name: fixture.set,
    case: fixture.name,
    file: fixture.file,
    outcome: outcomeOf(result),
    seconds,
    differences: differences.map(one => ({ ...one, key: keyObject(one.key) })),
    ...(error === undefined ? {} : failure(error)),
  }
}

const keyObject = (key: CaseDifference['key']): Record<string, Value> | null =>
  key && Object.fromEntries(key.map(({ name, value }) => [name, name === 'cutoff' ? formatInstant(value as bigint) : value]))

function failure(error: Error): object {
  const { code, hint } = error instanceof QuernError ? error : { code: 'defect.unexpected', hint: undefined }
  const faults = error instanceof FaultsError ? { faults: error.faults } : {}
  return { reason: error.message, code, hint, ...faults }
}
