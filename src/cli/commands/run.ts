/** `quern run`: a line for each feature set, whatever its outcome. */
import { EXIT, QuernError, worstExitCode } from '../../domain/errors.ts'
import type { FeatureSet } from '../../domain/featureSet.ts'
import { loadDefinitions } from '../../registry.ts'
import { runFeatureSet } from '../../run/runFeatureSet.ts'
import type { CommandContext } from '../command.ts'
import { defectText, errorText, isExpected } from '../errorText.ts'
import { shareFlag, untilFlag } from '../flags.ts'
import { note, printJson, printLine } from '../output.ts'
import { progressLine } from '../progress.ts'
import { runJson, runText } from '../runLine.ts'
import { pendingText } from '../staleText.ts'

export async function run({ app: build, args, flags }: CommandContext): Promise<number> {
  const app = await build()
  const until = untilFlag(flags.until, app.now())
  const maxRejected = shareFlag(flags.maxRejected)
  const sets = await loadDefinitions(app.config.projectDir, args)
  const codes: number[] = []
  for (const set of sets) {
    const startedAt = app.now()
    const seconds = (): number => Number(app.now() - startedAt) / 1e6
    const progress = progressLine(set.name, !app.config.plain, app.now)
    try {
      const result = await runFeatureSet(set, app, {
        until,
        full: flags.full === true,
        acceptLoss: flags.acceptLoss === true,
        maxRejected,
        onProgress: progress.show,
        signal: app.signal,
      })
      progress.clear()
      if (flags.json) printJson(runJson(set, result, seconds()))
      else printLine(runText(set, result, seconds()))
      for (const range of result.pending) note(pendingText(set.name, range))
      codes.push(EXIT.done)
    } catch (error) {
      progress.clear()
      if (app.signal.aborted) throw error
      if (flags.json) printJson(await failedLine(set, error as Error, app.store, seconds()))
      note(isExpected(error) ? errorText(error) : defectText(error))
      codes.push(isExpected(error) ? error.exitCode : EXIT.defect)
    }
  }
  return worstExitCode(codes)
}

async function failedLine(
  set: FeatureSet,
  error: Error,
  store: { table(path: string): { snapshot(at: 'latest'): Promise<{ version: number } | undefined> } },
  seconds: number,
): Promise<object> {
  const latest = await store
    .table(`features/${set.name}`)
    .snapshot('latest')
    .catch(() => undefined)
  const { code, hint, values }: Partial<QuernError> = error instanceof QuernError ? error : { code: 'defect.unexpected' }
  const count = (name: string): number => (typeof values?.[name] === 'number' ? (values[name] as number) : 0)
  return {
    name: set.name,
    outcome: code === 'transient.conflict' ? 'conflict' : 'failed',
    version: latest?.version ?? null,
    rowsRead: count('rowsRead'),
    rowsRejected: count('rowsRejected'),
    rowsWritten: 0,
    cutoffs: { from: null, to: null, count: 0 },
    through: null,
    seconds,
    reason: error.message,
    code,
    hint,
  }
}
