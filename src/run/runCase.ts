/** The story of one unit case: its rows become a file, which goes the way of every file, and what comes out is compared. */
import { rm } from 'node:fs/promises'
import type { TableRow } from '../domain/caseDifferences.ts'
import { mayBeRounding, rejectionDifferences, tableDifferences } from '../domain/caseDifferences.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import { union } from '../domain/ranges.ts'
import type { RejectedRow } from '../domain/rejectedRows.ts'
import type { PinnedFile } from '../domain/source.ts'
import { DEFAULT_DIALECT } from '../domain/source.ts'
import type { Instant } from '../domain/time.ts'
import type { CaseDifference, UnitCase } from '../domain/unitCase.ts'
import type { CaseParts } from './caseInput.ts'
import { writeInput } from './caseInput.ts'
import { tableColumns } from './columns.ts'
import { slackOf } from './rounding.ts'
import { stagedRejects } from './stagedRejects.ts'

/** What differs from what the case expects: nothing where it holds. Raises what a run over the same file would raise. */
export async function runCase(unit: UnitCase, parts: CaseParts, signal: AbortSignal): Promise<CaseDifference[]> {
  // Rows are objects, so how the source's own files spell them has no say.
  const source = { ...unit.set.source, csv: DEFAULT_DIALECT }
  const set = { ...unit.set, source }
  const file = await writeInput(source, [...unit.rows, ...unit.rejects.map(({ row }) => row)], parts)
  const files = [file.path]
  const rejected: RejectedRow[] = []
  const rowsOf = async (of: FeatureSet): Promise<TableRow[]> => {
    const computed = await computeRows(of, { file, cutoffs: unit.cutoffs, rejected }, parts, signal)
    files.push(...computed.files)
    return computed.rows
  }
  try {
    const rows = await rowsOf(set)
    let differences = tableDifferences(unit, rows)
    if (differences.some(one => mayBeRounding(unit, one))) differences = tableDifferences(unit, rows, await rowsOf(slackOf(set)))
    return [...rejectionDifferences(unit, rejected), ...differences]
  } finally {
    await Promise.all(files.map(path => rm(path, { force: true })))
  }
}

/** The rows at the cutoffs, and the files that were made on the way. */
async function computeRows(
  set: FeatureSet,
  { file, cutoffs, rejected }: { file: PinnedFile; cutoffs: readonly Instant[]; rejected: RejectedRow[] },
  { engine }: CaseParts,
  signal: AbortSignal,
): Promise<{ rows: TableRow[]; files: string[] }> {
  const onProgress = (): void => {}
  const { tiles, rejects } = await engine.read(
    { set, inputs: { source: set.source.name, files: [file] }, keep: cutoffs.length > 0 },
    { maxRejected: 1, rejects: { id: 'case', startedAt: 0n }, onProgress, signal },
  )
  rejected.splice(0, rejected.length, ...(await stagedRejects(engine, rejects!)))
  if (!tiles) return { rows: [], files: [] }
  const due = union(cutoffs.map(cutoff => ({ from: cutoff, to: cutoff + set.every })))
  const { files } = await engine.compute({ set, tiles: [tiles], due }, { onProgress, signal })
  const paths = files.map(({ localPath }) => localPath)
  const columns = tableColumns(set)
  const orderBy = [...set.entity.map(({ name }) => name), 'cutoff']
  const rows: TableRow[] = []
  for await (const { rows: count, columns: values } of engine.query({ paths, columns, orderBy })) {
    for (let at = 0; at < count; at++) rows.push(values.map(column => column[at]!))
  }
  return { rows, files: [...paths, ...Object.values(tiles.parts)] }
}
