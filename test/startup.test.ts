/** What is loaded before anything is done. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { createApp } from '../src/app.ts'
import { COMMANDS } from '../src/cli/commands.ts'
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
    for (const { name } of COMMANDS) {
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
      [{ QUERN_STORE: 'gs://bucket' }, /QUERN_STORE: `gs:\/\/bucket` is not a store that this version has/],
      [{ QUERN_STORE: 'file://host/x' }, /QUERN_STORE: `file:\/\/host\/x` is not a place on this machine: write `file:\/\/\/`/],
      [{ QUERN_LOG: 'loud' }, /QUERN_LOG: `loud` is not 'info' or 'debug'/],
    ] as const) {
      const outcome = await quern(['check'], { cwd, env })
      expect(outcome.stderr).toMatch(said)
      expect(outcome.code).toBe(2)
    }
  })
})

describe.concurrent('init', () => {
  const places: [what: string, make: (folder: string) => string][] = [
    ['below a file', folder => join(folder, 'file/new')],
    ['below /proc', () => '/proc/quern'],
    ['under a name that is too long', folder => join(folder, 'x'.repeat(300))],
    ['below a link that leads to itself', folder => join(folder, 'round/new')],
  ]
  for (const [what, make] of places) {
    it(`${what} is refused`, async () => {
      const folder = scratch()
      writeFileSync(join(folder, 'file'), '')
      symlinkSync('round', join(folder, 'round'))
      const outcome = await quern(['init', make(folder)], { cwd: folder })
      expect(outcome).toMatchObject({ code: 2, stdout: '' })
      expect(outcome.stderr).toMatch(/cannot be made \(E[A-Z]+\): .*\n.*\[definition\.init\]/)
    })
  }

  it.runIf(process.getuid?.() === 0)('is for users without a name as well, as containers have them', async () => {
    const outcome = await quern(['doctor'], { cwd: '/', uid: 54_321 })
    expect(outcome.stderr).toBe('')
    expect(outcome.stdout).toMatch(/^ok +engine/m)
  })

  it('in a folder that may not be written is refused', async () => {
    const closed = join(scratch(), 'closed')
    mkdirSync(closed, { mode: 0o555 })
    const nobody = process.getuid?.() === 0 ? { uid: 65534 } : {}
    const outcome = await quern(['init', join(closed, 'new')], { cwd: '/', ...nobody })
    expect(outcome.stderr).toMatch(/cannot be made \(EACCES\)/)
    expect(outcome.code).toBe(2)
  })
})

describe('the commit that code came from', () => {
  const codeIn = async (cwd: string): Promise<string | null> => {
    vi.spyOn(process, 'cwd').mockReturnValue(cwd)
    const app = await createApp({}, new AbortController().signal).finally(vi.restoreAllMocks)
    await app.close()
    return app.code
  }
  const git = async (cwd: string, ...args: string[]): Promise<string> => {
    const who = ['-c', 'user.name=a', '-c', 'user.email=a@b', '-c', 'init.defaultBranch=main']
    const outcome = await program('git', [...who, ...args], { cwd })
    expect(outcome).toMatchObject({ code: 0 })
    return outcome.stdout.trim()
  }

  it('is found where branches are packed, where none is checked out, and in a worktree', async () => {
    const cwd = scratch('git')
    mkdirSync(join(cwd, 'project'))
    writeFileSync(join(cwd, 'project/quern.config.ts'), 'export default {}\n')
    await git(cwd, 'init')
    expect(await codeIn(join(cwd, 'project'))).toBeNull()
    await git(cwd, 'add', '.')
    await git(cwd, 'commit', '-m', 'one')
    const commit = await git(cwd, 'rev-parse', 'HEAD')
    expect(commit).toMatch(/^[0-9a-f]{40}$/)
    expect(await codeIn(join(cwd, 'project'))).toBe(commit)
    await git(cwd, 'pack-refs', '--all')
    expect(await codeIn(join(cwd, 'project'))).toBe(commit)
    const other = join(scratch('git'), 'other')
    await git(cwd, 'worktree', 'add', '-b', 'branch', other)
    for (const pack of [false, true]) {
      if (pack) await git(cwd, 'pack-refs', '--all')
      expect(await codeIn(join(other, 'project'))).toBe(commit)
    }
    await git(cwd, 'checkout', '--detach')
    expect(await codeIn(join(cwd, 'project'))).toBe(commit)
  })
})
