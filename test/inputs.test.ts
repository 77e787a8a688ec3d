/** What runs make of inputs over time: folders that give columns, far years, files that hold something else, rows once let pass. */
import { mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { byKey, csv, Living, TWO_DAYS } from './kit/living.ts'

describe('equal files in folders that give a column', () => {
  const IN_FOLDERS = { ...TWO_DAYS, uri: 'data/**/*.csv' }
  const nameless = 'time,amount,currency\n2026-01-05T12:00:00Z,7,EUR\n'

  it('are two files, each with the rows of its folder', async () => {
    const project = new Living({ 'customer=ada/a': nameless }, IN_FOLDERS)
    await project.run()
    project.put('customer=bob/a', nameless)
    expect(await project.run()).toMatchObject({ reason: 'late rows: 3 cutoffs stale' })
    expect(await project.rows()).toEqual(await project.truth())
    expect(byKey(await project.rows())['bob 01-06']).toMatchObject({ orders_2d: 1, spend_2d: 7 })
    expect(await project.quern('verify', 'orders_daily')).toMatchObject({ code: 0 })
  })

  it('are not the same file where one is moved', async () => {
    const project = new Living({ 'customer=ada/a': nameless }, IN_FOLDERS)
    await project.run()
    mkdirSync(join(project.cwd, 'data/customer=bob'))
    renameSync(join(project.cwd, 'data/customer=ada/a.csv'), join(project.cwd, 'data/customer=bob/a.csv'))
    expect(await project.quern('run')).toMatchObject({ code: 3, stderr: expect.stringMatching(/customer=ada\/a\.csv is gone/) })
    expect(await project.run('--accept-loss')).toMatchObject({ outcome: 'committed' })
    expect((await project.rows()).map(({ customer }) => customer)).toContain('bob')
  })

  it('are the same file where the folder gives no column of the schema', async () => {
    const project = new Living({ 'day=1/a': csv('01-05 ada 7') }, IN_FOLDERS)
    await project.run()
    mkdirSync(join(project.cwd, 'data/day=2'))
    renameSync(join(project.cwd, 'data/day=1/a.csv'), join(project.cwd, 'data/day=2/a.csv'))
    expect(await project.run()).toMatchObject({ outcome: 'unchanged' })
  })
})

it('an event at the end of the last year is carried from version to version', async () => {
  const project = new Living({ a: `${csv('01-05 ada 7')}9999-12-31T12:00:00Z,bob,1,EUR\n` }, TWO_DAYS)
  await project.run()
  project.put('b', csv('01-06 ada 1'))
  expect(await project.run()).toMatchObject({ reason: 'late rows: 3 cutoffs stale' })
  expect(await project.rows()).toEqual(await project.truth())
  expect(await project.quern('verify', 'orders_daily')).toMatchObject({ code: 0 })
})

describe('a file that holds something else', () => {
  const LATENESS = { ...TWO_DAYS, set: "lateness: '2d'," }

  it('leaves what lies beyond `lateness` to the backfill that is named, which asks for nothing that is gone', async () => {
    const project = new Living({ a: csv('01-05 ada 1', '01-20 ada 3') }, LATENESS)
    await project.until('01-21')
    project.put('a', csv('01-20 ada 3', '01-20 bob 4'))
    const ran = await project.quern('run', '--until', '2026-01-22T00:00:00Z')
    expect(ran.stderr).toMatch(/quern backfill orders_daily --from 2026-01-06T00:00:00\S+ --to 2026-01-21T00:00:00/)
    const [, from, to] = /--from (\S+) --to (\S+)/.exec(ran.stderr)!
    expect((await project.rows()).filter(({ cutoff }) => String(cutoff) < '2026-01-10')).toHaveLength(3)
    expect(await project.quern('backfill', 'orders_daily', '--from', from!, '--to', to!)).toMatchObject({ code: 0 })
    await project.until('01-25')
    expect(await project.rows()).toEqual(await project.truth())
    expect(await project.line('plan')).toMatchObject({ stale: [] })
  })

  it('leaves no closing row behind what was closed for a while', async () => {
    const project = new Living({ a: csv('01-05 ada 1') }, TWO_DAYS)
    await project.until('01-10')
    project.put('a', csv('01-01 bob 1'))
    const range = ['--from', '2026-01-07T00:00:00Z', '--to', '2026-01-08T00:00:00Z']
    expect(await project.quern('backfill', 'orders_daily', ...range)).toMatchObject({ code: 0 })
    expect(byKey(await project.rows())).toMatchObject({ 'ada 01-06': { orders_2d: 1 }, 'ada 01-07': { orders_2d: 0 } })
    expect(await project.until('01-10')).toMatchObject({ outcome: 'committed' })
    expect(await project.rows()).toEqual(await project.truth())
  })

  it('is repaired by a run what a backfill has not reached', async () => {
    const project = new Living({ a: csv('01-05 ada 1', '01-20 ada 3') }, TWO_DAYS)
    await project.until('01-23')
    project.put('a', csv('01-20 bob 4'))
    const range = ['--from', '2026-01-06T00:00:00Z', '--to', '2026-01-07T00:00:00Z']
    expect(await project.quern('backfill', 'orders_daily', ...range)).toMatchObject({ code: 0 })
    expect(await project.until('01-23')).toMatchObject({ outcome: 'committed' })
    expect(await project.rows()).toEqual(await project.truth())
  })
})

it('rows that one run has let pass are not held against the next', async () => {
  const options = { ...TWO_DAYS, source: "zone: 'UTC', rowKey: ['customer', 'time'],", set: '' }
  const project = new Living({ a: csv('01-05 ada 1', '01-05 bob -4') }, options)
  expect(await project.quern('run')).toMatchObject({ code: 3 })
  expect(await project.run('--max-rejected', '0.5')).toMatchObject({ rowsRead: 2, rowsRejected: 1 })
  project.put('b', csv('01-06 ada 2'))
  expect(await project.run()).toMatchObject({ outcome: 'committed', rowsRead: 1, rowsRejected: 0 })
  expect((await project.quern('rejected', 'orders', '--json')).lines).toHaveLength(1)
  project.put('c', csv('01-07 ada 2', '01-07 ada -2'))
  expect(await project.quern('run')).toMatchObject({ code: 3, stderr: expect.stringMatching(/1 of 2 rows \(50%\)/) })
  expect((await project.quern('rejected', 'orders', '--json')).lines).toHaveLength(2)
})

it('a backfill from long ago looks at new files a few times, not once for each chunk of nothing', async () => {
  const project = new Living({ a: csv('01-05 ada 1') }, TWO_DAYS)
  await project.until('01-06')
  project.put('b', csv('01-20 ada 1'))
  const range = ['--from', '2020-01-01T00:00:00Z', '--to', '2026-01-10T00:00:00Z']
  const { lines } = await project.quern('backfill', 'orders_daily', ...range, '--json')
  expect(lines.length).toBeLessThan(15)
  await project.run()
  expect(await project.rows()).toEqual(await project.truth())
})
