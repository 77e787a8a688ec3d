/** The port to whatever keeps bytes under keys: a folder or a bucket. */

export interface ObjectEntry {
  key: string
  size: number
  /** Milliseconds since the epoch, as the store tells it. */
  modifiedAt: number
}

/**
 * Bytes by key. Keys are `/`-separated, relative to the store's root, and never start with `/`.
 *
 * Every implementation must pass test/conformance/objectStore.ts. A store that is out of reach, full or refuses raises
 * a QuernError: DefinitionError where it may not be written or is no folder, TransientError where trying again may help
 * (a full disk included).
 */
export interface ObjectStore {
  /** The store's root as other programs write it: an absolute path, or `s3://bucket/prefix`. */
  readonly uri: string

  /** `uri` of one key or prefix: what a Python reader is given. */
  uriOf(key: string): string

  /**
   * Lists the keys that start with `prefix`, in ascending order of their UTF-8 bytes, however many pages that takes, and
   * only those after `startAfter` where it is given. A key written before the call appears; one written during it may.
   * Files being written (by `putIfAbsent` or `putFile`) never appear.
   */
  list(prefix: string, startAfter?: string): AsyncIterable<ObjectEntry>

  /**
   * What writers below `prefix` have begun and not finished, in any order: those at work, and those that died at it. `delete` takes
   * such a one away.
   */
  unfinished(prefix: string): AsyncIterable<ObjectEntry>

  /** The names of what lies one level below `prefix`, which ends with `/`: `a/` -> `b` for the key `a/b/c`. */
  folders(prefix: string): Promise<string[]>

  /** The object's size in bytes, or undefined where nothing is stored under `key`. */
  size(key: string): Promise<number | undefined>

  /** The whole object, or undefined where nothing is stored under `key`. */
  get(key: string): Promise<Uint8Array | undefined>

  /**
   * Writes `bytes` only if nothing is stored under `key`; durable when it returns.
   *
   * Of any number of concurrent callers, in any number of processes, exactly one receives 'written'; no reader ever sees
   * a part of an object. Table commits rest on this: a store that cannot promise it must not implement the interface.
   */
  putIfAbsent(key: string, bytes: Uint8Array): Promise<'written' | 'exists'>

  /** Writes or replaces without a condition: only for hints that may be lost. */
  put(key: string, bytes: Uint8Array): Promise<void>

  /**
   * Moves a finished local file under `key`; durable when it returns. The file is gone from `path` afterwards. What is stored under
   * `key` already stays, since somebody may be reading it: equal names hold what is equal to their readers, if not equal bytes.
   */
  putFile(key: string, path: string): Promise<void>

  /**
   * Makes the object at least as young as one that was written at `at`, in milliseconds since the epoch, or as one that is written
   * now where the store sets times itself; false where nothing is stored.
   */
  renew(key: string, at: number): Promise<boolean>

  /** Copies an object under a fresh key; false where nothing is stored under `from`. */
  copy(from: string, to: string): Promise<boolean>

  /** Removes the object; nothing happens where there is none. */
  delete(key: string): Promise<void>

  /**
   * A local path at which `key` can be read by the engine. For a folder it is the file itself; a remote store fetches.
   */
  localPath(key: string): Promise<string>
}
