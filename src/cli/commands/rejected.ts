/** `quern rejected`: refused rows of a source, grouped by issue, with examples. */
import type { App } from '../../app.ts'
import type { Value } from '../../domain/columnType.ts'
import type { Query } from '../../domain/engine.ts'
import { DefinitionError, EXIT } from '../../domain/errors.ts'
import { readPartitionInput } from '../../domain/landing.ts'
import { nearest } from '../../domain/nearest.ts'
import { REJECTED_COLUMNS } from '../../domain/rejectedRows.ts'
import { formatInstant, formatInstantShort } from '../../domain/time.ts'
import { loadDefinitions } from '../../registry.ts'
import { markKey, marksOf, replayedTable } from '../../run/replayedTable.ts'
import { replayRejected } from '../../run/replayRejected.ts'
import { isName } from '../../run/resolveRef.ts'
import type { CommandContext, Flags } from '../command.ts'
import { limitFlag } from '../flags.ts'
import { clipped, counted, note, number, pathText, printJson, printLine, strong } from '../output.ts'
import { printable } from '../printable.ts'
import { progressLine } from '../progress.ts'
import { printReplay, printReplayJson } from '../replayOutput.ts'

const EXAMPLES = 3
/** Messages may hold the values that they are about. */
const MOST_REASONS = 50
const WIDEST = 300
const SHOWN = [
  ...['code', 'reason', 'path', 'row', 'raw', 'issues', 'feature_set', 'rejected_at', 'input'],
  ...['schema_fingerprint', 'run_id', 'replays'],
]

export async function rejected({ app: build, args, flags }: CommandContext): Promise<number> {
  const app = await build()
  const name = args[0]!
  if (!isName(name)) await requireSource(app, name)
  if (flags.replay) return replay(app, name, flags)
  const table = app.store.table(`rejected/${name}`)
  const snapshot = await table.snapshot('latest')
  if (!snapshot) {
    await requireSource(app, name)
    note(`no rows of source \`${name}\` were rejected`)
    return EXIT.done
  }
  const query: Query = {
    paths: await table.localPaths(snapshot.files),
    columns: REJECTED_COLUMNS,
    select: SHOWN,
    orderBy: ['path', 'row', 'input', 'replays', 'rejected_at'],
  }
  const limit = limitFlag(flags.limit)
  const isAccepted = await acceptedSince(app, name)
  if (flags.json) await printRows(app, name, limit === undefined ? query : { ...query, limit }, isAccepted)
  else await printGroups(app, query, limit ?? EXAMPLES, isAccepted)
  return EXIT.done
}

/** Whether a replay has found since that a row, with its values as `SHOWN`, is accepted. */
type IsAccepted = (values: readonly Value[]) => boolean

async function acceptedSince({ store, engine }: App, source: string): Promise<IsAccepted> {
  const table = replayedTable(store, source)
  const snapshot = await table.snapshot('latest')
  if (!snapshot) return () => false
  const marks = await marksOf(engine, { table, snapshot })
  return values => {
    const [row, featureSet, input, replays] = [values[3], values[6], values[8], values[11]]
    return (marks.get(markKey(String(input), row as bigint, featureSet as string | null)) ?? 0) > Number(replays ?? 0)
  }
}

