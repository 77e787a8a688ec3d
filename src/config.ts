/** The project's configuration, read once: flags, then the environment, then quern.config.ts. */
import { existsSync, readFileSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ProjectConfig } from './definition/declarations.ts'
import { DefinitionError } from './domain/errors.ts'
import { importProjectFile } from './projectFiles.ts'

export interface Config {
  /** The folder that relative paths are taken from. */
  projectDir: string
  /** The store's root, an absolute path. */
  storePath: string
  /** Bytes. */
  memory: number
  threads: number
  log: 'info' | 'debug'
  /** Colours and bars are unwanted. */
  plain: boolean
  /** The image that this process runs in, where it was told. */
  imageDigest: string | undefined
}

export async function loadConfig(flags: { store?: string }, cwd = process.cwd()): Promise<Config> {
  const { env } = process
  const file = findUpwards(cwd)
  const project = file ? await loadFile(file) : {}
  const projectDir = file ? dirname(file) : cwd
  const log = env.QUERN_LOG ?? 'info'
  if (log !== 'info' && log !== 'debug') throw invalid('QUERN_LOG', log, "'info' or 'debug'")
  return {
    projectDir,
    storePath: storePath(flags.store ?? env.QUERN_STORE ?? project.store ?? 'file:.quern', projectDir),
    memory: memoryBytes(env.QUERN_MEMORY, project.memory),
    threads: threadCount(env.QUERN_THREADS, project.threads),
    log,
    plain: env.NO_COLOR !== undefined || env.CI !== undefined,
    imageDigest: env.QUERN_IMAGE_DIGEST,
  }
}

function invalid(name: string, value: unknown, allowed: string): DefinitionError {
  return new DefinitionError('definition.config', `${name}: \`${value}\` is not ${allowed}`, { values: { name, value } })
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
  if (uri.startsWith('file://')) return fileURLToPath(uri)
  const scheme = /^([a-z][a-z0-9+.-]+):/.exec(uri)?.[1]
  if (scheme !== undefined && scheme !== 'file')
    throw invalid('store', uri, 'a store that this version has: write `file:` and a path')
  return resolve(projectDir, uri.replace(/^file:/, ''))
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

function memoryBytes(fromEnv: string | undefined, fromFile: string | undefined): number {
  const [name, text] = fromEnv !== undefined ? ['QUERN_MEMORY', fromEnv] : ['memory', fromFile]
  if (text === undefined) return Math.floor(availableMemory() / 2)
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?i?b)$/i.exec(text.trim())
  const bytes = match ? Number(match[1]) * SIZES[match[2]!.toLowerCase()]! : Number.NaN
  if (!(bytes >= 64 * 2 ** 20)) throw invalid(name!, text, "a size of at least 64MiB, such as '1GiB' or '512MB'")
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

function threadCount(fromEnv: string | undefined, fromFile: number | undefined): number {
  const value = fromEnv ?? fromFile
  if (value === undefined) return availableParallelism()
  const count = Number(value)
  if (!Number.isInteger(count) || count < 1)
    throw invalid(fromEnv !== undefined ? 'QUERN_THREADS' : 'threads', value, 'a whole number from 1 on')
  return count
}
