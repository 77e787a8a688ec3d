/** Imports form a tree: who may know whom, read from the import statements. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import { REPOSITORY } from './kit/cli.ts'

const SRC = join(REPOSITORY, 'src')
const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.ts'))

const packageOf = (specifier: string): string => /^(node:.*|@[^/]+\/[^/]+|[^/]+)/.exec(specifier)![0]

interface Import {
  from: string
  to: string
}

const imports: Import[] = files.flatMap(from => {
  // Without comments, and without the texts of files that quern writes.
  const text = readFileSync(join(SRC, from), 'utf8').replaceAll(/\/\*\*.*?\*\/|\/\/[^\n]*|`[^`]*`/gs, '')
  const statements = [...text.matchAll(/^(?:import|export)\s+(type\s)?[^'"]*?from\s+'([^']+)'/gm)]
  const loads = [...text.matchAll(/(?:\bimport|^import)\s*\(?\s*'([^']+)'\)?/gm)].map(
    match => [match[0], undefined, match[1]] as const,
  )
  return [...statements, ...loads].map(([, , target]) => ({
    from,
    to: target!.startsWith('.') ? normalize(join(dirname(from), target!)) : packageOf(target!),
  }))
})

/** `domain`, `engine/duckdb`, ..., or the file itself at the top. */
const folderOf = (file: string): string =>
  /^(engine|sources)\//.test(file) ? dirname(file) : (/^([^/]+)\//.exec(file)?.[1] ?? file)

/** What each folder may import of the others. */
const MAY: Record<string, string[]> = {
  domain: [],
  validation: ['domain'],
  definition: ['domain', 'validation'],
  'index.ts': ['definition'],
  objects: ['domain', 'folders.ts'],
  delta: ['domain'],
  messages: ['domain'],
  parquet: [],
  rows: ['domain', 'validation', 'parquet'],
  'engine/duckdb': ['domain', 'validation', 'rows'],
  'sources/objects': ['domain', 'parquet'],
  'sources/archive': ['domain'],
  'sources/kafka': ['domain'],
  run: ['domain'],
  metrics: ['domain', 'run'],
  'version.ts': [],
  'projectFiles.ts': [],
  'folders.ts': [],
  'config.ts': ['domain', 'definition', 'projectFiles.ts', 'kafkaConfig.ts'],
  // It is given the environment by config.ts, and reads the files that are named there.
  'kafkaConfig.ts': ['domain'],
  'registry.ts': ['domain', 'definition', 'projectFiles.ts'],
  'fixtures.ts': ['domain', 'definition', 'projectFiles.ts', 'registry.ts'],
  'topics.ts': ['domain', 'run', 'messages', 'sources/kafka', 'kafkaConfig.ts'],
  'app.ts': [
    'domain',
    'topics.ts',
    'run',
    'delta',
    'engine/duckdb',
    'metrics',
    'objects',
    'sources/archive',
    'sources/objects',
    'config.ts',
    'version.ts',
  ],
  cli: ['domain', 'run', 'app.ts', 'config.ts', 'fixtures.ts', 'folders.ts', 'registry.ts', 'version.ts'],
}

const VENDORS: Record<string, string[]> = {
  '@duckdb/node-api': ['engine/duckdb'],
  'apache-arrow': ['engine/duckdb'],
  avsc: ['messages'],
  hyparquet: ['delta'],
  'prom-client': ['metrics'],
  protobufjs: ['messages'],
  '@aws-sdk/client-s3': ['objects'],
  '@platformatic/kafka': ['sources/kafka'],
  '@platformatic/wasm-utils': ['sources/kafka'],
  kafkajs: ['sources/kafka'],
  commander: ['cli'],
  zod: ['definition'],
}

describe('the architecture', () => {
  it('has no import that its tree forbids', () => {
    const local = imports.filter(({ to }) => files.includes(to))
    expect(local.length).toBeGreaterThan(200)
    const forbidden = local.filter(({ from, to }) => {
      const [a, b] = [folderOf(from), folderOf(to)]
      return a !== b && !MAY[a]?.includes(b)
    })
    expect(forbidden.map(({ from, to }) => `${from} -> ${to}`)).toEqual([])
  })

  it('has no cycle, types included', () => {
    const targets = new Map(files.map(file => [file, imports.filter(({ from }) => from === file).map(({ to }) => to)]))
    const cycles: string[] = []
    const visit = (file: string, path: string[]): void => {
      if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '))
      else if (!done.has(file)) for (const to of targets.get(file) ?? []) visit(to, [...path, file])
      done.add(file)
    }
    const done = new Set<string>()
    for (const file of files) visit(file, [])
    expect(cycles).toEqual([])
  })

  it('knows each vendor in one folder', () => {
    const foreign = imports.filter(({ to }) => !files.includes(to) && !to.startsWith('node:'))
    const strangers = foreign.filter(({ from, to }) => !VENDORS[to]?.includes(folderOf(from)))
    expect(strangers.map(({ from, to }) => `${from} -> ${to}`)).toEqual([])
    expect(Object.keys(VENDORS).sort()).toEqual([...new Set(foreign.map(({ to }) => to))].sort())
  })

  it('keeps the domain free of I/O and vendors', () => {
    const outside = imports.filter(({ from, to }) => from.startsWith('domain/') && !to.startsWith('domain/'))
    expect(outside).toEqual([])
  })

  const only = (pattern: RegExp, allowed: string[]): void => {
    const found = files.filter(file => pattern.test(readFileSync(join(SRC, file), 'utf8')))
    expect(found.sort()).toEqual(allowed)
  }
  it('ends the process in one place', () => only(/process\.exit/, ['cli/main.ts']))
  // The engine's allocator hears of its settings by an environment variable alone.
  it('reads the environment in one place, and writes it in one', () =>
    only(/process\.env|\benv\b.*= process/, ['config.ts', 'engine/duckdb/session.ts']))
  it('reads the clock in one place', () => only(/Date\.now\(|new Date\(\)/, ['app.ts']))

  it('keeps files small', () => {
    const long = files.filter(file => readFileSync(join(SRC, file), 'utf8').split('\n').length > 300)
    expect(long.map(file => relative('.', file))).toEqual([])
  })
})
