/**
 * Tiles as objects of a feature set's table. They are derived from files under a name that follows from these files' contents and
 * the definition, so they can never be wrong, only missing; then they are made again.
 */
import { createHash } from 'node:crypto'
import type { Batch } from '../domain/batch.ts'
import type { Engine, StagedTiles, TileSet } from '../domain/engine.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import { joinLanded } from '../domain/landedPins.ts'
import type { PinnedFile } from '../domain/source.ts'
import { identityOf } from '../domain/source.ts'
import type { Table } from '../domain/tableStore.ts'

/** Written last: until it is there the parts are garbage. */
interface Manifest {
  parts: string[]
  rows: number
}

const folderOf = (id: string): string => `tiles/${id}`

export function tilesId(engine: Engine, set: FeatureSet, files: readonly PinnedFile[]): string {
  const identities = files.map(identityOf).sort()
  return createHash('sha256')
    .update([engine.tileFormat, set.fingerprint, ...identities].join('\n'))
    .digest('hex')
}

/** Undefined where they are not there, or not whole. */
export async function openTiles(table: Table, id: string | undefined): Promise<TileSet | undefined> {
  const bytes = id === undefined ? undefined : await table.getObject(`${folderOf(id)}/manifest.json`)
  if (!bytes) return undefined
  const { parts: names } = JSON.parse(new TextDecoder().decode(bytes)) as Manifest
  const parts: Record<string, string> = {}
  for (const name of names) {
    const path = await table.objectPath(`${folderOf(id!)}/${name}.parquet`)
    if (path === undefined) return undefined
    parts[name] = path
  }
  return { parts }
}

/** Keeps staged tiles. */
export async function keepTiles(table: Table, id: string, { parts, rows }: StagedTiles): Promise<void> {
  for (const [name, path] of Object.entries(parts)) await table.putObjectFile(`${folderOf(id)}/${name}.parquet`, path)
  const manifest: Manifest = { parts: Object.keys(parts), rows }
  await table.putObject(`${folderOf(id)}/manifest.json`, new TextEncoder().encode(JSON.stringify(manifest)))
}

/** So many batches of a like size are joined into one. */
const JOINED = 8

/** As they are to be recorded: landings of one date that were read together are one input. */
export const withLandedJoined = (batch: Batch): Batch => ({ ...batch, files: joinLanded(batch.files) })

/**
 * Batches of like size together, so that their number grows with the logarithm of the number of runs, and what a run has to open and
 * to record stays small. Only batches that count everywhere and have tiles (or need none) are joined.
 */
export async function joinBatches(
  batches: readonly Batch[],
  set: FeatureSet,
  { engine, table }: { engine: Engine; table: Table },
): Promise<Batch[]> {
  const levels = new Map<number, Batch[]>()
  for (const batch of batches) {
    if (batch.except.length > 0 || (batch.tiles === undefined && !set.source.rowKey)) continue
    const level = Math.floor(Math.log(Math.max(batch.weight, 1)) / Math.log(JOINED))
    levels.set(level, [...(levels.get(level) ?? []), batch])
  }
  const group = [...levels.values()].find(({ length }) => length >= JOINED)
  if (!group) return [...batches]
  const files = joinLanded(group.flatMap(batch => batch.files))
  const rest = batches.filter(batch => !group.includes(batch))
  // Joined landings are fewer, and weigh what they weighed.
  const weight = group.reduce((sum, batch) => sum + batch.weight, 0)
  if (set.source.rowKey) return [...rest, { files, tiles: undefined, weight, except: [] }]
  const sets = await Promise.all(group.map(({ tiles }) => openTiles(table, tiles)))
  if (sets.includes(undefined)) return [...batches]
  const merged = await engine.mergeTiles(
    set,
    sets.map(tiles => tiles!),
  )
  const id = tilesId(engine, set, files)
  await keepTiles(table, id, merged)
  return [...rest, { files, tiles: id, weight: merged.rows, except: [] }]
}
