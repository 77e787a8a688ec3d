/** The line that a run ends with. */
import type { FeatureSet } from '../domain/featureSet.ts'
import type { KafkaSource } from '../domain/source.ts'
import { formatInstantShort } from '../domain/time.ts'
import type { LandResult } from '../run/landBatch.ts'
import type { RunResult } from '../run/runFeatureSet.ts'
import { counted, instantOrNull, number } from './output.ts'

/** @param landed what has landed in the source's archive before */
export function runJson(set: FeatureSet, result: RunResult, seconds: number, landed?: LandResult): object {
  const { cutoffs, through, pending: _, ...rest } = result
  return {
    name: set.name,
    ...rest,
    cutoffs: { from: instantOrNull(cutoffs?.first), to: instantOrNull(cutoffs?.last), count: cutoffs?.count ?? 0 },
    through: instantOrNull(through),
    ...(landed ? { landed: landedJson(landed) } : {}),
    seconds,
  }
}

function landedJson({ isWhole: _, lost, version, ...counts }: LandResult): object {
  return { ...counts, lost: Number(lost), version: version ?? null }
}

type LandedCounts = Pick<LandResult, 'rows' | 'rejected' | 'repeats' | 'passed' | 'lost' | 'version'>

/** What a landing ends with, for people. */
export function landText({ name, landing }: KafkaSource, result: LandedCounts, seconds: number): string {
  const parts = [
    `${counted(result.rows, 'row')} of topic ${landing.topic} landed in archive/${name}, version ${result.version}`,
    ...(result.rejected > 0 ? [`${number(result.rejected)} (${shareOf(result)}) rejected (\`quern rejected ${name}\`)`] : []),
    ...(result.repeats > 0 ? [`${counted(result.repeats, 'repeat')} left out`] : []),
    ...(result.passed > 0 ? [`${counted(result.passed, 'tombstone')} passed over`] : []),
    ...(result.lost > 0n ? [`${number(Number(result.lost))} offsets were gone unread`] : []),
  ]
  return `${name}: ${parts.join(', ')}, ${seconds.toFixed(1)} s`
}

function shareOf({ rows, rejected, repeats }: LandedCounts): string {
  return `${Number(((100 * rejected) / (rows + rejected + repeats)).toPrecision(2))}%`
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
