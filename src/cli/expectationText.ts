/** What was expected of a batch and found, as people read it. */
import type { ExpectationResult } from '../domain/expectations.ts'
import { brokenText, expectationText, foundText } from '../domain/expectations.ts'

/** The broken ones of a run that went on: a line of warning for each. */
export function warningTexts(name: string, results: readonly ExpectationResult[]): string[] {
  return results.filter(({ passed }) => passed === false).map(result => `${name}: warning: ${brokenText(result)}`)
}

/** `nullShareBelow('delay', 0.01): 3 of 1,000 rows (0.3%) null in `delay`, holds`. */
export function resultText(result: ExpectationResult): string {
  const { passed, severity, declared } = result
  const weight = declared === undefined ? severity : `${severity} instead of ${declared}`
  const verdict = passed === null ? '' : passed ? ', holds' : `, broken (${weight})`
  return `${expectationText(result)}: ${foundText(result)}${verdict}`
}
