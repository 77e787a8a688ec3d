/** The project's unit cases, loaded from its fixture files and checked against their definitions. */
import { existsSync, readdirSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import type { CasesDeclaration } from './definition/cases.ts'
import { resolveCases } from './definition/resolveCases.ts'
import { DefinitionError, FaultsError } from './domain/errors.ts'
import type { FeatureSet } from './domain/featureSet.ts'
import type { UnitCase } from './domain/unitCase.ts'
import { importProjectFile } from './projectFiles.ts'
import { loadDefinitions, loadingFault } from './registry.ts'

/** A case, or why it cannot be one: a wrong case, a file that does not load, a definition that is not there. */
export interface Fixture {
  /** `fixtures/originDelays.ts`. */
  file: string
  /** The feature set's name; null where it is not known. */
  set: string | null
  /** What the case proves; null where a whole file is wrong. */
  name: string | null
  content: { unit: UnitCase } | { error: Error }
}

const FIXTURES = 'fixtures'

/** Every case of the project, by file. Raises a DefinitionError where it has none. */
export async function loadFixtures(projectDir: string): Promise<Fixture[]> {
  const folder = join(projectDir, FIXTURES)
  const files = existsSync(folder) ? fixtureFiles(folder) : []
  if (files.length === 0) throw noFixtures(`${folder} holds no unit cases`)
  const sets = new Map<string, Promise<FeatureSet>>()
  const setOf = (name: string): Promise<FeatureSet> => {
    const known = sets.get(name) ?? loadDefinitions(projectDir, [name]).then(([set]) => set!)
    sets.set(name, known)
    return known
  }
  const loaded = await Promise.all(files.map(file => loadFile(projectDir, join(folder, file), setOf)))
  return loaded.flat()
}

/** What `quern test` says to who has none yet. */
function noFixtures(message: string): DefinitionError {
  return new DefinitionError('definition.no-fixtures', message, {
    hint: `Write ${FIXTURES}/orders.ts, or the like:

    import { defineCases } from 'quern'
    import orders from '../transforms/orders.ts'

    export default defineCases(orders, {
      'an order counts from the next midnight on': {
        rows: [{ time: '2026-01-01T09:30:00Z', customer: 'ada', amount: 1250 }],
        cutoff: '2026-01-02T00:00:00Z',
        expect: [{ customer: 'ada', orders_1d: 1 }],
      },
    })
`,
  })
}

function fixtureFiles(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter(file => /\.(ts|mts|js|mjs)$/.test(file) && !/\.d\.m?ts$/.test(file))
      .filter(file => !file.split('/').some(part => /^[._]|^node_modules$/.test(part)))
      .sort()
  } catch (error) {
    throw new DefinitionError('definition.no-fixtures', `${folder} cannot be read: ${(error as Error).message}`, {
      hint: 'It must be a folder that this user may read.',
      cause: error,
    })
  }
}

async function loadFile(projectDir: string, path: string, setOf: (name: string) => Promise<FeatureSet>): Promise<Fixture[]> {
  const file = relative(projectDir, path)
  const broken = (set: string | null, message: string, hint: string): Fixture[] => [
    { file, set, name: null, content: { error: new FaultsError([{ place: file, message, hint, code: 'definition.fixture' }]) } },
  ]
  let declaration: unknown
  try {
    declaration = await importProjectFile(path)
  } catch (error) {
    const { message, hint } = loadingFault(error, projectDir)
    return broken(null, message, hint)
  }
  if (!isCases(declaration)) {
    const hint = `Write \`export default defineCases(...)\`; files of another kind are called \`_${basename(file)}\`.`
    return broken(null, 'has no unit cases as its default export', hint)
  }
  const set = nameOf(declaration.definition)
  if (set === undefined) return broken(null, 'its cases are of no definition', 'Import it: `defineCases(originDelays, { ... })`.')
  if (typeof declaration.cases !== 'object' || declaration.cases === null || Array.isArray(declaration.cases))
    return broken(set, 'its cases have no names', "Write `defineCases(originDelays, { 'what it proves': { ... } })`.")
  if (Object.keys(declaration.cases).length === 0)
    return broken(set, 'holds no unit cases', "Write one: `'what it proves': { ... }`.")
  try {
    return resolveCases(declaration, await setOf(set), file).map(({ name, ...resolved }) => ({
      file,
      set,
      name,
      content: 'unit' in resolved ? { unit: resolved.unit } : { error: new FaultsError(resolved.faults) },
    }))
  } catch (error) {
    if (!(error instanceof DefinitionError)) throw error
    return [{ file, set, name: null, content: { error: withFile(error, file) } }]
  }
}

function isCases(value: unknown): value is CasesDeclaration {
  return typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === 'cases'
}

function nameOf(definition: unknown): string | undefined {
  const { kind, options } = (definition ?? {}) as { kind?: unknown; options?: { name?: unknown } }
  return kind === 'featureSet' && typeof options?.name === 'string' ? options.name : undefined
}

/** The faults of a definition have places of their own. */
function withFile(error: DefinitionError, file: string): DefinitionError {
  if (error instanceof FaultsError) return error
  const { message, code, hint } = error
  return new FaultsError([{ place: file, message, code, ...(hint === undefined ? {} : { hint }) }])
}
