/** `quern plan`: what a run would do and why. */
import type { FeatureSet } from '../../domain/featureSet.ts'
import type { KafkaSource } from '../../domain/source.ts'
import { formatInstant, formatInstantShort } from '../../domain/time.ts'
import type { Preview } from '../../run/planFeatureSet.ts'
import { planFeatureSet } from '../../run/planFeatureSet.ts'
import type { TopicLag } from '../../run/topicLag.ts'
import { topicLag } from '../../run/topicLag.ts'
import type { CommandContext } from '../command.ts'
import { eachSet, printFailure } from '../eachSet.ts'
import { resultText } from '../expectationText.ts'
import { untilFlag } from '../flags.ts'
import { bytes, counted, number, printJson, printLine } from '../output.ts'
import { backfillCommand, staleText } from '../staleText.ts'

export async function plan({ app: build, args, flags }: CommandContext): Promise<number> {
  const app = await build()
  const options = {
    until: untilFlag(flags.until, app.now()),
    full: flags.full === true,
    acceptLoss: flags.acceptLoss === true,
    signal: app.signal,
  }
  const lags = new Map<string, Promise<TopicLag>>()
  /** What waits in a source's topic, which several sets may read. */
  const lagOf = async ({ source }: FeatureSet): Promise<TopicLag | undefined> => {
    if (source.kind !== 'kafka') return undefined
    const known = lags.get(source.name)
    if (known) return known
    const lag = topicLag(source, app, options)
    lags.set(source.name, lag)
    if (!flags.json) printLine(lagText(source, await lag))
    return lag
  }
  return eachSet(
    app,
    args,
    async set => {
      const lag = await lagOf(set)
      const preview = afterLanding(await planFeatureSet(set, app, options), lag)
      if (flags.json) printJson({ ...jsonLine(set, preview), ...(lag ? { lag } : {}) })
      else for (const line of textLines(set, preview)) printLine(line)
    },
    async failure => {
      if (flags.json) await printFailure(failure)
    },
  )
}

/** What waits in the topic lands before anything is computed: what that will be is known then. */
function afterLanding(preview: Preview, lag: TopicLag | undefined): Preview {
  if (!lag || lag.messages === 0) return preview
  const reason = `${counted(lag.messages, 'message')} to land first; of what has landed: ${preview.reason}`
  return { ...preview, outcome: 'run', reason, read: { ...preview.read, rows: null }, cutoffs: undefined }
}

function lagText({ name, landing }: KafkaSource, { messages, lost, partitions }: TopicLag): string {
  const behind = partitions.filter(({ from, to }) => from < to).length
  const waits =
    messages === 0
      ? 'all has landed'
      : `${counted(messages, 'message')} in ${counted(behind, 'partition')} ${messages === 1 ? 'waits' : 'wait'}, and a run lands them first`
  const gone = lost === 0 ? '' : `; ${number(lost)} offsets are gone unread`
  return `${name}: topic ${landing.topic}: ${waits}${gone}`
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
