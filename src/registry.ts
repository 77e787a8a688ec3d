/** The project's definitions, loaded from its transform files and checked. */
import { existsSync, readdirSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import type { FeatureSetDeclaration } from './definition/declarations.ts'
import { resolveFeatureSet, sourceFingerprint } from './definition/resolveFeatureSet.ts'
import type { Fault } from './domain/errors.ts'
import { DefinitionError, FaultsError } from './domain/errors.ts'
import type { FeatureSet } from './domain/featureSet.ts'
import { nearest } from './domain/nearest.ts'
import { importProjectFile } from './projectFiles.ts'

/** A transform file: its feature set, or what is wrong with it. `name` is known where the file loads at all. */
interface Loaded {
  file: string
  name: string | undefined
  set: FeatureSet | undefined
  faults: Fault[]
}

/**
 * The feature sets called `names`, or all where none is named. Raises a FaultsError with every fault of what was asked for:
 * with names, the faults of other definitions do not count.
 */
export async function loadDefinitions(projectDir: string, names: readonly string[] = []): Promise<FeatureSet[]> {
  const folder = join(projectDir, 'transforms')
  const files = existsSync(folder) ? transformFiles(folder) : []
  if (files.length === 0) {
    throw new DefinitionError('definition.no-transforms', `${folder} holds no transform files`, {
      hint: 'Run `quern init` for a project to start from, or change into the project.',
    })
  }
  const loaded = await Promise.all(files.map(file => loadFile(projectDir, join(folder, file))))
  const known = loaded.flatMap(({ name }) => name ?? [])
  for (const name of names) {
    if (known.includes(name)) continue
    const broken = loaded.filter(file => file.name === undefined).flatMap(({ faults }) => faults)
    if (broken.length > 0) throw new FaultsError(broken)
    throw new DefinitionError('definition.unknown', `there is no feature set \`${name}\``, { hint: nearest(name, known) })
  }
  const wanted = names.length === 0 ? loaded : loaded.filter(({ name }) => name !== undefined && names.includes(name))
  const faults = [...wanted.flatMap(file => file.faults), ...clashes(wanted, loaded)]
  if (faults.length > 0) throw new FaultsError(faults)
  return wanted.map(({ set }) => set!)
}

async function loadFile(projectDir: string, path: string): Promise<Loaded> {
  const file = relative(projectDir, path)
  const broken = (message: string, hint: string): Loaded => ({
    file,
    name: undefined,
    set: undefined,
    faults: [{ place: file, message, hint, code: 'definition.file' }],
  })
  let declaration: unknown
  try {
    declaration = await importProjectFile(path)
  } catch (error) {
    const { message, hint } = loadingFault(error, projectDir)
    return broken(message, hint)
  }
  if (!isFeatureSet(declaration)) {
    return broken('has no definition as its default export', 'Write `export default defineFeatureSet({ ... })`.')
  }
  const given: unknown = declaration.options?.name
  const name = typeof given === 'string' ? given : undefined
  try {
    const resolved = resolveFeatureSet(declaration, { place: name === undefined ? file : `${file}: \`${name}\``, projectDir })
    return 'set' in resolved
      ? { file, name, set: resolved.set, faults: [] }
      : { file, name, set: undefined, faults: resolved.faults }
  } catch (error) {
    // Whatever a definition holds that nobody thought of, it is this file's fault and hides no other.
    const { message } = loadingFault(error, projectDir)
    return broken(
      message.replace('cannot be loaded', 'cannot be understood'),
      'Compare its options with those of `defineFeatureSet`.',
    )
  }
}

function transformFiles(folder: string): string[] {
  try {
    const names = readdirSync(folder)
    return names.filter(file => /\.(ts|mts|js|mjs)$/.test(file) && !/\.d\.m?ts$/.test(file)).sort()
  } catch (error) {
    throw new DefinitionError('definition.no-transforms', `${folder} cannot be read: ${(error as Error).message}`, {
      hint: 'It must be a folder that this user may read.',
      cause: error,
    })
  }
}

/** Why a file does not load, and where. */
export function loadingFault(error: unknown, projectDir: string): { message: string; hint: string } {
  const { code, message, stack } =
    error instanceof Error
      ? (error as Error & { code?: string })
      : { message: `it throws ${String(error)}`, code: undefined, stack: undefined }
  // The first place in the project's own files: of a syntax error the first line of the stack, else the innermost call.
  const place = stack
    ?.split('\n')
    .map(line => /(?:file:\/\/)?(\/[^\s()]+?:\d+(?::\d+)?)/.exec(line)?.[1])
    .find(found => found?.startsWith(projectDir) && !found.includes('node_modules'))
  const text = `cannot be loaded: ${message.split('\n', 1)[0]}${place ? ` (${relative(projectDir, place)})` : ''}`
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') {
    return { message: text, hint: 'Types are stripped, not compiled: write no enums, namespaces or parameter properties.' }
  }
  const missing = code === 'ERR_MODULE_NOT_FOUND' ? /Cannot find module '([^']+)'/.exec(message)?.[1] : undefined
  return {
    message: text,
    hint: missing === undefined ? 'Mend the file: it must load before it can be checked.' : missingHint(missing),
  }
}

function missingHint(path: string): string {
  const folder = dirname(path)
  const names = existsSync(folder) ? readdirSync(folder) : []
  const wrong = basename(path)
  return names.includes(`${wrong}.ts`) ? `Imports name the whole file: write \`${wrong}.ts\`.` : nearest(wrong, names)
}

function isFeatureSet(value: unknown): value is FeatureSetDeclaration {
  return typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === 'featureSet'
}

/** One name for two definitions, or for two different sources. */
function clashes(wanted: readonly Loaded[], loaded: readonly Loaded[]): Fault[] {
  const faults: Fault[] = []
  for (const { file, name, set } of wanted) {
    for (const other of loaded) {
      if (other.file >= file && wanted.includes(other)) continue
      if (other.file === file) continue
      if (name !== undefined && other.name === name) {
        faults.push({
          place: file,
          message: `\`${name}\` is also defined in ${other.file}`,
          hint: 'Rename one of the two.',
          code: 'definition.duplicate',
        })
      }
      if (
        set &&
        other.set &&
        set.source.name === other.set.source.name &&
        sourceFingerprint(set.source) !== sourceFingerprint(other.set.source)
      ) {
        faults.push({
          place: file,
          message: `source \`${set.source.name}\` has other options than in ${other.file}`,
          hint: 'Declare it once and import it, or rename one of the two.',
          code: 'definition.source-clash',
        })
      }
    }
  }
  return faults
}
