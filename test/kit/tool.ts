/** Programs that tests need, installed once in the repository. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { REPOSITORY } from './cli.ts'

export const TOOLS = join(REPOSITORY, '.tools')

/** What `install` answers, or why there is none. On a build server that is an error. */
export async function orMissing<T extends object>(what: string, install: () => Promise<T>): Promise<T | { missing: string }> {
  try {
    return await install()
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string }
    const missing = `no ${what}: ${stderr?.trim().split('\n').at(-1) || message}`
    if (process.env.CI) throw new Error(missing)
    return { missing }
  }
}

/**
 * The path of `name` in `folder`, which `build` makes in a folder beside it where it is not there yet. It is renamed into its place, so
 * whoever finds it finds a whole one. The lock only saves the others from making the same: where two believe that they hold it, both
 * end with a good one.
 */
export async function installedOnce(folder: string, name: string, build: (place: string) => Promise<unknown>): Promise<string> {
  const path = join(folder, name)
  if (existsSync(path)) return path
  mkdirSync(folder, { recursive: true })
  const lock = join(folder, 'lock')
  while (!locked(folder, lock)) {
    await pause(200)
    if (existsSync(path)) return path
  }
  try {
    // The one who held the lock before may have been done.
    if (existsSync(path)) return path
    const place = mkdtempSync(join(folder, 'building-'))
    try {
      await build(place)
      // A folder that is not empty is not replaced: another one came first.
      if (!existsSync(path)) renameSync(join(place, name), path)
    } finally {
      rmSync(place, { recursive: true, force: true })
    }
  } finally {
    rmSync(lock, { recursive: true, force: true })
  }
  return path
}

/** Whether this process holds the lock now: a folder that is renamed into place with its owner's process id in it. */
function locked(folder: string, lock: string): boolean {
  if (existsSync(lock)) {
    if (alive(owner(lock))) return false
    rmSync(lock, { recursive: true, force: true })
  }
  const own = mkdtempSync(join(folder, 'locking-'))
  writeFileSync(join(own, 'pid'), String(process.pid))
  try {
    renameSync(own, lock)
    return true
  } catch {
    // A folder that is not empty is not replaced: another one came first.
    rmSync(own, { recursive: true, force: true })
    return false
  }
}

/** Nobody where the lock has just been given back. */
function owner(lock: string): number | undefined {
  try {
    return Number(readFileSync(join(lock, 'pid'), 'utf8'))
  } catch {
    return undefined
  }
}

function alive(pid: number | undefined): boolean {
  if (pid === undefined) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
