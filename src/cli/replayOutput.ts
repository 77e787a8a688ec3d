/** What a replay has found, as text and as JSON. */
import type { ReplayedGroup } from '../domain/replay.ts'
import type { Replay } from '../run/replayRejected.ts'
import { counted, note, number, pathText, printJson, printLine, strong } from './output.ts'

/** A line for each group, and one for all of them. */
export function printReplayJson(source: string, { groups, files, featureSets, landed }: Replay): void {
  for (const group of groups) printJson({ source, ...group })
  const { rows, passing, marked, failing, unseen } = totalsOf(groups)
  const outcome = marked > 0 ? 'marked' : 'unchanged'
  const archive = landed ? { landed: { rows: landed.rows, version: landed.version ?? null } } : {}
  printJson({ source, outcome, rows, passing, marked, failing, unseen, files, featureSets, ...archive })
}

export function printReplay(source: string, { groups, files, featureSets, landed }: Replay): void {
  for (const group of groups) {
    printLine(`${strong(counted(group.rows, 'row'))}: ${group.reason}`)
    for (const line of groupLines(group)) printLine(`  ${line}`)
  }
  const { rows, passing, marked } = totalsOf(groups)
  if (groups.length === 0) note(`no rows of source \`${source}\` were rejected`)
  else if (passing === 0) note(`none of ${counted(rows, 'refused row')} passes today's schema: nothing changes`)
  else {
    const names = featureSets.map(name => `\`${name}\``).join(', ')
    const next = [
      ...(landed && landed.rows > 0
        ? [`${counted(landed.rows, 'row')} landed in archive/${source}, version ${landed.version}: the next run reads them`]
        : []),
      ...(files.length > 0
        ? [`marked ${number(marked)}: the next run of ${names} reads ${counted(files.length, 'file')} again`]
        : []),
      ...(marked === 0 ? [landed ? NONE_LANDED : NONE_MARKED] : []),
      ...(landed?.rows === 0 && marked > 0 && files.length === 0
        ? [`marked ${number(marked)}, of which no row was to land`]
        : []),
    ].join('; ')
    note(`${number(passing)} of ${counted(rows, 'refused row')} ${passes(passing)} today's schema; ${next}`)
  }
}

const NONE_MARKED = 'none had to be marked: each is marked or read already, or in a file that the next run reads in any case'
const NONE_LANDED = 'none had to land: each has landed already'

/** So many files as text; --json names all. */
const LISTED = 5

const passes = (rows: number): string => (rows === 1 ? 'passes' : 'pass')

function groupLines({ reason: before, passing, marked, failing, unseen }: ReplayedGroup): string[] {
  const known = passing - marked
  return [
    ...(marked > 0 ? [`${number(marked)} ${passes(marked)} now`] : []),
    ...(known > 0 ? [`${number(known)} ${passes(known)} now, marked or read before`] : []),
    ...failing.map(
      ({ reason, rows }) => `${number(rows)} still ${rows === 1 ? 'fails' : 'fail'}${reason === before ? '' : `: ${reason}`}`,
    ),
    ...unseen
      .slice(0, LISTED)
      .map(({ path, why, rows }) => `${number(rows)} cannot be looked at: ${pathText(path)} ${UNSEEN[why]}`),
    ...(unseen.length > LISTED ? [`and so ${counted(unseen.length - LISTED, 'more file')}`] : []),
  ]
}

const UNSEEN = {
  gone: 'is gone',
  changed: 'holds something else now',
  unreadable: 'cannot be read with this schema: see `quern check --sources`',
  'not kept': 'keeps them no more, and no whole row was kept of them here',
  'no feature set': 'was refused by the key of a feature set that the project no longer has',
} as const

function totalsOf(groups: readonly ReplayedGroup[]): {
  rows: number
  passing: number
  marked: number
  failing: number
  unseen: number
} {
  const sum = (of: (group: ReplayedGroup) => number): number => groups.reduce((total, group) => total + of(group), 0)
  const all = (parts: readonly { rows: number }[]): number => parts.reduce((total, { rows }) => total + rows, 0)
  return {
    rows: sum(({ rows }) => rows),
    passing: sum(({ passing }) => passing),
    marked: sum(({ marked }) => marked),
    failing: sum(({ failing }) => all(failing)),
    unseen: sum(({ unseen }) => all(unseen)),
  }
}
