/** Objects as files below a folder. */
import { randomUUID } from 'node:crypto'
import { constants, copyFile, link, mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DefinitionError, TransientError } from '../domain/errors.ts'
import type { ObjectEntry, ObjectStore } from '../domain/objectStore.ts'

/** Files that are not finished yet; no listing shows them. */
const UNFINISHED = '.tmp-'

export function localObjectStore(root: string): ObjectStore {
  const pathOf = (key: string): string => join(root, key)

  const putIfAbsent = async (key: string, bytes: Uint8Array): Promise<'written' | 'exists'> => {
    const path = pathOf(key)
    return guarded(root, async () => {
      const unfinished = await writeUnfinished(path, bytes)
      try {
        // Linking is the one step that fails when the name is taken, and never shows a part of a file.
        await link(unfinished, path)
      } catch (error) {
        if (codeOf(error) === 'EEXIST') return 'exists'
        throw error
      } finally {
        await unlink(unfinished)
      }
      await syncFolder(dirname(path))
      return 'written'
    })
  }

  /** Undefined where there is nothing to read. */
  const reading = async <T>(read: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await read()
    } catch (error) {
      if (isMissing(error)) return undefined
      throw unreadable(root, error)
    }
  }

  async function* entriesOf(keys: readonly string[]): AsyncIterable<ObjectEntry> {
    for (const key of keys) {
      const found = await stat(pathOf(key)).catch(() => undefined)
      if (found) yield { key, size: found.size, modifiedAt: found.mtimeMs }
    }
  }

  const get = (key: string): Promise<Uint8Array | undefined> => reading(() => readFile(pathOf(key)))

  const put = (key: string, bytes: Uint8Array): Promise<void> =>
    guarded(root, async () => {
      await rename(await writeUnfinished(pathOf(key), bytes), pathOf(key))
      await syncFolder(dirname(pathOf(key)))
    })

  return {
    uri: root,
    uriOf: pathOf,
    get,
    size: async key => {
      const found = await reading(() => stat(pathOf(key)))
      return found?.isFile() ? found.size : undefined
    },
    putIfAbsent,
    put,

    async *list(prefix, startAfter) {
      const keys = await keysBelow(
        root,
        folderOf(prefix),
        key => (startAfter === undefined || utf8Order(key, startAfter) > 0) && key.startsWith(prefix) && !isUnfinished(key),
      )
      yield* entriesOf(keys.sort(utf8Order))
    },

    async *unfinished(prefix) {
      yield* entriesOf(await keysBelow(root, folderOf(prefix), key => isUnfinished(key) && key.startsWith(prefix)))
    },

    folders: async prefix => {
      const entries = (await reading(() => readdir(pathOf(prefix), { withFileTypes: true }))) ?? []
      return entries
        .filter(entry => entry.isDirectory())
        .map(({ name }) => name)
        .sort(utf8Order)
    },

    putFile: (key, from) =>
      guarded(root, async () => {
        const path = pathOf(key)
        await makeFolder(dirname(path))
        await syncFile(from)
        try {
          await linkIfAbsent(from, path)
        } catch (error) {
          if (codeOf(error) !== 'EXDEV') throw error
          const unfinished = await copyUnfinished(from, path)
          await linkIfAbsent(unfinished, path)
          await unlink(unfinished)
        }
        await unlink(from)
        await syncFolder(dirname(path))
      }),

    copy: (from, to) =>
      guarded(root, async () => {
        const path = pathOf(to)
        await makeFolder(dirname(path))
        try {
          await copyWhole(pathOf(from), path)
        } catch (error) {
          if (isMissing(error)) return false
          throw error
        }
        await syncFolder(dirname(path))
        return true
      }),

    delete: async key => {
      await unlink(pathOf(key)).catch(error => {
        if (!isMissing(error)) throw error
      })
    },

    localPath: async key => pathOf(key),
  }
}

const folderOf = (prefix: string): string => prefix.slice(0, prefix.lastIndexOf('/') + 1)
const isUnfinished = (key: string): boolean => key.slice(key.lastIndexOf('/') + 1).startsWith(UNFINISHED)

