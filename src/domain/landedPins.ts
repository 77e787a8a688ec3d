/**
 * Inputs over an archive: what is pinned is a date and a set of landings. Their names say so, and those that a version was computed from
 * alike become one.
 */
import type { ReadFile } from './batch.ts'
import { spanOf } from './batch.ts'
import { holdsAll, landingsText, parseLandings } from './landingNumbers.ts'
import type { CutoffRanges } from './ranges.ts'
import { union } from './ranges.ts'
import type { PinnedFile } from './source.ts'

/** The parts of `landed:<table>/<date>/<landings>`; of rows of no landing, their file's path in place of these. */
export interface LandedName {
  tableId: string
  date: string
  what: string
}

export const landedHash = ({ tableId, date, what }: LandedName): string => `landed:${tableId}/${date}/${what}`

/** Undefined where the hash names something else. */
export function readLandedHash(hash: string): LandedName | undefined {
  const [, tableId, date, what] = /^landed:([^/]*)\/([^/]*)\/(.*)$/.exec(hash) ?? []
  return what === undefined ? undefined : { tableId: tableId!, date: date!, what }
}

/** Landings of a date. */
export interface LandedSet {
  /** The table and the date. */
  of: string
  landings: CutoffRanges
}

/** What a hash names; undefined where that are no landings. */
export function landedSet(hash: string): LandedSet | undefined {
  const name = readLandedHash(hash)
  const landings = parseLandings(name?.what)
  return name && landings ? { of: `${name.tableId}/${name.date}`, landings } : undefined
}

/** Landings as they may be known to a source whose pins hold them by now among others; undefined where a hash names something else. */
export function pinOfLanded(source: string, hash: string): PinnedFile | undefined {
  const name = landedSet(hash) && readLandedHash(hash)
  if (!name) return undefined
  const path = `archive/${source}/${name.date}/${name.what}`
  return { path, hash, size: 0, modifiedAt: '0', format: 'parquet', compression: 'none', partition: {} }
}

/** Whether the content that `hash` names is, or holds, the one that `part` names. */
export function holdsContent(hash: string, part: string): boolean {
  if (hash === part) return true
  const [all, some] = [landedSet(hash), landedSet(part)]
  return all !== undefined && some !== undefined && all.of === some.of && holdsAll(all.landings, some.landings)
}

/** Files of one batch, with one in place of all that are landings of one date of an archive. Others stay as they are. */
export function joinLanded(files: readonly ReadFile[]): ReadFile[] {
  const sets = files.map(({ hash }) => landedSet(hash))
  const groups = Map.groupBy(files.keys(), at => sets[at]?.of ?? at)
  return [...groups.values()].map(places =>
    places.length === 1
      ? files[places[0]!]!
      : joined(
          places.map(at => files[at]!),
          union(places.flatMap(at => sets[at]!.landings)),
        ),
  )
}

function joined(files: readonly ReadFile[], landings: CutoffRanges): ReadFile {
  const [first] = files as [ReadFile]
  const what = landingsText(landings)
  const replays = files.reduce((sum, file) => sum + (file.replays ?? 0), 0)
  const { replays: _, events: __, ...file } = first
  return {
    ...file,
    path: `${first.path.slice(0, first.path.lastIndexOf('/') + 1)}${what}`,
    hash: landedHash({ ...readLandedHash(first.hash)!, what }),
    size: files.reduce((sum, { size }) => sum + size, 0),
    modifiedAt: String(files.reduce((last, { modifiedAt }) => Math.max(last, Number(modifiedAt)), 0)),
    ...(replays === 0 ? {} : { replays }),
    ...eventsOf(files),
    span: spanOf(files),
  }
}

/** Of one date: as text they follow one another as the instants do. */
function eventsOf(files: readonly PinnedFile[]): Pick<PinnedFile, 'events'> {
  let joinedOnes: PinnedFile['events']
  for (const { events } of files) {
    if (!events) return {}
    const before = joinedOnes ?? events
    joinedOnes = {
      first: before.first < events.first ? before.first : events.first,
      last: before.last > events.last ? before.last : events.last,
    }
  }
  return joinedOnes ? { events: joinedOnes } : {}
}
