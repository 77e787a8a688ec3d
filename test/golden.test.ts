/** Every folder under test/golden is a case; its README says what a case is made of. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { documents, quern } from './kit/cli.ts'
import { scratch } from './kit/scratch.ts'

const FOLDER = fileURLToPath(new URL('./golden', import.meta.url))

describe('golden cases', () => {
  for (const entry of readdirSync(FOLDER, { withFileTypes: true }).filter(each => each.isDirectory())) {
    it.concurrent(entry.name.replaceAll('-', ' '), async () => {
      const cwd = join(FOLDER, entry.name)
      const store = `file:${scratch('golden')}`
      const run = await quern(['run', '--store', store, '--json'], { cwd })
      expect(run).toMatchObject({ code: 0 })
      const read = await quern(['read', 'golden', '--store', store, '--format', 'json'], { cwd })
      const expected = readFileSync(join(cwd, 'expected.ndjson'), 'utf8')
        .split('\n')
        .filter(line => line !== '')
        .map(line => JSON.parse(line) as Record<string, unknown>)
      const cutoffs = expected.map(({ cutoff }) => String(cutoff)).sort()
      const rows = documents(read).filter(({ cutoff }) => String(cutoff) >= cutoffs[0]! && String(cutoff) <= cutoffs.at(-1)!)
      expect(rows).toEqual(expected.filter(({ rows }) => rows !== 0))
    })
  }
})
