/**
 * An archive's rows as a source. What is pinned are not the files, which compaction replaces, but the landings whose rows they hold, date by
 * date: a landing's rows of a date are the same in whatever file they lie. Rows of no landing, which another program has appended, are
 * pinned by their file.
 */
import { rm } from 'node:fs/promises'
import type { Engine } from '../../domain/engine.ts'
import { DataError } from '../../domain/errors.ts'
import { ARCHIVE_COLUMNS as A } from '../../domain/kafkaSource.ts'
import { LANDINGS_TAG, landingsText, parseLandings } from '../../domain/landingNumbers.ts'
import type { CutoffRanges } from '../../domain/ranges.ts'
import { intersect, isEmpty, subtract, union } from '../../domain/ranges.ts'
import type { KafkaSource, LocalFile, OpenInputs, PinnedFile, PinnedInputs, Source } from '../../domain/source.ts'
import type { Snapshot, Table, TableFile } from '../../domain/tableStore.ts'
import type { Instant } from '../../domain/time.ts'
import { formatInstant } from '../../domain/time.ts'

/** Files of the archive that hold some landings' rows of a date: all of these rows, and no other landing's. */
interface Archived {
  files: TableFile[]
  date: string
  landings: CutoffRanges
  /** Those among them that hold rows of no landing. */
  others: TableFile[]
}

type Rows = Pick<Engine, 'query' | 'stageQuery'>

/** @param rows reads the archive's files */
export function archiveSource(definition: KafkaSource, table: Table, rows: Rows): Source {
  const archived = async (): Promise<{ now: Snapshot | undefined; parts: Archived[] }> => {
    const now = await table.snapshot('latest')
    const files: Archived[] = []
    for (const file of now?.files ?? []) files.push(await archivedFile(rows, table, now!, file))
    return { now, parts: together(files) }
  }

  return {
    definition,
    room: undefined,

    // What is known is known by its landings, whatever files they lay in: that cannot go unseen.
    async pin(known): Promise<PinnedInputs> {
      const { now, parts } = await archived()
      const recorded = now && byDate(known, now)
      const files = recorded ? parts.flatMap(part => pinnedOf(definition, now, part, recorded)) : []
      return { source: definition.name, files: files.sort((a, b) => (a.hash < b.hash ? -1 : 1)) }
    },

    async open(inputs, { what, signal }): Promise<OpenInputs> {
      const { now, parts } = await archived()
      const copies: string[] = []
      const opened = async (pinned: PinnedFile): Promise<LocalFile> => {
        signal.throwIfAborted()
        const holding = now && holdersOf(pinned, now.tableId, parts)
        if (!holding) throw goneError(definition, pinned)
        const paths = await table.localPaths(holding.flatMap(({ files }) => files))
        const wanted = landingsIn(pinned)
        if (what === 'columns' || (paths.length === 1 && isAll(holding[0]!, wanted))) return { ...pinned, localPath: paths[0]! }
        const columns = now.columns.filter(({ name }) => name !== A.date)
        const copy = await rows.stageQuery({ paths, columns, where: wanted ? within(wanted) : `${A.landing} IS NULL` })
        copies.push(copy.localPath)
        return { ...pinned, localPath: copy.localPath }
      }
      const release = async (): Promise<void> => {
        for (const path of copies) await rm(path, { force: true })
      }
      const files: LocalFile[] = []
      try {
        for (const pinned of inputs.files) files.push(await opened(pinned))
      } catch (error) {
        await release()
        throw error
      }
      return { source: inputs.source, files, release }
    },

    // What has landed stays as it is.
    changedSince: async () => [],
  }
}

const within = (numbers: CutoffRanges): string =>
  numbers.map(({ from, to }) => `(${A.landing} >= ${from} AND ${A.landing} < ${to})`).join(' OR ')

/** Whether the rows are just those that are wanted: of some landings, or of none. */
function isAll({ landings, others }: Archived, wanted: CutoffRanges | undefined): boolean {
  return wanted ? others.length === 0 && isEmpty(subtract(landings, wanted)) : isEmpty(landings)
}

/** A file that another program has written has no tag: its rows tell, by its statistics where these are plain. */
async function archivedFile(rows: Rows, table: Table, now: Snapshot, file: TableFile): Promise<Archived> {
  const holds = (landings: CutoffRanges, hasOthers: boolean): Archived => ({
    files: [file],
    date: file.partition[A.date] ?? '',
    landings,
    others: hasOthers ? [file] : [],
  })
  const tagged = parseLandings(file.tags[LANDINGS_TAG])
  if (tagged) return holds(tagged, false)
  const { min, max, nullCount } = file.columns[A.landing] ?? {}
  if (nullCount === 0 && typeof min === 'bigint' && min === max) return holds([{ from: min, to: min + 1n }], false)
  if (nullCount === file.rows) return holds([], true)
  const query = {
    paths: await table.localPaths([file]),
    columns: now.columns.filter(({ name }) => name === A.landing),
    latest: { keys: [A.landing], order: A.landing },
  }
  const numbers: bigint[] = []
  let hasOthers = false
  for await (const { columns } of rows.query(query))
    for (const number of columns[0]!) {
      if (typeof number === 'bigint') numbers.push(number)
      else hasOthers = true
    }
  return holds(union(numbers.map(from => ({ from, to: from + 1n }))), hasOthers)
}

