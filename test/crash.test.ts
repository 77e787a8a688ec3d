/** Runs that are interrupted or killed: no version is ever half there, and the next run ends the work. */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Outcome } from './kit/cli.ts'
import { documents, quern, REPOSITORY } from './kit/cli.ts'
import { orders, project, writeFiles } from './kit/project.ts'
import { cases, scratch } from './kit/scratch.ts'

const csv = (seed: number): string =>
  `time,customer,amount,currency\n${Array.from({ length: 4000 }, (_, at) => `2026-01-${String(1 + ((at * 7 + seed) % 28)).padStart(2, '0')}T0${at % 10}:00:00Z,c${(at * seed) % 97},${at % 50 === 0 ? -1 : at},EUR`).join('\n')}\n`

const read = (cwd: string, ref: string): Promise<Outcome> => quern(['read', ref, '--format', 'csv'], { cwd })

describe('a killed run', () => {
  it('leaves every committed version whole, and the next one ends the work', async () => {
    const rounds = cases(30, 200, 1000)
    const cwd = project({ 'transforms/o.ts': orders({ set: 'maxRejected: 0.5,' }), 'data/a.csv': csv(1) })
    const clean = project({ 'transforms/o.ts': orders({ set: 'maxRejected: 0.5,' }), 'data/a.csv': csv(1) })
    const temporary = scratch('killed')
    const contents: string[] = []
    let killed = 0
    // How long a whole run takes here, start included.
    const begun = Date.now()
    expect((await quern(['run'], { cwd })).code).toBe(0)
    const whole = Date.now() - begun
    contents.push((await read(cwd, 'orders_daily@0')).stdout)

    for (let round = 1; round <= rounds; round++) {
      const data = { 'data/a.csv': csv(round + 1) }
      writeFiles(cwd, data)
      const outcome = await quern(['run', '--json'], {
        cwd,
        env: { TMPDIR: temporary },
        kill: { signal: 'SIGKILL', after: Math.random() * whole * 1.1 },
      })
      if (outcome.code === null) killed++
      // What a reader sees at this moment: all versions so far, or one more.
      const versions = documents(await quern(['log', 'orders_daily', '--json'], { cwd }))
      expect([contents.length, contents.length + 1]).toContain(versions.length)
      expect((await quern(['run', '--json'], { cwd, env: { TMPDIR: temporary } })).code).toBe(0)
      if (round % 10 === 0 || round === rounds) {
        writeFiles(clean, data)
        await quern(['run', '--full'], { cwd: clean })
        expect((await read(cwd, 'orders_daily')).stdout).toBe((await read(clean, 'orders_daily')).stdout)
      }
      contents.push('')
    }
    expect(killed).toBeGreaterThan(rounds / 3)
    expect(documents(await quern(['log', 'orders_daily', '--json'], { cwd }))).toHaveLength(rounds + 1)
    expect((await read(cwd, 'orders_daily@0')).stdout).toBe(contents[0])
    // Each rejected row of each input stands once, however often its run was killed.
    const rejected = documents(await quern(['rejected', 'orders', '--json'], { cwd }))
    const keys = rejected.map(({ input, row }) => `${input} ${row}`)
    expect(new Set(keys).size).toBe(keys.length)
    expect(keys.length).toBe(80 * (rounds + 1))
    // The last run swept what the killed ones left.
    expect(readdirSync(temporary).filter(name => name.startsWith('quern-'))).toEqual([])
  }, 1_200_000)
})

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

describe('runs that race', () => {
  it('commit one version, and the others answer unchanged', async () => {
    const cwd = project({ 'transforms/o.ts': orders({ set: 'maxRejected: 0.5,' }), 'data/a.csv': csv(1) })
    const outcomes = await Promise.all(Array.from({ length: 4 }, () => quern(['run', '--json'], { cwd })))
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0, 0])
    const said = outcomes.map(outcome => documents(outcome)[0]!)
    expect(said.map(({ outcome }) => outcome).sort()).toEqual(['committed', 'unchanged', 'unchanged', 'unchanged'])
    expect(said.every(({ version }) => version === 0)).toBe(true)
    expect(documents(await quern(['rejected', 'orders', '--json'], { cwd }))).toHaveLength(80)
  })
})
