/** One Delta table: snapshots, history, and commits by put-if-absent. */
import { randomUUID } from 'node:crypto'
import { readFile, unlink } from 'node:fs/promises'
import { TransientError } from '../domain/errors.ts'
import type { ObjectStore } from '../domain/objectStore.ts'
import type {
  CommitOutcome,
  CommitRecord,
  Snapshot,
  StagedFile,
  Table,
  TableChange,
  TableFile,
  VersionSelector,
} from '../domain/tableStore.ts'
import type { Action, AddAction } from './actions.ts'
import { CHECKPOINT_INTERVAL, LOG, versionName } from './actions.ts'
import type { CheckpointWriter } from './checkpoint.ts'
import { CHECKPOINT_COLUMNS, checkpointLines } from './checkpoint.ts'
import { claim } from './claim.ts'
import { heldBy, logBefore } from './cleanUp.ts'
import { addAction, commitInfo, headActions, removeActions, txnActions } from './commitActions.ts'
import { stringify } from './exactJson.ts'
import { Log } from './log.ts'
import type { LogState } from './logState.ts'
import { writeQuickState } from './quickState.ts'
import { parseSchema } from './schema.ts'
import { parseStats, rowsOf } from './statistics.ts'
import { Tags } from './tags.ts'

export interface DeltaOptions {
  /** Milliseconds since the epoch. */
  now: () => number
  /** Written into every commit, such as `quern/0.1.0`. */
  engineInfo: string
  writeCheckpoint: CheckpointWriter
}

const ATTEMPTS = 50

