/** `quern run`: a line for each feature set, whatever its outcome. */

import { DefinitionError } from '../../domain/errors.ts'
import type { FeatureSet } from '../../domain/featureSet.ts'
import type { TableStore } from '../../domain/tableStore.ts'
import type { LandResult } from '../../run/landBatch.ts'
import { Landings } from '../../run/landings.ts'
import { runFeatureSet } from '../../run/runFeatureSet.ts'
import type { CommandContext, Flags } from '../command.ts'
import type { SetFailure } from '../eachSet.ts'
import { eachSet } from '../eachSet.ts'
import { warningTexts } from '../expectationText.ts'
import { severityFlag, shareFlag, untilFlag } from '../flags.ts'
import { note, printJson, printLine } from '../output.ts'
import { progressLine } from '../progress.ts'
import { landText, runJson, runText } from '../runLine.ts'
import { pendingText } from '../staleText.ts'

export async function run(context: CommandContext): Promise<number> {
  if (context.flags.follow) return (await import('../followTopics.ts')).followTopics(context)
  const { app: build, args, flags } = context
  requireFollow(flags)
  const app = await build()
  const until = untilFlag(flags.until, app.now())
  const limits = { maxRejected: shareFlag(flags.maxRejected), severity: severityFlag(flags.expectations) }
  let startedAt = app.now()
  const seconds = (): number => Number(app.now() - startedAt) / 1e6
  const landings = new Landings(app)
  /** What has come in a topic lands before what is computed from it; undefined where nothing does. */
  const landing = async ({ source }: FeatureSet): Promise<LandResult | undefined> => {
    if (source.kind !== 'kafka' || flags.land === false) return undefined
    const progress = progressLine(source.name, !app.config.plain, app.now)
    const options = { acceptLoss: flags.acceptLoss === true, maxRejected: limits.maxRejected, signal: app.signal }
    const { result, isNew } = await landings.land(source, { ...options, onProgress: progress.show }).finally(progress.clear)
    if (isNew && result.commits > 0) note(landText(source, result, seconds()))
    else if (isNew && !flags.json) note(`${source.name}: nothing new in topic ${source.landing.topic}`)
    // The rest of the time is the feature set's.
    startedAt = app.now()
    return result
  }
  return eachSet(
    app,
    args,
    async set => {
      startedAt = app.now()
      const progress = progressLine(set.name, !app.config.plain, app.now)
      const landed = await landing(set)
      const options = { until, full: flags.full === true, ...limits, acceptLoss: flags.acceptLoss === true, signal: app.signal }
      const result = await runFeatureSet(set, app, { ...options, onProgress: progress.show, onNote: note }).finally(
        progress.clear,
      )
      if (flags.json) printJson(runJson(set, result, seconds(), landed))
      else printLine(runText(set, result, seconds()))
      for (const warning of warningTexts(set.name, result.expectations)) note(warning)
      for (const range of result.pending) note(pendingText(set.name, range))
    },
    async failure => {
      if (flags.json) printJson(await failedLine(failure, app.store, seconds()))
    },
  )
}

function requireFollow(flags: Flags): void {
  const given = (['batchTime', 'batchRows', 'metrics'] as const).find(flag => flags[flag] !== undefined)
  if (given === undefined) return
  const flag = { batchTime: '--batch-time', batchRows: '--batch-rows', metrics: '--metrics' }[given]
  throw new DefinitionError('definition.flag', `${flag} is a matter of --follow alone`, {
    hint: `Leave it out, or follow: \`quern run --follow ${flag} ${flags[given]}\`.`,
  })
}

async function failedLine({ name, error, code, hint }: SetFailure, store: TableStore, seconds: number): Promise<object> {
  const latest =
    name === null
      ? undefined
      : await store
          .table(`features/${name}`)
          .snapshot('latest')
          .catch(() => undefined)
  const values = (error as { values?: Record<string, unknown> }).values ?? {}
  const count = (value: unknown): number => (typeof value === 'number' ? value : 0)
  return {
    name,
    outcome: code === 'transient.conflict' ? 'conflict' : 'failed',
    version: latest?.version ?? null,
    rowsRead: count(values.rowsRead),
    rowsRejected: count(values.rowsRejected),
    rowsWritten: 0,
    expectations: values.expectations ?? [],
    cutoffs: { from: null, to: null, count: 0 },
    through: null,
    seconds,
    reason: error.message,
    code,
    hint,
  }
}
