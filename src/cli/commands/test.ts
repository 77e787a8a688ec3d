/** `quern test`: runs the project's unit cases, a line for each. */
import { writeFile } from 'node:fs/promises'
import type { App } from '../../app.ts'
import type { QuernError } from '../../domain/errors.ts'
import { DataError, DefinitionError, EXIT, worstExitCode } from '../../domain/errors.ts'
import { nearest } from '../../domain/nearest.ts'
import type { Fixture } from '../../fixtures.ts'
import { loadFixtures } from '../../fixtures.ts'
import { runCase } from '../../run/runCase.ts'
import type { CaseResult } from '../caseResult.ts'
import { caseJson, caseText, summaryText } from '../caseResult.ts'
import type { CommandContext } from '../command.ts'
import { isExpected } from '../errorText.ts'
import { junitXml } from '../junit.ts'
import { note, printJson, printLine } from '../output.ts'
import { outputFile } from '../outputFile.ts'
import { watchProject } from '../watchProject.ts'

export async function test({ app: build, args, flags }: CommandContext): Promise<number> {
  const app = await build()
  if (flags.watch) return watchProject(app.config.projectDir, app.signal)
  const fixtures = select(await loadFixtures(app.config.projectDir), args)
  const startedAt = app.now()
  const results: CaseResult[] = []
  for (const fixture of fixtures) {
    const result = await resultOf(fixture, app)
    if (flags.json) printJson(caseJson(result))
    else printLine(caseText(result))
    results.push(result)
  }
  if (flags.junit !== undefined) await outputFile(flags.junit, path => writeFile(path, junitXml(results)), '--junit')
  if (!flags.json) note(summaryText(results, secondsSince(startedAt, app)))
  return worstExitCode(results.map(exitCode))
}

async function resultOf(fixture: Fixture, app: App): Promise<CaseResult> {
  const startedAt = app.now()
  const result = { fixture, differences: [], error: undefined }
  try {
    if ('error' in fixture.content) throw fixture.content.error
    const differences = await runCase(fixture.content.unit, app, app.signal)
    return { ...result, differences, seconds: secondsSince(startedAt, app) }
  } catch (error) {
    if (app.signal.aborted) throw error
    return { ...result, error: error as Error, seconds: secondsSince(startedAt, app) }
  }
}

const secondsSince = (startedAt: bigint, { now }: App): number => Number(now() - startedAt) / 1e6

/** A case that fails is its author's, or its definition's author's; so are data that a run could not read. */
function exitCode({ differences, error }: CaseResult): number {
  if (error === undefined) return differences.length === 0 ? EXIT.done : EXIT.definition
  if (!isExpected(error)) return EXIT.defect
  return error instanceof DataError ? EXIT.definition : (error as QuernError).exitCode
}

/**
 * The fixtures that any of `names` means: a feature set, a file, or a part of a case's name. With names, files that do not load
 * count only where a name was not found elsewhere: it may be in them.
 */
function select(fixtures: readonly Fixture[], names: readonly string[]): readonly Fixture[] {
  if (names.length === 0) return fixtures
  const wanted = new Set<Fixture>()
  for (const name of names) {
    const exactly = fixtures.filter(({ set, file }) => set === name || file === name.replace(/^\.\//, ''))
    const found =
      exactly.length > 0 ? exactly : fixtures.filter(fixture => fixture.name?.toLowerCase().includes(name.toLowerCase()))
    const candidates = found.length > 0 ? found : fixtures.filter(fixture => fixture.name === null)
    if (candidates.length === 0) throw unknown(name, fixtures)
    for (const fixture of candidates) wanted.add(fixture)
  }
  return fixtures.filter(fixture => wanted.has(fixture))
}

function unknown(name: string, fixtures: readonly Fixture[]): DefinitionError {
  const sets = [...new Set(fixtures.flatMap(({ set }) => set ?? []))]
  return new DefinitionError(
    'definition.unknown',
    `no unit case is called \`${name}\`, and none is of a feature set or file of that name`,
    {
      hint: nearest(name, sets),
    },
  )
}
