/** `quern rejected`: refused rows of a source, grouped by issue, with examples. */
import type { App } from '../../app.ts'
import type { Query } from '../../domain/engine.ts'
import { DefinitionError, EXIT } from '../../domain/errors.ts'
import { nearest } from '../../domain/nearest.ts'
import { formatInstant, formatInstantShort } from '../../domain/time.ts'
import { loadDefinitions } from '../../registry.ts'
import { isName } from '../../run/resolveRef.ts'
import type { CommandContext } from '../command.ts'
import { limitFlag } from '../flags.ts'
import { counted, note, number, printJson, printLine, strong } from '../output.ts'

const EXAMPLES = 3
const SHOWN = ['code', 'reason', 'path', 'row', 'raw', 'issues', 'feature_set', 'rejected_at', 'input']

export async function rejected({ app: build, args, flags }: CommandContext): Promise<number> {
  const app = await build()
  const name = args[0]!
  if (!isName(name)) await requireSource(app, name)
  const table = app.store.table(`rejected/${name}`)
  const snapshot = await table.snapshot('latest')
  if (!snapshot) {
    await requireSource(app, name)
    note(`no rows of source \`${name}\` were rejected`)
    return EXIT.done
  }
  const query: Query = {
    paths: await table.localPaths(snapshot.files),
    columns: snapshot.columns,
    select: SHOWN,
    orderBy: ['path', 'row'],
  }
  const limit = limitFlag(flags.limit)
  if (flags.json) await printRows(app, name, limit === undefined ? query : { ...query, limit })
  else await printGroups(app, query, limit ?? EXAMPLES)
  return EXIT.done
}

/** A source without rejected rows is as well as it can be; a name that no source has is a mistake. */
async function requireSource({ config, store }: App, name: string): Promise<void> {
  const sets = await loadDefinitions(config.projectDir).catch(() => [])
  const sources = [...new Set([...sets.map(({ source }) => source.name), ...(await store.tables('rejected'))])]
  if (sources.includes(name)) return
  const set = sets.find(other => other.name === name)
  throw new DefinitionError('definition.unknown', `there is no source \`${name}\``, {
    hint: set ? `\`${name}\` is a feature set: its source is \`${set.source.name}\`.` : nearest(name, sources),
  })
}

async function printRows({ engine }: App, source: string, query: Query): Promise<void> {
  for await (const { rows, columns } of engine.query(query)) {
    for (let at = 0; at < rows; at++) {
      const [code, reason, path, row, raw, issues, featureSet, rejectedAt, input] = columns.map(column => column[at]!)
      printJson({
        ...{ source, path, row, code, reason, issues: JSON.parse(String(issues)), raw, featureSet, input },
        rejectedAt: formatInstant(rejectedAt as bigint),
      })
    }
  }
}

interface IssueGroup {
  rows: number
  last: bigint
  examples: string[]
}

async function printGroups({ engine }: App, query: Query, examples: number): Promise<void> {
  const groups = new Map<string, IssueGroup>()
  const files = new Set<string>()
  let all = 0
  for await (const { rows, columns } of engine.query(query)) {
    for (let at = 0; at < rows; at++) {
      const [, reason, path, row, raw, issues, , rejectedAt, input] = columns.map(column => column[at]!)
      const group = groups.get(String(reason)) ?? { rows: 0, last: rejectedAt as bigint, examples: [] }
      group.rows++
      if ((rejectedAt as bigint) > group.last) group.last = rejectedAt as bigint
      const more = (JSON.parse(String(issues)) as { path: string; message: string }[]).slice(1)
      const others = more.map(issue => `\n      also ${issue.path}: ${issue.message}`).join('')
      if (group.examples.length < examples) group.examples.push(`  ${path}, row ${row}: ${String(raw).slice(0, 200)}${others}`)
      groups.set(String(reason), group)
      files.add(String(input))
      all++
    }
  }
  for (const [reason, group] of [...groups].sort((a, b) => b[1].rows - a[1].rows)) {
    printLine(
      `${strong(counted(group.rows, 'row'))}: ${reason}  (last found ${formatInstantShort((group.last / 1_000_000n) * 1_000_000n)})`,
    )
    for (const example of group.examples) printLine(example)
    if (group.rows > group.examples.length && group.examples.length > 0)
      printLine(`  and ${number(group.rows - group.examples.length)} more`)
  }
  note(
    `${counted(all, 'row')} of ${counted(files.size, 'file content')}, as found by all runs so far; rows of text files are counted without the header`,
  )
}
