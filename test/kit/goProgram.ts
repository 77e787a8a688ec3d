/** Programs of Go that tests need, installed once in the repository. */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { REPOSITORY } from './cli.ts'

export const TOOLS = join(REPOSITORY, '.tools')

export interface GoProgram {
  name: string
  /** What `go install` is told, with the version. */
  module: string
  version: string
}

/** The program, or why there is none. On a build server that is an error. */
export async function goProgram(program: GoProgram, tools = TOOLS): Promise<{ binary: string } | { missing: string }> {
  try {
    return { binary: await installed(program, tools) }
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string }
    const missing = `no ${program.name} ${program.version}: ${stderr?.trim().split('\n').at(-1) || message}`
    if (process.env.CI) throw new Error(missing)
    return { missing }
  }
}

/**
 * The program is compiled beside its place and renamed into it, so whoever finds it finds a whole one. The lock only saves the
 * others from compiling the same: where two believe that they hold it, both end with a good program.
 */
async function installed({ name, module, version }: GoProgram, tools: string): Promise<string> {
  const folder = join(tools, `${name}-${version}`)
  const binary = join(folder, name)
  if (existsSync(binary)) return binary
  mkdirSync(folder, { recursive: true })
  const lock = join(folder, 'lock')
  while (!locked(folder, lock)) {
    await pause(200)
    if (existsSync(binary)) return binary
  }
  try {
    // The one who held the lock before may have been done.
    if (existsSync(binary)) return binary
    const GOBIN = mkdtempSync(join(folder, 'building-'))
    try {
      await promisify(execFile)('go', ['install', module], { env: { ...process.env, GOBIN } })
      renameSync(join(GOBIN, name), binary)
    } finally {
      rmSync(GOBIN, { recursive: true, force: true })
    }
  } finally {
    rmSync(lock, { recursive: true, force: true })
  }
  return binary
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
