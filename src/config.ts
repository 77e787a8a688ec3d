/** The project's configuration, read once: flags, then the environment, then quern.config.ts. */
import { existsSync, readFileSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ProjectConfig } from './definition/declarations.ts'
import type { Fault } from './domain/errors.ts'
import { DefinitionError, FaultsError } from './domain/errors.ts'
import { nearest } from './domain/nearest.ts'
import type { S3Access, StorePlace } from './domain/storePlace.ts'
import { BUCKET_NAME, BUCKET_WORDS } from './domain/storePlace.ts'
import { KafkaConfig } from './kafkaConfig.ts'
import { importProjectFile } from './projectFiles.ts'

export interface Config {
  /** The folder that relative paths are taken from. */
  projectDir: string
  /** Whether that is a project's, with a quern.config.ts. */
  inProject: boolean
  store: StorePlace
  /** How buckets are reached: the store's and those of sources. */
  s3: S3Access
  /** How clusters are reached, for those who read topics. */
  kafka: KafkaConfig
  /** Bytes of objects that may be on the local disk while they are read; undefined: as there is room. */
  scratch: number | undefined
  /** Bytes of copies of objects that are kept on the local disk for the next run. */
  cache: number
  /** Bytes. */
  memory: number
  /** Whether it was asked for; else it is a share of what there is. */
  memoryGiven: boolean
  threads: number
  /** `debug` also tells each stage of a run. */
  log: 'info' | 'debug'
  /** Colours and bars are unwanted. */
  plain: boolean
  /** Where following tells how it goes, as a host and a port; undefined: nowhere. */
  metrics: { host: string; port: number } | undefined
  /** The image that this process runs in, where it was told. */
  imageDigest: string | undefined
}

