/** `quern diff`: schema, rows and values that differ between two versions, with the cause. */
import { EXIT } from '../../domain/errors.ts'
import { diffVersions } from '../../run/diffVersions.ts'
import { resolveRef } from '../../run/resolveRef.ts'
import type { CommandContext } from '../command.ts'
import { differencesText } from '../differencesText.ts'
import { counted, printJson, printLine } from '../output.ts'

export async function diff({ app: build, args, flags }: CommandContext): Promise<number> {
  const app = await build()
  const [from, to] = await Promise.all(args.map(ref => resolveRef(app.store, ref)))
  const result = await diffVersions(from!, to!, app)
  if (flags.json) {
    const side = ({ name, snapshot }: NonNullable<typeof from>): object => ({ name, version: snapshot.version })
    printJson({ from: side(from!), to: side(to!), ...result })
    return EXIT.done
  }
  const { columns, rows, causes } = result
  const changes = [
    ['added', columns.added],
    ['removed', columns.removed],
    ['of another type', columns.retyped],
  ] as const
  for (const [what, names] of changes) {
    if (names.length > 0) printLine(`${counted(names.length, 'column')} ${what}: ${names.join(', ')}`)
  }
  if (rows === null) printLine('rows: none correspond, since the key is another')
  else if (rows.added + rows.removed + rows.changed === 0) printLine('rows: no difference')
  else
    printLine(
      differencesText({ ...rows, columns: result.features, examples: result.examples }, from!.snapshot.columns, [
        'before',
        'after',
      ]),
    )
  printLine(`cause: ${causes.length === 0 ? 'none on record' : causes.join(', ')}`)
  for (const change of result.schema) printLine(`  ${change}`)
  return EXIT.done
}
