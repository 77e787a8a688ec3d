/** `quern check`: every fault of every definition, at once, each with its place. */
import { describe, expect, it } from 'vitest'
import { documents, quern } from './kit/cli.ts'
import type { OrdersOptions } from './kit/project.ts'
import { ORDER_SCHEMA, orders, project } from './kit/project.ts'

const check = (options: OrdersOptions, ...args: string[]) =>
  quern(['check', ...args], { cwd: project({ 'transforms/o.ts': orders(options) }) })

describe.concurrent('quern check', () => {
  it('says ok', async () => {
    expect(await check({})).toMatchObject({
      code: 0,
      stdout: 'orders_daily: ok, 3 feature columns over source orders\n',
      stderr: '',
    })
    expect(documents(await check({}, '--json'))).toEqual([{ name: 'orders_daily', outcome: 'ok', columns: 3, byZod: [] }])
  })

  it('says nothing else, however many definitions there are', async () => {
    const sets = Array.from({ length: 12 }, (_, at) => [`transforms/o${at}.ts`, orders({ name: `orders_${at}` })])
    const outcome = await quern(['check'], { cwd: project(Object.fromEntries(sets)) })
    expect(outcome).toMatchObject({ code: 0, stderr: '' })
  })

  it('names the columns of files that the schema does not, and one in other case', async () => {
    const cwd = project({
      'transforms/o.ts': orders({ schema: `${ORDER_SCHEMA}, note: z.string().optional()` }),
      'data/a.csv': 'time,customer,amount,currency,shop,Note\n2026-01-01T12:00:00Z,ada,1,EUR,x,y\n',
    })
    expect((await quern(['check', '--sources'], { cwd })).stdout).toContain(
      '\n  not in the schema, and not read: shop, Note (the schema says `note`: names are case-sensitive)\n',
    )
    expect(documents(await quern(['check', '--sources', '--json'], { cwd }))).toMatchObject([{ unnamed: ['shop', 'Note'] }])
  })

  it('reports all faults at once, each with its place', async () => {
    const outcome = await check({
      source: "zone: 'Mars/Base', rowKey: ['id'],",
      set: "offset: 'soon', maxRejected: 2,",
      features:
        "a: mean(f.currency).over('1d'), b: sum(f.amuont).over('1d'), c: countDistinct(f.amount.times(0.5)).over('1d'), d: count().over('7 days'), e: count().where(f.amount).over('1d'), Bad: count().over('1d')",
    })
    expect(outcome).toMatchObject({ code: 2, stdout: '' })
    expect(
      outcome.stderr.replaceAll(/\n {2}.*| {2}\[.*/g, ''),
    ).toBe(`transforms/o.ts: \`orders_daily\`: source \`orders\`: zone: \`Mars/Base\` is no IANA zone
transforms/o.ts: \`orders_daily\`: source \`orders\`: rowKey: there is no column \`id\`
transforms/o.ts: \`orders_daily\`: offset: \`soon\` is no duration
transforms/o.ts: \`orders_daily\`: maxRejected: \`2\` is no share
transforms/o.ts: \`orders_daily\`: feature \`a\`: \`mean\` of \`currency\`, a string; it accepts int, decimal or float
transforms/o.ts: \`orders_daily\`: feature \`b\`: there is no column \`amuont\`
transforms/o.ts: \`orders_daily\`: feature \`c\`: \`countDistinct\` of double; it accepts any type but floats
transforms/o.ts: \`orders_daily\`: feature \`d\`: \`7 days\` is no window
transforms/o.ts: \`orders_daily\`: feature \`e\`: \`where\` needs a condition, not int64
transforms/o.ts: \`orders_daily\`: feature \`Bad\`: is no name
`)
    expect(outcome.stderr).toContain('Did you mean `amount`?')
  })

  const SUPPORTED = 'time: z.date(), customer: z.string()'
  const refused: [what: string, options: OrdersOptions, said: RegExp][] = [
    [
      'a transform of no declared type',
      { schema: `${SUPPORTED}, x: z.string().transform(x => x.length)` },
      /column `x`: `\.transform\(\.\.\.\)` cannot be a column[\s\S]*nd it with `\.pipe/,
    ],
    ['a map', { schema: `${SUPPORTED}, x: z.map(z.string(), z.int())` }, /column `x`: `z\.map\(\)` has no meaning in a table/],
    [
      'what no value can satisfy',
      { schema: `${SUPPORTED}, x: z.string().min(3).max(2)` },
      /column `x`: no value can satisfy it: a length of 3 or more and one of 2 or less/,
    ],
    [
      'a default that is another each time',
      { schema: `${SUPPORTED}, x: z.number().default(() => Math.random())` },
      /column `x`: its default is another each time/,
    ],
    ['a date in JSON', { uri: 'data/a.ndjson' }, /JSON has no dates/],
    [
      'an event time that is no instant',
      { schema: 'time: z.string(), customer: z.string()' },
      /eventTime: column `time` is no instant/,
    ],
    ['no features', { features: '' }, /features: there is none/],
    ['no window', { features: 'a: count().over()' }, /feature `a`: has no windows/],
    ['a window that stands twice', { features: "a: count().over('1d', '1d')" }, /window `1d` stands twice/],
    ['a source that is nowhere', { uri: 'gs://bucket/x' }, /uri: `gs:\/\/bucket\/x` is neither a local path nor in a bucket/],
    [
      'a policy for late rows that needs a known time',
      { set: "late: 'asKnown'," },
      /late: 'asKnown' needs to know when rows became known/,
    ],
    ['a policy for late rows that is none', { set: "late: 'never'," }, /late: `never` is no policy/],
    [
      'a wrong CSV option',
      { source: "csv: { delimiter: ';;', quotes: 'x' }," },
      /csv: delimiter cannot be `;;`[\s\S]*csv: there is no option `quotes`/,
    ],
    ['NaN in a condition', { features: "a: count().where(f.amount.gt(NaN)).over('1d')" }, /no column can hold/],
    ['a name that is none', { name: 'Orders Daily' }, /name: `Orders Daily` is no name/],
    ['an interval of nothing', { set: "every: '0s'," }, /every: `0s` is no duration above 0/],
  ]
  for (const [what, options, said] of refused) {
    it(`refuses ${what}`, async () => {
      const outcome = await check(options)
      expect(outcome.stderr).toMatch(said)
      expect(outcome.code).toBe(2)
    })
  }

  it('refuses a column that clashes with the key by case alone', async () => {
    const cwd = project({
      'transforms/o.ts': orders({
        schema: 'time: z.date(), customer: z.string(), A_1d: z.string()',
        features: "a: count().over('1d')",
      }).replace("['customer']", "['A_1d']"),
    })
    const outcome = await quern(['check'], { cwd })
    expect(outcome.stderr).toMatch(/column `a_1d`: clashes with `A_1d`/)
  })

  it('answers JSON faults', async () => {
    const outcome = await check({ features: "a: sum(f.amuont).over('1d')" }, '--json')
    expect(outcome.code).toBe(2)
    expect(documents(outcome)).toEqual([
      {
        name: null,
        outcome: 'failed',
        place: 'transforms/o.ts: `orders_daily`: feature `a`',
        message: 'there is no column `amuont`',
        hint: 'Did you mean `amount`?',
        code: 'definition.column',
      },
    ])
  })
})
