/** What is expected of a whole batch: judged before the commit, recorded in it, told by `run`, `plan` and `show`. */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Line } from './kit/living.ts'
import { csv, Living, midnight } from './kit/living.ts'
import type { OrdersOptions } from './kit/project.ts'
import { writeFiles } from './kit/project.ts'

const expecting = (list: string, more: OrdersOptions = {}): OrdersOptions => ({
  ...more,
  set: `expect: [${list}], ${more.set ?? ''}`,
})

const NULLABLE = "time: z.date(), customer: z.string(), amount: z.int().nullable(), currency: z.enum(['EUR', 'USD'])"

const results = ({ expectations }: Line): Line[] => expectations as Line[]

describe('a broken expectation', () => {
  it('stops the run before it commits, says what was found and allowed, and is judged again by the next', async () => {
    const project = new Living({ a: csv('01-01 ada 1', '01-01 bob 2') }, expecting('rowsBetween(3, 5)'))
    const refused = await project.quern('run', '--json')
    expect(refused).toMatchObject({
      code: 3,
      stderr:
        '`orders_daily`: expected rowsBetween(3, 5), found 2 rows. Nothing was committed.\n' +
        '  Mend the data or the expectation, or let this batch pass once with --expectations warn.  [data.expectation]\n',
    })
    const result = { expectation: 'rowsBetween', limit: [3, 5], measured: 2, rows: 2, passed: false, severity: 'stop' }
    expect(refused.lines).toMatchObject([
      { outcome: 'failed', version: null, rowsRead: 2, rowsWritten: 0, code: 'data.expectation', expectations: [result] },
    ])
    expect((await project.quern('ls', '--json')).lines).toEqual([])
    expect((await project.quern('run')).code).toBe(3)
    project.put('b', csv('01-02 ada 3'))
    expect(await project.run()).toMatchObject({ outcome: 'committed', version: 0, rowsRead: 3 })
  })

  it('leaves a version that is there as it is', async () => {
    const project = new Living({ a: csv('01-01 ada 1', '01-01 bob 2') }, expecting('rowsBetween(2, 5)'))
    await project.run()
    project.put('b', csv('01-02 ada 3'))
    // What became of files that are gone has nothing to do with it.
    expect((await project.quern('run', '--accept-loss')).code).toBe(3)
    expect((await project.line('ls')).version).toBe(0)
    expect(await project.lineage()).toMatchObject({ expectations: [{ measured: 2, passed: true }] })
  })

  it('keeps the rejected rows all the same', async () => {
    const project = new Living(
      { a: csv('01-01 ada 1', '01-01 bob -2') },
      expecting('rowsBetween(2, 5)', { set: 'maxRejected: 0.5,' }),
    )
    const refused = await project.quern('run', '--json')
    expect(refused.lines).toMatchObject([{ rowsRead: 2, rowsRejected: 1, expectations: [{ measured: 1, rows: 1 }] }])
    expect((await project.quern('rejected', 'orders', '--json')).lines).toHaveLength(1)
  })

  it('that only warns is told on stderr, and recorded in the version', async () => {
    const project = new Living({ a: csv('01-01 ada 1') }, expecting('rowsBetween(2, 5).warn(), rowsBetween(1, Infinity)'))
    const ran = await project.quern('run', '--json')
    expect(ran).toMatchObject({ code: 0, stderr: 'orders_daily: warning: expected rowsBetween(2, 5), found 1 row\n' })
    const found = [
      { expectation: 'rowsBetween', limit: [2, 5], measured: 1, rows: 1, passed: false, severity: 'warn' },
      { expectation: 'rowsBetween', limit: [1, null], measured: 1, rows: 1, passed: true, severity: 'stop' },
    ]
    expect(ran.lines).toMatchObject([{ outcome: 'committed', expectations: found }])
    expect((await project.lineage()).expectations).toEqual(found)
    expect((await project.quern('show', 'orders_daily')).stdout).toContain(
      '  expected   rowsBetween(2, 5): 1 row, broken (warn)\n  expected   rowsBetween(1, Infinity): 1 row, holds\n',
    )
  })

  it('passes once with --expectations warn, and says in the version that it did', async () => {
    const project = new Living({ a: csv('01-01 ada 1') }, expecting('rowsBetween(2, 5), rowsBetween(3, 5).warn()'))
    const stopped = await project.quern('run')
    expect(stopped.stderr).toContain(
      'found 1 row. Nothing was committed. Also, as a warning: expected rowsBetween(3, 5), found 1 row.\n',
    )
    expect(await project.quern('run', '--expectations', 'warn')).toMatchObject({ code: 0 })
    expect((await project.lineage()).expectations).toMatchObject([
      { passed: false, severity: 'warn', declared: 'stop' },
      { passed: false, severity: 'warn' },
    ])
    expect((await project.quern('show', 'orders_daily')).stdout).toContain('1 row, broken (warn instead of stop)\n')
    // What was let pass is read, and judged no more.
    expect(await project.run()).toMatchObject({ outcome: 'unchanged', expectations: [] })
    expect((await project.quern('run', '--full', '--expectations', 'warn')).code).toBe(0)
  })

  it('stops with --expectations stop, whatever the definition says', async () => {
    const project = new Living({ a: csv('01-01 ada 1') }, expecting('rowsBetween(2, 5).warn()'))
    expect((await project.quern('run', '--expectations', 'stop')).code).toBe(3)
    const wrong = await project.quern('run', '--expectations', 'never')
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('`never` is no severity') })
  })

  it('stops a backfill, which takes the flag too', async () => {
    const project = new Living({ a: csv('01-01 ada 1', '01-02 bob 2') }, expecting('rowsBetween(1, 2)'))
    await project.until('01-03')
    project.put('late', csv('01-01 eve 1', '01-02 eve 1', '01-03 eve 1'))
    const args = ['backfill', 'orders_daily', '--from', midnight('01-02'), '--to', midnight('01-05')]
    expect(await project.quern(...args)).toMatchObject({ code: 3, stderr: expect.stringContaining('found 3 rows') })
    const passed = await project.quern(...args, '--expectations', 'warn')
    expect(passed).toMatchObject({ code: 0, stderr: 'orders_daily: warning: expected rowsBetween(1, 2), found 3 rows\n' })
  })
})

