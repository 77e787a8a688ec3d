/** `quern rejected`: refused rows of a source, grouped by issue, with examples. */
import { DefinitionError, EXIT } from '../../domain/errors.ts'
import { formatInstant } from '../../domain/time.ts'
import type { CommandContext } from '../command.ts'
import { limitFlag } from '../flags.ts'
import { number, printJson, printLine, strong } from '../output.ts'

const EXAMPLES = 3
const SHOWN = ['code', 'reason', 'path', 'row', 'raw', 'issues', 'feature_set', 'rejected_at', 'input']

export async function rejected({ app: build, args, flags }: CommandContext): Promise<number> {
  const { store, engine } = await build()
  const name = args[0]!
  const table = store.table(`rejected/${name}`)
  const snapshot = await table.snapshot('latest')
  if (!snapshot) {
    const names = await store.tables('rejected')
    throw new DefinitionError('definition.unknown', `no rows of source \`${name}\` were rejected`, {
      hint:
        names.length === 0
          ? 'No source has rejected rows in this store.'
          : `Rejected rows are there of ${names.map(each => `\`${each}\``).join(', ')}.`,
    })
  }
  const limit = limitFlag(flags.limit)
  const groups = new Map<string, { rows: number; examples: string[] }>()
  const paths = await table.localPaths(snapshot.files)
  const query = {
    paths,
    columns: snapshot.columns,
    select: SHOWN,
    orderBy: ['path', 'row'],
    ...(limit === undefined ? {} : { limit }),
  }
  for await (const { rows, columns } of engine.query(query)) {
    for (let at = 0; at < rows; at++) {
      const [code, reason, path, row, raw, issues, featureSet, rejectedAt, input] = columns.map(column => column[at]!)
      if (flags.json) {
        printJson({
          source: name,
          path,
          row,
          code,
          reason,
          issues: JSON.parse(String(issues)),
          raw,
          featureSet,
          input,
          rejectedAt: formatInstant(rejectedAt as bigint),
        })
        continue
      }
      const group = groups.get(String(reason)) ?? { rows: 0, examples: [] }
      group.rows++
      if (group.examples.length < EXAMPLES) group.examples.push(`  ${path}:${row}  ${String(raw).slice(0, 200)}`)
      groups.set(String(reason), group)
    }
  }
  for (const [reason, { rows, examples }] of [...groups].sort((a, b) => b[1].rows - a[1].rows)) {
    printLine(`${strong(number(rows))} ${rows === 1 ? 'row' : 'rows'}: ${reason}`)
    for (const example of examples) printLine(example)
  }
  return EXIT.done
}
