/** `quern check`: load and check definitions. Touches no network and loads no engine, unless `--sources` asks for columns. */
import { loadConfig } from '../../config.ts'
import { EXIT, FaultsError } from '../../domain/errors.ts'
import { loadDefinitions } from '../../registry.ts'
import type { CommandContext } from '../command.ts'
import { printJson, printLine } from '../output.ts'

export async function check({ app, args, flags }: CommandContext): Promise<number> {
  const config = await loadConfig(flags.store === undefined ? {} : { store: flags.store })
  try {
    const sets = await loadDefinitions(config.projectDir, args)
    if (flags.sources) {
      const { engine, sourceOf } = await app()
      for (const set of sets) await engine.inspect(set.source, await sourceOf(set).pin([]))
    }
    for (const set of sets) {
      if (flags.json) printJson({ name: set.name, outcome: 'ok', columns: set.columns.length })
      else printLine(`${set.name}: ok, ${set.columns.length} feature columns over source ${set.source.name}`)
    }
    return EXIT.done
  } catch (error) {
    if (!(error instanceof FaultsError) || !flags.json) throw error
    for (const fault of error.faults) printJson({ outcome: 'failed', ...fault })
    return error.exitCode
  }
}
