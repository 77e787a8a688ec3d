/** The line that a run ends with. */
import type { FeatureSet } from '../domain/featureSet.ts'
import { formatInstantShort } from '../domain/time.ts'
import type { RunResult } from '../run/runFeatureSet.ts'
import { counted, instantOrNull, number } from './output.ts'

export function runJson(set: FeatureSet, result: RunResult, seconds: number): object {
  const { cutoffs, through, pending: _, ...rest } = result
  return {
    name: set.name,
    ...rest,
    cutoffs: { from: instantOrNull(cutoffs?.first), to: instantOrNull(cutoffs?.last), count: cutoffs?.count ?? 0 },
    through: instantOrNull(through),
    seconds,
  }
}

export function runText(set: FeatureSet, result: RunResult, seconds: number): string {
  if (result.outcome === 'unchanged')
    return `${set.name}: unchanged${result.version === null ? '' : ` at version ${result.version}`} (${result.reason})`
  const range = result.cutoffs
    ? `${counted(result.cutoffs.count, 'cutoff')} from ${formatInstantShort(result.cutoffs.first)} to ${formatInstantShort(result.cutoffs.last)}`
    : 'no cutoffs'
  const rejected = result.rowsRejected > 0 ? `, ${number(result.rowsRejected)} rejected` : ''
  return `${set.name}: committed version ${result.version} (${result.reason}): ${counted(result.rowsRead, 'row')} read${rejected}, ${counted(result.rowsWritten, 'row')} written, ${range}, ${seconds.toFixed(1)} s`
}
