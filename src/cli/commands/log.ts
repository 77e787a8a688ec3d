/** `quern log`: versions, newest first. */
import { EXIT } from '../../domain/errors.ts'
import { lineageOf } from '../../domain/lineage.ts'
import { formatInstant } from '../../domain/time.ts'
import { namesOf, requireName, unknownName } from '../../run/resolveRef.ts'
import type { CommandContext } from '../command.ts'
import { limitFlag } from '../flags.ts'
import { number, printJson, printLine, tableText } from '../output.ts'

export async function log({ app: build, args, flags }: CommandContext): Promise<number> {
  const { store } = await build()
  const name = await requireName(store, args[0]!)
  const rows: string[][] = []
  const tags = await store.table(`features/${name}`).tags()
  let some = false
  for await (const { version, committedAt, operation, lineage: recorded } of store
    .table(`features/${name}`)
    .history(limitFlag(flags.limit))) {
    some = true
    const lineage = lineageOf(recorded)
    const { rowsWritten = null, code = null, inputs = null, reason = '' } = lineage ?? {}
    if (flags.json)
      printJson({
        name,
        version,
        committedAt: formatInstant(committedAt),
        operation,
        rowsWritten,
        code,
        inputs: inputs && { source: inputs.source, files: inputs.files, bytes: inputs.bytes },
        reason,
        tags: namesOf(tags, version),
      })
    rows.push([
      String(version),
      `${formatInstant(committedAt).slice(0, 19)}Z`,
      operation,
      rowsWritten === null ? '' : number(rowsWritten),
      namesOf(tags, version).join(' '),
      reason,
    ])
  }
  if (!some && !(await store.table(`features/${name}`).snapshot('latest'))) throw await unknownName(store, name)
  if (!flags.json) printLine(tableText(['version', 'committed', 'operation', 'rows', 'tags', 'why'], rows, new Set([0, 3])))
  return EXIT.done
}
