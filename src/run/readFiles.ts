/** Files read by the engine: all at once where they lie, or as many at a time as there is room for where they have to be brought. */
import { rm } from 'node:fs/promises'
import type { Engine, Reading, ReadOptions, ReadResult, StaleRange } from '../domain/engine.ts'
import { exceeds } from '../domain/engine.ts'
import { REJECTED_COLUMNS, type StagedRejects } from '../domain/rejectedRows.ts'
import type { LocalFile, PinnedFile, Source } from '../domain/source.ts'
import { withRows } from './openInputs.ts'

export interface FilesResult extends ReadResult {
  /** The files as they were read. */
  read: LocalFile[]
}

interface Request extends Omit<Reading, 'inputs'> {
  files: readonly PinnedFile[]
}

export async function readFiles(engine: Engine, source: Source, request: Request, options: ReadOptions): Promise<FilesResult> {
  const { files, ...reading } = request
  const parts = slices(request, source.room)
  const readPart = (of: readonly PinnedFile[], maxRejected: number): Promise<FilesResult> =>
    withRows(source, { source: source.definition.name, files: [...of] }, options, async inputs => ({
      ...(await engine.read({ ...reading, inputs }, { ...options, maxRejected })),
      read: inputs.files,
    }))
  if (parts.length === 1) return readPart(parts[0]!, options.maxRejected)
  const results: FilesResult[] = []
  // What may be rejected is a share of all.
  for (const part of parts) results.push(await readPart(part, 1))
  return joined(engine, request, results, options.maxRejected)
}

/** What is asked of all rows together is asked of them at once. */
function slices({ files, set, expected }: Request, room: number | undefined): (readonly PinnedFile[])[] {
  if (room === undefined || set.source.rowKey || expected) return [files]
  const parts: PinnedFile[][] = [[]]
  let bytes = 0
  for (const file of files) {
    if (bytes + file.size > room && parts.at(-1)!.length > 0) {
      parts.push([])
      bytes = 0
    }
    parts.at(-1)!.push(file)
    bytes += file.size
  }
  return parts
}

async function joined(
  engine: Engine,
  { set, keep }: Request,
  results: readonly FilesResult[],
  maxRejected: number,
): Promise<FilesResult> {
  const sum = (of: (result: FilesResult) => number): number => results.reduce((total, result) => total + of(result), 0)
  const counts = { rowsRead: sum(({ rowsRead }) => rowsRead), rowsRejected: sum(({ rowsRejected }) => rowsRejected) }
  const isKept = keep && !exceeds(counts, maxRejected)
  const parts = results.flatMap(({ tiles }) => tiles ?? [])
  const tiles = isKept ? await engine.mergeTiles(set, parts) : undefined
  for (const path of parts.flatMap(part => Object.values(part.parts))) await rm(path, { force: true })
  const known = results.flatMap(({ knownThrough }) => (knownThrough === undefined ? [] : [knownThrough]))
  return {
    ...counts,
    rejects: await joinedRejects(
      engine,
      results.flatMap(({ rejects }) => rejects ?? []),
    ),
    tiles,
    spans: results.flatMap(({ spans }) => spans),
    knownThrough: known.length > 0 ? known.reduce((a, b) => (a > b ? a : b)) : undefined,
    touched: joinedRanges(
      results.flatMap(({ touched }) => touched),
      set.every,
    ),
    read: results.flatMap(({ read }) => read),
  }
}

const MOST_REASONS = 10_000

async function joinedRejects(engine: Engine, parts: readonly StagedRejects[]): Promise<StagedRejects | undefined> {
  if (parts.length === 0) return undefined
  const files = parts.flatMap(part => part.files)
  const reasons = new Map<string, number>()
  const query = { paths: files.map(({ localPath }) => localPath), columns: REJECTED_COLUMNS, select: ['reason'] }
  for await (const { columns } of engine.query(query))
    for (const reason of columns[0]!) {
      const before = reasons.get(String(reason))
      // A reason of its own for each row is no common one.
      if (before !== undefined || reasons.size < MOST_REASONS) reasons.set(String(reason), (before ?? 0) + 1)
    }
  const [commonest] = [...reasons].sort((a, b) => b[1] - a[1])
  return {
    files,
    groups: parts.flatMap(part => part.groups),
    commonest: commonest && { reason: commonest[0], rows: commonest[1] },
  }
}

/** Ranges between which no cutoff lies become one, as in one reading; how many entities it has nobody has counted. */
function joinedRanges(ranges: readonly StaleRange[], every: bigint): StaleRange[] {
  const joinedOnes: StaleRange[] = []
  for (const range of [...ranges].sort((a, b) => (a.from < b.from ? -1 : 1))) {
    const last = joinedOnes.at(-1)
    if (last && range.from <= last.to + every)
      joinedOnes[joinedOnes.length - 1] = { from: last.from, to: range.to > last.to ? range.to : last.to, entities: null }
    else joinedOnes.push(range)
  }
  return joinedOnes
}
