/** `quern plan`: what a run would do and why. */
import type { FeatureSet } from '../../domain/featureSet.ts'
import { formatInstant, formatInstantShort } from '../../domain/time.ts'
import type { Preview } from '../../run/planFeatureSet.ts'
import { planFeatureSet } from '../../run/planFeatureSet.ts'
import type { CommandContext } from '../command.ts'
import { eachSet, printFailure } from '../eachSet.ts'
import { resultText } from '../expectationText.ts'
import { untilFlag } from '../flags.ts'
import { bytes, counted, printJson, printLine } from '../output.ts'
import { backfillCommand, staleText } from '../staleText.ts'

export async function plan({ app: build, args, flags }: CommandContext): Promise<number> {
  const app = await build()
  const options = {
    until: untilFlag(flags.until, app.now()),
    full: flags.full === true,
    acceptLoss: flags.acceptLoss === true,
    signal: app.signal,
  }
  return eachSet(
    app,
    args,
    async set => {
      const preview = await planFeatureSet(set, app, options)
      if (flags.json) printJson(jsonLine(set, preview))
      else for (const line of textLines(set, preview)) printLine(line)
    },
    async failure => {
      if (flags.json) await printFailure(failure)
    },
  )
}

function jsonLine({ name }: FeatureSet, { outcome, reason, read, cutoffs, stale, expectations }: Preview): object {
  return {
    name,
    outcome,
    reason,
    read,
    cutoffs:
      cutoffs === undefined
        ? { from: null, to: null, count: null }
        : 'from' in cutoffs
          ? { from: formatInstant(cutoffs.from), to: formatInstant(cutoffs.to), count: cutoffs.count }
          : { from: null, to: null, count: 0 },
    stale: stale.map(range => ({
      from: formatInstant(range.from),
      to: formatInstant(range.to),
      entities: range.entities,
      backfill: backfillCommand(name, range),
    })),
    expectations,
  }
}

function textLines({ name }: FeatureSet, { outcome, reason, read, cutoffs, stale, through, expectations }: Preview): string[] {
  const lines: string[] = []
  if (outcome === 'unchanged') lines.push(`${name}: unchanged (${reason})`)
  else {
    const reads = `reads ${read.rows === null ? '' : `${counted(read.rows, 'row')}, `}${bytes(read.bytes)} in ${counted(read.files, 'file')}`
    const writes =
      cutoffs === undefined
        ? `cutoffs through ${formatInstantShort(through)}`
        : 'from' in cutoffs
          ? `${counted(cutoffs.count, 'cutoff')} from ${formatInstantShort(cutoffs.from)} to ${formatInstantShort(cutoffs.to)}`
          : 'no cutoffs'
    lines.push(`${name}: run (${reason}): ${reads}, writes ${writes}`)
  }
  for (const range of stale) lines.push(`  ${staleText(name, range)}`)
  for (const result of expectations) lines.push(`  expects ${resultText(result)}`)
  return lines
}
