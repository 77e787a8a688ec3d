/** A batch that is not what was expected of it ends the run. */
import { DataError } from '../domain/errors.ts'
import type { ExpectationResult } from '../domain/expectations.ts'
import { brokenText, stopping } from '../domain/expectations.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import type { Fresh } from './readFresh.ts'

/** Undefined where the run may go on. */
export function brokenExpectations(set: FeatureSet, { expectations, result }: Fresh): DataError | undefined {
  const broken = stopping(expectations)
  if (broken.length === 0) return undefined
  const others = expectations.filter(one => one.passed === false && !broken.includes(one))
  const sentence = (of: ExpectationResult[]): string => of.map(brokenText).join('; ')
  const also = others.length === 0 ? '' : ` Also, as a warning: ${sentence(others)}.`
  const { rowsRead, rowsRejected } = result
  return new DataError('data.expectation', `\`${set.name}\`: ${sentence(broken)}. Nothing was committed.${also}`, {
    hint: 'Mend the data or the expectation, or let this batch pass once with --expectations warn.',
    values: { rowsRead, rowsRejected, expectations },
  })
}
