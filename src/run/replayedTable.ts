/**
 * Refused rows that today's schema accepts: marks, in a Delta table beside that of the refused ones. A mark makes the file that holds
 * the row another input, so that whatever has read it before reads it again.
 */
import type { Engine } from '../domain/engine.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import { landedSet } from '../domain/landedPins.ts'
import { holdsAll } from '../domain/landingNumbers.ts'
import type { PinnedFile, PinnedInputs, PinOptions } from '../domain/source.ts'
import type { Snapshot, Table, TableColumn, TableStore } from '../domain/tableStore.ts'
import type { Parts } from './parts.ts'

const text = (name: string, comment: string): TableColumn => ({ name, type: { kind: 'string' }, nullable: true, comment })

export const REPLAYED_COLUMNS: TableColumn[] = [
  text('input', "SHA-256 of the file's bytes"),
  text('path', 'the file as it was called when the row was refused'),
  { name: 'row', type: { kind: 'int64' }, nullable: true, comment: 'counted from 1' },
  text('code', 'why it had been refused: the first issue'),
  text('reason', 'the same in words'),
  text('schema_fingerprint', 'of the schema that accepts it'),
  text('feature_set', 'the set whose key had refused it; null where the schema had'),
  { name: 'replays', type: { kind: 'int64' }, nullable: true, comment: 'which replay of the file this is, counted from 1' },
  text('replay_id', 'the replay that found it'),
  { name: 'replayed_at', type: { kind: 'timestamp' }, nullable: true },
]

export const replayedTable = (store: TableStore, source: string): Table => store.table(`replayed/${source}`)

/** The transaction that counts the replays of a content. */
export const replaysId = (source: string, input: string): string => `quern/${source}/replayed/${input}`

/** How many replays have marked rows of a file's content. */
export function replaysOf(snapshot: Snapshot | undefined, source: string, input: string): number {
  return Number(snapshot?.transactions.get(replaysId(source, input)) ?? 0n)
}

/** How many replays have marked rows of each content: of its own, or of landings that are among its own by now. */
export function replaysWithin(snapshot: Snapshot | undefined, source: string): (hash: string) => number {
  const prefix = replaysId(source, '')
  const marked = [...(snapshot?.transactions ?? [])].filter(([id]) => id.startsWith(prefix))
  const sets = marked.flatMap(([id, replays]) => {
    const set = landedSet(id.slice(prefix.length))
    return set ? [{ ...set, replays: Number(replays) }] : []
  })
  const dates = Map.groupBy(sets, ({ of }) => of)
  return hash => {
    const own = landedSet(hash)
    if (!own) return replaysOf(snapshot, source, hash)
    const within = dates.get(own.of)?.filter(({ landings }) => holdsAll(own.landings, landings)) ?? []
    return within.reduce((sum, { replays }) => sum + replays, 0)
  }
}

/** What the source holds now, each file with the replays that have marked rows of it. */
export async function pinInputs(
  set: FeatureSet,
  parts: Parts,
  known: readonly PinnedFile[],
  options: PinOptions,
): Promise<PinnedInputs> {
  const { source } = set
  const inputs = await parts.sourceOf(set).pin(known, options)
  // Looked up behind the source: a mark counts from the first run on that begins after it.
  const replayed = await replayedTable(parts.store, source.name).snapshot('latest')
  if (!replayed) return inputs
  const replaysOfHash = replaysWithin(replayed, source.name)
  const files = inputs.files.map(file => {
    const replays = replaysOfHash(file.hash)
    return replays === 0 ? file : { ...file, replays }
  })
  return { ...inputs, files }
}

/** The last replay that marked a row, by `markKey`: of one content, or of all. */
export async function marksOf(
  engine: Engine,
  { table, snapshot }: { table: Table; snapshot: Snapshot },
  input?: string,
): Promise<Map<string, number>> {
  const marks = new Map<string, number>()
  const query = {
    paths: await table.localPaths(snapshot.files),
    columns: REPLAYED_COLUMNS,
    select: ['input', 'row', 'feature_set', 'replays'],
    ...(input === undefined ? {} : { where: `input = '${input}'` }),
  }
  for await (const { rows, columns } of engine.query(query)) {
    for (let at = 0; at < rows; at++) {
      const [of, row, featureSet, replays] = columns.map(column => column[at]!)
      const key = markKey(String(of), row as bigint, featureSet as string | null)
      marks.set(key, Math.max(marks.get(key) ?? 0, Number(replays)))
    }
  }
  return marks
}

/** @param featureSet the set whose key had refused the row; null where the schema had */
export const markKey = (input: string, row: bigint, featureSet: string | null): string => `${input}/${row}/${featureSet ?? ''}`
