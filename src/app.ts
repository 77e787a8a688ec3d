/** The composition root: everything is built here and nowhere else, and only here is the clock read. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import type { Config } from './config.ts'
import { loadConfig } from './config.ts'
import { deltaTableStore } from './delta/deltaTableStore.ts'
import { DefinitionError, TransientError } from './domain/errors.ts'
import type { ObjectStore } from './domain/objectStore.ts'
import type { TableStore } from './domain/tableStore.ts'
import type { Instant } from './domain/time.ts'
import { checkpointWriter } from './engine/duckdb/checkpointWriter.ts'
import { duckdbEngine } from './engine/duckdb/duckdbEngine.ts'
import { localObjectStore } from './objects/localObjectStore.ts'
import type { Parts } from './run/parts.ts'
import { objectsSource } from './sources/objects/objectsSource.ts'
import { VERSION } from './version.ts'

export interface App extends Parts {
  config: Config
  store: TableStore
  /** What the store keeps its bytes in. */
  objects: ObjectStore
  /** A folder for files of this process. */
  scratchDir: string
  /** Aborted by an interrupt. */
  signal: AbortSignal
  /** Ends the engine and removes its scratch folder. */
  close: () => Promise<void>
}

export async function createApp(flags: { store?: string }, signal: AbortSignal): Promise<App> {
  const config = await loadConfig(flags)
  requireFolder(config.storePath)
  // Young objects die young: the collector need not wait for its nursery to grow by 100 MB.
  if (config.memoryGiven) setFlagsFromString('--semi-space-growth-factor=1')
  const scratchDir = makeScratch()
  const engine = duckdbEngine({ memory: config.memory, frugal: config.memoryGiven, threads: config.threads, scratchDir })
  const objects = localObjectStore(config.storePath)
  const store = deltaTableStore(objects, {
    now: () => Date.now(),
    engineInfo: `quern/${VERSION}`,
    writeCheckpoint: checkpointWriter(scratchDir),
  })
  return {
    config,
    store,
    objects,
    engine,
    scratchDir,
    signal,
    sourceOf: set => objectsSource(set.source, () => Date.now()),
    now: currentInstant,
    versions: { quern: VERSION, node: process.versions.node },
    code: config.imageDigest ?? gitCommit(config.projectDir),
    trace:
      config.log === 'debug' ? message => process.stderr.write(`${new Date(Date.now()).toISOString()} ${message}\n`) : () => {},
    close: () => engine.close(),
  }
}

function requireFolder(storePath: string): void {
  if (!existsSync(storePath) || statSync(storePath).isDirectory()) return
  throw new DefinitionError('definition.store', `the store ${storePath} is no folder`, {
    hint: 'Name a folder with --store, QUERN_STORE or quern.config.ts.',
  })
}

function currentInstant(): Instant {
  return BigInt(Date.now()) * 1000n
}

const SCRATCH = 'quern-'

/** A folder of this process alone. Its name tells whose it is, so that what killed processes left behind can be removed. */
function makeScratch(): string {
  const space = pidSpace()
  const folder = tmpdir()
  const left = new RegExp(`^${SCRATCH}${space}-(\\d+)-`)
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const pid = left.exec(name)?.[1]
    if (pid === undefined || Number(pid) === process.pid || isAlive(Number(pid))) continue
    try {
      rmSync(join(folder, name), { recursive: true, force: true })
    } catch {
      // Somebody else's.
    }
  }
  try {
    return mkdtempSync(join(folder, `${SCRATCH}${space}-${process.pid}-`))
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === 'ENOSPC') {
      throw new TransientError('transient.disk-full', `the disk that holds the scratch folder ${folder} is full`, {
        hint: 'Free space there, or set TMPDIR to a larger disk.',
        cause: error,
      })
    }
    throw new DefinitionError('definition.scratch', `the scratch folder ${folder} cannot be written (${code})`, {
      hint: 'Set TMPDIR to a folder that this user may write.',
      cause: error,
    })
  }
}

/** Containers may share a disk but count their processes apart: a number says nothing outside of its space. */
function pidSpace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid').replace(/\D/g, '')
  } catch {
    return hostname().replace(/[^a-z0-9]/gi, '')
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as { code?: string }).code === 'EPERM'
  }
}

/** The commit that the project's folder, or one above it, is at; null where that cannot be told. */
function gitCommit(projectDir: string): string | null {
  for (let folder = projectDir; ; folder = join(folder, '..')) {
    const git = join(folder, '.git')
    if (existsSync(git)) return commitIn(gitFolder(git))
    if (join(folder, '..') === folder) return null
  }
}

/** In a worktree or a submodule `.git` is a file that says where the folder is. */
function gitFolder(git: string): string {
  const elsewhere = statSync(git).isFile() ? /^gitdir: (.+)$/m.exec(textOf(git) ?? '')?.[1] : undefined
  return elsewhere === undefined ? git : resolve(dirname(git), elsewhere)
}

function commitIn(folder: string): string | null {
  const head = textOf(join(folder, 'HEAD'))
  const ref = head === undefined ? undefined : /^ref: (.+)$/.exec(head)?.[1]
  if (head === undefined || ref === undefined) return head ?? null
  // Of a worktree the branches lie where those of all worktrees do.
  const common = textOf(join(folder, 'commondir'))
  for (const place of common === undefined ? [folder] : [folder, resolve(folder, common)]) {
    const packed = textOf(join(place, 'packed-refs'))
      ?.split('\n')
      .find(line => line.endsWith(` ${ref}`))
    const commit = textOf(join(place, ref)) ?? packed?.split(' ')[0]
    if (commit !== undefined) return commit
  }
  return null
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}
