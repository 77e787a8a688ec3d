/** `quern run`: a line for each feature set, whatever its outcome. */
import { EXIT, QuernError, worstExitCode } from '../../domain/errors.ts'
import type { FeatureSet } from '../../domain/featureSet.ts'
import { formatInstantShort } from '../../domain/time.ts'
import { loadDefinitions } from '../../registry.ts'
import type { RunResult } from '../../run/runFeatureSet.ts'
import { runFeatureSet } from '../../run/runFeatureSet.ts'
import type { CommandContext } from '../command.ts'
import { defectText, errorText, isExpected } from '../errorText.ts'
import { shareFlag, untilFlag } from '../flags.ts'
import { counted, instantOrNull, note, number, printJson, printLine } from '../output.ts'
import { progressLine } from '../progress.ts'

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
        maxRejected,
        onProgress: progress.show,
        signal: app.signal,
      })
      progress.clear()
      if (flags.json) printJson(jsonLine(set, result, seconds()))
      else printLine(textLine(set, result, seconds()))
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

function jsonLine(set: FeatureSet, result: RunResult, seconds: number): object {
  const { cutoffs, through, ...rest } = result
  return {
    name: set.name,
    ...rest,
    cutoffs: { from: instantOrNull(cutoffs?.first), to: instantOrNull(cutoffs?.last), count: cutoffs?.count ?? 0 },
    through: instantOrNull(through),
    seconds,
  }
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

function textLine(set: FeatureSet, result: RunResult, seconds: number): string {
  if (result.outcome === 'unchanged')
    return `${set.name}: unchanged${result.version === null ? '' : ` at version ${result.version}`} (${result.reason})`
  const { first, last, count } = result.cutoffs!
  const range = `${counted(count, 'cutoff')} from ${formatInstantShort(first)} to ${formatInstantShort(last)}`
  const rejected = result.rowsRejected > 0 ? `, ${number(result.rowsRejected)} rejected` : ''
  return `${set.name}: committed version ${result.version} (${result.reason}): ${counted(result.rowsRead, 'row')} read${rejected}, ${counted(result.rowsWritten, 'row')} written, ${range}, ${seconds.toFixed(1)} s`
}
