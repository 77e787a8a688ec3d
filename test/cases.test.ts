/** `quern test`: unit cases go the way of every row, and what differs is said. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { quern, REPOSITORY } from './kit/cli.ts'
import { fixture, order, rows } from './kit/fixtures.ts'
import { here } from './kit/program.ts'
import type { OrdersOptions } from './kit/project.ts'
import { orders, project, writeFiles } from './kit/project.ts'

const AT = "cutoff: '2026-01-02T00:00:00Z'"

const withCases = (cases: Record<string, string>, options: OrdersOptions = {}): string =>
  project({ 'transforms/o.ts': orders(options), 'fixtures/o.ts': fixture(cases) })

/** What `quern test --json` says of each case. */
const outcomes = async (cases: Record<string, string>, options: OrdersOptions = {}) => {
  const { code, lines } = await here(withCases(cases, options), ['test', '--json'])
  return { code, outcomes: lines.map(({ outcome }) => outcome), lines }
}

describe('quern test', () => {
  it('holds the example project and the one that init makes to their cases', async () => {
    expect(await here(REPOSITORY, ['test'])).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^5 cases: 5 ok \(\d+ ms\)\n$/),
    })
    const cwd = project({})
    const made = await here(cwd, ['init', 'made'])
    expect(made.stdout).toContain('npx quern test')
    const outcome = await here(join(cwd, 'made'), ['test'])
    expect(outcome).toMatchObject({ code: 0, stderr: expect.stringMatching(/^2 cases: 2 ok/) })
  })

  it('runs the example of the documentation', async () => {
    const example = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(REPOSITORY, 'docs/testing.md'), 'utf8'))![1]!
    const copied = Object.fromEntries(
      ['transforms/originDelays.ts', 'schemas/flight.ts'].map(file => [file, readFileSync(join(REPOSITORY, file))]),
    )
    const outcome = await here(project({ ...copied, 'fixtures/originDelays.ts': example }), ['test'])
    expect(outcome).toMatchObject({ code: 0, stderr: expect.stringMatching(/^2 cases: 2 ok/) })
  })

  it('says a line for each case, what differs as a table, and the sums', async () => {
    const cwd = withCases({
      'one order': `rows: [${order()}], ${AT}, expect: [{ customer: 'ada', orders_1d: 1, spend_7d: 5 }]`,
      'wrong rows': `rows: [${order()}, ${order("customer: 'bob'")}, ${order('amount: -1')}], ${AT},
        rejects: [{ row: ${order()}, path: 'amount' }, { row: ${order("currency: 'CHF'")}, code: 'too_big' }],
        expect: [{ customer: 'ada', orders_1d: 1 }, { customer: 'eve', orders_1d: 1 }]`,
    })
    const outcome = await here(cwd, ['test'])
    expect(outcome.code).toBe(2)
    expect(outcome.stdout.replaceAll(/\d+ ms/g, 'N ms')).toBe(`ok      orders_daily: one order (N ms)
FAILED  orders_daily: wrong rows (N ms)
  row               column     expected           got
  rows[2]                      accepted           rejected: amount: too_small: Too small: expected number to be >=0
  rejects[0]                   rejected: amount   accepted
  rejects[1]                   rejected: too_big  rejected: currency: invalid_value: Invalid option: expected one of "EUR"|"USD"
  ada @ 2026-01-02  orders_1d  1                  2
  eve @ 2026-01-02             a row              no row
  bob @ 2026-01-02             no row             a row: orders_1d 1, spend_1d 5, spend_7d 5
`)
    expect(outcome.stderr).toMatch(/^2 cases: 1 ok, 1 failed \(\d+ ms\)\n$/)
    expect(existsSync(join(cwd, '.quern'))).toBe(false)
  })

  it('says the same as JSON, a line for each case', async () => {
    const cases = {
      'last time': `rows: [${order()}], ${AT}, expect: [{ customer: 'ada', at_1d: new Date(0) }, { customer: 'bob', at_1d: '2026-01-01T00:00:00Z' }]`,
      refused: `rows: [${order('amount: -1')}], ${AT}, expect: []`,
    }
    const { code, lines } = await outcomes(cases, { features: "at: last(f.time).over('1d'), n: count().over('1d')" })
    const cutoff = '2026-01-02T00:00:00.000000Z'
    const line = { name: 'orders_daily', file: 'fixtures/o.ts', outcome: 'failed', seconds: expect.any(Number) }
    expect(code).toBe(2)
    expect(lines).toEqual([
      {
        ...line,
        case: 'last time',
        differences: [
          {
            kind: 'value',
            key: { customer: 'ada', cutoff },
            input: null,
            column: 'at_1d',
            expected: '1970-01-01T00:00:00.000000Z',
            got: '2026-01-01T09:30:00.000000Z',
          },
          {
            kind: 'missing',
            key: { customer: 'bob', cutoff },
            input: null,
            column: null,
            expected: { at_1d: '2026-01-01T00:00:00.000000Z' },
            got: null,
          },
        ],
      },
      {
        ...line,
        case: 'refused',
        differences: [
          {
            kind: 'rejected',
            key: null,
            input: 'rows[0]',
            column: null,
            expected: null,
            got: [{ path: 'amount', code: 'too_small', message: 'Too small: expected number to be >=0' }],
          },
        ],
      },
    ])
  })

  const FORMATS: [format: string, options: OrdersOptions][] = [
    ['Parquet', { uri: 'data/*.parquet' }],
    ['CSV', { source: "zone: 'UTC', csv: { delimiter: ';', nullText: 'ada', encoding: 'utf-16', header: false }," }],
    [
      'NDJSON',
      {
        uri: 'data/*.{ndjson,jsonl}.gz',
        schema:
          'time: z.coerce.date(), customer: z.string(), amount: z.int().min(0), note: z.string().nullable(), big: z.int64().optional()',
      },
    ],
  ]
  for (const [format, options] of FORMATS) {
    it(`reads rows as ${format} files of the source are read`, async () => {
      const schema =
        'time: z.date(), customer: z.string(), amount: z.int().min(0), note: z.string().nullable(), big: z.int64().optional()'
      const row = (more: string): string => `{ time: '2026-01-01T09:30:00Z', customer: 'ada', amount: 5, note: null, ${more} }`
      const text = JSON.stringify('a"b,\n\u00e9')
      const { code, lines } = await outcomes(
        {
          values: `rows: [${row("big: 2n ** 62n + 1n, note: ''")}, ${row(`time: new Date('2026-01-01T09:00:00.5Z'), note: ${text}`)}, ${row('')}], ${AT},
            expect: [{ customer: 'ada', n_1d: 3, notes_1d: 2, first_1d: ${text}, big_1d: 2n ** 62n + 1n, at_1d: '2026-01-01T09:00:00.5Z' }]`,
          refused: `rows: [${row('')}], ${AT}, expect: [{ customer: 'ada', n_1d: 1, big_1d: null }], rejects: [
            { row: ${row('amount: -1')}, path: 'amount', code: 'too_small' },
            { row: ${row('amount: 0.5')}, path: 'amount', code: 'invalid_type' },
            { row: ${row('amount: null')}, path: 'amount', code: 'invalid_type' },
            { row: ${row('time: new Date(253402300800000)')}, path: 'time' }]`,
        },
        {
          ...options,
          schema: options.schema ?? schema,
          features:
            "n: count().over('1d'), notes: countDistinct(f.note).over('1d'), first: first(f.note).over('1d'), big: max(f.big).over('1d'), at: min(f.time).over('1d')",
        },
      )
      expect(lines.map(({ outcome, differences, reason }) => [outcome, differences, reason])).toEqual([
        ['ok', [], undefined],
        ['ok', [], undefined],
      ])
      expect(code).toBe(0)
    })
  }

  it('goes by what files are called, whatever their folder is called', async () => {
    const cwd = project({
      'transforms/o.ts': orders({
        uri: 'csv/*.ndjson',
        schema: 'time: z.coerce.date(), customer: z.string(), amount: z.int(), currency: z.string()',
      }),
      'fixtures/o.ts': fixture({
        types: `rejects: [{ row: ${order("amount: 'five'")}, code: 'invalid_type' }, { row: ${order('amount: 0.5')} }]`,
      }),
    })
    expect(await here(cwd, ['test'])).toMatchObject({ code: 0 })
  })

  it('counts a CSV row whose only column is null', async () => {
    const cwd = project({
      'transforms/o.ts': orders({ schema: 'time: z.date().nullable()', features: "n: count().over('1d')" }).replace(
        "['customer']",
        "['time']",
      ),
      'fixtures/o.ts': fixture({
        null: "rejects: [{ row: { time: null }, code: 'no_event_time' }, { row: { time: 'soon' }, code: 'invalid_type' }]",
      }),
    })
    expect(await here(cwd, ['test'])).toMatchObject({ code: 0 })
  })

  it('gives what a run over the same rows commits', async () => {
    const cwd = project({
      'transforms/o.ts': orders({
        features: "n: count().over('1d', '7d'), spread: stddev(f.amount).over('7d'), last: last(f.currency).over('lifetime')",
      }),
      'data/a.csv': `time,customer,amount,currency\n${rows.map(({ time, customer, amount, currency }) => `${time},${JSON.stringify(customer).replaceAll('\\"', '""')},${amount},${currency}\n`).join('')}`,
    })
    await here(cwd, ['run'], { now: '2026-03-01T00:00:00Z' })
    const table = (await here(cwd, ['read', 'orders_daily', '--format', 'json', '--json'])).lines
    expect(table.length).toBeGreaterThan(15)
    const cutoffs = [...new Set(table.map(({ cutoff }) => cutoff))]
    writeFiles(cwd, {
      'fixtures/o.ts': fixture({
        all: `rows: ${JSON.stringify(rows)}, cutoffs: ${JSON.stringify(cutoffs)}, expect: ${JSON.stringify(table)}`,
      }),
    })
    expect(await here(cwd, ['test'])).toMatchObject({ code: 0 })
  })

  it('keeps names and values to their line, and columns apart from what objects inherit', async () => {
    const cwd = project({
      'transforms/o.ts': orders({
        schema: 'time: z.date(), customer: z.string().nullable(), constructor: z.int().optional()',
        features: "last: last(f.customer).over('1d'), n: count(f.constructor).over('1d')",
      }),
      'fixtures/o.ts': fixture({
        'two\nlines': `rows: [{ time: '2026-01-01', customer: 'a\\nb' }, { time: '2026-01-01', customer: 'c' }], ${AT},
          expect: [{ customer: 'a\\nb', last_1d: 'b', n_1d: 0 }, { customer: 'c', last_1d: 'c' }],
          rejects: [{ row: { time: '2026-01-01', customer: null, constructor: 1 }, path: 'customer', code: 'null_key' }]`,
      }),
    })
    expect((await here(cwd, ['test'])).stdout.replace(/\d+ ms/, 'N ms')).toBe(`FAILED  "orders_daily: two\\nlines" (N ms)
  ${'row'.padEnd(19)}  column   expected  got
  "a\\nb" @ 2026-01-02  last_1d  "b"       "a\\nb"
`)
  })

  it('counts what is known late, and repeated row keys, as a run does', async () => {
    const known = 'time: z.date(), known: z.date(), id: z.int(), customer: z.string()'
    const row = (id: number, day: string): string =>
      `{ time: '2026-01-01T09:00:00Z', known: '${day}T10:00:00Z', id: ${id}, customer: 'ada' }`
    const cases = {
      late: `rows: [${row(1, '2026-01-01')}, ${row(2, '2026-01-02')}, ${row(2, '2026-01-02')}],
        cutoffs: ['2026-01-02T00:00:00Z', '2026-01-03T00:00:00Z'],
        expect: [{ customer: 'ada', cutoff: '2026-01-02T00:00:00Z', n_7d: 1 }, { customer: 'ada', cutoff: new Date('2026-01-03'), n_7d: 2 }]`,
    }
    const options = {
      schema: known,
      source: "zone: 'UTC', knownTime: 'known', rowKey: ['id'],",
      features: "n: count().over('7d')",
    }
    expect(await outcomes(cases, options)).toMatchObject({ code: 0 })
  })

  it('takes floats for equal that only the order of adding sets apart, and no others', async () => {
    const row = (amount: number | string): string => order(`amount: ${amount}`)
    const options = {
      schema: "time: z.date(), customer: z.string(), amount: z.number(), currency: z.enum(['EUR', 'USD'])",
      features: "sum: sum(f.amount).over('1d'), spread: variance(f.amount).over('1d'), top: max(f.amount).over('1d')",
    }
    const summing = (amounts: (number | string)[], expected: string): string =>
      `rows: [${amounts.map(row).join(', ')}], ${AT}, expect: [{ customer: 'ada', ${expected} }]`
    const cases = {
      'the last digit': summing([0.1, 0.2], 'sum_1d: 0.3'),
      'nothing is left': summing([0.1, 0.2, -0.3], 'sum_1d: 0'),
      'nothing is left of much': summing([1e16, 1, -1e16], 'sum_1d: 0'),
      'little is left of much': summing([1e16, 1, -1e16], 'sum_1d: 1'),
      'no spread': summing([0.1, 0.1, 0.1], 'spread_1d: 0'),
      'a maximum': summing([0.1, '0.1 + 0.2'], 'top_1d: 0.3'),
      'too much': summing([0.1, 0.2], 'sum_1d: 0.3 + 1e-11'),
      'too much where nothing is left': summing([0.1, 0.2, -0.3], 'sum_1d: 1e-11'),
      'a null': summing([0.1], 'spread_1d: 0'),
    }
    expect((await outcomes(cases, options)).outcomes).toEqual(['ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'failed', 'failed', 'failed'])
  })

  it('compares integers, decimals and texts exactly', async () => {
    const options = {
      schema: "time: z.date(), customer: z.string(), amount: z.int64(), currency: z.enum(['EUR', 'USD'])",
      features: "top: max(f.amount).over('1d'), sum: sum(f.amount).as('decimal').over('1d'), last: last(f.currency).over('1d')",
    }
    const row = `rows: [${order('amount: 9007199254740993n')}], ${AT}`
    const cases = {
      equal: `${row}, expect: [{ customer: 'ada', top_1d: 9007199254740993n, sum_1d: '9007199254740993', last_1d: 'EUR' }]`,
      'a decimal as an integer': `${row}, expect: [{ customer: 'ada', sum_1d: 9007199254740993n }]`,
      'one off': `${row}, expect: [{ customer: 'ada', top_1d: 9007199254740992n }]`,
      'a decimal one off': `${row}, expect: [{ customer: 'ada', sum_1d: '9007199254740994' }]`,
      'by case': `${row}, expect: [{ customer: 'ada', last_1d: 'eur' }]`,
    }
    expect((await outcomes(cases, options)).outcomes).toEqual(['ok', 'ok', 'failed', 'failed', 'failed'])
  })

  it('takes what stops a run for an error of its case, and goes on', async () => {
    const row = order('amount: 2n ** 62n')
    const { code, lines } = await outcomes(
      {
        overflow: `rows: [${row}, ${row}], ${AT}, expect: []`,
        fine: `rows: [${row}], ${AT}, expect: [{ customer: 'ada', spend_1d: 2n ** 62n }]`,
      },
      {
        schema: 'time: z.date(), customer: z.string(), amount: z.int64(), currency: z.string()',
        features: "spend: sum(f.amount).over('1d')",
      },
    )
    expect(code).toBe(2)
    expect(lines).toMatchObject([
      { outcome: 'error', code: 'data.overflow', reason: expect.stringContaining('of entity customer=ada leaves int64') },
      { outcome: 'ok' },
    ])
  })
})

