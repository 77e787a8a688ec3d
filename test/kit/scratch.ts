/** Folders of one test file, removed when it ends. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

const made: string[] = []
afterAll(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true })
})

export function scratch(name = 'scratch'): string {
  const folder = mkdtempSync(join(tmpdir(), `quern-test-${name}-`))
  made.push(folder)
  mkdirSync(folder, { recursive: true })
  return folder
}

/** How many random cases: more where the machine is a build server's, most where somebody asks for it. */
export function cases(usual: number, onServer: number, soak = onServer * 10): number {
  return process.env.QUERN_SOAK ? soak : process.env.CI ? onServer : usual
}
