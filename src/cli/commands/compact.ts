/** `quern compact`: the same rows in fewer files. */
import { EXIT } from '../../domain/errors.ts'
import { compactTable } from '../../run/compact.ts'
import { compactArchive } from '../../run/compactArchive.ts'
import { maintained, resolveRef } from '../../run/resolveRef.ts'
import type { CommandContext } from '../command.ts'
import { counted, printJson, printLine } from '../output.ts'

export async function compact({ app: build, args, flags }: CommandContext): Promise<number> {
  const app = await build()
  const { store, signal } = app
  const { folder, name } = await maintained(store, args[0]!)
  const result =
    folder === 'archive'
      ? await compactArchive(name, store.table(`archive/${name}`), app, { signal })
      : await compactTable((await resolveRef(store, name)).table, app, signal)
  if (flags.json) printJson({ name, ...result })
  else if (result.outcome === 'unchanged')
    printLine(`${name}: unchanged at version ${result.version} (of ${counted(result.filesBefore, 'file')} none is to be joined)`)
  else
    printLine(`${name}: committed version ${result.version} (${counted(result.filesBefore, 'file')} into ${result.filesAfter})`)
  return EXIT.done
}
