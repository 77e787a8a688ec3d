/** `quern backfill`: a range of cutoffs computed anew, in chunks that commit one by one. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { REPOSITORY } from './kit/cli.ts'
import type { Line } from './kit/living.ts'
import { changedKeys, csv, daily, Living, midnight, TWO_DAYS } from './kit/living.ts'

/** No scheduled run repairs anything but its own last cutoff. */
const NEVER_LATE = { ...TWO_DAYS, set: "lateness: '0s'," }

const backfillArgs = (from: string, to: string, ...more: string[]): string[] => [
  'backfill',
  'orders_daily',
  '--from',
  midnight(from),
  '--to',
  midnight(to),
  ...more,
]
const backfill = async (project: Living, from: string, to: string, ...more: string[]): Promise<Line[]> => {
  const answer = await project.quern(...backfillArgs(from, to, ...more), '--json')
  expect(answer).toMatchObject({ code: 0, stderr: '' })
  return answer.lines
}
const log = async (project: Living): Promise<Line[]> => (await project.quern('log', 'orders_daily', '--json')).lines

describe('backfill', () => {
  it('holds the cutoff at --from, and not the one at --to', async () => {
    const project = new Living({ a: daily(8, 'ada') }, NEVER_LATE)
    await project.until('01-09')
    const before = await project.rows()
    project.put('late', daily(7, 'bob'))
    await backfill(project, '01-04', '01-06')
    expect(changedKeys(before, await project.rows())).toEqual(['bob 01-04', 'bob 01-05'])
    expect((await project.line('plan', '--until', midnight('01-09'))).stale).toMatchObject([
      { from: '2026-01-02T00:00:00.000000Z', to: '2026-01-03T00:00:00.000000Z' },
      { from: '2026-01-06T00:00:00.000000Z', to: '2026-01-08T00:00:00.000000Z' },
      // As late as that is no more than the run's own last cutoff, which it repairs itself.
      { from: '2026-01-09T00:00:00.000000Z', to: '2026-01-09T00:00:00.000000Z' },
    ])
  })

  it('commits chunk by chunk, and ends with what a full run makes', async () => {
    const project = new Living({ a: daily(8, 'ada') }, NEVER_LATE)
    await project.until('01-11')
    project.put('late', daily(8, 'bob'))
    const chunks = await backfill(project, '01-02', '01-12', '--chunk', '4d')
    expect(chunks.map(({ chunk, version }) => [version, chunk])).toEqual(
      [
        ['01-02', '01-06'],
        ['01-06', '01-10'],
        ['01-10', '01-12'],
      ].map(([from, to], at) => [at + 1, { from: `2026-${from}T00:00:00.000000Z`, to: `2026-${to}T00:00:00.000000Z` }]),
    )
    expect((await log(project)).map(({ operation }) => operation)).toEqual(['backfill', 'backfill', 'backfill', 'run'])
    expect(await project.rows()).toEqual(await project.truth('--until', midnight('01-11')))
    expect(await project.quern('verify', 'orders_daily')).toMatchObject({ code: 0 })
  })

  it('goes on behind its last commit when it was killed', async () => {
    const days = 40
    const project = new Living({ a: daily(days, 'ada') }, NEVER_LATE)
    await project.run()
    project.put('late', daily(days, 'bob'))
    const args = backfillArgs('01-02', '02-13', '--chunk', '1d')
    const killed = spawn(process.execPath, [join(REPOSITORY, 'bin/quern.js'), ...args], { cwd: project.cwd, stdio: 'ignore' })
    const ended = new Promise(resolve => killed.on('close', (_, signal) => resolve(signal)))
    while (!existsSync(project.commitPath(1))) await setTimeout(2)
    killed.kill('SIGKILL')
    expect(await ended).toBe('SIGKILL')
    const [last] = (await log(project)) as [{ version: number }]
    expect(last.version).toBeLessThan(days)
    const { done } = (await project.lineage()).backfill as { done: string }
    const rest = await backfill(project, '01-02', '02-13', '--chunk', '1d')
    expect((rest[0]!.chunk as { from: string }).from).toBe(done)
    expect(rest).toHaveLength(42 - last.version)
    expect(await project.rows()).toEqual(await project.truth())
  })

  it('begins again once it has ended, even where its last chunk changed nothing', async () => {
    const project = new Living({ a: daily(9, 'ada') }, NEVER_LATE)
    await project.until('01-09')
    for (const name of ['bob', 'eve']) {
      project.put(name, csv(`01-02 ${name} 1`))
      const chunks = await backfill(project, '01-02', '01-10', '--chunk', '4d')
      expect(chunks.map(({ rowsWritten }) => rowsWritten)).toEqual([3, 0])
    }
    expect(await project.rows()).toEqual(await project.truth('--until', midnight('01-09')))
  })

  it('ahead of the schedule leaves what lies between to the next run', async () => {
    const project = new Living({ a: daily(9, 'ada') }, TWO_DAYS)
    await project.until('01-03')
    await backfill(project, '01-06', '01-08')
    expect(await project.until('01-09')).toMatchObject({ reason: '4 cutoffs due' })
    expect(await project.rows()).toEqual(await project.truth('--until', midnight('01-09')))
  })

  it('stops at the first chunk that needs rows which are gone, and keeps those before', async () => {
    const project = new Living({ a: daily(2, 'ada'), b: csv('01-08 ada 8') }, TWO_DAYS)
    await project.until('01-09')
    project.take('b')
    const stopped = await project.quern(...backfillArgs('01-02', '01-10', '--chunk', '4d'), '--json')
    expect(stopped).toMatchObject({ code: 3, lines: [{ outcome: 'unchanged' }] })
    expect(stopped.stderr).toMatch(/b\.csv is gone, and the windows of 1 cutoff \(2026-01-09\) need its rows.*\n.*--accept-loss/)
  })

  const refusals: [why: string, args: string[], said: RegExp][] = [
    ['no --from', ['--to', midnight('01-05')], /--from is missing\n.*such as 2026-01-31T00:00:00Z/],
    ['no --to', ['--from', midnight('01-05')], /--to is missing/],
    ['an empty range', ['--from', midnight('01-05'), '--to', midnight('01-05')], /is not before --to.*\n.*half-open/],
    ['a range backwards', ['--from', midnight('01-05'), '--to', midnight('01-04')], /is not before --to/],
    [
      'a --to in the future',
      ['--from', midnight('01-05'), '--to', midnight('06-01')],
      /--to: `2026-06-01T00:00:00Z` lies in the future/,
    ],
    ['a bare date', ['--from', '2026-01-05', '--to', midnight('01-06')], /--from: `2026-01-05` is a bare date/],
    [
      'a chunk that is no duration',
      ['--from', midnight('01-05'), '--to', midnight('01-06'), '--chunk', 'big'],
      /--chunk: `big` is no duration/,
    ],
    [
      'a chunk of nothing',
      ['--from', midnight('01-05'), '--to', midnight('01-06'), '--chunk', '0s'],
      /--chunk: `0s` is no duration/,
    ],
  ]
  it.each(refusals)('refuses %s', async (_, args, said) => {
    const project = new Living({ a: daily(2, 'ada') })
    const refused = await project.quern('backfill', 'orders_daily', ...args)
    expect(refused).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(said) })
  })

  it('refuses to mix rows of two definitions', async () => {
    const project = new Living({ a: daily(9, 'ada') }, TWO_DAYS)
    await project.run()
    project.define({})
    const refused = await project.quern(...backfillArgs('01-02', '01-05'))
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(/cannot be mixed\n.*quern run orders_daily/) })
  })
})