describe('the batch', () => {
  it('is what no version has read: a run that reads nothing judges nothing', async () => {
    const project = new Living({ a: csv('01-01 ada 1', '01-01 ada 1') }, expecting('rowsBetween(2, 2)'))
    await project.until('01-02')
    expect(await project.until('01-03')).toMatchObject({ outcome: 'committed', rowsRead: 0, expectations: [] })
    expect(await project.lineage()).not.toHaveProperty('expectations')
    project.put('b', csv('01-03 ada 1', '01-03 bob 1'))
    expect(results(await project.until('01-04'))).toMatchObject([{ rows: 2, passed: true }])
    // With --full it is everything.
    expect((await project.quern('run', '--full')).stderr).toContain('found 4 rows')
  })

  it('holds the rows that are accepted: schema and key let them pass', async () => {
    const schema = NULLABLE.replace('customer: z.string()', 'customer: z.string().nullable()')
    const text = `${csv('01-01 ada 1', '01-01 bob -2')}2026-01-01T12:00:00Z,,3,EUR\n`
    const project = new Living(
      { a: text },
      expecting('rowsBetween(9, 9).warn()', { schema: schema.replace('nullable(), c', 'min(0), c'), set: 'maxRejected: 1,' }),
    )
    expect(await project.line('run')).toMatchObject({ rowsRead: 3, rowsRejected: 2, expectations: [{ measured: 1 }] })
  })

  it('of a source with a row key holds the new files alone, with the rows that replace others', async () => {
    const options = expecting("uniqueKey('customer').warn(), rowsBetween(0, 1)", { source: "zone: 'UTC', rowKey: ['customer']," })
    const project = new Living({ a: csv('01-01 ada 1') }, options)
    await project.run()
    project.put('b', csv('01-02 ada 1', '01-03 ada 2'))
    const ran = await project.quern('run', '--expectations', 'warn', '--json')
    expect(ran.lines).toMatchObject([{ outcome: 'committed', expectations: [{ measured: 1, rows: 2 }, { measured: 2 }] }])
    expect(ran.stderr).toContain('found 1 of 2 rows with the key of another (customer ada in 2 rows)')
    // The keys of rows stay out of the table's history.
    expect(JSON.stringify(await project.lineage())).not.toContain('ada')
  })

  it('of text files is measured like any other', async () => {
    const line = (time: string, amount: number | null): string =>
      JSON.stringify({ time, customer: 'ada', amount, currency: 'EUR' })
    const schema = NULLABLE.replace('z.date()', 'z.iso.datetime()')
    const options = expecting("nullShareBelow('amount', 0.5).warn(), uniqueKey('time').warn()", { schema, uri: 'data/*.ndjson' })
    const project = new Living({}, options)
    const [first, second] = ['2026-01-01T09:00:00Z', '2026-01-01T10:00:00Z']
    const rows = [line(first, null), line(first, 1), '{', line(second, null), line(second, null)]
    writeFiles(project.cwd, { 'data/a.ndjson': rows.join('\n') })
    const ran = await project.run('--max-rejected', '50%')
    expect(ran).toMatchObject({ rowsRead: 5, rowsRejected: 1, expectations: [{ measured: 0.75, rows: 4 }, { measured: 2 }] })
  })

  it('without a row holds no row that is fresh, and nothing else to object to', async () => {
    const project = new Living(
      { a: csv() },
      expecting("nullShareBelow('amount', 0), uniqueKey('customer'), lateShareBelow(0), fresherThan('1d').warn()", {
        schema: NULLABLE,
      }),
    )
    const ran = await project.quern('run', '--json')
    expect(ran).toMatchObject({ code: 0, stderr: "orders_daily: warning: expected fresherThan('1d'), found no row\n" })
    expect(results(ran.lines[0]!).map(({ measured, passed }) => [measured, passed])).toEqual([
      [null, true],
      [0, true],
      [null, true],
      [null, false],
    ])
  })
})

