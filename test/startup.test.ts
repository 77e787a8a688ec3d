/** What is loaded before anything is done. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { program, quern, REPOSITORY } from './kit/cli.ts'
import { ORDERS_CSV, orders, project } from './kit/project.ts'
import { scratch } from './kit/scratch.ts'

const VENDORS = ['@duckdb', 'apache-arrow', 'hyparquet']

describe.concurrent('start-up', () => {
  for (const args of [['--help'], ['--version'], ['check'], ['run', '--help'], ['init', 'new']]) {
    it(`quern ${args.join(' ')} loads no engine and no Arrow`, async () => {
      const cwd = project({ 'transforms/o.ts': orders(), 'data/a.csv': ORDERS_CSV })
      const loaded = join(scratch(), 'loaded')
      const spy = join(scratch(), 'spy.mjs')
      // Every module that is resolved, ES or CommonJS, by its URL.
      writeFileSync(
        spy,
        `import { registerHooks } from 'node:module'
import { appendFileSync } from 'node:fs'
registerHooks({ load: (url, context, next) => { appendFileSync(${JSON.stringify(loaded)}, url + '\\n'); return next(url, context) } })`,
      )
      const outcome = await program(process.execPath, ['--import', spy, join(REPOSITORY, 'bin/quern.js'), ...args], { cwd })
      expect(outcome.code).toBe(0)
      const { readFileSync } = await import('node:fs')
      const urls = readFileSync(loaded, 'utf8').split('\n')
      expect(urls.some(url => url.includes('src/cli/main.ts'))).toBe(true)
      expect(urls.filter(url => VENDORS.some(vendor => url.includes(`node_modules/${vendor}`)))).toEqual([])
    })
  }

  it('an older Node is told which one is needed', async () => {
    const folder = scratch()
    mkdirSync(join(folder, 'bin'))
    // The launcher with another idea of its Node, since only one is here.
    const { readFileSync } = await import('node:fs')
    const launcher = readFileSync(join(REPOSITORY, 'bin/quern.js'), 'utf8').replaceAll('process.versions.node', "'20.19.0'")
    writeFileSync(join(folder, 'bin/quern.mjs'), launcher)
    const outcome = await program(process.execPath, [join(folder, 'bin/quern.mjs'), 'run'], { cwd: folder })
    expect(outcome).toMatchObject({ code: 2, stdout: '' })
    expect(outcome.stderr).toMatch(/quern needs Node 24 or newer; this is Node 20\.19\.0/)
  })

  it('help names every command, and a wrong one is refused', async () => {
    const cwd = scratch()
    const { stdout } = await quern(['--help'], { cwd })
    for (const name of ['init', 'check', 'plan', 'run', 'ls', 'show', 'log', 'read', 'rejected', 'doctor']) {
      expect(stdout).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'))
    }
    const wrong = await quern(['rum'], { cwd })
    expect(wrong).toMatchObject({ code: 2, stdout: '' })
    expect(wrong.stderr).toMatch(/unknown command 'rum'.*\n.*Did you mean run\?/)
    expect((await quern([], { cwd })).code).toBe(2)
  })

  it('a wrong configuration is refused with what is allowed', async () => {
    const cwd = project({ 'transforms/o.ts': orders() })
    for (const [env, said] of [
      [{ QUERN_MEMORY: 'lots' }, /QUERN_MEMORY: `lots` is not a size of at least 64MiB/],
      [{ QUERN_THREADS: '0' }, /QUERN_THREADS: `0` is not a whole number from 1 on/],
      [{ QUERN_STORE: 's3://bucket' }, /QUERN_STORE: `s3:\/\/bucket` is not a store that this version has/],
      [{ QUERN_LOG: 'loud' }, /QUERN_LOG: `loud` is not 'info' or 'debug'/],
    ] as const) {
      const outcome = await quern(['check'], { cwd, env })
      expect(outcome.stderr).toMatch(said)
      expect(outcome.code).toBe(2)
    }
  })
})