/** The keys of the files below a folder that are wanted, in any order. */
async function keysBelow(root: string, folder: string, isWanted: (key: string) => boolean): Promise<string[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true }).catch(error => {
    if (isMissing(error)) return []
    throw unreadable(root, error)
  })
  const keys: string[] = []
  for (const entry of entries) {
    const key = `${folder}${entry.name}`
    if (entry.isDirectory()) keys.push(...(await keysBelow(root, `${key}/`, isWanted)))
    else if (isWanted(key)) keys.push(key)
  }
  return keys
}

/** Where no surrogate pair can meet another character, code units are in the order of UTF-8. */
const utf8Order = (a: string, b: string): number =>
  HIGH.test(a) || HIGH.test(b) ? Buffer.compare(Buffer.from(a), Buffer.from(b)) : a < b ? -1 : a > b ? 1 : 0

const HIGH = /[\ud800-\uffff]/

async function writeUnfinished(path: string, bytes: Uint8Array): Promise<string> {
  await makeFolder(dirname(path))
  const unfinished = join(dirname(path), `${UNFINISHED}${randomUUID()}`)
  const file = await open(unfinished, 'wx')
  try {
    await file.writeFile(bytes)
    await file.sync()
  } catch (error) {
    await unlink(unfinished)
    throw error
  } finally {
    await file.close()
  }
  return unfinished
}

/** What is there already stays as it is: whoever reads it may open it again. */
async function linkIfAbsent(from: string, path: string): Promise<void> {
  await link(from, path).catch(error => {
    if (codeOf(error) !== 'EEXIST') throw error
  })
}

/** The copy appears under its name when it is whole. */
async function copyWhole(from: string, path: string): Promise<void> {
  await rename(await copyUnfinished(from, path), path)
}

/** A whole copy beside `path`. */
async function copyUnfinished(from: string, path: string): Promise<string> {
  const unfinished = join(dirname(path), `${UNFINISHED}${randomUUID()}`)
  await copyFile(from, unfinished, constants.COPYFILE_EXCL)
  await syncFile(unfinished)
  return unfinished
}

/** As mkdir with its parents, but with an end where the file system takes no folders at all (below /proc, for one). */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    if (codeOf(error) === 'EEXIST') {
      if ((await stat(path)).isDirectory()) return
      throw error
    }
    if (codeOf(error) !== 'ENOENT' || dirname(path) === path) throw error
    await makeFolder(dirname(path))
    await mkdir(path).catch(again => {
      if (codeOf(again) === 'ENOENT') throw Object.assign(again as Error, { code: 'EROFS' })
      if (codeOf(again) !== 'EEXIST') throw again
    })
  }
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Makes the names in a folder durable. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

const codeOf = (error: unknown): string | undefined => (error as { code?: string }).code
const isMissing = (error: unknown): boolean => codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR'

/** What the file system refuses, in the words of whoever set up the store. */
async function guarded<T>(root: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write()
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      throw new TransientError('transient.disk-full', `the disk that holds the store ${root} is full`, {
        hint: 'Free space there and run again; nothing was committed.',
        cause: error,
      })
    }
    if (code === 'EEXIST' || code === 'ENOTDIR') {
      throw new DefinitionError('definition.store', `the store ${root} is no folder`, {
        hint: 'Name a folder with --store, QUERN_STORE or quern.config.ts.',
        cause: error,
      })
    }
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
      throw new DefinitionError('definition.store', `the store ${root} cannot be written (${code})`, {
        hint: 'Give this user permission to write there, or name another folder with --store or QUERN_STORE.',
        cause: error,
      })
    }
    throw error
  }
}

function unreadable(root: string, error: unknown): unknown {
  const code = codeOf(error)
  if (code !== 'EACCES' && code !== 'EPERM') return error
  return new DefinitionError('definition.store', `the store ${root} cannot be read (${code})`, {
    hint: 'Give this user permission to read it, or name another folder with --store or QUERN_STORE.',
    cause: error,
  })
}
