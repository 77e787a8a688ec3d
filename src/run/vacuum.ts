/** Which objects of a table no version needs that is to be kept. */
import { DataError } from '../domain/errors.ts'
import { lineageOf } from '../domain/lineage.ts'
import type { Table, TableStore } from '../domain/tableStore.ts'
import type { Duration, Instant } from '../domain/time.ts'
import type { Maintained } from './resolveRef.ts'

interface Dispensable {
  name: string
  bytes: number
  why: 'version' | 'log' | 'inputs' | 'tiles' | 'orphan'
}

interface VacuumOptions {
  /** Versions stay that were the latest within this time. */
  retain: Duration
  now: Instant
  /** Which kind of table. Default: a feature set's. */
  folder?: Maintained['folder']
}

export interface VacuumPlan {
  /** What may be deleted. */
  objects: Dispensable[]
  /** The oldest version of those that stay because of their age; undefined where no run has committed one. */
  from: number | undefined
  /** Older versions that stay because they have a name, or because a dataset was built from them. */
  also: number[]
}

/** An object that no commit refers to, or that is not finished, may belong to a run that is under way: it stays for longer than any run takes. */
const UNDER_WAY: Duration = 7n * 86_400_000_000n

/** In this order: until a version's files are gone its record is needed, and until a version is gone so is the log. */
const ORDER: Dispensable['why'][][] = [['orphan', 'version'], ['inputs'], ['tiles'], ['log']]

/**
 * Versions stay that were the latest at some time in the last `retain`, that have a tag, or that a dataset was built from. Tiles
 * are kept for the latest alone, since they can be made again.
 */
export async function planVacuum(store: TableStore, name: string, options: VacuumOptions): Promise<VacuumPlan> {
  const { retain, now, folder = 'features' } = options
  const table = store.table(`${folder}/${name}`)
  const from = await oldestRetained(table, now - retain)
  // An archive's versions have no names: what was computed from it is pinned by landings, which the latest holds.
  const also = from === undefined || folder === 'archive' ? [] : await olderNeeded(store, name, { table, from })
  const held = await table.heldBy({ from: from ?? 0, also })
  const needed = new Set([...held.paths, ...held.lineages.flatMap(listsOf), ...(await latestTiles(table))])
  const oldLog = new Set(await table.logBefore(also[0] ?? from ?? 0))
  const objects: Dispensable[] = []
  for await (const { name: object, size, modifiedAt, unfinished } of table.contents()) {
    const isOld = BigInt(Math.floor(modifiedAt)) * 1000n < now - UNDER_WAY
    if (from === undefined && !unfinished && object.startsWith('_delta_log/')) throw commitsLost(table, object)
    const why = reasonOf(object)
    if (why) objects.push({ name: object, bytes: size, why })

    function reasonOf(path: string): Dispensable['why'] | undefined {
      if (unfinished) return isOld ? 'orphan' : undefined
      if (oldLog.has(path)) return 'log'
      if (/^(_delta_log\/|_quern\/(tags\/|losses\/|state\.))/.test(path) || isNeeded(path, needed)) return undefined
      if (held.past.has(path)) return 'version'
      if (!isOld) return undefined
      return path.startsWith('_quern/inputs/') ? 'inputs' : path.startsWith('_quern/tiles/') ? 'tiles' : 'orphan'
    }
  }
  return { objects: ORDER.flatMap(reasons => objects.filter(({ why }) => reasons.includes(why))), from, also }
}

/** Without its log nothing can be told to be needless. */
function commitsLost({ uri }: Table, object: string): DataError {
  return new DataError('data.corrupt-log', `the table's log is damaged: ${uri} has \`${object}\`, but no commit`, {
    hint: 'Restore its `_delta_log` from a copy of the store, or remove the folder where it holds nothing of worth.',
  })
}

/**
 * Deletes for good what was planned, except what is needed by now: meanwhile versions may have got names, and runs may have taken up
 * again what none needed. Answers what was deleted.
 */
