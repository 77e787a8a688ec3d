/** The rows of an archive in fewer files, each of one date, while landings go on. */
import { randomUUID } from 'node:crypto'
import { TransientError } from '../domain/errors.ts'
import { ARCHIVE_COLUMNS as A } from '../domain/kafkaSource.ts'
import { LANDINGS_TAG, landingsText, parseLandings } from '../domain/landingNumbers.ts'
import type { CutoffRanges } from '../domain/ranges.ts'
import { union } from '../domain/ranges.ts'
import type { Snapshot, StagedFile, Table, TableFile } from '../domain/tableStore.ts'
import type { Compaction } from './compact.ts'
import type { Parts } from './parts.ts'

/** About 128 MB. */
const LARGEST = 2 ** 27
/** So many bytes are held in scratch files before they are committed. */
const ENOUGH = 2 ** 30

const ATTEMPTS = 10

/** Of a source: the transaction that counts compactions of its archive. Of two that began alike one is committed. */
export const compactionsId = (source: string): string => `quern/${source}/compactions`

/** Files of one date, and the landings whose rows they hold. */
interface Group {
  date: string
  files: TableFile[]
  landings: CutoffRanges
  size: number
}

type CompactionParts = Pick<Parts, 'engine' | 'versions' | 'code'>

interface Options {
  signal: AbortSignal
  /** Of a file, in bytes: no more are joined into one. */
  largest?: number
  /** So many bytes make a commit. */
  enough?: number
}

/**
 * Whoever pins landings finds them in other files afterwards. Files that another program has written are left as they are: nothing says
 * which landings they hold. Raises a TransientError where others keep removing the same files. `table` holds at least one version.
 */
export async function compactArchive(
  source: string,
  table: Table,
  parts: CompactionParts,
  { signal, largest = LARGEST, enough = ENOUGH }: Options,
): Promise<Compaction> {
  const first = (await table.snapshot('latest'))!
  const result: Compaction = {
    outcome: 'unchanged',
    version: first.version,
    filesBefore: first.files.length,
    filesAfter: first.files.length,
  }
  // Of what lands meanwhile the next compaction takes care: else this one might never end.
  const paths = new Set(first.files.map(({ path }) => path))
  for (let failed = 0; failed < ATTEMPTS; ) {
    const base = (await table.snapshot('latest'))!
    const groups = groupsOf(
      base.files.filter(({ path }) => paths.has(path)),
      largest,
    )
    if (groups.length === 0) return result
    const batch = firstOf(groups, enough)
    const committed = await commit(source, parts, { table, base, groups: batch, signal })
    if (committed === undefined) {
      failed++
      continue
    }
    const joined = batch.reduce((sum, { files }) => sum + files.length, 0)
    result.outcome = 'committed'
    result.version = committed
    result.filesAfter -= joined - batch.length
  }
  throw new TransientError('transient.conflict', `${table.uri}: other writers kept changing the files that were to be joined`, {
    hint: 'Compact when no other compaction is under way.',
  })
}

interface Work {
  table: Table
  base: Snapshot
  groups: readonly Group[]
  signal: AbortSignal
}

/** Undefined where another compaction was first. */
async function commit(
  source: string,
  parts: CompactionParts,
  { table, base, groups, signal }: Work,
): Promise<number | undefined> {
  const columns = base.columns.filter(({ name }) => name !== A.date)
  const add: StagedFile[] = []
  for (const { files, date, landings } of groups) {
    signal.throwIfAborted()
    const query = { paths: await table.localPaths(files), columns, orderBy: [A.landing, A.partition, A.offset] }
    const staged = await parts.engine.stageQuery(query)
    add.push({ ...staged, partition: { [A.date]: date }, tags: { [LANDINGS_TAG]: landingsText(landings) } })
  }
  signal.throwIfAborted()
  const files = groups.flatMap(group => group.files)
  const number = (base.transactions.get(compactionsId(source)) ?? 0n) + 1n
  const committed = await table.commit({
    base,
    operation: 'compact',
    add,
    remove: files.map(({ path }) => path),
    dataChange: false,
    transactions: { [compactionsId(source)]: number },
    lineage: {
      runId: randomUUID(),
      compaction: number,
      files: { from: files.length, to: groups.length },
      versions: { ...parts.versions, engine: `${parts.engine.name} ${await parts.engine.version()}` },
      code: parts.code,
    },
    isolation: 'append',
  })
  return committed.outcome === 'committed' ? committed.version : undefined
}

/** Those that are to become one file each: in the order of their landings, up to the largest size. */
function groupsOf(files: readonly TableFile[], largest: number): Group[] {
  const open = new Map<string, Group>()
  const groups: Group[] = []
  for (const { file, landings } of inOrder(files)) {
    const date = file.partition[A.date]!
    const group = open.get(date)
    if (group && group.size + file.size <= largest) {
      group.files.push(file)
      group.landings = union(group.landings, landings)
      group.size += file.size
    } else {
      const begun = { date, files: [file], landings, size: file.size }
      open.set(date, begun)
      groups.push(begun)
    }
  }
  return groups.filter(group => group.files.length > 1)
}

function inOrder(files: readonly TableFile[]): { file: TableFile; landings: CutoffRanges }[] {
  const told = files.flatMap(file => {
    const landings = parseLandings(file.tags[LANDINGS_TAG]) ?? []
    return landings.length > 0 && file.partition[A.date] ? [{ file, landings }] : []
  })
  return told.sort((a, b) => (a.landings[0]!.from < b.landings[0]!.from ? -1 : 1))
}

function firstOf(groups: readonly Group[], enough: number): Group[] {
  const taken: Group[] = []
  let size = 0
  for (const group of groups) {
    if (taken.length > 0 && size + group.size > enough) break
    taken.push(group)
    size += group.size
  }
  return taken
}
