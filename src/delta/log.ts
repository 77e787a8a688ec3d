/** Reading a table's log: commits, checkpoints, and the state at a version. */
import { DataError } from '../domain/errors.ts'
import type { ObjectEntry, ObjectStore } from '../domain/objectStore.ts'
import type { Action, CommitInfo } from './actions.ts'
import { LOG, versionName } from './actions.ts'
import { readCheckpoint } from './checkpoint.ts'
import { parse } from './exactJson.ts'
import { LogState } from './logState.ts'
import { readQuickState } from './quickState.ts'

interface Listing {
  commits: Map<number, ObjectEntry>
  /** Version -> keys of its parts, all there. */
  checkpoints: Map<number, string[]>
  latest: number
}

export class Log {
  readonly #objects: ObjectStore
  /** The table's path in the store. */
  readonly path: string

  constructor(objects: ObjectStore, path: string) {
    this.#objects = objects
    this.path = path
  }

  commitKey(version: number): string {
    return `${this.path}/${LOG}/${versionName(version)}.json`
  }

  async hasCheckpoint(version: number): Promise<boolean> {
    return (await this.list(version)).checkpoints.has(version)
  }

  /** Lists from `from` on; the hint of `_last_checkpoint` saves listing what lies before it. */
  async list(from: number): Promise<Listing> {
    const commits = new Map<number, ObjectEntry>()
    const parts = new Map<number, { keys: string[]; of: number }>()
    const folder = `${this.path}/${LOG}/`
    // Everything that is named after the version before sorts at or before this key.
    const startAfter = from > 0 ? `${folder}${versionName(from - 1)}.zzz` : undefined
    for await (const entry of this.#objects.list(folder, startAfter)) {
      const name = entry.key.slice(folder.length)
      const commit = /^(\d{20})\.json$/.exec(name)
      if (commit) commits.set(Number(commit[1]), entry)
      const checkpoint = /^(\d{20})\.checkpoint(?:\.\d{10}\.(\d{10}))?\.parquet$/.exec(name)
      if (checkpoint) {
        const found = parts.get(Number(checkpoint[1])) ?? { keys: [], of: Number(checkpoint[2] ?? 1) }
        found.keys.push(entry.key)
        parts.set(Number(checkpoint[1]), found)
      }
    }
    const whole = [...parts].filter(([, { keys, of }]) => keys.length === of)
    const checkpoints = new Map(whole.map(([version, { keys }]) => [version, keys]))
    return { commits, checkpoints, latest: Math.max(-1, ...commits.keys(), ...checkpoints.keys()) }
  }

  /** The newest version, or -1 where there is no table. */
  async latestVersion(): Promise<number> {
    return (await this.list(await this.hint())).latest
  }

  /** The oldest version that can be read on its own: 0, or where a clean-up has begun the log. */
  async oldestVersion(): Promise<number> {
    const { commits, checkpoints } = await this.list(0)
    const whole = [...checkpoints.keys()].filter(version => commits.has(version))
    return commits.has(0) ? 0 : Math.min(...(whole.length > 0 ? whole : commits.keys()))
  }

  /** The state at `version`, or at the latest; undefined where there is no such version. */
  async stateAt(version: number | undefined): Promise<LogState | undefined> {
    const hint = await this.hint()
    let listing = await this.list(version === undefined || version >= hint ? hint : 0)
    if (listing.latest < 0 && hint > 0) listing = await this.list(0)
    const target = version ?? listing.latest
    if (target < 0 || target > listing.latest) return undefined
    const base = Math.max(-1, ...[...listing.checkpoints.keys()].filter(at => at <= target))
    // A clean-up has taken the beginning of the log away.
    if (base < 0 && !listing.commits.has(0) && listing.checkpoints.size > 0) return undefined
    const state = new LogState()
    if (base >= 0) {
      state.apply(await this.#checkpointed(base, listing), base, this.path)
    }
    for (let at = base + 1; at <= target; at++) state.apply(await this.readCommit(at), at, this.path)
    // A checkpoint holds no commitInfo.
    if (base === target && listing.commits.has(target)) state.commitInfo = (await this.commitInfo(target)) ?? undefined
    return state
  }

  /** The actions of a checkpoint. */
  async #checkpointed(version: number, { commits, checkpoints }: Listing): Promise<Action[]> {
    const txnId = async (): Promise<string | undefined> =>
      commits.has(version) ? (await this.commitInfo(version))?.txnId : undefined
    const quick = await readQuickState(this.#objects, this.path, version, txnId)
    if (quick) return quick
    return readCheckpoint(await Promise.all(checkpoints.get(version)!.map(key => this.#objects.localPath(key))))
  }

  async readCommit(version: number): Promise<Action[]> {
    const key = this.commitKey(version)
    const bytes = await this.#objects.get(key)
    if (!bytes) throw corrupt(this.#objects.uriOf(key), 'is missing, though later versions are there')
    const lines = new TextDecoder().decode(bytes).split('\n')
    return lines.flatMap((line, at) => {
      if (line.trim() === '') return []
      try {
        return [parse(line) as Action]
      } catch (error) {
        throw corrupt(this.#objects.uriOf(key), `has no JSON in line ${at + 1}`, error)
      }
    })
  }

  async commitInfo(version: number): Promise<CommitInfo | undefined> {
    return (await this.readCommit(version)).find(action => action.commitInfo)?.commitInfo
  }

  /** The version of the checkpoint that `_last_checkpoint` names, 0 where it names none that can be used. */
  async hint(): Promise<number> {
    const bytes = await this.#objects.get(`${this.path}/${LOG}/_last_checkpoint`)
    if (!bytes) return 0
    try {
      const { version } = JSON.parse(new TextDecoder().decode(bytes)) as { version: number }
      const there = Number.isInteger(version) && (await this.#objects.size(this.commitKey(version))) !== undefined
      return there ? version : 0
    } catch {
      // Only a hint: without it the whole log is listed.
      return 0
    }
  }
}

function corrupt(uri: string, what: string, cause?: unknown): DataError {
  return new DataError('data.corrupt-log', `the table's log is damaged: ${uri} ${what}`, {
    hint: 'Restore the file from a copy of the store. Versions before it can still be read by number.',
    cause,
  })
}
