/** One Delta table: snapshots, history, and commits by put-if-absent. */
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { TransientError } from '../domain/errors.ts'
import type { ObjectStore } from '../domain/objectStore.ts'
import type {
  CommitOutcome,
  CommitRecord,
  Snapshot,
  Table,
  TableChange,
  TableFile,
  VersionSelector,
} from '../domain/tableStore.ts'
import type { Action, CommitInfo } from './actions.ts'
import { CHECKPOINT_INTERVAL, LOG, versionName } from './actions.ts'
import { inOrder, versions } from './ahead.ts'
import type { CheckpointWriter } from './checkpoint.ts'
import { CHECKPOINT_COLUMNS, checkpointLines } from './checkpoint.ts'
import { claim } from './claim.ts'
import { heldBy, logBefore } from './cleanUp.ts'
import { addAction, commitInfo, headActions, removeActions, txnActions } from './commitActions.ts'
import { stringify } from './exactJson.ts'
import { Log } from './log.ts'
import type { MovedFile } from './moveIn.ts'
import { moveIn } from './moveIn.ts'
import { writeQuickState } from './quickState.ts'
import { snapshotOf } from './snapshot.ts'
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

  /** Commits' timestamps rise, so half of the versions can be left out at each look. */
  const versionAsOf = (instant: bigint): Promise<number | undefined> => log.steadily(() => search(instant))

  const search = async (instant: bigint): Promise<number | undefined> => {
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

  /** Copies, so that no clean-up of old versions can take them away; undefined where one is gone. Their names are added to `put`. */
  const restoredAdds = async ({ restore }: TableChange, put: string[]): Promise<Action[] | undefined> => {
    const adds: Action[] = []
    if (!restore) return adds
    const state = await log.stateAt(restore.version)
    if (!state) return undefined
    for (const from of restore.paths) {
      const path = `part-${randomUUID()}.parquet`
      put.push(path)
      if (!(await objects.copy(keyOf(decodeURIComponent(from)), keyOf(path)))) return undefined
      adds.push({ add: { ...state.adds.get(from)!, path, dataChange: true } })
    }
    return adds
  }

  const putFiles = async (
    change: TableChange,
    put: string[],
  ): Promise<{ files: MovedFile[]; restored: Action[] | undefined }> => ({
    files: await moveIn(objects, keyOf, change.add, put),
    restored: await restoredAdds(change, put),
  })

  const filesGone = async ({ files }: Snapshot): Promise<TableFile[]> => {
    const sizes = await Promise.all(files.map(file => objects.size(keyOf(decodeURIComponent(file.path)))))
    return files.filter((_, at) => sizes[at] === undefined)
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
      const put: string[] = []
      const { files, restored } = await putFiles(change, put).catch(async error => {
        // No commit names them, and none will.
        await Promise.allSettled(put.map(name => objects.delete(keyOf(name))))
        throw error
      })
      const conflict = async (latest: number): Promise<CommitOutcome> => {
        // A plan is made anew, and its files with it.
        if (change.isolation === 'plan') return { outcome: 'conflict', latest, files: [] }
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
        await new Promise(resolve => setTimeout(resolve, Math.random() * Math.min(20 * 1.3 ** attempt, 2000)))
      }
      throw new TransientError('transient.conflict', `${objects.uriOf(path)}: ${ATTEMPTS} attempts to commit met other writers`, {
        hint: 'Run again when fewer writers are at work.',
      })
    },

    async *history(limit = Number.POSITIVE_INFINITY): AsyncIterable<CommitRecord> {
      const latest = await log.latestVersion()
      const begin = latest < 0 ? 0 : await log.oldestVersion()
      const last = Math.max(begin, latest - limit + 1)
      if (last > latest) return
      const infoOf = (version: number): Promise<CommitInfo | undefined | 'gone'> =>
        log.commitInfo(version).catch(async error => {
          // A clean-up may take the beginning away meanwhile.
          if (version < (await log.oldestVersion())) return 'gone' as const
          throw error
        })
      for await (const [version, info] of inOrder(versions(latest, last), infoOf)) {
        if (info === 'gone') return
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

    isWhole: async snapshot => (await filesGone(snapshot)).length === 0,

    filesGone,

    async putObject(name: string, bytes: Uint8Array): Promise<void> {
      const key = keyOf(`_quern/${name}`)
      // A look is cheaper than an attempt, and most of what a run records is there already.
      const there = await objects.get(key)
      if (there && Buffer.compare(there, bytes) !== 0) await objects.put(key, bytes)
      else if (!there || !(await objects.renew(key, options.now()))) await objects.putIfAbsent(key, bytes)
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

    async moveTag(tag, version, expected) {
      const outcome = await tags.move(tag, version, expected)
      if (outcome === 'moved' || version === undefined) return outcome
      // A clean-up that looked for tags just before has not seen this one.
      const state = await log.stateAt(version)
      if (!state || (await filesGone(snapshotOf(state))).length > 0) {
        await tags.move(tag, expected, version)
        return 'gone'
      }
      // A version with a name is one that people come back to: a checkpoint keeps it as quick to open as the latest.
      await checkpoint(version).catch(() => undefined)
      return outcome
    },

    getObject: name => objects.get(keyOf(`_quern/${name}`)),

    putObjectFile: async (name, localPath) => {
      await objects.putFile(keyOf(`_quern/${name}`), localPath)
      await objects.renew(keyOf(`_quern/${name}`), options.now())
    },

    objectPath: async name => {
      const key = keyOf(`_quern/${name}`)
      return (await objects.size(key)) === undefined ? undefined : objects.localPath(key)
    },
  }
}

/**
 * A change that only appends may follow any other, unless its transactions have moved or the schema has changed; so may one that puts
 * the same rows into other files, unless one of those that it takes away is gone.
 */
function canRebase(change: TableChange, base: Snapshot | undefined, latest: Snapshot): boolean {
  const columns = JSON.stringify(change.schema?.columns ?? base?.columns)
  if (JSON.stringify(latest.columns) !== columns) return false
  if (change.remove.length > 0) {
    const there = new Set(latest.files.map(({ path }) => path))
    if (!change.remove.every(path => there.has(path))) return false
  }
  return Object.keys(change.transactions ?? {}).every(appId => latest.transactions.get(appId) === base?.transactions.get(appId))
}
