/** Every folder under test/golden is a case; its README says what a case is made of. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { documents, quern } from './kit/cli.ts'
import { project, writeFiles } from './kit/project.ts'
import { scratch } from './kit/scratch.ts'

const FOLDER = fileURLToPath(new URL('./golden', import.meta.url))

interface Run {
  until: string
  /** What the run's line says, among other things. */
  line: Record<string, unknown>
}

describe('golden cases', () => {
  for (const entry of readdirSync(FOLDER, { withFileTypes: true }).filter(each => each.isDirectory())) {
    const folder = join(FOLDER, entry.name)
    it.concurrent(entry.name.replaceAll('-', ' '), async () => {
      if (existsSync(join(folder, 'runs'))) return severalRuns(folder)
      const store = ['--store', `file:${scratch('golden')}`]
      expect(await quern(['run', '--json', ...store], { cwd: folder })).toMatchObject({ code: 0 })
      await expectRows(folder, store, join(folder, 'expected.ndjson'))
    })
  }
})

async function severalRuns(folder: string): Promise<void> {
  const cwd = project({ 'transforms/golden.ts': readFileSync(join(folder, 'transforms/golden.ts')) })
  for (const number of readdirSync(join(folder, 'runs')).sort()) {
    const run = join(folder, 'runs', number)
    const { until, line } = JSON.parse(readFileSync(join(run, 'run.json'), 'utf8')) as Run
    writeFiles(cwd, { [`data/${number}.ndjson`]: readFileSync(join(run, 'input.ndjson')) })
    const ran = await quern(['run', '--until', until, '--json'], { cwd })
    expect({ code: ran.code, line: documents(ran)[0] }).toMatchObject({ code: 0, line })
    await expectRows(cwd, [], join(run, 'expected.ndjson'))
  }
}

async function expectRows(cwd: string, store: string[], path: string): Promise<void> {
  const read = await quern(['read', 'golden', '--format', 'json', ...store], { cwd })
  const expected = readFileSync(path, 'utf8')
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Record<string, unknown>)
  const cutoffs = expected.map(({ cutoff }) => String(cutoff)).sort()
  const rows = documents(read).filter(({ cutoff }) => String(cutoff) >= cutoffs[0]! && String(cutoff) <= cutoffs.at(-1)!)
  expect(rows).toEqual(expected.filter(({ rows }) => rows !== 0))
}
