/** `quern verify`: computes a version anew and compares. */
import { EXIT, FaultsError } from '../../domain/errors.ts'
import type { FeatureSet } from '../../domain/featureSet.ts'
import { loadDefinitions } from '../../registry.ts'
import { resolveRef } from '../../run/resolveRef.ts'
import { verifyVersion } from '../../run/verifyVersion.ts'
import type { CommandContext } from '../command.ts'
import { differencesText } from '../differencesText.ts'
import { counted, printJson, printLine } from '../output.ts'
import { progressLine } from '../progress.ts'

export async function verify({ app: build, args, flags }: CommandContext): Promise<number> {
  const app = await build()
  const resolved = await resolveRef(app.store, args[0]!)
  const set = await definitionOf(app.config.projectDir, resolved.name)
  const progress = progressLine(resolved.name, !app.config.plain, app.now)
  const result = await verifyVersion(resolved, set, app, { onProgress: progress.show, signal: app.signal })
  progress.clear()
  const { name, snapshot } = resolved
  if (flags.json) printJson({ name, version: snapshot.version, ...result })
  else if (result.outcome === 'equal') printLine(`${name}@${snapshot.version}: equal, ${counted(result.rows, 'row')}`)
  else {
    printLine(`${name}@${snapshot.version}: unequal (${result.cause})`)
    if (result.differences) printLine(differencesText(result.differences, snapshot.columns, ['stored', 'computed']))
  }
  return result.outcome === 'equal' ? EXIT.done : EXIT.data
}

/** Undefined where the project has none of this name any more. */
async function definitionOf(projectDir: string, name: string): Promise<FeatureSet | undefined> {
  try {
    return (await loadDefinitions(projectDir, [name]))[0]
  } catch (error) {
    if (error instanceof FaultsError || (error as { code?: string }).code !== 'definition.unknown') throw error
    return undefined
  }
}
