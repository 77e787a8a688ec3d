import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import type { TestSpecification } from 'vitest/node'
import { BaseSequencer } from 'vitest/node'

/** Minutes each: begun last, one of them would run when all others have ended. */
const LONGEST = ['chain.test.ts', 'duckdbEngine.test.ts', 'killChain.test.ts']

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification): boolean => LONGEST.includes(basename(moduleId))
    const sorted = await super.sort(files)
    return [...sorted.filter(isLong), ...sorted.filter(file => !isLong(file))]
  }
}

export default defineConfig({
  // What a project's files import when a test runs a command in its own process.
  resolve: { alias: { quern: fileURLToPath(new URL('./src/index.ts', import.meta.url)) } },
  test: {
    // What takes too long for every day is named so.
    include: ['test/**/*.test.ts', ...(process.env.QUERN_SOAK ? ['test/**/*.soak.ts'] : [])],
    setupFiles: ['test/kit/setup.ts'],
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    testTimeout: 300_000,
    hookTimeout: 180_000,
    typecheck: { enabled: false },
  },
})
