/**
 * Local copies in the scratch folder of this process, and in a cache that all processes of one user share. A file that is in use has
 * a name in both, so the cache may lose any of its names at any time, to any process.
 */
import { createHash, randomUUID } from 'node:crypto'
import { linkSync, statSync } from 'node:fs'
import { chmod, lstat, readdir, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { LocalCopies } from '../domain/localCopies.ts'
import { makeFolder } from '../folders.ts'

export interface CacheOptions {
  scratchDir: string
  cacheDir: string
  /** Bytes that the cache may hold; 0: there is none. */
  limit: number
  /** Names this start of the machine: a copy that was made before it may lack bytes that never reached the disk. */
  start: string
  /** Milliseconds since the epoch. */
  now: () => number
}

/** Where the cache is full, so much of it is kept. No file of more than the rest goes into it. */
const KEPT = 0.8
/**
 * Whoever has put so much of the limit into the cache looks at what others have: so what several processes put there together
 * stays near the limit.
 */
const UNSEEN = 1 / 32

export function cachedCopies({ scratchDir, cacheDir, limit, start, now }: CacheOptions): LocalCopies {
  let usable: Promise<boolean> | undefined
  /** Bytes that this process has put into the cache since it looked at it; undefined before the first look. */
  let unseen: number | undefined
  const making = new Map<string, Promise<string>>()

  const isUsable = async (): Promise<boolean> => {
    usable ??= limit > 0 ? prepared(cacheDir) : Promise.resolve(false)
    return usable
  }

  /** One copy in the scratch folder that has a name in the cache, if it may. */
  const make = async (entry: string, write: (path: string) => Promise<void>): Promise<string> => {
    const own = join(scratchDir, `copy-${randomUUID()}`)
    try {
      await write(own)
      // Not by the thread pool, here and below: the way there takes longer than these calls do.
      const size = bytesOf(statSync(own))
      if (size <= limit * (1 - KEPT) && (await isUsable())) await keep(own, size, entry)
      return own
    } catch (error) {
      await rm(own, { force: true })
      throw error
    }
  }

  const keep = async (own: string, size: number, entry: string): Promise<void> => {
    // Another has put it there, or the cache is on another disk: it only saves time.
    if (!isLinked(own, entry)) return
    try {
      unseen = (unseen ?? limit) + size
      if (unseen < limit * UNSEEN) return
      unseen = 0
      await trim(cacheDir, limit * (1 - UNSEEN))
    } catch {
      // Whoever comes next looks.
    }
  }

  /** Another name for a copy. */
  const linked = (from: string): string | undefined => {
    const own = join(scratchDir, `copy-${randomUUID()}`)
    return isLinked(from, own) ? own : undefined
  }

  const cached = async (entry: string): Promise<string | undefined> => {
    if (!(await isUsable())) return undefined
    const found = linked(entry)
    // What is used stays longest.
    if (found !== undefined) await utimes(entry, now() / 1000, now() / 1000).catch(() => undefined)
    return found
  }

  return {
    async get(id, write) {
      const entry = join(cacheDir, createHash('sha256').update(`${start}\n${id}`).digest('hex'))
      // Of those who want the same at the same time one fetches it; where he fails, the next one tries.
      for (let other = making.get(entry); other; other = making.get(entry)) {
        const again = await other.then(linked).catch(() => undefined)
        if (again !== undefined) return again
      }
      const made = cached(entry).then(found => found ?? make(entry, write))
      making.set(entry, made)
      // Before anybody who waits for it goes on.
      const ended = (): void => void (making.get(entry) === made && making.delete(entry))
      made.then(ended, ended)
      return made
    },
  }
}

/** Gives a file another name, if it can have it. */
function isLinked(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch {
    return false
  }
}

/** A folder of this user alone: what others can write there nobody can trust. */
async function prepared(cacheDir: string): Promise<boolean> {
  try {
    await makeFolder(cacheDir)
    const found = await lstat(cacheDir)
    if (!found.isDirectory() || found.uid !== process.getuid?.()) return false
    await chmod(cacheDir, 0o700)
    return true
  } catch {
    return false
  }
}

/** What a file takes of the disk: small ones take more than they hold. */
const bytesOf = ({ size, blocks }: { size: number; blocks: number }): number => Math.max(size, blocks * 512)

/** Takes away what was used longest ago, if there is more than may be. */
async function trim(cacheDir: string, limit: number): Promise<void> {
  const entries: { path: string; size: number; usedAt: number }[] = []
  for (const name of await readdir(cacheDir).catch(() => [])) {
    const path = join(cacheDir, name)
    const found = await stat(path).catch(() => undefined)
    if (found) entries.push({ path, size: bytesOf(found), usedAt: found.mtimeMs })
  }
  entries.sort((a, b) => a.usedAt - b.usedAt)
  let held = entries.reduce((sum, { size }) => sum + size, 0)
  if (held <= limit) return
  for (const { path, size } of entries) {
    if (held <= limit * KEPT) break
    await rm(path, { force: true }).catch(() => undefined)
    held -= size
  }
}
