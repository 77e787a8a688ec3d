/** `quern compact`: the same rows in fewer files. */
import { EXIT } from '../../domain/errors.ts'
import { compactTable } from '../../run/compact.ts'
import { requireName, resolveRef } from '../../run/resolveRef.ts'
import type { CommandContext } from '../command.ts'
import { counted, printJson, printLine } from '../output.ts'

export async function compact({ app: build, args, flags }: CommandContext): Promise<number> {
  const app = await build()
  const { store } = app
  const { name, table } = await resolveRef(store, await requireName(store, args[0]!))
  const result = await compactTable(table, app, app.signal)
  if (flags.json) printJson({ name, ...result })
  else if (result.outcome === 'unchanged')
    printLine(`${name}: unchanged at version ${result.version} (of ${counted(result.filesBefore, 'file')} none is to be joined)`)
  else
    printLine(`${name}: committed version ${result.version} (${counted(result.filesBefore, 'file')} into ${result.filesAfter})`)
  return EXIT.done
}
