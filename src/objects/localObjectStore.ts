/** Objects as files below a folder. */
import { link, readdir, readFile, rename, rmdir, stat, unlink, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { byKey } from '../domain/keyOrder.ts'
import type { ObjectEntry, ObjectStore } from '../domain/objectStore.ts'
import { codeOf, isMissing, storeError } from './fileErrors.ts'
import {
  copyUnfinished,
  copyWhole,
  inFolder,
  linkIfAbsent,
  syncFile,
  syncFolder,
  UNFINISHED,
  writeUnfinished,
} from './wholeFiles.ts'

export function localObjectStore(root: string): ObjectStore {
  const pathOf = (key: string): string => join(root, key)

  const writing = async <T>(write: () => Promise<T>): Promise<T> => {
    try {
      return await write()
    } catch (error) {
      throw storeError(root, 'written', error)
    }
  }

  const putIfAbsent = async (key: string, bytes: Uint8Array): Promise<'written' | 'exists'> => {
    const path = pathOf(key)
    return writing(async () => {
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
      throw storeError(root, 'read', error)
    }
  }

  async function* entriesOf(keys: readonly string[]): AsyncIterable<ObjectEntry> {
    for (const key of keys) {
      // One that has gone since, or a link that leads nowhere.
      const found = await reading(() => stat(pathOf(key)))
      if (found) yield { key, size: found.size, modifiedAt: found.mtimeMs }
    }
  }

  const get = (key: string): Promise<Uint8Array | undefined> => reading(() => readFile(pathOf(key)))

  const put = (key: string, bytes: Uint8Array): Promise<void> =>
    writing(async () => {
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
        key => (startAfter === undefined || byKey(key, startAfter) > 0) && key.startsWith(prefix) && !isUnfinished(key),
      )
      yield* entriesOf(keys.sort(byKey))
    },

    async *unfinished(prefix) {
      yield* entriesOf(await keysBelow(root, folderOf(prefix), key => isUnfinished(key) && key.startsWith(prefix)))
    },

    folders: async prefix => {
      const entries = (await reading(() => readdir(pathOf(prefix), { withFileTypes: true }))) ?? []
      const are = await Promise.all(
        entries.map(async entry => {
          if (!entry.isSymbolicLink()) return entry.isDirectory()
          const target = await linkedFolder(root, `${prefix}${entry.name}`)
          return target !== undefined && target !== 'nowhere'
        }),
      )
      return entries
        .filter((_, at) => are[at])
        .map(({ name }) => name)
        .sort(byKey)
    },

    putFile: (key, from) =>
      writing(async () => {
        const path = pathOf(key)
        await syncFile(from)
        await inFolder(path, async () => {
          try {
            await linkIfAbsent(from, path)
          } catch (error) {
            if (codeOf(error) !== 'EXDEV') throw error
            const unfinished = await copyUnfinished(from, path)
            await linkIfAbsent(unfinished, path).finally(() => unlink(unfinished))
          }
        })
        await unlink(from)
        await syncFolder(dirname(path))
      }),

    renew: (key, at) =>
      writing(async () => {
        const path = pathOf(key)
        try {
          if ((await stat(path)).mtimeMs < at) await utimes(path, at / 1000, at / 1000)
        } catch (error) {
          if (isMissing(error)) return false
          if (codeOf(error) !== 'EPERM' && codeOf(error) !== 'EACCES') throw error
          // Another user's: only a copy can be of another time.
          await copyWhole(path, path)
        }
        return true
      }),

    copy: (from, to) =>
      writing(async () => {
        const path = pathOf(to)
        try {
          await inFolder(path, () => copyWhole(pathOf(from), path))
        } catch (error) {
          if (isMissing(error)) return false
          throw error
        }
        await syncFolder(dirname(path))
        return true
      }),

    delete: key =>
      writing(async () => {
        await unlink(pathOf(key)).catch(error => {
          if (!isMissing(error)) throw error
        })
        if (!isUnfinished(key)) await removeEmpty(root, dirname(pathOf(key)))
      }),

    localPath: async key => pathOf(key),
  }
}

/** A folder is there for its files: it goes with the last of them, as do those above it. */
async function removeEmpty(root: string, folder: string): Promise<void> {
  for (let at = folder; at.length > root.length; at = dirname(at)) {
    const isGone = await rmdir(at).then(
      () => true,
      () => false,
    )
    if (!isGone) return
  }
}

const folderOf = (prefix: string): string => prefix.slice(0, prefix.lastIndexOf('/') + 1)
const isUnfinished = (key: string): boolean => key.slice(key.lastIndexOf('/') + 1).startsWith(UNFINISHED)

/**
 * The keys of the files below a folder that are wanted, in any order. `linked` are the folders that links have led to on the way
 * here: a link to one of them leads round in a circle.
 */
async function keysBelow(
  root: string,
  folder: string,
  isWanted: (key: string) => boolean,
  linked: readonly string[] = [],
): Promise<string[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true }).catch(error => {
    if (isMissing(error)) return []
    throw storeError(root, 'read', error)
  })
  const keys: string[] = []
  for (const entry of entries) {
    const key = `${folder}${entry.name}`
    const target = entry.isSymbolicLink() ? await linkedFolder(root, key) : undefined
    if (target !== undefined && (target === 'nowhere' || linked.includes(target))) continue
    if (entry.isDirectory() || target !== undefined)
      keys.push(...(await keysBelow(root, `${key}/`, isWanted, target === undefined ? linked : [...linked, target])))
    else if (isWanted(key)) keys.push(key)
  }
  return keys
}

/** Which folder a link leads to; undefined where it leads to a file. */
async function linkedFolder(root: string, key: string): Promise<string | undefined> {
  try {
    const found = await stat(join(root, key))
    return found.isDirectory() ? `${found.dev}:${found.ino}` : undefined
  } catch (error) {
    if (isMissing(error) || codeOf(error) === 'ELOOP') return 'nowhere'
    throw storeError(root, 'read', error)
  }
}
