/** What an author expects of the rows that a run reads anew, taken together; what was measured of them, and the verdict. Pure. */
import { grouped } from './numberText.ts'
import type { Duration } from './time.ts'
import { formatDuration } from './time.ts'

/** A broken expectation ends the run before it commits, or is only told. */
export type Severity = 'stop' | 'warn'
export const SEVERITIES: readonly Severity[] = ['stop', 'warn']

export const EXPECTATIONS = ['rowsBetween', 'nullShareBelow', 'uniqueKey', 'fresherThan', 'lateShareBelow'] as const

/** One expectation of a batch: the accepted rows of the files that no version has read. */
export type Expectation = { severity: Severity } & (
  | { kind: 'rowsBetween'; min: number; max: number }
  | { kind: 'nullShareBelow'; column: string; limit: number }
  | { kind: 'uniqueKey'; columns: string[] }
  | { kind: 'fresherThan'; limit: Duration }
  | { kind: 'lateShareBelow'; limit: number }
)

/** What a batch measures; `measures` has an entry for each expectation, in their order. */
export interface BatchMeasures {
  /** Accepted ones. */
  rows: number
  measures: Measure[]
}

export interface Measure {
  /**
   * How many rows there are, are null in the column, have a key that another row has too (beyond the first of each), or are late;
   * of `fresherThan` the microseconds from the newest row to the run's end of time, null where there is no row.
   */
  value: bigint | null
  /** What a repeated key is, for people. */
  example?: string
}

/** An expectation beside what was measured, as `run` and `show` print it and a commit records it. */
export interface ExpectationResult {
  expectation: Expectation['kind']
  columns?: string[]
  /** Rows from and to, both allowed, the latter null without bound; a share; so many repeated rows; seconds. */
  limit: [number, number | null] | number
  /** In the limit's unit. Null over nothing, and where it cannot be known before reading. */
  measured: number | null
  /** A key that is repeated, for people; no commit records it. */
  example?: string
  /** Of the batch. With `passed` null where they cannot be known before reading. */
  rows: number | null
  passed: boolean | null
  severity: Severity
  /** The definition's own, where the command line went before it. */
  declared?: Severity
}

/** The verdict on each expectation; `measured` undefined: before anything was read. */
export function judgeBatch(
  expectations: readonly Expectation[],
  measured: BatchMeasures | undefined,
  override: Severity | undefined,
): ExpectationResult[] {
  return expectations.map((expectation, at) => {
    const { kind, severity } = expectation
    const told = {
      expectation: kind,
      ...('columns' in expectation ? { columns: expectation.columns } : {}),
      ...('column' in expectation ? { columns: [expectation.column] } : {}),
      limit: limitOf(expectation),
    }
    const weight = { severity: override ?? severity, ...(override && override !== severity ? { declared: severity } : {}) }
    if (!measured) return { ...told, measured: null, rows: null, passed: null, ...weight }
    const { rows, measures } = measured
    const value = measuredOf(expectation, measures[at]!, rows)
    const { example } = measures[at]!
    return {
      ...told,
      measured: value,
      ...(example === undefined ? {} : { example }),
      rows,
      passed: holds(expectation, value),
      ...weight,
    }
  })
}

/** The broken ones that end the run. */
export const stopping = (results: readonly ExpectationResult[]): ExpectationResult[] =>
  results.filter(({ passed, severity }) => passed === false && severity === 'stop')

const MICROS = 1e6

function limitOf(expectation: Expectation): ExpectationResult['limit'] {
  switch (expectation.kind) {
    case 'rowsBetween':
      return [expectation.min, Number.isFinite(expectation.max) ? expectation.max : null]
    case 'uniqueKey':
      return 0
    case 'fresherThan':
      return Number(expectation.limit) / MICROS
    default:
      return expectation.limit
  }
}

function measuredOf({ kind }: Expectation, { value }: Measure, rows: number): number | null {
  if (value === null) return null
  if (kind === 'fresherThan') return Number(value) / MICROS
  if (kind === 'rowsBetween' || kind === 'uniqueKey') return Number(value)
  return rows === 0 ? null : Number(value) / rows
}

/** What speaks of every row holds over none; that some row is fresh does not. */
function holds(expectation: Expectation, measured: number | null): boolean {
  switch (expectation.kind) {
    case 'rowsBetween':
      return measured! >= expectation.min && measured! <= expectation.max
    case 'uniqueKey':
      return measured === 0
    case 'fresherThan':
      return measured !== null && measured < Number(expectation.limit) / MICROS
    default:
      return measured === null || measured === 0 || measured < expectation.limit
  }
}

/** As its author wrote it: `nullShareBelow('delay', 0.01)`. */
export function expectationText({
  expectation,
  columns = [],
  limit,
}: Pick<ExpectationResult, 'expectation' | 'columns' | 'limit'>): string {
  const names = columns.map(column => `'${column}'`)
  if (Array.isArray(limit)) return `${expectation}(${limit[0]}, ${limit[1] ?? 'Infinity'})`
  if (expectation === 'uniqueKey') return `${expectation}(${names.join(', ')})`
  if (expectation === 'fresherThan') return `${expectation}('${formatDuration(BigInt(Math.round(limit * MICROS)))}')`
  return `${expectation}(${[...names, limit].join(', ')})`
}

/** What was found in place of what was expected. */
export const brokenText = (result: ExpectationResult): string => `expected ${expectationText(result)}, found ${foundText(result)}`

/** What the batch was found to be, in words. */
export function foundText({ expectation, columns, measured, rows, example }: ExpectationResult): string {
  if (rows === null) return 'not known before reading'
  const all = rowsText(rows)
  const share = (what: string): string =>
    measured === null ? 'no row' : `${grouped(Math.round(measured * rows))} of ${all} (${percent(measured)}) ${what}`
  switch (expectation) {
    case 'rowsBetween':
      return all
    case 'nullShareBelow':
      return share(`null in \`${columns![0]}\``)
    case 'lateShareBelow':
      return share('late')
    case 'uniqueKey':
      return `${grouped(measured!)} of ${all} with the key of another${example === undefined ? '' : ` (${example})`}`
    case 'fresherThan':
      return measured === null ? 'no row' : `newest row ${ageText(measured)} old`
  }
}

const rowsText = (rows: number): string => `${grouped(rows)} ${rows === 1 ? 'row' : 'rows'}`

const percent = (share: number): string => `${Number((share * 100).toPrecision(4))}%`

/** `2d`, `5h`, or in parts where no unit divides: `1d 2h 5s`. */
function ageText(seconds: number): string {
  const parts: string[] = []
  let rest = Math.round(seconds * MICROS)
  for (const [unit, micros] of AGE_UNITS) {
    const whole = Math.floor(rest / micros)
    if (whole > 0) parts.push(`${whole}${unit}`)
    rest -= whole * micros
  }
  return parts.slice(0, 3).join(' ') || '0s'
}

const AGE_UNITS: [unit: string, micros: number][] = [
  ['d', 86_400e6],
  ['h', 3_600e6],
  ['m', 60e6],
  ['s', 1e6],
  ['ms', 1e3],
]
