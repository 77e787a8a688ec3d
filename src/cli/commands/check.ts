/** `quern check`: load and check definitions. Touches no network and loads no engine, unless `--sources` asks for columns. */
import { loadConfig } from '../../config.ts'
import { EXIT, FaultsError } from '../../domain/errors.ts'
import type { FeatureSet } from '../../domain/featureSet.ts'
import { loadDefinitions } from '../../registry.ts'
import type { CommandContext } from '../command.ts'
import { eachSet, printFailure } from '../eachSet.ts'
import { counted, printJson, printLine } from '../output.ts'

export async function check({ app, args, flags }: CommandContext): Promise<number> {
  const report = (set: FeatureSet): void => {
    if (flags.json) printJson({ name: set.name, outcome: 'ok', columns: set.columns.length })
    else printLine(`${set.name}: ok, ${counted(set.columns.length, 'feature column')} over source ${set.source.name}`)
  }
  if (flags.sources) {
    const parts = await app()
    return eachSet(
      parts,
      args,
      async set => {
        const inputs = await parts.sourceOf(set).pin([])
        const inspected = await parts.engine.inspect(set.source, inputs)
        report(set)
        const fields = new Set(set.source.schema.fields.map(({ name }) => name))
        const unread = new Set(
          inspected.flatMap(({ columns }) => columns.map(({ name }) => name)).filter(name => !fields.has(name)),
        )
        if (unread.size > 0 && !flags.json) printLine(`  not in the schema, and not read: ${[...unread].join(', ')}`)
      },
      async failure => {
        if (flags.json) await printFailure(failure)
      },
    )
  }
  const config = await loadConfig(flags.store === undefined ? {} : { store: flags.store })
  try {
    for (const set of await loadDefinitions(config.projectDir, args)) report(set)
    return EXIT.done
  } catch (error) {
    if (!(error instanceof FaultsError) || !flags.json) throw error
    await printFailure({ name: null, error, code: error.code, hint: error.hint })
    return error.exitCode
  }
}
