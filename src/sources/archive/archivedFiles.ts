/** Which landings the files of an archive hold. */
import type { Engine } from '../../domain/engine.ts'
import { ARCHIVE_COLUMNS as A } from '../../domain/kafkaSource.ts'
import { LANDINGS_TAG, parseLandings } from '../../domain/landingNumbers.ts'
import type { CutoffRanges } from '../../domain/ranges.ts'
import { union } from '../../domain/ranges.ts'
import type { Snapshot, Table, TableFile } from '../../domain/tableStore.ts'

/** Files of the archive that hold some landings' rows of a date: all of these rows, and no other landing's. */
export interface Archived {
  files: TableFile[]
  date: string
  landings: CutoffRanges
  /** Those among them that hold rows of no landing. */
  others: TableFile[]
}

/** What a version of the archive holds: no two of them some of the same landing's rows of a date. */
export async function archivedIn(table: Table, rows: Pick<Engine, 'query'>, now: Snapshot | undefined): Promise<Archived[]> {
  const files: Archived[] = []
  for (const file of now?.files ?? []) files.push(await archivedFile(rows, table, now!, file))
  return [...Map.groupBy(files, ({ date }) => date).values()].flatMap(together)
}

/** A file that another program has written has no tag: its rows tell, by its statistics where these are plain. */
async function archivedFile(rows: Pick<Engine, 'query'>, table: Table, now: Snapshot, file: TableFile): Promise<Archived> {
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
  const ranges = files
    .flatMap(({ landings }, file) => landings.map(range => ({ ...range, file })))
    .sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0))
  const leader = [...files.keys()]
  const leaderOf = (file: number): number => {
    let at = file
    while (leader[at] !== at) {
      leader[at] = leader[leader[at]!]!
      at = leader[at]!
    }
    return at
  }
  let farthest: (typeof ranges)[number] | undefined
  for (const range of ranges) {
    if (farthest && range.from < farthest.to) leader[leaderOf(range.file)] = leaderOf(farthest.file)
    if (!farthest || range.to > farthest.to) farthest = range
  }
  const units = Map.groupBy(files.keys(), leaderOf)
  return [...units.values()].map(places => (places.length === 1 ? files[places[0]!]! : joined(places.map(at => files[at]!))))
}

function joined(parts: readonly Archived[]): Archived {
  return {
    files: parts.flatMap(({ files }) => files),
    date: parts[0]!.date,
    landings: union(parts.flatMap(({ landings }) => landings)),
    others: parts.flatMap(({ others }) => others),
  }
}