describe('each expectation', () => {
  const ROWS = ['01-01 ada 1', '01-02 ada ', '01-03 bob 2', '01-03 bob 2']
  const cases: [text: string, found: string, passed: boolean][] = [
    ['rowsBetween(4, 4)', '4 rows', true],
    ['rowsBetween(5, 9)', '4 rows', false],
    ['rowsBetween(0, 3)', '4 rows', false],
    // Below means below; of nothing it may be 0.
    ["nullShareBelow('amount', 0.25)", '1 of 4 rows (25%) null in `amount`', false],
    ["nullShareBelow('amount', 0.26)", '1 of 4 rows (25%) null in `amount`', true],
    ["nullShareBelow('customer', 0)", '0 of 4 rows (0%) null in `customer`', true],
    ["uniqueKey('customer')", '2 of 4 rows with the key of another (customer ada in 2 rows)', false],
    [
      "uniqueKey('time', 'customer')",
      '1 of 4 rows with the key of another (time 2026-01-03 12:00:00+00, customer bob in 2 rows)',
      false,
    ],
    // A null is equal to nothing.
    ["uniqueKey('customer', 'amount')", '1 of 4 rows with the key of another (customer bob, amount 2 in 2 rows)', false],
    ["fresherThan('36h')", 'newest row 1d 12h old', false],
    ["fresherThan('37h')", 'newest row 1d 12h old', true],
    ['lateShareBelow(0)', '0 of 4 rows (0%) late', true],
  ]
  it('is measured and judged as it says', async () => {
    const list = cases.map(([text]) => `${text}.warn()`).join(', ')
    const project = new Living({ a: csv(...ROWS) }, expecting(list, { schema: NULLABLE }))
    const ran = await project.quern('run', '--until', midnight('01-05'), '--json')
    expect(results(ran.lines[0]!).map(({ passed }) => passed)).toEqual(cases.map(([, , passed]) => passed))
    const told = cases
      .filter(([, , passed]) => !passed)
      .map(([text, found]) => `orders_daily: warning: expected ${text}, found ${found}`)
    expect(ran.stderr.trim().split('\n')).toEqual(told)
    const shown = (await project.quern('show', 'orders_daily')).stdout
    for (const [text, found, passed] of cases)
      expect(shown).toContain(`expected   ${text}: ${found.replace(/ \(\w+ .*/, '')}, ${passed ? 'holds' : 'broken'}`)
  })

  it('of freshness goes by --until, and overlooks rows that are dated later', async () => {
    const project = new Living({ a: csv('01-01 ada 1', '01-09 bob 1') }, expecting("fresherThan('2d').warn()"))
    expect(results(await project.until('01-03'))).toMatchObject([{ measured: 1.5 * 86_400, passed: true }])
    const noon = await project.run('--until', '2026-01-09T12:00:00Z', '--full')
    expect(results(noon)).toMatchObject([{ measured: 0, passed: true }])
    const later = new Living({ a: csv('01-09 bob 1') }, expecting("fresherThan('2d')"))
    expect(results(await later.until('01-03'))).toMatchObject([{ measured: 0, passed: true }])
    expect((await later.quern('run')).stderr).toContain("expected fresherThan('2d'), found newest row 50d 12h old")
  })

  it('of late rows counts those whose first cutoff was published', async () => {
    const project = new Living({ a: csv('01-01 ada 1', '01-05 ada 1') }, expecting('lateShareBelow(0.5)'))
    await project.until('01-04')
    // The cutoff of 01-04 is published, so noon of the day before is late, and noon of that day is not.
    project.put('b', csv('01-03 bob 1', '01-04 bob 1', '01-07 bob 1'))
    expect(results(await project.until('01-05'))).toMatchObject([{ measured: 1 / 3, passed: true }])
    project.put('c', csv('01-01 eve 1'))
    const refused = await project.quern('run', '--until', midnight('01-05'))
    expect(refused).toMatchObject({ code: 3, stderr: expect.stringContaining('found 1 of 1 row (100%) late') })
    // A file that changed brings all its rows anew.
    project.take('c')
    project.put('b', csv('01-03 bob 1', '01-04 bob 1', '01-04 bob 2'))
    expect((await project.quern('run', '--until', midnight('01-05'))).stderr).toContain('found 3 of 3 rows (100%) late')
    // What computes everything anew has published nothing.
    expect(results(await project.until('01-05', '--full'))).toMatchObject([{ measured: 0, rows: 5 }])
  })
})

