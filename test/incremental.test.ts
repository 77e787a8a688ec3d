/** What a run makes of what is there already: due cutoffs, late rows, inputs that went or changed, other definitions. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Line } from './kit/living.ts'
import { byKey, changedKeys, csv, Living, midnight, TWO_DAYS } from './kit/living.ts'

const FIRST = csv('01-01 ada 1', '01-01 bob 2', '01-06 ada 3')

describe('a run says why, and plan says the same before', () => {
  const reasons: [reason: string, change: (project: Living) => void, until: string][] = [
    ['2 cutoffs due', () => {}, '01-09'],
    ['late rows: 3 cutoffs stale', project => project.put('b', csv('01-03 bob 5')), '01-07'],
    ['1 cutoff due, late rows: 3 cutoffs stale', project => project.put('b', csv('01-03 bob 5')), '01-08'],
    ['1 file has changed: 6 cutoffs stale', project => project.put('a', csv('01-01 ada 1', '01-06 ada 3')), '01-07'],
    ['definition changed: rebuild', project => project.define({ features: "orders: count().over('3d')" }), '01-07'],
    [
      'schema changed: rebuild (column `amount`: no longer min 0; column `currency` is gone)',
      project => project.define({ ...TWO_DAYS, schema: 'time: z.date(), customer: z.string(), amount: z.int()' }),
      '01-07',
    ],
    ['only the description changed: unchanged', project => project.define({ ...TWO_DAYS, set: "description: 'new'," }), '01-07'],
  ]
  for (const [reason, change, until] of reasons) {
    it(reason, async () => {
      const project = new Living({ a: FIRST }, TWO_DAYS)
      await project.until('01-07')
      change(project)
      const planned = await project.line('plan', '--until', midnight(until))
      const ran = await project.until(until)
      expect([planned.reason, ran.reason]).toEqual([reason, reason])
      const isUnchanged = reason.endsWith('unchanged')
      expect([planned.outcome, ran.outcome]).toEqual(isUnchanged ? ['unchanged', 'unchanged'] : ['run', 'committed'])
      expect(await project.line('plan', '--until', midnight(until))).toMatchObject({ outcome: 'unchanged', stale: [] })
    })
  }
})

describe('an input that is gone', () => {
  it('is reported, and stops no run that needs none of its rows', async () => {
    const project = new Living({ a: csv('01-01 ada 1'), b: csv('01-20 bob 2') }, TWO_DAYS)
    await project.until('01-20')
    const before = await project.rows()
    project.take('a')
    expect(await project.line('plan')).toMatchObject({ reason: '3 cutoffs due, 1 file is gone' })
    expect(await project.run()).toMatchObject({ outcome: 'committed', reason: '3 cutoffs due, 1 file is gone' })
    expect((await project.rows()).filter(({ customer }) => customer === 'ada')).toEqual(before)
    expect(await project.run()).toMatchObject({
      outcome: 'unchanged',
      reason: 'same definition, 1 file is gone, and no cutoff that is due or stale needs its rows',
    })
  })

  it('stops no run that needs none of its rows where the tiles are lost too', async () => {
    const project = new Living({ a: csv('01-01 ada 1'), b: csv('01-20 bob 2') }, TWO_DAYS)
    await project.until('01-20')
    project.take('a')
    rmSync(join(project.table, '_quern/tiles'), { recursive: true })
    expect(await project.run()).toMatchObject({ outcome: 'committed', cutoffs: { count: 3 } })
    expect(Object.keys(byKey(await project.rows()))).toEqual(
      ['01-02', '01-03', '01-04'].map(day => `ada ${day}`).concat(['01-21', '01-22', '01-23'].map(day => `bob ${day}`)),
    )
  })

  it('stops a run that needs its rows, which names the cutoffs and the flag that accepts the loss', async () => {
    const project = new Living({ a: FIRST, b: csv('01-08 bob 5') }, TWO_DAYS)
    await project.until('01-07')
    project.take('a')
    for (const command of ['plan', 'run']) {
      const refused = await project.quern(command)
      expect(refused).toMatchObject({ code: 3, stdout: '' })
      expect(refused.stderr).toMatch(
        /data\/a\.csv is gone, and the windows of 2 cutoffs \(2026-01-08 to 2026-01-09\) need its rows\. Nothing was committed\.\n.*--accept-loss/,
      )
    }
    const before = await project.rows()
    const reason = '4 cutoffs due, without the rows of 1 file that is gone'
    expect(await project.line('plan', '--accept-loss')).toMatchObject({ outcome: 'run', reason })
    expect(await project.run('--accept-loss')).toMatchObject({ outcome: 'committed', version: 1, reason })
    const after = await project.rows()
    expect(changedKeys(before, after)).toEqual(['ada 01-08', 'bob 01-09', 'bob 01-10', 'bob 01-11'])
    // What was accepted is asked no more.
    project.put('c', csv('01-20 eve 1'))
    expect(await project.run()).toMatchObject({ outcome: 'committed', version: 2 })
    const gone = expect.stringMatching(/unequal \(input gone: .*a\.csv\)/)
    expect(await project.quern('verify', 'orders_daily')).toMatchObject({ code: 3, stdout: gone })
    // The file comes back: it still counts where it counted, and again where it was missed once a run has found it.
    project.put('a', FIRST)
    expect(await project.quern('verify', 'orders_daily')).toMatchObject({ code: 0 })
    await project.run()
    expect(await project.rows()).toEqual(await project.truth())
  })

  it('stops a rebuild, which needs the rows of all that is published', async () => {
    const project = new Living({ a: FIRST, b: csv('01-08 bob 5') }, TWO_DAYS)
    await project.run()
    project.take('a')
    const refused = await project.quern('run', '--full')
    expect(refused.code).toBe(3)
    expect(refused.stderr).toContain('the windows of 8 cutoffs (2026-01-02 to 2026-01-09) need its rows')
    expect(await project.run('--full', '--accept-loss')).toMatchObject({
      outcome: 'committed',
      reason: '--full, without the rows of 1 file that is gone',
    })
    expect(Object.keys(byKey(await project.rows()))).toEqual(['bob 01-09', 'bob 01-10', 'bob 01-11'])
  })
})

describe('an input that changed', () => {
  it('takes its old rows back and brings the new ones', async () => {
    const project = new Living({ a: FIRST, b: csv('01-01 bob 100') }, TWO_DAYS)
    await project.run()
    const before = await project.rows()
    project.put('a', csv('01-01 ada 1', '01-03 eve 9', '01-06 ada 4'))
    expect(await project.run()).toMatchObject({ outcome: 'committed', rowsRead: 3 })
    const after = await project.rows()
    expect(after).toEqual(await project.truth())
    // Of bob's two orders one is taken back; ada's first is what it was.
    expect(byKey(after)).toMatchObject({ 'bob 01-02': { orders_2d: 1, spend_2d: 100 }, 'ada 01-07': { spend_2d: 4 } })
    expect(changedKeys(before, after)).toEqual(
      ['ada 01-07', 'ada 01-08', 'bob 01-02', 'bob 01-03', 'eve 01-04', 'eve 01-05', 'eve 01-06'].sort(),
    )
    expect(await project.lineage()).toMatchObject({
      restated: { rows: 7, removed: 0, entities: 3, why: expect.stringMatching(/^1 file has changed: \d+ cutoffs stale$/) },
    })
  })

  it('takes whole rows away where nothing holds them any more', async () => {
    const project = new Living({ a: FIRST }, TWO_DAYS)
    await project.run()
    project.put('a', csv('01-06 ada 3'))
    await project.run()
    expect(Object.keys(byKey(await project.rows()))).toEqual(['ada 01-07', 'ada 01-08', 'ada 01-09'])
    expect(await project.lineage()).toMatchObject({ restated: { rows: 0, removed: 6, entities: 2 } })
  })
})

describe('cutoffs', () => {
  it('go on behind a gap in the data, in which nothing is published', async () => {
    const project = new Living({ a: csv('01-01 ada 1') }, TWO_DAYS)
    await project.until('01-03')
    expect(await project.until('01-20')).toMatchObject({ rowsWritten: 1, cutoffs: { count: 1 }, reason: '1 cutoff due' })
    expect(await project.until('01-25')).toMatchObject({
      outcome: 'unchanged',
      reason: 'same definition, the same file, and no cutoff that is due holds a row',
    })
    project.put('b', csv('02-01 ada 2'))
    expect(await project.until('02-02')).toMatchObject({ outcome: 'committed', rowsWritten: 1 })
    project.put('c', csv('01-24 bob 3'))
    await project.run()
    expect(await project.rows()).toEqual(await project.truth())
  })

  it('stay as they are under an earlier --until, and lose nothing of what waits', async () => {
    const project = new Living({ a: FIRST }, TWO_DAYS)
    await project.until('01-07')
    project.put('b', csv('01-03 bob 5', '01-08 bob 5'))
    project.put('a', csv('01-01 ada 1', '01-06 ada 3'))
    for (const command of ['plan', 'run']) {
      expect(await project.line(command, '--until', midnight('01-05'))).toMatchObject({
        outcome: 'unchanged',
        reason: 'published through 2026-01-07, and nothing is taken back',
      })
    }
    expect(await project.run()).toMatchObject({ outcome: 'committed', version: 1, rowsRead: 4 })
    expect(await project.rows()).toEqual(await project.truth())
  })

  it('stay as they are under an earlier --until and another definition, which the next run takes up', async () => {
    const project = new Living({ a: FIRST }, TWO_DAYS)
    await project.until('01-07')
    project.define({ features: "orders: count().over('3d')" })
    expect(await project.until('01-05')).toMatchObject({ outcome: 'unchanged', version: 0 })
    expect(await project.until('01-07')).toMatchObject({ version: 1, reason: 'definition changed: rebuild' })
    expect(await project.rows()).toEqual(await project.truth('--until', midnight('01-07')))
  })

  it('are not taken back by a clock that shows less than the last of them', async () => {
    const project = new Living({ a: FIRST }, TWO_DAYS)
    await project.until('01-07')
    project.put('b', csv('01-03 bob 5'))
    project.now = '2026-01-05T12:00:00Z'
    expect(await project.run()).toMatchObject({ outcome: 'unchanged', version: 0, through: '2026-01-05T00:00:00.000000Z' })
  })
})

describe('a clock that goes backwards', () => {
  it('leaves the times of commits rising, and a version found by them', async () => {
    const project = new Living({ a: FIRST }, TWO_DAYS)
    project.now = '2026-02-01T00:00:00Z'
    await project.until('01-03')
    project.now = '2026-01-20T00:00:00Z'
    await project.until('01-04')
    project.put('b', csv('01-02 bob 5'))
    await project.run()
    const log = (await project.quern('log', 'orders_daily', '--json')).lines
    expect(log.map(({ version, committedAt }) => [version, committedAt])).toEqual([
      [2, '2026-02-01T00:00:00.002000Z'],
      [1, '2026-02-01T00:00:00.001000Z'],
      [0, '2026-02-01T00:00:00.000000Z'],
    ])
    const versionAt = async (instant: string): Promise<unknown> => (await project.line('show', `orders_daily@${instant}`)).version
    expect(await versionAt('2026-02-01T00:00:00Z')).toBe(0)
    expect(await versionAt('2026-02-01T00:00:00.001Z')).toBe(1)
    expect(await versionAt('2026-02-02T00:00:00Z')).toBe(2)
    expect(await project.quern('show', 'orders_daily@2026-01-31T00:00:00Z')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('has no version as of 2026-01-31T00:00:00Z; it is younger'),
    })
  })
})

describe('another definition', () => {
  it('that was there before takes its old rows up again, and claims no rebuild', async () => {
    const project = new Living({ a: FIRST }, TWO_DAYS)
    await project.until('01-07')
    project.define({ features: "orders: count().over('3d')" })
    await project.until('01-07')
    project.define(TWO_DAYS)
    const reason = 'definition as in version 0: its rows are taken up again'
    expect(await project.line('plan', '--until', midnight('01-07'))).toMatchObject({ outcome: 'run', reason, read: { rows: 0 } })
    expect(await project.until('01-07')).toMatchObject({ outcome: 'committed', version: 2, reason, rowsRead: 0, rowsWritten: 0 })
    expect(await project.rows()).toEqual(await project.rows('orders_daily@0'))
    const log = (await project.quern('log', 'orders_daily', '--json')).lines
    expect(log.map(({ operation }) => operation)).toEqual(['restore', 'rebuild', 'run'])
    expect(await project.lineage()).toMatchObject({ restored: 0 })
    expect(await project.until('01-07')).toMatchObject({ outcome: 'unchanged', version: 2 })
  })

  it('that was there before goes on with what has come and become due since', async () => {
    const project = new Living({ a: FIRST }, TWO_DAYS)
    await project.until('01-03')
    project.define({ features: "orders: count().over('3d')" })
    project.put('b', csv('01-02 bob 5'))
    await project.until('01-07')
    project.define(TWO_DAYS)
    // Cutoffs that the table has reached meanwhile are due at once.
    expect(await project.until('01-07')).toMatchObject({
      version: 2,
      rowsRead: 1,
      reason: 'definition as in version 0: its rows are taken up again, 4 cutoffs due, late rows: 1 cutoff stale',
    })
    expect(await project.rows()).toEqual(await project.truth('--until', midnight('01-07')))
    await project.run()
    expect(await project.rows()).toEqual(await project.truth())
  })

  it('that was there before rebuilds where a clean-up has taken its rows', async () => {
    const project = new Living({ a: FIRST }, TWO_DAYS)
    await project.until('01-07')
    project.define({ features: "orders: count().over('3d')" })
    const { adds } = actionsOf(project, [0])
    await project.until('01-07')
    rmSync(join(project.table, String(adds[0])))
    project.define(TWO_DAYS)
    expect(await project.until('01-07')).toMatchObject({ version: 2, reason: 'definition changed: rebuild', rowsWritten: 7 })
  })

  it('of a renamed feature makes a new column, and diff says so', async () => {
    const project = new Living({ a: FIRST }, TWO_DAYS)
    await project.run()
    project.define({ features: "orders: count().over('2d'), revenue: sum(f.amount).over('2d')" })
    expect(await project.run()).toMatchObject({ version: 1, reason: 'definition changed: rebuild' })
    expect((await project.quern('diff', 'orders_daily@0', 'orders_daily@1')).stdout).toBe(
      '1 column added: revenue_2d\n1 column removed: spend_2d\nrows: no difference\ncause: definition\n',
    )
    expect(Object.keys((await project.rows('orders_daily@0'))[0]!)).toEqual(['customer', 'cutoff', 'orders_2d', 'spend_2d'])
  })

  it('with another every rebuilds on the new grid, as far as the table had come', async () => {
    const project = new Living({ a: FIRST }, TWO_DAYS)
    await project.until('01-07')
    project.define(TWO_DAYS, text => text.replace("every: '1d'", "every: '12h'"))
    expect(await project.until('01-07')).toMatchObject({
      version: 1,
      reason: 'definition changed: rebuild',
      cutoffs: { from: '2026-01-02T00:00:00.000000Z', to: '2026-01-07T00:00:00.000000Z' },
    })
    expect(await project.rows()).toEqual(await project.truth('--until', midnight('01-07')))
    expect(await project.run('--until', '2026-01-07T12:00:00Z')).toMatchObject({ version: 2, reason: '1 cutoff due' })
    expect(await project.rows('orders_daily@0')).toHaveLength(7)
  })

  it('with another key replaces all files and the schema in one commit, and the versions go on', async () => {
    const project = new Living({ a: FIRST }, TWO_DAYS)
    await project.until('01-03')
    await project.until('01-04')
    const before = await project.rows()
    const { adds: old } = actionsOf(project, [0, 1])
    project.define(TWO_DAYS, text => text.replace("['customer']", "['currency', 'customer']"))
    expect(await project.until('01-04')).toMatchObject({ version: 2, reason: 'definition changed: rebuild' })
    const { adds, removes, metaData } = actionsOf(project, [2])
    expect(removes.sort()).toEqual(old.sort())
    expect(adds.length).toBeGreaterThan(0)
    const { schemaString, id } = metaData[0] as { schemaString: string; id: string }
    expect((JSON.parse(schemaString) as { fields: { name: string }[] }).fields.slice(0, 3).map(({ name }) => name)).toEqual([
      'currency',
      'customer',
      'cutoff',
    ])
    expect(id).toBe(actionsOf(project, [0]).metaData[0]!.id)
    expect(await project.rows('orders_daily@1')).toEqual(before)
    expect(await project.rows()).toEqual(await project.truth('--until', midnight('01-04')))
    expect((await project.quern('diff', 'orders_daily@1', 'orders_daily@2')).stdout).toContain(
      'rows: none correspond, since the key is another',
    )
  })
})

describe('late rows', () => {
  it('change the entities and cutoffs that they touch, and nothing else', async () => {
    const many = Array.from({ length: 28 }, (_, day) =>
      ['ada', 'bob', 'eve'].map(name => `01-${String(day + 1).padStart(2, '0')} ${name} ${day}`),
    )
    const project = new Living({ a: csv(...many.flat()) })
    await project.run()
    const before = await project.rows()
    project.put('late', csv('01-10 bob 100', '01-10 zoe 1'))
    expect(await project.line('plan')).toMatchObject({
      stale: [{ from: '2026-01-11T00:00:00.000000Z', to: '2026-01-18T00:00:00.000000Z', entities: 2 }],
    })
    await project.run()
    const after = await project.rows()
    const days = ['11', '12', '13', '14', '15', '16', '17']
    // Seven days hold the order; zoe gets a closing row besides.
    const touched = [...days.map(day => `bob 01-${day}`), ...[...days, '18'].map(day => `zoe 01-${day}`)]
    expect(changedKeys(before, after)).toEqual(touched)
    expect(after).toEqual(await project.truth())
    expect(await project.rows('orders_daily@0')).toEqual(before)
    const span = { from: '2026-01-11T00:00:00.000000Z', to: '2026-01-18T00:00:00.000000Z', count: 8 }
    expect(await project.lineage()).toMatchObject({
      reason: 'late rows: 8 cutoffs stale',
      rowsWritten: 15,
      restated: { rows: 15, removed: 0, entities: 2, cutoffs: span, why: 'late rows: 8 cutoffs stale' },
    })
  })

  it('past the lateness are listed with the backfill that repairs them, which does', async () => {
    const project = new Living({ a: csv('01-01 ada 1', '01-10 ada 2') }, { ...TWO_DAYS, set: "lateness: '3d'," })
    await project.until('01-12')
    project.put('late', csv('01-02 bob 5', '01-10 bob 6'))
    const backfill = 'quern backfill orders_daily --from 2026-01-03T00:00:00.000000Z --to 2026-01-06T00:00:00.000000Z'
    const outOfReach = { from: '2026-01-03T00:00:00.000000Z', to: '2026-01-05T00:00:00.000000Z', entities: 1, backfill }
    const within = { from: '2026-01-11T00:00:00.000000Z', to: '2026-01-12T00:00:00.000000Z', entities: 1 }
    expect((await project.line('plan', '--until', midnight('01-12'))).stale).toEqual([outOfReach, within])
    const said = `rows came too late for cutoffs 2026-01-03 to 2026-01-05, 1 entity; repair with ${backfill}`
    expect(await project.quern('run', '--until', midnight('01-12'))).toMatchObject({ code: 0, stderr: `orders_daily: ${said}\n` })
    expect(Object.keys(byKey(await project.rows())).filter(key => key.startsWith('bob'))).toEqual(['bob 01-11', 'bob 01-12'])
    // It stays listed until it is repaired.
    expect((await project.line('plan', '--until', midnight('01-12'))).stale).toEqual([outOfReach])
    const repaired = await project.quern(...backfill.split(' ').slice(1), '--json')
    // Chunks are as long as the longest window.
    expect(repaired.lines.map(({ reason }) => reason)).toEqual(['2 cutoffs computed anew', '1 cutoff computed anew'])
    expect((await project.line('plan', '--until', midnight('01-12'))).stale).toEqual([])
    expect(await project.rows()).toEqual(await project.truth('--until', midnight('01-12')))
  })
})

function actionsOf(project: Living, versions: number[]): { adds: unknown[]; removes: unknown[]; metaData: Line[] } {
  const actions = versions.flatMap(version => project.commit(version))
  return {
    adds: actions.flatMap(({ add }) => add?.path ?? []),
    removes: actions.flatMap(({ remove }) => remove?.path ?? []),
    metaData: actions.flatMap(({ metaData }): Line[] => (metaData ? [metaData] : [])),
  }
}