describe('quern test NAME', () => {
  const files = {
    'transforms/a.ts': orders({ name: 'first_set' }),
    'transforms/b.ts': orders({ name: 'second_set' }),
    'fixtures/a.ts': fixture({ 'Late orders': `rows: [${order()}], ${AT}, expect: [{ customer: 'ada' }]` }, '../transforms/a'),
    'fixtures/deep/b.ts': fixture({ closing: `rows: [${order()}], ${AT}, expect: [{ customer: 'ada' }]` }, '../../transforms/b'),
    'fixtures/_helpers.ts': 'export const day = 1\n',
  }
  const named: [what: string, name: string, cases: string[]][] = [
    ['a feature set', 'second_set', ['closing']],
    ['a file', './fixtures/a.ts', ['Late orders']],
    ['a part of a name', 'late ORD', ['Late orders']],
  ]
  for (const [what, name, cases] of named) {
    it(`runs the cases of ${what}, and a file that is broken does not count`, async () => {
      const cwd = project({ ...files, 'fixtures/broken.ts': 'export default' })
      const { code, lines } = await here(cwd, ['test', name, '--json'])
      expect({ code, cases: lines.map(line => line.case) }).toEqual({ code: 0, cases })
    })
  }

  it('refuses a name that there is not, or says which file it may be in', async () => {
    const missing = await here(project(files), ['test', 'frist_set'])
    expect(missing).toMatchObject({ code: 2, stdout: '' })
    expect(missing.stderr).toMatch(/no unit case is called `frist_set`[\s\S]*Did you mean `first_set`\?/)
    const perhaps = await here(project({ ...files, 'fixtures/broken.ts': 'export default' }), ['test', 'frist_set'])
    expect(perhaps).toMatchObject({
      code: 2,
      stdout: expect.stringMatching(/^ERROR {3}fixtures\/broken\.ts \(\d+ ms\)\n {2}fixtures\/broken\.ts: cannot be loaded/),
    })
  })
})

