/** The project's definitions, loaded from its transform files and checked. */
import { existsSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { FeatureSetDeclaration } from './definition/declarations.ts'
import { nearest } from './definition/nearest.ts'
import { resolveFeatureSet, sourceFingerprint } from './definition/resolveFeatureSet.ts'
import type { Fault } from './domain/errors.ts'
import { DefinitionError, FaultsError } from './domain/errors.ts'
import type { FeatureSet } from './domain/featureSet.ts'
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
  const files = existsSync(folder)
    ? readdirSync(folder)
        .filter(file => /\.(ts|mts|js|mjs)$/.test(file))
        .sort()
    : []
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
    const { code, message } = error as Error & { code?: string }
    const hint =
      code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX'
        ? 'Types are stripped, not compiled: write no enums, namespaces or parameter properties.'
        : 'The file must load before it can be checked.'
    return broken(`cannot be loaded: ${message.split('\n', 1)[0]}`, hint)
  }
  if (!isFeatureSet(declaration)) {
    return broken('has no definition as its default export', 'Write `export default defineFeatureSet({ ... })`.')
  }
  const { name } = declaration.options
  const resolved = resolveFeatureSet(declaration, { place: `${file}: \`${name}\``, projectDir })
  return 'set' in resolved
    ? { file, name, set: resolved.set, faults: [] }
    : { file, name, set: undefined, faults: resolved.faults }
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