describe('plan', () => {
  it('tells the verdict where it reads, and what will be judged where it does not', async () => {
    const project = new Living({ a: csv('01-01 ada 1') }, expecting('rowsBetween(1, 1)'))
    const unread = { expectation: 'rowsBetween', limit: [1, 1], measured: null, rows: null, passed: null, severity: 'stop' }
    expect(await project.line('plan')).toMatchObject({ outcome: 'run', expectations: [unread] })
    expect((await project.quern('plan')).stdout).toContain('  expects rowsBetween(1, 1): not known before reading\n')
    await project.run()
    expect(await project.line('plan')).toMatchObject({ outcome: 'unchanged', expectations: [] })
    project.put('b', csv('01-02 ada 1', '01-02 bob 2'))
    expect(await project.line('plan')).toMatchObject({ expectations: [{ measured: 2, passed: false }] })
    expect((await project.quern('plan')).stdout).toContain('  expects rowsBetween(1, 1): 2 rows, broken (stop)\n')
  })
})

describe('an expectation that changes', () => {
  it('recomputes nothing, and leaves the version provable', async () => {
    const project = new Living({ a: csv('01-01 ada 1') }, expecting('rowsBetween(1, 1)'))
    await project.run()
    project.define(expecting("rowsBetween(5, 9), uniqueKey('customer')"))
    expect(await project.run()).toMatchObject({ outcome: 'unchanged', version: 0, expectations: [] })
    expect(await project.quern('verify', 'orders_daily')).toMatchObject({ code: 0 })
  })

  it('is not carried along by a compaction', async () => {
    const project = new Living({ a: csv('01-01 ada 1') }, expecting('rowsBetween(1, 1)'))
    await project.until('01-02')
    project.put('b', csv('01-05 ada 1'))
    await project.run()
    expect(await project.line('compact', 'orders_daily')).toMatchObject({ outcome: 'committed' })
    expect(await project.lineage()).not.toHaveProperty('expectations')
  })
})

it('check reports every fault of expectations at once', async () => {
  const wrong = [
    "nullShareBelow('amuont', 1.5)",
    'rowsBetween(5, 2)',
    'rowsBetween(-1, 2.5)',
    "fresherThan('2 days')",
    "fresherThan('0s')",
    'lateShareBelow(NaN)',
    'uniqueKey()',
    "uniqueKey('customer', 'customer')",
    'rowsBetween(1, 2), rowsBetween(1, 2).warn()',
    'lateShareBelow',
    "'nullShareBelo'",
    'null',
  ]
  const project = new Living({}, expecting(wrong.join(', ')))
  const refused = await project.quern('check')
  expect(refused.code).toBe(2)
  const file = join('transforms', 'orders0.ts')
  expect(
    refused.stderr
      .replaceAll(/\n {2}.*/g, '')
      .replaceAll(/ {2}\[.*\]/g, '')
      .replaceAll(`${file}: \`orders_daily\`: `, ''),
  ).toBe(
    `expect: nullShareBelow('amuont', 1.5): there is no column \`amuont\`
expect: nullShareBelow('amuont', 1.5): \`1.5\` is no share
expect: rowsBetween(5, 2): 5 is more than 2
expect: rowsBetween(-1, 2.5): \`-1\` is no number of rows
expect: rowsBetween(-1, 2.5): \`2.5\` is no number of rows
expect: fresherThan('2 days'): \`2 days\` is no duration
expect: fresherThan('0s'): \`0s\` is no duration above 0
expect: lateShareBelow(NaN): \`NaN\` is no share
expect: uniqueKey(): names no column
expect: uniqueKey('customer', 'customer'): \`customer\` is named twice
expect: rowsBetween(1, 2): stands twice
expect: \`lateShareBelow\` is not called
expect: \`nullShareBelo\` is no expectation
expect: \`null\` is no expectation
`,
  )
  expect(refused.stderr).toContain('Did you mean `amount`?')
  expect(refused.stderr).toContain('Did you mean `nullShareBelow`?')
  project.define({ set: "expect: 'rowsBetween(1, 2)'," })
  expect((await project.quern('check')).stderr).toContain('expect: `rowsBetween(1, 2)` is no list')
})
