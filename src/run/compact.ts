/** The same rows in fewer files, cut by ranges of cutoffs. */
import { randomUUID } from 'node:crypto'
import { TransientError } from '../domain/errors.ts'
import { lineageOf } from '../domain/lineage.ts'
import type { Snapshot, Table, TableFile } from '../domain/tableStore.ts'
import type { Instant } from '../domain/time.ts'
import { keysOf } from './columns.ts'
import type { Parts } from './parts.ts'

export interface Compaction {
  outcome: 'committed' | 'unchanged'
  version: number
  filesBefore: number
  filesAfter: number
}

/** A table is cut into about so many files, so that a late row rewrites a small part of it. */
const FILES = 75

/** Files of fewer values (some 32 KB) cost more to open than a late row can save. */
const SMALLEST = 2 ** 13

/** About 128 MB. */
const LARGEST = 2 ** 27

const ATTEMPTS = 10

type CompactionParts = Pick<Parts, 'engine' | 'now' | 'versions' | 'code'>

/** Raises a TransientError where other writers keep committing. `table` holds at least one version. */
export async function compactTable(table: Table, parts: CompactionParts, signal: AbortSignal): Promise<Compaction> {
  const startedAt = parts.now()
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const base = (await table.snapshot('latest'))!
    const groups = groupsOf(base).filter(({ length }) => length > 1)
    const before = base.files.length
    if (groups.length === 0) return { outcome: 'unchanged', version: base.version, filesBefore: before, filesAfter: before }
    const add = []
    for (const group of groups) {
      signal.throwIfAborted()
      const query = { paths: await table.localPaths(group), columns: base.columns, orderBy: keysOf(base.columns) }
      add.push(await parts.engine.stageQuery(query))
    }
    signal.throwIfAborted()
    const after = before - groups.flat().length + groups.length
    const committed = await table.commit({
      base,
      operation: 'compact',
      add,
      remove: groups.flat().map(({ path }) => path),
      dataChange: false,
      lineage: await compactedLineage(base, parts, { files: `${before} files into ${after}`, startedAt }),
      isolation: 'plan',
    })
    if (committed.outcome === 'committed') {
      return { outcome: 'committed', version: committed.version, filesBefore: before, filesAfter: after }
    }
  }
  throw new TransientError('transient.conflict', `${table.uri}: other writers kept committing`, {
    hint: 'Compact when no run is under way.',
  })
}

/** The rows are computed from what those of the version before were: only the files are others, and who wrote them. */
async function compactedLineage(
  { lineage: recorded }: Snapshot,
  { engine, now, versions, code }: CompactionParts,
  { files, startedAt }: { files: string; startedAt: Instant },
): Promise<unknown> {
  const lineage = lineageOf(recorded)
  if (!lineage) return recorded
  const { backfill: _, restored: __, expectations: ___, ...rest } = lineage
  return {
    ...rest,
    runId: randomUUID(),
    reason: `compaction: ${files}`,
    cutoffs: null,
    restated: null,
    rowsRead: 0,
    rowsRejected: 0,
    rowsWritten: 0,
    versions: { ...versions, engine: `${engine.name} ${await engine.version()}` },
    code,
    seconds: Number(now() - startedAt) / 1e6,
  }
}

/**
 * Neighbouring small files together, and files whose ranges of cutoffs overlap. Small is counted in values: bytes shrink when files
 * are joined, and the next compaction would go on where this one has ended.
 */
function groupsOf({ files, columns }: Snapshot): TableFile[][] {
  const values = ({ rows }: TableFile): number => rows * columns.length
  const most = Math.max(SMALLEST, files.reduce((sum, file) => sum + values(file), 0) / FILES)
  const sorted = files
    .map(file => ({ file, ...rangeOf(file) }))
    .sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))
  const groups: { files: TableFile[]; values: number; size: number; last: bigint }[] = []
  for (const { file, first, last } of sorted) {
    const open = groups.at(-1)
    const fits = open && open.values + values(file) <= most && open.size + file.size <= LARGEST
    if (open && (first <= open.last || fits)) {
      open.files.push(file)
      open.values += values(file)
      open.size += file.size
      if (last > open.last) open.last = last
    } else groups.push({ files: [file], values: values(file), size: file.size, last })
  }
  return groups.map(group => group.files)
}

function rangeOf({ columns }: TableFile): { first: bigint; last: bigint } {
  const { min, max } = columns.cutoff ?? {}
  return { first: (min as bigint | undefined) ?? 0n, last: (max as bigint | undefined) ?? 2n ** 62n }
}
