/** Runs that are interrupted: they say so, and leave nothing half-done. */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { quern, REPOSITORY } from './kit/cli.ts'
import { orders, project } from './kit/project.ts'
import { scratch } from './kit/scratch.ts'

describe.concurrent('an interrupted run', () => {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    it(`ends with ${code} on ${signal}, says so and leaves nothing half-done`, async () => {
      const temporary = scratch('interrupted')
      const many = `time,customer,amount,currency\n${'2026-01-01T00:00:00Z,ada,1,EUR\n'.repeat(400_000)}`
      const cwd = project({ 'transforms/o.ts': orders(), 'data/a.csv': many })
      const child = spawn(process.execPath, [join(REPOSITORY, 'bin/quern.js'), 'run'], {
        cwd,
        env: { ...process.env, TMPDIR: temporary },
      })
      let stderr = ''
      child.stderr.setEncoding('utf8').on('data', text => (stderr += text))
      // Its scratch folder shows that the engine is at work.
      while (!readdirSync(temporary).some(name => name.startsWith('quern-'))) await new Promise(resolve => setTimeout(resolve, 5))
      child.kill(signal)
      const ended = await new Promise(resolve => child.on('close', resolve))
      expect(ended).toBe(code)
      expect(stderr).toMatch(/interrupted: nothing half-done is visible, the next run carries on/)
      expect(existsSync(join(cwd, '.quern/features'))).toBe(false)
      expect(readdirSync(temporary).filter(name => name.startsWith('quern-'))).toEqual([])
      expect((await quern(['run'], { cwd })).code).toBe(0)
    })
  }
})
