/** The composition root: everything is built here and nowhere else, and only here is the clock read. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statfsSync, statSync } from 'node:fs'
import { hostname, tmpdir, uptime } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import type { Config } from './config.ts'
import { loadConfig } from './config.ts'
import { deltaTableStore } from './delta/deltaTableStore.ts'
import { DefinitionError, TransientError } from './domain/errors.ts'
import type { LocalCopies } from './domain/localCopies.ts'
import type { ObjectStore } from './domain/objectStore.ts'
import type { TableStore } from './domain/tableStore.ts'
import type { Instant } from './domain/time.ts'
import { checkpointWriter } from './engine/duckdb/checkpointWriter.ts'
import { duckdbEngine } from './engine/duckdb/duckdbEngine.ts'
import type { ServedMetrics } from './metrics/serveMetrics.ts'
import { cachedCopies } from './objects/cachedCopies.ts'
import { localObjectStore } from './objects/localObjectStore.ts'
import { probe, probedStore } from './objects/probe.ts'
import { S3Bucket } from './objects/s3/bucket.ts'
import { s3ObjectReader } from './objects/s3/s3ObjectReader.ts'
import { s3ObjectStore } from './objects/s3/s3ObjectStore.ts'
import type { Parts } from './run/parts.ts'
import { archiveSource } from './sources/archive/archiveSource.ts'
import { bucketSource } from './sources/objects/bucketSource.ts'
import { Link } from './sources/objects/link.ts'
import { objectsSource } from './sources/objects/objectsSource.ts'
import { isInBucket, placeOf } from './sources/objects/wantedKeys.ts'
import { Topics } from './topics.ts'
import { VERSION } from './version.ts'

export interface App extends Parts {
  config: Config
  store: TableStore
  /** What the store keeps its bytes in. */
  objects: ObjectStore
  /** Raises what makes that unfit to be a store. */
  probe: () => Promise<void>
  /** A folder for files of this process. */
  scratchDir: string
  /** Tells over HTTP how following goes, where the configuration says so. */
  serveMetrics: () => Promise<ServedMetrics | undefined>
  /** Ends the engine and removes its scratch folder. */
  close: () => Promise<void>
}

export async function createApp(flags: { store?: string; metrics?: string }, signal: AbortSignal): Promise<App> {
  const config = await loadConfig(flags)
  if (config.store.kind === 'folder') requireFolder(config.store.path)
  // Young objects die young: the collector need not wait for its nursery to grow by 100 MB.
  if (config.memoryGiven) setFlagsFromString('--semi-space-growth-factor=1')
  const scratchDir = makeScratch()
  const engine = duckdbEngine({ memory: config.memory, frugal: config.memoryGiven, threads: config.threads, scratchDir })
  const now = (): number => Date.now()
  // By number: in a container a user may have no name.
  const cacheDir = join(tmpdir(), `quern-cache-${process.getuid?.() ?? 'none'}`)
  const copies = cachedCopies({ scratchDir, cacheDir, limit: config.cache, start: machineStart(), now })
  const objects = objectStore(config, copies)
  const readerOf = memoized((bucket: string) => s3ObjectReader(new S3Bucket({ bucket, settings: config.s3, owner: 'source' })))
  const access = memoized((bucket: string) => ({
    reader: readerOf(bucket),
    readerOf,
    link: new Link(() => performance.now()),
    copies,
    store: config.store.kind === 's3' && config.store.bucket === bucket ? config.store.prefix : undefined,
    room: config.scratch ?? freeBytes(scratchDir) / 2,
  }))
  const store = deltaTableStore(config.store.kind === 's3' ? probedStore(objects) : objects, {
    now,
    engineInfo: `quern/${VERSION}`,
    writeCheckpoint: checkpointWriter(scratchDir),
  })
  const topics = new Topics(config.kafka)
  return {
    config,
    store,
    objects,
    probe: () => probe(objects),
    engine,
    scratchDir,
    signal,
    sourceOf: ({ source }) => {
      if (source.kind === 'kafka') return archiveSource(source, store.table(`archive/${source.name}`), engine)
      return isInBucket(source) ? bucketSource(source, access(placeOf(source.uri).bucket)) : objectsSource(source, now)
    },
    topicOf: source => topics.of(source),
    now: currentInstant,
    versions: { quern: VERSION, node: process.versions.node },
    code: config.imageDigest ?? gitCommit(config.projectDir),
    trace:
      config.log === 'debug' ? message => process.stderr.write(`${new Date(Date.now()).toISOString()} ${message}\n`) : () => {},
    serveMetrics: async () => config.metrics && (await import('./metrics/serveMetrics.ts')).serveMetrics(config.metrics),
    close: async () => {
      await topics.close()
      await engine.close()
    },
  }
}

function objectStore({ store, s3 }: Config, copies: LocalCopies): ObjectStore {
  if (store.kind === 'folder') return localObjectStore(store.path)
  const { bucket, prefix } = store
  return s3ObjectStore(new S3Bucket({ bucket, settings: s3, owner: 'store' }), prefix, copies)
}

function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}

function memoized<T>(make: (key: string) => T): (key: string) => T {
  const made = new Map<string, T>()
  return key => {
    const found = made.get(key) ?? make(key)
    made.set(key, found)
    return found
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

/** The same until the machine is started anew. */
function machineStart(): string {
  return textOf('/proc/sys/kernel/random/boot_id') ?? String(Math.round((Date.now() / 1000 - uptime()) / 60))
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