describe('a case that is none', () => {
  const row = order()
  const wrong: [what: string, options: string, said: RegExp][] = [
    [
      'an unknown column of a row',
      `rows: [${order('amuont: 3')}], ${AT}, expect: []`,
      /rows\[0\]: there is no column `amuont`\n.*Did you mean `amount`/,
    ],
    [
      'an unknown column of a rejected row',
      `rejects: [{ row: ${order('amuont: 3')} }]`,
      /rejects\[0\]: there is no column `amuont`/,
    ],
    [
      'an unknown expected column',
      `rows: [${row}], ${AT}, expect: [{ customer: 'ada', oders_1d: 1 }]`,
      /expect\[0\]: there is no column `oders_1d`\n.*Did you mean `orders_1d`/,
    ],
    [
      'an expected value that cannot be',
      `rows: [${row}], ${AT}, expect: [{ customer: 'ada', orders_1d: 'x' }]`,
      /expect\[0\]: column `orders_1d` can never be `x`\n.*Its type is int64/,
    ],
    ['a fraction of a count', `rows: [${row}], ${AT}, expect: [{ customer: 'ada', orders_1d: 1.5 }]`, /can never be `1\.5`/],
    ['a row without its key', `rows: [${row}], ${AT}, expect: [{ orders_1d: 1 }]`, /expect\[0\]: has no `customer`/],
    [
      'two rows of one key',
      `rows: [${row}], ${AT}, expect: [{ customer: 'ada' }, { customer: 'ada' }]`,
      /two rows have the key ada at 2026-01-02T00:00:00Z/,
    ],
    [
      'a cutoff off the grid',
      `rows: [${row}], cutoff: '2026-01-02T01:00:00Z', expect: []`,
      /is no cutoff of `orders_daily`\n.*2026-01-02T00:00:00Z and 2026-01-03T00:00:00Z/,
    ],
    [
      'a bare date as a cutoff',
      `rows: [${row}], cutoff: '2026-01-02', expect: []`,
      /`2026-01-02` is a bare date\n.*Write '2026-01-02T00:00:00Z'/,
    ],
    ['no instant as a cutoff', `rows: [${row}], cutoffs: ['soon'], expect: []`, /cutoffs\[0\]: `soon` is no instant/],
    ['an invalid date as a cutoff', `rows: [${row}], cutoff: new Date('soon'), expect: []`, /is no instant/],
    ['no cutoffs', `rows: [${row}], cutoffs: [], expect: []`, /cutoffs: `\[\]` is no list of instants/],
    ['both', `rows: [${row}], ${AT}, cutoffs: ['2026-01-02T00:00:00Z'], expect: []`, /`cutoff` stands beside it/],
    [
      'a row that names none of several cutoffs',
      `rows: [${row}], cutoffs: ['2026-01-02T00:00:00Z', '2026-01-03T00:00:00Z'], expect: [{ customer: 'ada' }]`,
      /has no `cutoff`/,
    ],
    [
      'a row at another cutoff',
      `rows: [${row}], ${AT}, expect: [{ customer: 'ada', cutoff: '2026-01-03T00:00:00Z' }]`,
      /is not among the case's cutoffs\n.*They are 2026-01-02T00:00:00Z/,
    ],
    ['an invalid Date', `rows: [${order("time: new Date('soon')")}], ${AT}, expect: []`, /column `time` is an invalid Date/],
    ['a function', `rejects: [{ row: ${order('amount: () => 1')} }]`, /column `amount` is a function\n.*what a file can hold/],
    ['a Map within an array', `rejects: [{ row: ${order('amount: [new Map()]')} }]`, /column `amount` holds a Map/],
    [
      'an object that holds itself',
      `rejects: [{ row: ${order('amount: (() => { const o = {}; return Object.assign(o, { o }) })()')} }]`,
      /column `amount` holds an object that holds itself/,
    ],
    ['no rows', `rows: [], ${AT}, expect: []`, /holds no rows, so it proves nothing/],
    [
      'more rows than a case is for',
      `rows: Array.from({ length: 10001 }, () => (${row})), ${AT}, expect: []`,
      /holds more than 10000 rows/,
    ],
    ['nothing expected', `rows: [${row}]`, /expects nothing/],
    ['no expectation', `rows: [${row}], ${AT}`, /has no `expect`/],
    ['no cutoff', `rows: [${row}], expect: []`, /expects rows at no cutoff/],
    ['a mistyped option', `rows: [${row}], ${AT}, expected: []`, /expected: there is no such option\n.*Did you mean `expect`/],
    ['a rejected row without its wrapping', `rejects: [${row}]`, /rejects\[0\]: .* is no row with its reason/],
    ['rows that are none', `rows: 7, ${AT}, expect: [3]`, /rows: `7` is no list[\s\S]*expect\[0\]: `3` is no row/],
  ]
  for (const [what, options, said] of wrong) {
    it(`is refused: ${what}`, async () => {
      const outcome = await here(withCases({ wrong: options, right: `rows: [${row}], ${AT}, expect: [{ customer: 'ada' }]` }), [
        'test',
      ])
      expect(outcome.code).toBe(2)
      expect(outcome.stdout).toMatch(said)
      expect(outcome.stdout).toMatch(/^ERROR {3}orders_daily: wrong \(\d+ ms\)\n {2}fixtures\/o\.ts: wrong: /)
      expect(outcome.stdout).toMatch(/^ok {6}orders_daily: right/m)
      expect(outcome.stderr).toMatch(/^2 cases: 1 ok, 1 error /)
    })
  }

  const PARQUET: [what: string, more: string, said: RegExp][] = [
    ['a text that is no instant', "time: 'yesterday'", /column `time` holds `yesterday`, which is no instant/],
    ['values of two types', "amount: 'many'", /column `amount` holds 5 and 'many', which no Parquet column can hold together/],
  ]
  for (const [what, more, said] of PARQUET) {
    it(`is refused where files are Parquet: ${what}`, async () => {
      const cwd = withCases({ wrong: `rows: [${row}], rejects: [{ row: ${order(more)} }]` }, { uri: 'data/*.parquet' })
      const outcome = await here(cwd, ['test'])
      expect(outcome).toMatchObject({ code: 2, stdout: expect.stringMatching(said) })
      const csv = withCases({ right: `rows: [${row}], rejects: [{ row: ${order(more)} }]` })
      expect(await here(csv, ['test'])).toMatchObject({ code: 0 })
    })
  }

  const set = { 'transforms/o.ts': orders() }
  const projects: [what: string, files: Record<string, string>, said: RegExp][] = [
    [
      'no fixtures',
      set,
      /fixtures holds no unit cases\n {2}Write fixtures\/orders\.ts[\s\S]*defineCases\(orders, \{[\s\S]*\[definition\.no-fixtures\]/,
    ],
    [
      'a file that does not load',
      { ...set, 'fixtures/o.ts': "throw new Error('no such day')" },
      /fixtures\/o\.ts: cannot be loaded: no such day \(fixtures\/o\.ts:1:\d+\)/,
    ],
    [
      'a file without cases',
      { ...set, 'fixtures/o.ts': 'export default 7' },
      /fixtures\/o\.ts: has no unit cases as its default export\n.*`_o\.ts`/,
    ],
    [
      'cases of nothing',
      { ...set, 'fixtures/o.ts': "import { defineCases } from 'quern'\nexport default defineCases(undefined as never, {})" },
      /its cases are of no definition/,
    ],
    ['no cases', { ...set, 'fixtures/o.ts': fixture({}) }, /fixtures\/o\.ts: holds no unit cases/],
    [
      'a definition that is not among the transforms',
      { ...set, 'other.ts': orders({ name: 'other_set' }), 'fixtures/o.ts': fixture({ any: '' }, '../other') },
      /fixtures\/o\.ts: there is no feature set `other_set`/,
    ],
    [
      'a definition with faults',
      { 'transforms/o.ts': orders({ features: "a: sum(f.amuont).over('1d')" }), 'fixtures/o.ts': fixture({ any: '' }) },
      /transforms\/o\.ts: `orders_daily`: feature `a`: there is no column `amuont`/,
    ],
  ]
  for (const [what, files, said] of projects) {
    it(`is refused: ${what}`, async () => {
      const outcome = await here(project(files), ['test'])
      expect(outcome.code).toBe(2)
      expect(outcome.stdout + outcome.stderr).toMatch(said)
    })
  }
})

it('a build server sees the exit codes of the documentation', async () => {
  const cwd = withCases({ right: `rows: [${order()}], ${AT}, expect: [{ customer: 'ada' }]` })
  expect(await quern(['test'], { cwd })).toMatchObject({ code: 0 })
  writeFiles(cwd, { 'fixtures/o.ts': fixture({ wrong: `rows: [${order()}], ${AT}, expect: []` }) })
  expect(await quern(['test'], { cwd })).toMatchObject({ code: 2 })
  expect(await quern(['test', '--junit', '/nowhere/at/all.xml'], { cwd })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--junit: /nowhere/at/all.xml cannot be written'),
  })
  expect(readFileSync(join(REPOSITORY, 'docs/testing.md'), 'utf8')).toContain('2 where a case fails')
})