async function replay(app: App, source: string, flags: Flags): Promise<number> {
  const sets = (await loadDefinitions(app.config.projectDir)).filter(set => set.source.name === source)
  if (sets.length === 0) {
    await requireSource(app, source)
    throw new DefinitionError(
      'definition.unknown',
      `no feature set reads source \`${source}\` any more: nothing judges its rows`,
      {
        hint: 'Declare the source in a feature set, or look at the rows without --replay.',
      },
    )
  }
  const progress = progressLine(source, !app.config.plain, app.now)
  const options = { onProgress: progress.show, signal: app.signal }
  const result = await replayRejected(sets, app, options).finally(progress.clear)
  if (flags.json) printReplayJson(source, result)
  else printReplay(source, result)
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

async function printRows({ engine }: App, source: string, query: Query, isAccepted: IsAccepted): Promise<void> {
  for await (const { rows, columns } of engine.query(query)) {
    for (let at = 0; at < rows; at++) {
      const values = columns.map(column => column[at]!)
      const [code, reason, path, row, raw, issues, featureSet, rejectedAt, input, schemaFingerprint, runId] = values
      printJson({
        ...{ source, path, row, code, reason, issues: JSON.parse(String(issues)), raw, featureSet, input },
        ...{ schemaFingerprint, runId, replayed: isAccepted(values), rejectedAt: formatInstant(rejectedAt as bigint) },
      })
    }
  }
}

/** The value that was refused, where the issue tells which: the row itself may be too long for the line. */
function culprit(raw: string, path: string): string {
  if (path === '') return ''
  try {
    let value: unknown = JSON.parse(raw)
    for (const name of path.split('.')) value = (value as Record<string, unknown>)[name]
    return value === undefined ? '' : `${path} = ${shortened(JSON.stringify(value))} in `
  } catch {
    return ''
  }
}

/** A message by its topic, partition and offset. */
function placeText(path: string, row: bigint): string {
  const [, topic, partition] = /^kafka:(.*)\/(\d+)$/.exec(path) ?? []
  return topic === undefined ? `${pathText(path)}, row ${row}` : `topic ${topic}, partition ${partition}, offset ${row}`
}

const shortened = (text: string): string => (text.length > 60 ? `${text.slice(0, 57)}...` : text)

interface IssueGroup {
  rows: number
  /** Accepted by now, as a replay has found. */
  replayed: number
  last: bigint
  examples: string[]
  /** The row that was counted last: others may be the same row, refused by another schema. */
  at: string
}

async function printGroups({ engine }: App, query: Query, examples: number, isAccepted: IsAccepted): Promise<void> {
  const groups = new Map<string, IssueGroup>()
  const files = new Set<string>()
  let all = 0
  for await (const { rows, columns } of engine.query(query)) {
    for (let at = 0; at < rows; at++) {
      const values = columns.map(column => column[at]!)
      const [, reason, path, row, raw, issues, featureSet, rejectedAt, input] = values
      const group = groups.get(String(reason)) ?? { rows: 0, replayed: 0, last: rejectedAt as bigint, examples: [], at: '' }
      groups.set(String(reason), group)
      if ((rejectedAt as bigint) > group.last) group.last = rejectedAt as bigint
      const place = `${input}/${row}/${featureSet}`
      if (group.at === place) continue
      group.at = place
      group.rows++
      if (isAccepted(values)) group.replayed++
      const more = (JSON.parse(String(issues)) as { path: string; message: string }[]).slice(1)
      const others = more.map(issue => `\n      also ${printable(`${issue.path}: ${issue.message}`)}`).join('')
      if (group.examples.length < examples) {
        const [first] = JSON.parse(String(issues)) as { path: string }[]
        const line = `  ${placeText(String(path), row as bigint)}: ${culprit(String(raw), first!.path)}${raw}`
        group.examples.push(`${clipped(printable(line), WIDEST)}${others}`)
      }
      files.add(String(input))
      all++
    }
  }
  // What is mended comes last.
  const sorted = [...groups].sort(([, a], [, b]) => b.rows - b.replayed - (a.rows - a.replayed) || b.rows - a.rows)
  for (const [reason, group] of sorted.slice(0, MOST_REASONS)) {
    const found = formatInstantShort((group.last / 1_000_000n) * 1_000_000n)
    const replayed = group.replayed > 0 ? `; ${number(group.replayed)} accepted by a replay since` : ''
    printLine(`${strong(counted(group.rows, 'row'))}: ${printable(reason)}  (last found ${found}${replayed})`)
    for (const example of group.examples) printLine(example)
    if (group.rows > group.examples.length && group.examples.length > 0)
      printLine(`  and ${number(group.rows - group.examples.length)} more`)
  }
  const rest = sorted.slice(MOST_REASONS)
  const more = rest.reduce((sum, [, group]) => sum + group.rows, 0)
  if (rest.length > 0) printLine(`${counted(more, 'row')} for ${counted(rest.length, 'other reason')}: --json lists all`)
  const ofPartitions = [...files].flatMap(input => readPartitionInput(input) ?? [])
  const partitions = new Set(ofPartitions.map(({ topicId, partition }) => `${topicId}/${partition}`)).size
  const contents = files.size - ofPartitions.length
  const of = [
    ...(partitions > 0 ? [counted(partitions, 'partition')] : []),
    ...(contents > 0 || partitions === 0 ? [counted(contents, 'file content')] : []),
  ].join(' and ')
  const header = contents > 0 ? '; rows of text files are counted without the header' : ''
  const accepted = sorted.reduce((sum, [, { replayed }]) => sum + replayed, 0)
  const open = accepted === 0 ? '' : `: ${number(all - accepted)} still open, ${number(accepted)} accepted by replays`
  note(`${counted(all, 'row')} of ${of}, as found by all runs so far${open}${header}`)
}
