/** Reading a table's log: commits, checkpoints, and the state at a version. */
import { DataError, QuernError } from '../domain/errors.ts'
import type { ObjectEntry, ObjectStore } from '../domain/objectStore.ts'
import type { Action, CommitInfo } from './actions.ts'
import { LOG, versionName } from './actions.ts'
import { inOrder, versions } from './ahead.ts'
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
    // A look at one key is cheaper than a list of them all, and most logs begin where they began.
    if ((await this.#objects.size(this.commitKey(0))) !== undefined) return 0
    const { commits, checkpoints } = await this.list(0)
    const whole = [...checkpoints.keys()].filter(version => commits.has(version))
    return Math.min(...(whole.length > 0 ? whole : commits.keys()))
  }

  /** The state at `version`, or at the latest; undefined where there is no such version. */
  stateAt(version: number | undefined): Promise<LogState | undefined> {
    return this.steadily(() => this.#stateAt(version))
  }

  /** What `read` finds in the log, though a clean-up takes its beginning away meanwhile: then it reads anew, from a newer checkpoint. */
  async steadily<T>(read: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await read()
      } catch (error) {
        const gone = goneCommit(error)
        if (gone === undefined || attempt === ATTEMPTS || gone >= (await this.oldestVersion())) throw error
      }
    }
  }

  /** @param from where to begin to list; by default where `_last_checkpoint` says */
  async #stateAt(version: number | undefined, from?: number): Promise<LogState | undefined> {
    const hint = from ?? (await this.hint())
    const begin = version === undefined || version >= hint ? hint : 0
    const listing = await this.list(begin)
    if (listing.latest < 0 && begin > 0) return this.#stateAt(version, 0)
    const target = version ?? listing.latest
    if (target < 0 || target > listing.latest) return undefined
    // One that is damaged costs time: the one below it and the commits since lead to the same state.
    const bases = [...listing.checkpoints.keys()].filter(at => at <= target).sort((a, b) => b - a)
    let damage: unknown
    for (const base of bases) {
      const state = new LogState()
      try {
        state.apply(await this.#checkpointed(base, listing), base, this.path)
        return await this.#replayed(state, target, listing)
      } catch (error) {
        if (error instanceof QuernError) throw error
        damage = error
      }
    }
    // Not even the one that the list began with.
    if (begin > 0) return this.#stateAt(version, 0)
    if (!listing.commits.has(0) && listing.checkpoints.size > 0) {
      // A clean-up has taken the beginning of the log away.
      if (bases.length === 0) return undefined
      const [key] = listing.checkpoints.get(bases[0]!)!
      throw this.#corrupt(key!, 'is no whole checkpoint, and the log before it is gone', damage, { gone: bases[0] })
    }
    return this.#replayed(new LogState(), target, listing)
  }

  /** `state` and what the commits after it did, up to `target`. */
  async #replayed(state: LogState, target: number, { commits }: Listing): Promise<LogState> {
    const base = state.version
    if (base < target)
      for await (const [at, actions] of inOrder(versions(base + 1, target), version => this.readCommit(version)))
        state.apply(actions, at, this.path)
    // A checkpoint holds no commitInfo.
    if (base === target && commits.has(target)) state.commitInfo = await this.commitInfo(target)
    if (!state.metaData) throw this.#corrupt(this.commitKey(target), 'and those before it say nothing of the table (no metaData)')
    return state
  }

  /** The actions of a checkpoint. */
  async #checkpointed(version: number, { commits, checkpoints }: Listing): Promise<Action[]> {
    const txnId = async (): Promise<string | undefined> =>
      commits.has(version) ? (await this.commitInfo(version))?.txnId : undefined
    const quick = await readQuickState(this.#objects, this.path, version, txnId)
    if (quick) return quick
    const actions = await readCheckpoint(await Promise.all(checkpoints.get(version)!.map(key => this.#objects.localPath(key))))
    if (!actions.some(({ metaData }) => metaData)) throw new Error('a checkpoint without metaData')
    return actions
  }

  async readCommit(version: number): Promise<Action[]> {
    const key = this.commitKey(version)
    const bytes = await this.#objects.get(key)
    if (!bytes) throw this.#corrupt(key, 'is missing, though later versions are there', undefined, { gone: version })
    const lines = new TextDecoder().decode(bytes).split('\n')
    const actions = lines.flatMap((line, at) => (line.trim() === '' ? [] : this.#actionIn(line, key, at + 1)))
    if (actions.length === 0) throw this.#corrupt(key, 'is empty')
    return actions
  }

  #actionIn(line: string, key: string, number: number): Action {
    let action: unknown
    try {
      action = parse(line)
    } catch (error) {
      throw this.#corrupt(key, `has no JSON in line ${number}`, error)
    }
    if (!isObject(action) || !Object.values(action).every(member => member === null || isObject(member)))
      throw this.#corrupt(key, `has no action in line ${number}: ${line.slice(0, 40)}`)
    return action as Action
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

  #corrupt(key: string, what: string, cause?: unknown, values: Record<string, unknown> = {}): DataError {
    return new DataError('data.corrupt-log', `the table's log is damaged: ${this.#objects.uriOf(key)} ${what}`, {
      hint: 'Restore the file from a copy of the store. Versions before it can still be read by number.',
      values,
      cause,
    })
  }
}

/** A reader whose log is cleaned up so many times under his eyes gives up. */
const ATTEMPTS = 5

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The version whose commit or checkpoint was not there, where that is what went wrong. */
function goneCommit(error: unknown): number | undefined {
  return error instanceof DataError ? (error.values.gone as number | undefined) : undefined
}