/** Another program may have spread a landing's rows of a date over several files: these count as one. */
function together(files: readonly Archived[]): Archived[] {
  const found: Archived[] = []
  const dates = Map.groupBy(files, ({ date }) => date)
  for (const ofDate of dates.values()) {
    const isApart =
      sizeOf(union(...ofDate.map(({ landings }) => landings))) === sum(ofDate.map(({ landings }) => sizeOf(landings)))
    if (isApart) {
      found.push(...ofDate)
      continue
    }
    let units: Archived[] = []
    for (const file of ofDate) {
      const meeting = units.filter(({ landings }) => !isEmpty(intersect(landings, file.landings)))
      const apart = units.filter(unit => !meeting.includes(unit))
      units = [...apart, joined([...meeting, file])]
    }
    found.push(...units)
  }
  return found
}

function joined(parts: readonly Archived[]): Archived {
  return {
    files: parts.flatMap(({ files }) => files),
    date: parts[0]!.date,
    landings: union(...parts.map(({ landings }) => landings)),
    others: parts.flatMap(({ others }) => others),
  }
}

const sum = (numbers: readonly bigint[]): bigint => numbers.reduce((total, number) => total + number, 0n)
const sizeOf = (landings: CutoffRanges): bigint => sum(landings.map(({ from, to }) => to - from))

/** `landed:<table>/<date>/<landings>`; of a file that another program has written, its path in place of these. */
const hashOf = (tableId: string, date: string, what: string): string => `landed:${tableId}/${date}/${what}`

function readHash({ hash }: PinnedFile): { tableId: string; date: string; what: string } | undefined {
  const [, tableId, date, what] = /^landed:([^/]*)\/([^/]*)\/(.*)$/.exec(hash) ?? []
  return what === undefined ? undefined : { tableId: tableId!, date: date!, what }
}

interface Pinned {
  pinned: PinnedFile
  landings: CutoffRanges
}

const landingsIn = (pinned: PinnedFile): CutoffRanges | undefined => parseLandings(readHash(pinned)?.what)

/** Of those that are known the ones of this very table. */
function byDate(known: readonly PinnedFile[], { tableId }: Snapshot): Map<string, Pinned[]> {
  const dates = new Map<string, Pinned[]>()
  for (const pinned of known) {
    const read = readHash(pinned)
    const landings = parseLandings(read?.what)
    if (!read || !landings || read.tableId !== tableId) continue
    const ofDate = dates.get(read.date)
    if (ofDate?.some(other => other.pinned.hash === pinned.hash)) continue
    if (ofDate) ofDate.push({ pinned, landings })
    else dates.set(read.date, [{ pinned, landings }])
  }
  return dates
}

/** What files hold: of what is known of it each as it is known, what is left, and what is of no landing by the files' names. */
function pinnedOf(
  { name }: KafkaSource,
  { tableId }: Snapshot,
  { files, date, landings, others }: Archived,
  recorded: ReadonlyMap<string, readonly Pinned[]>,
): PinnedFile[] {
  const pinned = (what: string, of: readonly TableFile[]): PinnedFile => ({
    path: `archive/${name}/${date}/${what}`,
    hash: hashOf(tableId, date, what),
    size: of.reduce((total, { size }) => total + size, 0),
    modifiedAt: String(Math.max(...of.map(({ modifiedAt }) => modifiedAt))),
    format: 'parquet',
    compression: 'none',
    partition: {},
    ...eventsOf(of),
  })
  const own = (recorded.get(date) ?? []).filter(known => isEmpty(subtract(known.landings, landings)))
  const left = subtract(landings, union(...own.map(known => known.landings)))
  return [
    ...own.map(known => known.pinned),
    ...(isEmpty(left) ? [] : [pinned(landingsText(left), files)]),
    ...others.map(file => pinned(file.path, [file])),
  ]
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

/** What holds the rows that were pinned, all of them; undefined where some are gone. */
function holdersOf(pinned: PinnedFile, of: string, archived: readonly Archived[]): Archived[] | undefined {
  const { tableId, what, date } = readHash(pinned) ?? {}
  if (tableId !== of) return undefined
  const wanted = parseLandings(what)
  if (!wanted) {
    for (const part of archived) {
      const files = part.others.filter(({ path }) => path === what)
      if (files.length === 1) return [{ ...part, files }]
    }
    return undefined
  }
  const parts = archived.filter(part => part.date === date && !isEmpty(intersect(part.landings, wanted)))
  return isEmpty(subtract(wanted, union(...parts.map(({ landings }) => landings)))) ? parts : undefined
}

function goneError({ name }: KafkaSource, { path }: PinnedFile): DataError {
  return new DataError('data.archive', `source \`${name}\`: ${path} is in the archive no more`, {
    hint: 'Another program has removed rows of the archive. `quern run --full` computes everything from what there is.',
  })
}