export async function applyVacuum(
  store: TableStore,
  name: string,
  { objects }: VacuumPlan,
  { signal, ...options }: VacuumOptions & { signal: AbortSignal },
): Promise<Dispensable[]> {
  const { folder = 'features' } = options
  const table = store.table(`${folder}/${name}`)
  const planned = new Set(objects.map(object => object.name))
  const deleted: Dispensable[] = []
  for (const reasons of ORDER) {
    const now = await planVacuum(store, name, options)
    // Until it is there the log before it is needed.
    if (now.from !== undefined) await table.checkpoint(now.also[0] ?? now.from)
    if (folder === 'archive' && reasons.includes('log') && now.from !== undefined) await keepLosses(table, now.from)
    for (const object of now.objects.filter(({ name: path, why }) => planned.has(path) && reasons.includes(why))) {
      signal.throwIfAborted()
      await table.remove([object.name])
      deleted.push(object)
    }
  }
  return deleted
}

/** What was lost of a topic stays on record when the commits before `from` go that tell of it. */
async function keepLosses(table: Table, from: number): Promise<void> {
  for await (const { version, lineage } of table.history()) {
    const { gaps = [], ahead = [] } = (lineage ?? {}) as { gaps?: unknown[]; ahead?: unknown[] }
    if (version >= from || (gaps.length === 0 && ahead.length === 0)) continue
    const name = `losses/${String(version).padStart(20, '0')}.json`
    await table.putObject(name, new TextEncoder().encode(JSON.stringify(lineage, digits)))
  }
}

/** Offsets are beyond what a double holds: as texts. */
const digits = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)

/** A name, or the folder of a tile set. */
const isNeeded = (path: string, needed: ReadonlySet<string>): boolean =>
  needed.has(path) || needed.has(path.slice(0, path.lastIndexOf('/')))

/** The version that was the latest at `since`, so that whoever asks for an instant since then finds what was there. */
async function oldestRetained(table: Table, since: Instant): Promise<number | undefined> {
  let oldest: number | undefined
  for await (const { version, committedAt } of table.history()) {
    oldest = version
    if (committedAt <= since) break
  }
  return oldest
}

/** The versions before `from` that must stay, ascending. One that is gone already, whatever still names it, is none. */
async function olderNeeded(store: TableStore, name: string, { table, from }: { table: Table; from: number }): Promise<number[]> {
  const named = new Set([...(await table.tags()).values(), ...(await versionsBuiltFrom(store, name))])
  const older = [...named].filter(version => version < from).sort((a, b) => a - b)
  const there = await Promise.all(older.map(version => table.snapshot({ version })))
  return older.filter((_, at) => there[at])
}

/** The versions of a feature set that datasets were built from, as their commits record them. */
async function versionsBuiltFrom(store: TableStore, name: string): Promise<number[]> {
  const versions: number[] = []
  for (const dataset of await store.tables('datasets')) {
    for await (const { lineage } of store.table(`datasets/${dataset}`).history()) {
      const sets = (lineage as { featureSets?: { name: string; version: number }[] } | undefined)?.featureSets ?? []
      versions.push(...sets.filter(set => set.name === name).map(({ version }) => version))
    }
  }
  return versions
}

function listsOf(lineage: unknown): string[] {
  const { inputs, schema } = lineageOf(lineage) ?? {}
  const lists = [...(inputs?.batches ?? []), ...(inputs?.formers ?? [])].map(({ list }) => list)
  return [...lists, ...(schema?.record === undefined ? [] : [schema.record])].map(name => `_quern/${name}`)
}

async function latestTiles(table: Table): Promise<string[]> {
  const { inputs } = lineageOf((await table.snapshot('latest'))?.lineage) ?? {}
  return (inputs?.batches ?? []).flatMap(({ tiles }) => (tiles === null ? [] : `_quern/tiles/${tiles}`))
}
