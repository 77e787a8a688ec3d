/**
 * An archive's rows as a source. What is pinned are not the files, which compaction replaces, but the landings whose rows they hold, date by
 * date: a landing's rows of a date are the same in whatever file they lie.
 */
import { rm } from 'node:fs/promises'
import type { Query } from '../../domain/engine.ts'
import { DataError } from '../../domain/errors.ts'
import { ARCHIVE_COLUMNS as A } from '../../domain/kafkaSource.ts'
import { LANDINGS_TAG, landingsText, parseLandings } from '../../domain/landingNumbers.ts'
import type { CutoffRanges } from '../../domain/ranges.ts'
import { intersect, isEmpty, subtract, union } from '../../domain/ranges.ts'
import type { KafkaSource, LocalFile, OpenInputs, PinnedFile, PinnedInputs, Source } from '../../domain/source.ts'
import type { Snapshot, StagedFile, Table, TableFile } from '../../domain/tableStore.ts'
import { formatInstant } from '../../domain/time.ts'

/** A file of the archive, and the landings whose rows it holds. */
interface Archived {
  file: TableFile
  date: string
  landings: CutoffRanges
}

/** @param stage copies the rows of a query to a local file */
export function archiveSource(definition: KafkaSource, table: Table, stage: (query: Query) => Promise<StagedFile>): Source {
  const snapshot = async (): Promise<Snapshot | undefined> => table.snapshot('latest')

  return {
    definition,
    room: undefined,

    async pin(known, { anew = false } = {}): Promise<PinnedInputs> {
      const now = await snapshot()
      const recorded = anew || !now ? new Map<string, Pinned[]>() : byDate(known, now)
      const files = now ? now.files.flatMap(file => pinnedOf(definition, now, file, recorded)) : []
      return { source: definition.name, files: files.sort((a, b) => (a.hash < b.hash ? -1 : 1)) }
    },

    async open(inputs, { what, signal }): Promise<OpenInputs> {
      const now = await snapshot()
      const archived = now ? now.files.map(archivedFile) : []
      const copies: string[] = []
      const opened = async (pinned: PinnedFile): Promise<LocalFile> => {
        signal.throwIfAborted()
        const parts = now && partsOf(pinned, now.tableId, archived)
        if (!parts) throw goneError(definition, pinned)
        const paths = await table.localPaths(parts.map(({ file }) => file))
        const wanted = landingsIn(pinned)
        const isWhole = parts.length === 1 && (!wanted || isEmpty(subtract(parts[0]!.landings, wanted)))
        if (isWhole || what === 'columns') return { ...pinned, localPath: paths[0]! }
        const { columns } = now
        const copy = await stage({ paths, columns: columns.filter(({ name }) => name !== A.date), where: within(wanted!) })
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

function archivedFile(file: TableFile): Archived {
  return { file, date: file.partition[A.date] ?? '', landings: parseLandings(file.tags[LANDINGS_TAG]) ?? [] }
}

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
    if (ofDate) ofDate.push({ pinned, landings })
    else dates.set(read.date, [{ pinned, landings }])
  }
  return dates
}

/** What a file holds: of what is known of it each as it is known, and what is left. */
function pinnedOf(
  { name }: KafkaSource,
  { tableId }: Snapshot,
  file: TableFile,
  recorded: ReadonlyMap<string, readonly Pinned[]>,
): PinnedFile[] {
  const { date, landings } = archivedFile(file)
  const pinned = (what: string): PinnedFile => ({
    path: `archive/${name}/${date}/${what}`,
    hash: hashOf(tableId, date, what),
    size: file.size,
    modifiedAt: String(file.modifiedAt),
    format: 'parquet',
    compression: 'none',
    partition: {},
    ...eventsOf(file),
  })
  if (isEmpty(landings)) return [pinned(file.path)]
  const own = (recorded.get(date) ?? []).filter(known => isEmpty(subtract(known.landings, landings)))
  const left = subtract(landings, union(...own.map(known => known.landings)))
  return [...own.map(known => known.pinned), ...(isEmpty(left) ? [] : [pinned(landingsText(left))])]
}

/** When the events of a file happened, from the first to the last. */
function eventsOf(file: TableFile): Pick<PinnedFile, 'events'> {
  const { min, max } = file.columns[A.eventTime] ?? {}
  if (typeof min !== 'bigint' || typeof max !== 'bigint') return {}
  return { events: { first: formatInstant(min), last: formatInstant(max) } }
}

/** The files that hold the rows of what was pinned, all of them; undefined where some are gone. */
function partsOf(pinned: PinnedFile, of: string, archived: readonly Archived[]): Archived[] | undefined {
  const { tableId, what, date } = readHash(pinned) ?? {}
  if (tableId !== of) return undefined
  const wanted = parseLandings(what)
  if (!wanted) {
    const own = archived.filter(({ file }) => file.path === what)
    return own.length === 1 ? own : undefined
  }
  const parts = archived.filter(part => part.date === date && !isEmpty(intersect(part.landings, wanted)))
  return isEmpty(subtract(wanted, union(...parts.map(({ landings }) => landings)))) ? parts : undefined
}

function goneError({ name }: KafkaSource, { path }: PinnedFile): DataError {
  return new DataError('data.archive', `source \`${name}\`: ${path} is in the archive no more`, {
    hint: 'Another program has removed rows of the archive. `quern run --full` computes everything from what there is.',
  })
}
