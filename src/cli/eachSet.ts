/** Commands over several feature sets: each is tried, whatever becomes of another. */
import type { App } from '../app.ts'
import { EXIT, FaultsError, QuernError, worstExitCode } from '../domain/errors.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import { loadDefinitions } from '../registry.ts'
import { defectText, errorText, isExpected } from './errorText.ts'
import { note, printJson } from './output.ts'

export interface SetFailure {
  name: string | null
  error: Error
  /** Stable, as errors have it. */
  code: string
  hint: string | undefined
}

/**
 * Loads the definitions that `names` asks for and does `work` on each. What fails is said on stderr; `onFailure` may print a line for
 * it. Answers the gravest exit code.
 */
export async function eachSet(
  app: App,
  names: readonly string[],
  work: (set: FeatureSet) => Promise<void>,
  onFailure: (failure: SetFailure) => Promise<void> = async () => {},
): Promise<number> {
  const codes: number[] = []
  let sets: FeatureSet[] = []
  const fail = async (name: string | null, error: unknown): Promise<void> => {
    if (app.signal.aborted) throw error
    const expected = isExpected(error)
    const { code, hint }: { code: string; hint: string | undefined } =
      error instanceof QuernError ? error : { code: 'defect.unexpected', hint: undefined }
    await onFailure({ name, error: error as Error, code, hint })
    note(expected ? errorText(error) : defectText(error))
    codes.push(expected ? error.exitCode : EXIT.defect)
  }
  try {
    sets = await loadDefinitions(app.config.projectDir, names)
  } catch (error) {
    await fail(names.length === 1 ? names[0]! : null, error)
  }
  for (const set of sets) {
    try {
      await work(set)
      codes.push(EXIT.done)
    } catch (error) {
      await fail(set.name, error)
    }
  }
  return worstExitCode(codes)
}

/** One JSON line of a failure for commands that have no other. */
export async function printFailure({ name, error, code, hint }: SetFailure): Promise<void> {
  if (error instanceof FaultsError) for (const fault of error.faults) printJson({ name, outcome: 'failed', ...fault })
  else printJson({ name, outcome: 'failed', reason: error.message, code, hint })
}
