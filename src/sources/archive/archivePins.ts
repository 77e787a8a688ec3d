/** What is pinned of an archive, and where it lies. Pure, and about as quick as its dates have files and known inputs. */
import { ARCHIVE_COLUMNS as A } from '../../domain/kafkaSource.ts'
import { landedHash, readLandedHash } from '../../domain/landedPins.ts'
import { firstBehind, holdsAll, landingsText, parseLandings, without } from '../../domain/landingNumbers.ts'
import type { CutoffRange, CutoffRanges } from '../../domain/ranges.ts'
import { isEmpty, union } from '../../domain/ranges.ts'
import type { PinnedFile } from '../../domain/source.ts'
import type { TableFile } from '../../domain/tableStore.ts'
import type { Instant } from '../../domain/time.ts'
import { formatInstant } from '../../domain/time.ts'
import type { Archived } from './archivedFiles.ts'

interface Archive {
  /** The source's name. */
  name: string
  tableId: string
  parts: readonly Archived[]
}

/**
 * What is known as it is known, where all of its landings are there, in whatever files; what else a file holds; and what is of no
 * landing by the files' names.
 */
export function pinsOf({ name, tableId, parts }: Archive, known: readonly PinnedFile[]): PinnedFile[] {
  const recorded = byDate(known, tableId)
  const pins: PinnedFile[] = []
  for (const [date, ofDate] of Map.groupBy(parts, part => part.date)) {
    const held = union(ofDate.flatMap(({ landings }) => landings))
    const own = (recorded.get(date) ?? []).filter(({ landings }) => holdsAll(held, landings))
    const taken = union(own.flatMap(({ landings }) => landings))
    const pinned = (what: string, of: readonly TableFile[]): PinnedFile => ({
      path: `archive/${name}/${date}/${what}`,
      hash: landedHash({ tableId, date, what }),
      size: of.reduce((total, { size }) => total + size, 0),
      modifiedAt: String(of.reduce((last, { modifiedAt }) => Math.max(last, modifiedAt), 0)),
      format: 'parquet',
      compression: 'none',
      partition: {},
      ...eventsOf(of),
    })
    for (const one of own) pins.push(one.pinned)
    for (const { landings, files, others } of ofDate) {
      const left = without(landings, taken)
      if (!isEmpty(left)) pins.push(pinned(landingsText(left), files))
      for (const file of others) pins.push(pinned(file.path, [file]))
    }
  }
  return pins
}

interface Known {
  pinned: PinnedFile
  landings: CutoffRanges
}

/** Of those that are known the ones of this very table, each once. */
function byDate(known: readonly PinnedFile[], tableId: string): Map<string, Known[]> {
  const dates = new Map<string, Known[]>()
  for (const pinned of new Map(known.map(one => [one.hash, one])).values()) {
    const name = readLandedHash(pinned.hash)
    const landings = parseLandings(name?.what)
    if (!name || !landings || name.tableId !== tableId) continue
    const ofDate = dates.get(name.date)
    if (ofDate) ofDate.push({ pinned, landings })
    else dates.set(name.date, [{ pinned, landings }])
  }
  return dates
}

/** When the events of files happened, from the first to the last. */
function eventsOf(files: readonly TableFile[]): Pick<PinnedFile, 'events'> {
  let events: { first: Instant; last: Instant } | undefined
  for (const { columns } of files) {
    const { min, max } = columns[A.eventTime] ?? {}
    if (typeof min !== 'bigint' || typeof max !== 'bigint') return {}
    events = {
      first: events && events.first < min ? events.first : min,
      last: events && events.last > max ? events.last : max,
    }
  }
  return events ? { events: { first: formatInstant(events.first), last: formatInstant(events.last) } } : {}
}

/** Where the rows lie that were pinned. */
export interface Holding {
  files: TableFile[]
  /** The landings whose rows are wanted of the files; undefined where those of no landing are. */
  landings: CutoffRanges | undefined
  /** Whether the files hold nothing else. */
  isAll: boolean
  /** Whether the files hold parts of the same landings. */
  isOne: boolean
}

interface OfDate {
  /** All that there is of the date. */
  held: CutoffRanges
  ranges: (CutoffRange & { part: Archived })[]
}

/** What answers where the rows lie that were pinned of an archive; undefined where some are gone. */
export function holdingOf({ tableId, parts }: Omit<Archive, 'name'>): (pinned: PinnedFile) => Holding | undefined {
  const dates = new Map<string, OfDate>()
  for (const [date, ofDate] of Map.groupBy(parts, part => part.date)) {
    const ranges = ofDate.flatMap(part => part.landings.map(range => ({ ...range, part })))
    dates.set(date, { held: union(ranges), ranges: ranges.sort((a, b) => (a.from < b.from ? -1 : 1)) })
  }
  const others = new Map(parts.flatMap(part => part.others.map(file => [file.path, { file, part }])))
  return ({ hash }) => {
    const name = readLandedHash(hash)
    if (name?.tableId !== tableId) return undefined
    const wanted = parseLandings(name.what)
    if (!wanted) {
      const other = others.get(name.what)
      return other && { files: [other.file], landings: undefined, isAll: isEmpty(other.part.landings), isOne: true }
    }
    const ofDate = dates.get(name.date)
    if (!ofDate || !holdsAll(ofDate.held, wanted)) return undefined
    const holding = new Set<Archived>()
    for (const { from, to } of wanted)
      for (let at = firstBehind(ofDate.ranges, from); at < ofDate.ranges.length && ofDate.ranges[at]!.from < to; at++)
        holding.add(ofDate.ranges[at]!.part)
    return {
      files: [...holding].flatMap(({ files }) => files),
      landings: wanted,
      isAll: [...holding].every(part => part.others.length === 0 && holdsAll(wanted, part.landings)),
      isOne: holding.size === 1,
    }
  }
}
