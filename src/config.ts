/** The project's configuration, read once: flags, then the environment, then quern.config.ts. */
import { existsSync, readFileSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ProjectConfig } from './definition/declarations.ts'
import type { Fault } from './domain/errors.ts'
import { DefinitionError, FaultsError } from './domain/errors.ts'
import { nearest } from './domain/nearest.ts'
import { importProjectFile } from './projectFiles.ts'

export interface Config {
  /** The folder that relative paths are taken from. */
  projectDir: string
  /** Whether that is a project's, with a quern.config.ts. */
  inProject: boolean
  /** The store's root, an absolute path. */
  storePath: string
  /** Bytes. */
  memory: number
  /** Whether it was asked for; else it is a share of what there is. */
  memoryGiven: boolean
  threads: number
  /** `debug` also tells each stage of a run. */
  log: 'info' | 'debug'
  /** Colours and bars are unwanted. */
  plain: boolean
  /** The image that this process runs in, where it was told. */
  imageDigest: string | undefined
}

export async function loadConfig(flags: { store?: string }, cwd = process.cwd()): Promise<Config> {
  // An empty variable is one that is not set.
  const env = Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== ''))
  const file = findUpwards(cwd)
  const project = file ? await loadFile(file) : {}
  const projectDir = file ? dirname(file) : cwd
  const faults: Fault[] = file ? unknownMembers(file, project) : []
  const read = <T>(of: Setting<T>, parse: (value: never) => T, fallback: () => T): T => {
    const given = of.env ?? of.project
    if (given === undefined) return fallback()
    try {
      return parse(given as never)
    } catch (error) {
      const place = of.env !== undefined ? of.name : `${file}: ${of.member}`
      faults.push({ place, message: `\`${given}\` is not ${(error as Error).message}`, code: 'definition.config' })
      return fallback()
    }
  }
  const config: Config = {
    projectDir,
    inProject: file !== undefined,
    storePath: read(
      {
        name: flags.store === undefined ? 'QUERN_STORE' : '--store',
        member: 'store',
        env: flags.store ?? env.QUERN_STORE,
        project: project.store,
      },
      (uri: string) => storePath(uri, projectDir),
      () => storePath('file:.quern', projectDir),
    ),
    memory: read({ name: 'QUERN_MEMORY', member: 'memory', env: env.QUERN_MEMORY, project: project.memory }, memoryBytes, () =>
      Math.floor(availableMemory() / 2),
    ),
    memoryGiven: (env.QUERN_MEMORY ?? project.memory) !== undefined,
    threads: read(
      { name: 'QUERN_THREADS', member: 'threads', env: env.QUERN_THREADS, project: project.threads },
      threadCount,
      availableParallelism,
    ),
    log: read({ name: 'QUERN_LOG', member: 'log', env: env.QUERN_LOG, project: undefined }, logLevel, () => 'info'),
    plain: env.NO_COLOR !== undefined || (env.CI !== undefined && env.CI !== 'false'),
    imageDigest: env.QUERN_IMAGE_DIGEST,
  }
  if (faults.length > 0) throw new FaultsError(faults)
  return config
}

interface Setting<T> {
  /** Of the flag or the environment variable. */
  name: string
  /** Of the member in quern.config.ts. */
  member: string
  env: string | undefined
  project: T | string | undefined
}

const MEMBERS = ['store', 'memory', 'threads']

function unknownMembers(file: string, project: object): Fault[] {
  return Object.keys(project)
    .filter(member => !MEMBERS.includes(member))
    .map(member => ({
      place: `${file}: ${member}`,
      message: 'there is no such setting',
      hint: nearest(member, MEMBERS),
      code: 'definition.config',
    }))
}

function findUpwards(from: string): string | undefined {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    const file = join(folder, 'quern.config.ts')
    if (existsSync(file)) return file
    if (dirname(folder) === folder) return undefined
  }
}

async function loadFile(path: string): Promise<ProjectConfig> {
  let config: unknown
  try {
    config = await importProjectFile(path)
  } catch (error) {
    throw new DefinitionError('definition.config', `${path} cannot be loaded: ${(error as Error).message}`, { cause: error })
  }
  if (typeof config !== 'object' || config === null) {
    throw new DefinitionError('definition.config', `${path} has no configuration as its default export`, {
      hint: 'Write `export default defineConfig({ ... })`.',
    })
  }
  return config
}

function storePath(uri: string, projectDir: string): string {
  if (typeof uri !== 'string' || uri === '') throw new Error('a store: write `file:` and a path')
  if (uri.startsWith('file://')) return pathOf(uri)
  const scheme = /^([a-z][a-z0-9+.-]+):/.exec(uri)?.[1]
  if (scheme !== undefined && scheme !== 'file') throw new Error('a store that this version has: write `file:` and a path')
  return resolve(projectDir, uri.replace(/^file:/, ''))
}

function pathOf(uri: string): string {
  try {
    return fileURLToPath(uri)
  } catch {
    throw new Error('a place on this machine: write `file:///` and an absolute path, or `file:` and a path')
  }
}

const SIZES: Record<string, number> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
}

function memoryBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?i?b)$/i.exec(String(text).trim())
  const bytes = match ? Number(match[1]) * SIZES[match[2]!.toLowerCase()]! : Number.NaN
  if (!(bytes >= 64 * 2 ** 20)) throw new Error("a size of at least 64MiB, such as '1GiB' or '512MB'")
  return Math.floor(bytes)
}

/** What the container allows, else what the machine has. */
function availableMemory(): number {
  for (const file of ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes']) {
    if (!existsSync(file)) continue
    const limit = Number(readFileSync(file, 'utf8').trim())
    if (limit > 0 && limit < totalmem()) return limit
  }
  return totalmem()
}

function threadCount(value: string | number): number {
  const count = Number(value)
  if (!Number.isInteger(count) || count < 1) throw new Error('a whole number from 1 on')
  return count
}

function logLevel(text: string): Config['log'] {
  if (text !== 'info' && text !== 'debug') throw new Error("'info' or 'debug'")
  return text
}