export function deltaTable(objects: ObjectStore, path: string, options: DeltaOptions): Table {
  const log = new Log(objects, path)
  const tags = new Tags(objects, path)
  const keyOf = (file: string): string => `${path}/${file}`

  const snapshotOf = (state: LogState): Snapshot => {
    const columns = parseSchema(state.metaData!.schemaString)
    return {
      tableId: state.metaData!.id,
      version: state.version,
      committedAt: BigInt(state.commitInfo?.timestamp ?? 0) * 1000n,
      columns,
      description: state.metaData!.description,
      properties: state.metaData!.configuration ?? {},
      files: [...state.adds.values()].map(add => tableFile(add, columns)),
      transactions: new Map([...state.transactions.values()].map(txn => [txn.appId, BigInt(txn.version)])),
      lineage: state.commitInfo?.quern,
    }
  }

  /** Commits' timestamps rise, so half of the versions can be left out at each look. */
  const versionAsOf = async (instant: bigint): Promise<number | undefined> => {
    let [low, high] = [await log.oldestVersion(), await log.latestVersion()]
    while (low <= high) {
      const middle = Math.ceil((low + high) / 2)
      const info = await log.commitInfo(middle)
      if (BigInt(info?.timestamp ?? 0) * 1000n > instant) high = middle - 1
      else if (low === high) return low
      else low = middle
    }
    return undefined
  }

  /** Tries to be version `version`; `actions` hold an id of this change, so that the same attempt twice is one commit. */
  const tryCommit = (version: number, actions: Action[]): Promise<'won' | 'lost'> => {
    const bytes = new TextEncoder().encode(`${actions.map(action => stringify(action)).join('\n')}\n`)
    return claim(objects, log.commitKey(version), bytes)
  }

  /** Copies, so that no clean-up of old versions can take them away; undefined where one is gone. */
  const restoredAdds = async ({ restore }: TableChange): Promise<Action[] | undefined> => {
    const adds: Action[] = []
    if (!restore) return adds
    const state = (await log.stateAt(restore.version))!
    for (const from of restore.paths) {
      const path = `part-${randomUUID()}.parquet`
      if (!(await objects.copy(keyOf(decodeURIComponent(from)), keyOf(path)))) return undefined
      adds.push({ add: { ...state.adds.get(from)!, path, dataChange: true } })
    }
    return adds
  }

  const checkpoint = async (version: number): Promise<void> => {
    if (await log.hasCheckpoint(version)) return
    const state = (await log.stateAt(version))!
    const file = await options.writeCheckpoint(checkpointLines(state), CHECKPOINT_COLUMNS)
    const { length } = await readFile(file)
    await objects.putFile(keyOf(`${LOG}/${versionName(version)}.checkpoint.parquet`), file)
    if (version < (await log.hint())) return
    await writeQuickState(objects, path, state)
    const hint = { version, size: state.actions().length, sizeInBytes: length, numOfAddFiles: state.adds.size }
    await objects.put(keyOf(`${LOG}/_last_checkpoint`), new TextEncoder().encode(JSON.stringify(hint)))
  }

  return {
    uri: objects.uriOf(path),

    async snapshot(selector: VersionSelector): Promise<Snapshot | undefined> {
      if (selector === 'latest') {
        const state = await log.stateAt(undefined)
        return state && snapshotOf(state)
      }
      const version = 'version' in selector ? selector.version : await versionAsOf(selector.asOf)
      const state = version === undefined ? undefined : await log.stateAt(version)
      return state && snapshotOf(state)
    },

    async commit(change: TableChange): Promise<CommitOutcome> {
      const columns = change.schema?.columns ?? change.base!.columns
      const files = await moveIn(objects, keyOf, change.add)
      const restored = await restoredAdds(change)
      const conflict = async (latest: number): Promise<CommitOutcome> => {
        const again = files.map(async ({ name, staged }) => ({ ...staged, localPath: await objects.localPath(keyOf(name)) }))
        return { outcome: 'conflict', latest, files: await Promise.all(again) }
      }
      if (!restored) return conflict(await log.latestVersion())
      const txnId = randomUUID()
      let base = change.base
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const version = (base?.version ?? -1) + 1
        const timestamp = Math.max(Math.floor(options.now()), Number((base?.committedAt ?? -1n) / 1000n) + 1)
        const info = commitInfo(change, timestamp, txnId, options.engineInfo)
        const dataChange = change.dataChange ?? true
        const adds = files.map(({ name, staged }) => addAction(name, staged, { columns, timestamp, dataChange }))
        const actions = [
          info,
          ...headActions(change, base, timestamp),
          ...txnActions(change, timestamp),
          ...removeActions(change, timestamp),
          ...restored,
          ...adds,
        ]
        if ((await tryCommit(version, actions)) === 'won') {
          // A lost checkpoint costs time; the commit stands.
          if (version > 0 && version % CHECKPOINT_INTERVAL === 0) await checkpoint(version).catch(() => undefined)
          return { outcome: 'committed', version }
        }
        const latest = (await log.stateAt(undefined))!
        if (change.isolation === 'plan' || !canRebase(change, base, snapshotOf(latest))) return conflict(latest.version)
        base = snapshotOf(latest)
        await new Promise(resolve => setTimeout(resolve, Math.random() * 20 * Math.min(attempt + 1, 10)))
      }
      throw new TransientError('transient.conflict', `${objects.uriOf(path)}: ${ATTEMPTS} attempts to commit met other writers`, {
        hint: 'Run again when fewer writers are at work.',
      })
    },

    async *history(limit = Number.POSITIVE_INFINITY): AsyncIterable<CommitRecord> {
      const latest = await log.latestVersion()
      // Only a whole history needs to know where it begins.
      const oldest = latest - limit < 0 ? await log.oldestVersion() : 0
      for (let version = latest; version >= oldest && latest - version < limit; version--) {
        const info = await log.commitInfo(version)
        yield {
          version,
          committedAt: BigInt(info?.timestamp ?? 0) * 1000n,
          operation: info?.operationParameters?.operation ?? info?.operation ?? 'unknown',
          lineage: info?.quern,
        }
      }
    },

    localPaths: (files: readonly TableFile[]) =>
      Promise.all(files.map(file => objects.localPath(keyOf(decodeURIComponent(file.path))))),

    isWhole: async ({ files }) => {
      const sizes = await Promise.all(files.map(file => objects.size(keyOf(decodeURIComponent(file.path)))))
      return sizes.every(size => size !== undefined)
    },

    async putObject(name: string, bytes: Uint8Array): Promise<void> {
      const key = keyOf(`_quern/${name}`)
      // A look is cheaper than an attempt, and most of what a run records is there already.
      if ((await objects.size(key)) === undefined) await objects.putIfAbsent(key, bytes)
    },

    async *contents() {
      const nameOf = (key: string): string => key.slice(path.length + 1)
      for await (const { key, ...entry } of objects.list(keyOf(''))) yield { name: nameOf(key), ...entry, unfinished: false }
      for await (const { key, ...entry } of objects.unfinished(keyOf(''))) yield { name: nameOf(key), ...entry, unfinished: true }
    },

    heldBy: versions => heldBy(log, versions),

    logBefore: async version => (await logBefore(log, version)).map(key => key.slice(path.length + 1)),

    checkpoint,

    async remove(names: readonly string[]): Promise<void> {
      for (const name of names) await objects.delete(keyOf(name))
    },

    tags: () => tags.all(),

    async moveTag(tag: string, version: number | undefined, expected: number | undefined): Promise<'written' | 'moved'> {
      const outcome = await tags.move(tag, version, expected)
      // A version with a name is one that people come back to: a checkpoint keeps it as quick to open as the latest.
      if (outcome === 'written' && version !== undefined) await checkpoint(version).catch(() => undefined)
      return outcome
    },

    getObject: name => objects.get(keyOf(`_quern/${name}`)),

    putObjectFile: (name, localPath) => objects.putFile(keyOf(`_quern/${name}`), localPath),

    objectPath: async name => {
      const key = keyOf(`_quern/${name}`)
      return (await objects.size(key)) === undefined ? undefined : objects.localPath(key)
    },
  }
}

/** Data files get their final place before the commit that names them. */
async function moveIn(
  objects: ObjectStore,
  keyOf: (file: string) => string,
  staged: readonly StagedFile[],
): Promise<{ name: string; staged: StagedFile }[]> {
  const moved: { name: string; staged: StagedFile }[] = []
  for (const file of staged) {
    if (file.rows === 0) {
      await unlink(file.localPath)
      continue
    }
    const name = `part-${randomUUID()}.parquet`
    await objects.putFile(keyOf(name), file.localPath)
    moved.push({ name, staged: file })
  }
  return moved
}

/** A change that only appends may follow any other, unless its transactions have moved or the schema has changed. */
function canRebase(change: TableChange, base: Snapshot | undefined, latest: Snapshot): boolean {
  const columns = JSON.stringify(change.schema?.columns ?? base?.columns)
  if (JSON.stringify(latest.columns) !== columns) return false
  return Object.keys(change.transactions ?? {}).every(appId => latest.transactions.get(appId) === base?.transactions.get(appId))
}

/** Most files of a version are never asked for their statistics. */
function tableFile(add: AddAction, columns: Snapshot['columns']): TableFile {
  let statistics: TableFile['columns'] | undefined
  return {
    path: add.path,
    size: add.size,
    get rows() {
      return rowsOf(add.stats)
    },
    get columns() {
      statistics ??= parseStats(add.stats, columns)
      return statistics
    },
    modifiedAt: add.modificationTime,
    tags: add.tags ?? {},
  }
}
