/** What became of a unit case, as text and as JSON. */
import type { Value } from '../domain/columnType.ts'
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
  const title = oneLine(name === null ? file : `${set}: ${name}`)
  const line = `${LABELS[outcome].padEnd(6)}  ${title} (${milliseconds(result.seconds)})`
  return outcome === 'ok' ? line : `${line}\n${reasonText(result).replaceAll(/^(?=.)/gm, '  ')}`
}

/** Names are texts of people, and a line is a line. */
const oneLine = (text: string): string => (/\p{Cc}/u.test(text) ? JSON.stringify(text) : text)

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
export function reasonText({ fixture, differences, error }: CaseResult): string {
  if (error !== undefined) return isExpected(error) ? errorText(error) : defectText(error)
  const cell = cells(fixture)
  const rows = differences.map(one => [placeOf(one, cell), one.column ?? '', expectedText(one, cell), gotText(one, cell)])
  return tableText(['row', 'column', 'expected', 'got'], rows, new Set())
}

/** A value of a column as text: all digits, since what differs may do so in the last one. */
type Cell = (name: string, value: Value) => string

function cells(fixture: Fixture): Cell {
  const instants = instantsOf(fixture)
  return (name, value) => {
    if (instants.has(name) && value !== null) return formatInstantShort(value as bigint)
    return typeof value === 'string' ? JSON.stringify(value) : String(value)
  }
}

/** The columns of the case's table that hold instants. */
function instantsOf({ content }: Fixture): ReadonlySet<string> {
  const { entity, columns } = 'unit' in content ? content.unit.set : { entity: [], columns: [] }
  return new Set(['cutoff', ...[...entity, ...columns].filter(({ type }) => type.kind === 'timestamp').map(({ name }) => name)])
}

/** `ATL @ 2001-01-02`, or the input row. */
function placeOf({ key, input }: CaseDifference, cell: Cell): string {
  if (!key) return input!
  const values = key.map(({ name, value }) => (typeof value === 'string' ? oneLine(value) : cell(name, value)))
  return `${values.slice(0, -1).join(', ')} @ ${values.at(-1)}`
}

function expectedText({ kind, column, expected }: CaseDifference, cell: Cell): string {
  if (kind === 'value') return cell(column!, expected as Value)
  if (kind === 'missing') return 'a row'
  if (kind === 'unexpected') return 'no row'
  if (kind === 'rejected') return 'accepted'
  const { path, code, message } = expected as Partial<Issue>
  const reason = [path, code, message].filter(part => part !== undefined).join(': ')
  return reason === '' ? 'rejected' : `rejected: ${reason}`
}

function gotText({ kind, column, got }: CaseDifference, cell: Cell): string {
  if (kind === 'value') return cell(column!, got as Value)
  if (kind === 'missing') return 'no row'
  if (kind === 'accepted') return 'accepted'
  if (kind === 'unexpected') {
    const values = Object.entries(got as Record<string, Value>).map(([name, value]) => `${name} ${cell(name, value)}`)
    return `a row: ${values.slice(0, SHOWN).join(', ')}${values.length > SHOWN ? ', ...' : ''}`
  }
  return `rejected: ${(got as Issue[]).map(({ path, code, message }) => `${path === '' ? '' : `${path}: `}${code}: ${message}`).join('; ')}`
}

/** Values of a row that nobody expected. */
const SHOWN = 4

export function caseJson(result: CaseResult): object {
  const { fixture, seconds, differences, error } = result
  const instants = instantsOf(fixture)
  return {
    name: fixture.set,
    case: fixture.name,
    file: fixture.file,
    outcome: outcomeOf(result),
    seconds,
    differences: differences.map(one => differenceJson(one, instants)),
    ...(error === undefined ? {} : failure(error)),
  }
}

function differenceJson({ kind, key, input, column, expected, got }: CaseDifference, instants: ReadonlySet<string>): object {
  const plain = (name: string, value: Value): Value =>
    instants.has(name) && value !== null ? formatInstant(value as bigint) : value
  const row = (values: Record<string, Value>): object =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, plain(name, value)]))
  const side = (value: unknown): unknown => {
    if (kind === 'value') return plain(column!, value as Value)
    return (kind === 'missing' || kind === 'unexpected') && value !== null ? row(value as Record<string, Value>) : value
  }
  const named = key && row(Object.fromEntries(key.map(({ name, value }) => [name, value])))
  return { kind, key: named, input, column, expected: side(expected), got: side(got) }
}

function failure(error: Error): object {
  const { code, hint } = error instanceof QuernError ? error : { code: 'defect.unexpected', hint: undefined }
  const faults = error instanceof FaultsError ? { faults: error.faults } : {}
  return { reason: error.message, code, hint, ...faults }
}
