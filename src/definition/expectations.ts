/** Expectations as an author writes them: `expect: [nullShareBelow('delay', 0.01).warn()]`. */
import type { Expectation, Severity } from '../domain/expectations.ts'
import type { DurationText } from './aggregations.ts'

/** As `Expectation`, with whatever was written: `resolveExpectations` says what is wrong with it. */
export interface GivenExpectation {
  kind: Expectation['kind']
  severity: Severity
  columns: readonly string[]
  /** The arguments beside the columns. */
  limits: readonly unknown[]
}

/** What is expected of all rows that a run reads anew. A broken expectation ends the run, exit code 3, before it commits. */
export class ExpectationDeclaration<C extends string = string> {
  readonly given: GivenExpectation
  /** Only for the compiler: the columns that it reads. */
  declare protected readonly reads: C

  constructor(given: GivenExpectation) {
    this.given = given
  }

  /** Broken, it is told and recorded, and the run goes on. */
  warn(): ExpectationDeclaration<C> {
    return new ExpectationDeclaration({ ...this.given, severity: 'warn' })
  }
}

function declared<C extends string>(
  kind: Expectation['kind'],
  columns: readonly string[],
  ...limits: unknown[]
): ExpectationDeclaration<C> {
  return new ExpectationDeclaration({ kind, severity: 'stop', columns, limits })
}

/** From `min` to `max` rows, both allowed; `Infinity` for no bound. */
export function rowsBetween(min: number, max: number): ExpectationDeclaration<never> {
  return declared('rowsBetween', [], min, max)
}

/** Less than this share of the rows, 0 to 1, is null in `column`; 0 allows none. Holds over no rows. */
export function nullShareBelow<const C extends string>(column: C, share: number): ExpectationDeclaration<C> {
  return declared('nullShareBelow', [column], share)
}

/** No two rows are equal in all of `columns`; a null is equal to nothing. Holds over no rows. */
export function uniqueKey<const C extends string>(...columns: [C, ...C[]]): ExpectationDeclaration<C> {
  return declared('uniqueKey', columns)
}

/** Some row is younger than `age` at the run's `--until`, by event time. Broken over no rows. */
export function fresherThan(age: DurationText): ExpectationDeclaration<never> {
  return declared('fresherThan', [], age)
}

/** Less than this share of the rows, 0 to 1, comes after a cutoff that should have counted it; 0 allows none. Holds over no rows. */
export function lateShareBelow(share: number): ExpectationDeclaration<never> {
  return declared('lateShareBelow', [], share)
}
