/** What a batch measures, counted row by row. */
import type { ExpectedBatch } from '../../src/domain/engine.ts'
import type { Expectation } from '../../src/domain/expectations.ts'
import type { FeatureSet } from '../../src/domain/featureSet.ts'
import type { Row } from './naive.ts'
import { firstCutoffAfter, timeOf } from './naive.ts'

/** `rows`: the accepted ones. Counts are bigints, an age is microseconds. */
export function naiveMeasure(
  set: FeatureSet,
  rows: readonly Row[],
  expectation: Expectation,
  batch: ExpectedBatch,
): bigint | null {
  const countOf = (is: (row: Row) => boolean): bigint => BigInt(rows.filter(is).length)
  switch (expectation.kind) {
    case 'rowsBetween':
      return BigInt(rows.length)
    case 'nullShareBelow':
      return countOf(row => (row[expectation.column] ?? null) === null)
    case 'lateShareBelow':
      return countOf(row => {
        const cutoff = firstCutoffAfter(set, timeOf(set, row))
        return batch.published.some(({ from, to }) => from <= cutoff && cutoff < to)
      })
    case 'fresherThan': {
      const ages = rows.map(row => batch.until - timeOf(set, row)).filter(age => age >= 0n)
      if (ages.length > 0) return ages.reduce((a, b) => (a < b ? a : b))
      return rows.length > 0 ? 0n : null
    }
    case 'uniqueKey': {
      const seen = new Set<string>()
      return countOf(row => {
        const key = expectation.columns.map(name => row[name] ?? null)
        if (key.includes(null)) return false
        const text = JSON.stringify(key.map(String))
        if (seen.has(text)) return true
        seen.add(text)
        return false
      })
    }
  }
}
