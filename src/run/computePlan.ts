/** The second stage of a run: the plan's cutoffs are computed from tiles. */
import type { Batch } from '../domain/batch.ts'
import { cutoffsHeldBy, spanOf } from '../domain/batch.ts'
import type { BaseFile, Closing, ComputationResult, Progress, StagedTiles, StaleScope, TileSet } from '../domain/engine.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import { hasLifetime, reachOf } from '../domain/featureSet.ts'
import type { InputChanges } from '../domain/inputChanges.ts'
import type { RunPlan } from '../domain/plan.ts'
import type { CutoffRange } from '../domain/ranges.ts'
import { BEFORE_ALL, hull, intersect, isEmpty, union } from '../domain/ranges.ts'
import type { PinnedFile } from '../domain/source.ts'
import type { Snapshot } from '../domain/tableStore.ts'
import type { Instant } from '../domain/time.ts'
import { tableColumns } from './columns.ts'
import type { Parts } from './parts.ts'
import { readFiles } from './readFiles.ts'
import type { Fresh } from './readFresh.ts'
import { livingFiles } from './readFresh.ts'
import type { Ground } from './survey.ts'
import { openTiles, tilesId } from './tiles.ts'

export interface Computed {
  result: ComputationResult
  /** The plan's batches, with the tiles that were made for them. */
  batches: Batch[]
  /** Tiles that are kept once the run commits. */
  staged: { id: string; tiles: StagedTiles }[]
}

interface Options {
  onProgress: (progress: Progress) => void
  signal: AbortSignal
}

/** Undefined where a file changed while it was read. */
export async function computePlan(
  set: FeatureSet,
  parts: Parts,
  options: Options,
  found: { ground: Ground; plan: RunPlan; changes: InputChanges; fresh: Fresh | undefined },
): Promise<Computed | undefined> {
  const { ground, plan, fresh } = found
  const maker = new TileMaker(set, parts, options, ground)
  if (fresh?.result.tiles && fresh.batch.tiles !== undefined) maker.add(fresh.batch.tiles, fresh.result.tiles)
  const made = set.source.rowKey
    ? { tiles: [fresh?.result.tiles ?? (await maker.read(livingFiles(found.changes)))], batches: plan.batches }
    : await tilesOf(set, maker, found)
  if (made.tiles.includes(undefined)) return undefined
  const tiles = made.tiles.map(one => one!)
  const stale = isEmpty(plan.stale) ? undefined : await staleScope(set, ground, plan, batch => maker.open(batch.tiles))
  const closings = await Promise.all(plan.closings.map(cutoff => closingAt(set, ground, cutoff)))
  const computation = { set, tiles, due: plan.due, ...(stale ? { stale } : {}), closings }
  return { result: await parts.engine.compute(computation, options), batches: made.batches, staged: maker.staged }
}

/** Opens tiles, and makes those that are missing. */
class TileMaker {
  readonly staged: { id: string; tiles: StagedTiles }[] = []
  readonly #made = new Map<string, TileSet>()
  readonly #set: FeatureSet
  readonly #parts: Parts
  readonly #options: Options
  readonly #ground: Ground

  constructor(set: FeatureSet, parts: Parts, options: Options, ground: Ground) {
    this.#set = set
    this.#parts = parts
    this.#options = options
    this.#ground = ground
  }

  add(id: string, tiles: StagedTiles): void {
    this.staged.push({ id, tiles })
    this.#made.set(id, tiles)
  }

