/** How processes end whose reader is gone, or that are interrupted. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Outcome } from './kit/cli.ts'
import { documents, program, quern, REPOSITORY } from './kit/cli.ts'
import { ORDERS_CSV, orders, project } from './kit/project.ts'

const QUERN = `"${process.execPath}" "${join(REPOSITORY, 'bin/quern.js')}"`

/** What `quern ...args` ends with, as a shell sees it, where nobody reads what it says. */
async function unread(cwd: string, args: string, { stderrToo = false } = {}): Promise<Outcome & { ended: number }> {
  const command = `(sleep 0.1; ${QUERN} ${args}) ${stderrToo ? '2>&1 ' : ''}| true; echo "\${PIPESTATUS[0]}"`
  const outcome = await program('bash', ['-c', command], { cwd })
  return { ...outcome, ended: Number(outcome.stdout) }
}

describe.concurrent('without a reader', () => {
  const several = (): string =>
    project({
      ...Object.fromEntries(['a', 'b', 'c'].map(name => [`transforms/${name}.ts`, orders({ name })])),
      'data/a.csv': ORDERS_CSV,
    })

  for (const stderrToo of [false, true]) {
    it(`run finishes what it is at${stderrToo ? ', though nobody hears its complaints either' : ''}`, async () => {
      const cwd = several()
      expect(await unread(cwd, 'run --json', { stderrToo })).toMatchObject({ ended: 0, stderr: '' })
      const stored = documents(await quern(['ls', '--json'], { cwd }))
      expect(stored.map(({ name, version }) => [name, version])).toEqual([
        ['a', 0],
        ['b', 0],
        ['c', 0],
      ])
    })
  }

  it('a run that fails ends as it would with one', async () => {
    const cwd = project({
      'transforms/a.ts': orders({ uri: 'nowhere/*.csv' }),
      'transforms/b.ts': orders({ name: 'b', uri: 'nowhere/*.csv' }),
    })
    const outcome = await unread(cwd, 'run --json')
    expect(outcome.ended).toBe(3)
    expect(outcome.stderr.match(/matches no file/g)).toHaveLength(2)
  })

  it('backfill, tag, compact and vacuum finish', async () => {
    const cwd = several()
    expect((await quern(['run', 'a'], { cwd })).code).toBe(0)
    const backfill = 'backfill a --from 2026-01-01T00:00:00Z --to 2026-01-05T00:00:00Z --chunk 1d --json'
    expect((await unread(cwd, backfill)).ended).toBe(0)
    expect((await unread(cwd, 'tag a@0 best')).ended).toBe(0)
    expect((await unread(cwd, 'compact a')).ended).toBe(0)
    expect((await unread(cwd, 'vacuum a --retain 0s --apply --json')).ended).toBe(0)
    expect(documents(await quern(['log', 'a', '--json'], { cwd })).at(-1)).toMatchObject({ version: 0, tags: ['best'] })
  })

  it('what only shows something ends early, and well', async () => {
    const cwd = several()
    expect((await quern(['run'], { cwd })).code).toBe(0)
    for (const args of ['ls', 'show a', 'log a', 'read a']) {
      expect(await unread(cwd, args)).toMatchObject({ ended: 0, stderr: '' })
    }
  })

  it('a full disk under its output is a reason to try again', async () => {
    const cwd = several()
    const command = `${QUERN} check > /dev/full; echo $?; ${QUERN} run > /dev/full; echo $?; ${QUERN} ls > /dev/full; echo $?`
    const { stdout, stderr } = await program('bash', ['-c', command], { cwd })
    expect(stdout).toBe('0\n0\n75\n')
    expect(stderr).toMatch(/stdout cannot be written \(ENOSPC\)/)
  })
})

describe('an interrupted command', () => {
  let cwd: string
  beforeAll(async () => {
    const lines = Array.from({ length: 100_000 }, (_, at) => `2026-01-01T00:00:00Z,customer ${at},1,EUR\n`)
    cwd = project({ 'transforms/o.ts': orders(), 'data/a.csv': `time,customer,amount,currency\n${lines.join('')}` })
    expect((await quern(['run'], { cwd })).code).toBe(0)
  })

  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    it(`read ends with ${code} on ${signal}, though nobody takes its rows`, async () => {
      const child = spawn(process.execPath, [join(REPOSITORY, 'bin/quern.js'), 'read', 'orders_daily', '--format', 'json'], {
        cwd,
      })
      const ended = new Promise(resolve => child.on('exit', resolve))
      // Then the pipe is full, or soon will be.
      await new Promise(resolve => child.stdout.once('readable', resolve))
      child.kill(signal)
      expect(await ended).toBe(code)
    })
  }
})
