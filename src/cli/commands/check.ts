/** `quern check`: load and check definitions. Touches no network and loads no engine, unless `--sources` asks for columns. */
import { loadConfig } from '../../config.ts'
import { EXIT, FaultsError } from '../../domain/errors.ts'
import type { FeatureSet } from '../../domain/featureSet.ts'
import type { KafkaLanding } from '../../domain/kafkaSource.ts'
import { notInSql } from '../../domain/schema.ts'
import { gateOf } from '../../domain/source.ts'
import { loadDefinitions } from '../../registry.ts'
import { withColumns } from '../../run/openInputs.ts'
import type { CommandContext } from '../command.ts'
import { eachSet, printFailure } from '../eachSet.ts'
import { counted, printJson, printLine } from '../output.ts'

export async function check({ app, args, flags }: CommandContext): Promise<number> {
  /** @param present the files' columns, where they were looked at */
  const report = (set: FeatureSet, present?: ReadonlySet<string>): void => {
    const byZod = judgedByZod(set)
    const unnamed = present && unnamedColumns(set, present)
    if (flags.json) {
      printJson({ name: set.name, outcome: 'ok', columns: set.columns.length, byZod, ...(unnamed ? { unnamed } : {}) })
      return
    }
    printLine(`${set.name}: ok, ${counted(set.columns.length, 'feature column')} over source ${set.source.name}`)
    for (const { column, why } of byZod)
      printLine(`  zod itself judges ${column === null ? 'each row' : `\`${column}\``}: ${why}`)
    if (unnamed && unnamed.length > 0) printLine(`  ${unnamedText(set, unnamed)}`)
  }
  if (flags.sources) {
    const parts = await app()
    return eachSet(
      parts,
      args,
      async set => {
        if (set.source.kind === 'kafka') {
          report(set)
          if (!flags.json) printLine(`  ${topicText(set.source.landing)}`)
          return
        }
        const inputs = await parts.sourceOf(set).pin([])
        const inspected = await withColumns(parts.sourceOf(set), inputs, parts, local => parts.engine.inspect(set.source, local))
        report(set, new Set(inspected.flatMap(({ columns }) => columns.map(({ name }) => name))))
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

/** What the schema asks for that has no compiled form: right all the same, and slower. */
function judgedByZod({ source }: FeatureSet): { column: string | null; why: string }[] {
  const schema = gateOf(source)
  const columns = schema.fields.flatMap(field => {
    const why = notInSql(field)
    return why === undefined ? [] : [{ column: field.name, why }]
  })
  return schema.wholeRow === undefined ? columns : [...columns, { column: null, why: schema.wholeRow }]
}

/** What can be said of messages before they are read. */
function topicText({ topic, format, registry }: KafkaLanding): string {
  const envelope = format.envelope === undefined ? '' : ` in ${format.envelope}'s envelope`
  const named = registry === undefined ? '' : ', their schemas in a registry'
  return `topic ${topic}: values as ${format.value}${envelope}, keys as ${format.key}${named}; what they hold is known when they land`
}

/** Columns of the files that the schema does not name. */
function unnamedColumns({ source: { schema } }: FeatureSet, present: ReadonlySet<string>): string[] {
  const fields = new Set(schema.fields.map(({ name }) => name))
  return [...present].filter(name => !fields.has(name))
}

/** What becomes of them, and which of them the schema names in other case. */
function unnamedText({ source: { schema } }: FeatureSet, unnamed: readonly string[]): string {
  const shown = unnamed.map(name => {
    const alike = schema.fields.find(field => field.name.toLowerCase() === name.toLowerCase())
    return alike === undefined ? name : `${name} (the schema says \`${alike.name}\`: names are case-sensitive)`
  })
  const fate = schema.extra.kind === 'ignored' ? 'not in the schema, and not read' : 'not in the schema'
  const verdict = schema.extra.kind === 'refused' ? ': rows that have a value there are refused' : ''
  return `${fate}: ${shown.join(', ')}${verdict}`
}
