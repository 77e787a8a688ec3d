import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  // What a project's files import when a test runs a command in its own process.
  resolve: { alias: { quern: fileURLToPath(new URL('./src/index.ts', import.meta.url)) } },
  test: {
    // What takes too long for every day is named so.
    include: ['test/**/*.test.ts', ...(process.env.QUERN_SOAK ? ['test/**/*.soak.ts'] : [])],
    setupFiles: ['test/kit/setup.ts'],
    maxWorkers: 2,
    testTimeout: 300_000,
    hookTimeout: 180_000,
    typecheck: { enabled: false },
  },
})