export async function loadConfig(flags: { store?: string; metrics?: string }, cwd = process.cwd()): Promise<Config> {
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
    store: read(
      {
        name: flags.store === undefined ? 'QUERN_STORE' : '--store',
        member: 'store',
        env: flags.store ?? env.QUERN_STORE,
        project: project.store,
      },
      (uri: string) => storePlace(uri, projectDir),
      () => storePlace('file:.quern', projectDir),
    ),
    s3: s3Access(env, (name, member, parse) =>
      read({ name, member: `s3.${member}`, env: env[name], project: project.s3?.[member] as string }, parse, () => undefined),
    ),
    kafka: new KafkaConfig(env, projectDir),
    scratch: read(
      { name: 'QUERN_SCRATCH', member: 'scratch', env: env.QUERN_SCRATCH, project: project.scratch },
      scratchBytes,
      () => undefined,
    ),
    cache: read({ name: 'QUERN_CACHE', member: 'cache', env: env.QUERN_CACHE, project: project.cache }, cacheBytes, () => CACHE),
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
    metrics: read(
      {
        name: flags.metrics === undefined ? 'QUERN_METRICS' : '--metrics',
        member: 'metrics',
        env: flags.metrics ?? env.QUERN_METRICS,
        project: undefined,
      },
      metricsPlace,
      () => undefined,
    ),
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

const MEMBERS = ['store', 'memory', 'threads', 's3', 'cache', 'scratch']
const S3_MEMBERS = ['region', 'endpoint', 'pathStyle', 'encryption', 'kmsKeyId', 'requesterPays']
const SECRET = /key|secret|token|credential/i

function unknownMembers(file: string, project: ProjectConfig): Fault[] {
  const unknown = (of: object, known: readonly string[], within = ''): Fault[] =>
    Object.keys(of)
      .filter(member => !known.includes(member))
      .map(member => ({
        place: `${file}: ${within}${member}`,
        message: 'there is no such setting',
        hint:
          within !== '' && SECRET.test(member)
            ? 'Credentials are not written here: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE.'
            : nearest(member, known),
        code: 'definition.config',
      }))
  const { s3 } = project
  if (s3 !== undefined && (typeof s3 !== 'object' || s3 === null))
    return [
      { place: `${file}: s3`, message: 'is no object of settings', hint: nearest('', S3_MEMBERS), code: 'definition.config' },
    ]
  return [...unknown(project, MEMBERS), ...unknown(s3 ?? {}, S3_MEMBERS, 's3.')]
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

const STORES = '`file:` and a path, or `s3://bucket/prefix`'

function storePlace(uri: string, projectDir: string): StorePlace {
  if (typeof uri !== 'string' || uri === '') throw new Error(`a store: write ${STORES}`)
  if (uri.startsWith('file://')) return { kind: 'folder', path: pathOf(uri) }
  if (uri.startsWith('s3:')) {
    const match = /^s3:\/\/([^/]+)(?:\/(.*?))?\/*$/.exec(uri)
    if (!match || !BUCKET_NAME.test(match[1]!))
      throw new Error(`a bucket and a prefix: write \`s3://bucket/prefix\`, the bucket ${BUCKET_WORDS}`)
    // A path to some services and readers, which make another one of it.
    if (match[2]?.split('/').some(name => name === '' || name === '.' || name === '..'))
      throw new Error('a prefix that means the same everywhere: leave out `//`, `.` and `..`')
    return { kind: 's3', bucket: match[1]!, prefix: match[2] ? `${match[2]}/` : '' }
  }
  const scheme = /^([a-z][a-z0-9+.-]+):/.exec(uri)?.[1]
  if (scheme !== undefined && scheme !== 'file') throw new Error(`a store that this version has: write ${STORES}`)
  return { kind: 'folder', path: resolve(projectDir, uri.replace(/^file:/, '')) }
}

/** The environment variables are those of the AWS tools where there are any. */
function s3Access(
  env: Record<string, string | undefined>,
  read: <T>(name: string, member: keyof NonNullable<ProjectConfig['s3']>, parse: (value: never) => T) => T | undefined,
): S3Access {
  const text = (value: unknown): string => {
    if (typeof value !== 'string') throw new Error('a text')
    return value
  }
  const all: Record<keyof S3Access, unknown> = {
    region: read(env.AWS_REGION === undefined ? 'AWS_DEFAULT_REGION' : 'AWS_REGION', 'region', text),
    endpoint: read(env.AWS_ENDPOINT_URL_S3 === undefined ? 'AWS_ENDPOINT_URL' : 'AWS_ENDPOINT_URL_S3', 'endpoint', endpointUrl),
    pathStyle: read('QUERN_S3_PATH_STYLE', 'pathStyle', flag),
    encryption: read('QUERN_S3_ENCRYPTION', 'encryption', encryption),
    kmsKeyId: read('QUERN_S3_KMS_KEY', 'kmsKeyId', text),
    requesterPays: read('QUERN_S3_REQUESTER_PAYS', 'requesterPays', flag),
    caBundle: env.AWS_CA_BUNDLE,
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

function flag(value: unknown): boolean {
  if (String(value) !== 'true' && String(value) !== 'false') throw new Error('true or false')
  return String(value) === 'true'
}

function encryption(value: unknown): 'AES256' | 'aws:kms' {
  if (value !== 'AES256' && value !== 'aws:kms') throw new Error("'AES256' or 'aws:kms'")
  return value
}

function endpointUrl(value: unknown): string {
  if (typeof value !== 'string' || !/^https?:\/\/[^/]/.test(value)) throw new Error('an address such as `https://s3.example.org`')
  return value
}

/** Bytes; what a laptop can spare. */
const CACHE = 2 * 2 ** 30

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

/** NaN where it is none. */
function sizeBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?i?b)$/i.exec(String(text).trim())
  return match ? Number(match[1]) * SIZES[match[2]!.toLowerCase()]! : Number.NaN
}

function scratchBytes(text: string): number {
  const bytes = sizeBytes(text)
  if (!(bytes > 0)) throw new Error("a size such as '20GiB'")
  return Math.floor(bytes)
}

function cacheBytes(text: string): number {
  const bytes = String(text).trim() === '0' ? 0 : sizeBytes(text)
  if (!(bytes >= 0)) throw new Error("a size such as '2GiB', or '0' for none")
  return Math.floor(bytes)
}

function memoryBytes(text: string): number {
  const bytes = sizeBytes(text)
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

/** `[host:]port`: on this machine alone, unless a host is named. */
function metricsPlace(text: string): { host: string; port: number } {
  const [, host = '127.0.0.1', port] = /^(?:([a-zA-Z0-9._-]+|\[[0-9a-fA-F:.]+\]):)?(\d{1,5})$/.exec(text) ?? []
  if (port === undefined || Number(port) > 65_535) throw new Error('a port, or `host:port` such as `0.0.0.0:9464`')
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) }
}

function logLevel(text: string): Config['log'] {
  if (text !== 'info' && text !== 'debug') throw new Error("'info' or 'debug'")
  return text
}