  async open(id: string | undefined): Promise<TileSet | undefined> {
    return id === undefined ? undefined : (this.#made.get(id) ?? (await openTiles(this.#ground.table, id)))
  }

  /** The batch's tiles, made anew from its files where they are missing. */
  async of(batch: Batch): Promise<{ batch: Batch; tiles: TileSet | undefined }> {
    const there = await this.open(batch.tiles)
    if (there) return { batch, tiles: there }
    const tiles = await this.read(batch.files)
    if (!tiles) return { batch, tiles }
    const id = tilesId(this.#parts.engine, this.#set, batch.files)
    this.add(id, tiles)
    return { batch: { ...batch, tiles: id, weight: tiles.rows }, tiles }
  }

  /** The rows of files that were validated before; undefined where one has changed meanwhile. */
  async read(files: readonly PinnedFile[]): Promise<StagedTiles | undefined> {
    const set = this.#set
    const inputs = { source: set.source.name, files: [...files] }
    const source = this.#parts.sourceOf(set)
    const { tiles } = await readFiles(
      this.#parts.engine,
      source,
      { set, files, keep: true },
      { ...this.#options, maxRejected: 1 },
    )
    const changed = await source.changedSince(inputs)
    return changed.length > 0 ? undefined : tiles
  }
}

/** The tiles that the plan's cutoffs need: those that their windows reach. */
async function tilesOf(
  set: FeatureSet,
  maker: TileMaker,
  { plan, changes }: { plan: RunPlan; changes: InputChanges },
): Promise<{ tiles: (TileSet | undefined)[]; batches: Batch[] }> {
  const range = neededTiles(set, plan)
  const gone = new Set(changes.gone.map(({ file }) => file))
  const tiles: (TileSet | undefined)[] = []
  const batches: Batch[] = []
  for (const batch of plan.batches) {
    if (!range || !isNeeded(batch, range)) {
      batches.push(batch)
      continue
    }
    // Of files that are gone no cutoff needs the rows, so they part from those whose tiles are made.
    const missing = (await maker.open(batch.tiles)) ? [] : batch.files.filter(file => gone.has(file))
    const present = missing.length === 0 ? batch : { ...batch, files: batch.files.filter(file => !gone.has(file)) }
    if (missing.length > 0) batches.push({ ...batch, files: missing, tiles: undefined, weight: missing.length })
    if (present.files.length === 0) continue
    const made = await maker.of(present)
    batches.push(made.batch)
    tiles.push(made.tiles)
  }
  return { tiles, batches }
}

/** From the first tile that any window of the plan's cutoffs holds to the last, by the cutoffs that end them. */
function neededTiles(set: FeatureSet, { due, stale, closings, batches }: RunPlan): CutoffRange | undefined {
  const held = union(...batches.map(batch => cutoffsHeldBy(set, spanOf(batch.files))))
  const closed = closings.map(cutoff => ({ from: cutoff, to: cutoff + set.every }))
  const range = hull(union(intersect(due, held), stale, closed))
  if (!range) return undefined
  return { from: hasLifetime(set) ? BEFORE_ALL : range.from - (reachOf(set) + 1n) * set.every, to: range.to }
}

function isNeeded({ files }: Batch, { from, to }: CutoffRange): boolean {
  const span = spanOf(files)
  return span !== null && span.last >= from && span.first < to
}

async function staleScope(
  set: FeatureSet,
  { table, content }: Ground,
  { stale, touchers }: RunPlan,
  open: (batch: Batch) => Promise<TileSet | undefined>,
): Promise<StaleScope> {
  const touched = touchers.map(async ({ batch, span }) => ({ tiles: batch && (await open(batch)), span }))
  return {
    cutoffs: stale,
    touched: await Promise.all(touched),
    base: await baseFiles(table, content!, hull(stale)!),
    columns: tableColumns(set),
  }
}

async function closingAt(set: FeatureSet, { table, content }: Ground, cutoff: Instant): Promise<Closing> {
  return { cutoff, base: await baseFiles(table, content!, { from: cutoff - set.every, to: cutoff }) }
}

/** The version's files that hold cutoffs in a range; `replaced` of a computation counts in these. */
async function baseFiles({ localPaths }: Ground['table'], content: Snapshot, range: CutoffRange): Promise<BaseFile[]> {
  const files = filesWithin(content, range)
  const paths = await localPaths(files.map(({ file }) => file))
  return files.map(({ first, last }, at) => ({ localPath: paths[at]!, first, last }))
}

export function filesWithin(
  { files }: Snapshot,
  { from, to }: CutoffRange,
): { file: Snapshot['files'][number]; first: bigint; last: bigint }[] {
  return files.flatMap(file => {
    const { min, max } = file.columns.cutoff ?? {}
    // A file without statistics may hold any cutoff.
    const [first, last] = [(min as bigint | undefined) ?? BEFORE_ALL, (max as bigint | undefined) ?? -BEFORE_ALL]
    return last >= from && first < to ? [{ file, first, last }] : []
  })
}
