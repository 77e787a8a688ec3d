/** `quern plan`: what a run would do and why. */
import { EXIT } from '../../domain/errors.ts'
import { formatInstantShort } from '../../domain/time.ts'
import { loadDefinitions } from '../../registry.ts'
import { planFeatureSet } from '../../run/runFeatureSet.ts'
import type { CommandContext } from '../command.ts'
import { untilFlag } from '../flags.ts'
import { bytes, counted, printJson, printLine } from '../output.ts'

export async function plan({ app: build, args, flags }: CommandContext): Promise<number> {
  const app = await build()
  const until = untilFlag(flags.until, app.now())
  for (const set of await loadDefinitions(app.config.projectDir, args)) {
    const { inputs, plan } = await planFeatureSet(set, app, { until, full: flags.full === true })
    const runs = plan.outcome === 'run'
    const inspected = runs ? await app.engine.inspect(set.source, inputs) : []
    const rows = inspected.some(file => file.rows === null) ? null : inspected.reduce((sum, file) => sum + file.rows!, 0)
    const size = runs ? inputs.files.reduce((sum, file) => sum + file.size, 0) : 0
    const files = runs ? inputs.files.length : 0
    if (flags.json) {
      // Which cutoffs hold rows is known only once rows were read.
      const cutoffs = { from: null, to: null, count: runs ? null : 0 }
      printJson({
        name: set.name,
        outcome: plan.outcome,
        reason: plan.reason,
        read: { rows, bytes: size, files },
        cutoffs,
        stale: [],
      })
    } else if (runs) {
      const of = rows === null ? '' : `${counted(rows, 'row')}, `
      printLine(
        `${set.name}: run (${plan.reason}): reads ${of}${bytes(size)} in ${counted(files, 'file')}, cutoffs through ${formatInstantShort(plan.through)}`,
      )
    } else {
      printLine(`${set.name}: unchanged (${plan.reason})`)
    }
  }
  return EXIT.done
}
