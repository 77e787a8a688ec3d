/** Faults of one definition among others, and of definitions that are hardly any: each is named, none hides another. */
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { documents, quern } from './kit/cli.ts'
import { ORDERS_CSV, orders, project } from './kit/project.ts'

/** One feature set whose files are missing, and one that is well. */
const half = (): string =>
  project({
    'transforms/a.ts': orders({ name: 'lacks_files', uri: 'nowhere/*.csv' }).replaceAll("'orders'", "'others'"),
    'transforms/b.ts': orders({ name: 'is_well' }),
    'data/a.csv': ORDERS_CSV,
  })

describe.concurrent('of several feature sets', () => {
  for (const command of ['check --sources', 'plan', 'run']) {
    it(`quern ${command} tries all and names the one that fails`, async () => {
      const outcome = await quern([...command.split(' '), '--json'], { cwd: half() })
      expect(documents(outcome)).toMatchObject([
        { name: 'lacks_files', outcome: 'failed', reason: expect.stringMatching(/nowhere\/\*\.csv matches no file/) },
        { name: 'is_well', outcome: expect.stringMatching(/ok|run|committed/) },
      ])
      expect(outcome.stderr).toMatch(/nowhere\/\*\.csv matches no file/)
      expect(outcome.code).toBe(3)
    })
  }

  it('one of which does not load, `run NAME` runs the other and a bare `run` none', async () => {
    const cwd = project({
      'transforms/a.ts': 'throw 5',
      'transforms/b.ts': orders({ name: 'is_well' }),
      'data/a.csv': ORDERS_CSV,
    })
    const bare = await quern(['run', '--json'], { cwd })
    expect(documents(bare)).toMatchObject([{ name: null, outcome: 'failed', version: null }])
    expect(bare.stderr).toMatch(/transforms\/a\.ts: cannot be loaded: it throws 5/)
    expect(bare.code).toBe(2)
    expect(existsSync(join(cwd, '.quern/features'))).toBe(false)
    const named = await quern(['run', 'is_well', '--json'], { cwd })
    expect(documents(named)).toMatchObject([{ name: 'is_well', outcome: 'committed', version: 0 }])
    expect(named.code).toBe(0)
  })
})

describe.concurrent('quern check names', () => {
  const broken: [what: string, text: string, said: RegExp][] = [
    [
      'a feature set without options',
      "import { defineFeatureSet } from 'quern'\nexport default defineFeatureSet(undefined as any)\n",
      /transforms\/a\.ts: .*options/,
    ],
    [
      'a source without options',
      orders().replace(/objects\(\{.*\}\)\n/, 'objects(undefined as any)\n'),
      /transforms\/a\.ts: `orders_daily`: source/,
    ],
    [
      'an option that there is none of',
      orders({ set: 'latness: 1,' }),
      /latness: there is no such option\n.*Did you mean `lateness`\?/,
    ],
    [
      'an option of a source that there is none of',
      orders({ source: "zoen: 'UTC'," }),
      /zoen: there is no such option\n.*Did you mean `zone`\?/,
    ],
    ['features that throw', orders({ features: "a: f.amount.nothing.really.over('1d')" }), /features: /],
    [
      'an event time that is null',
      orders().replace("eventTime: 'time'", 'eventTime: null as never'),
      /eventTime: `null` is no column/,
    ],
    [
      'an event time without a column',
      orders().replace("eventTime: 'time'", 'eventTime: {} as never'),
      /eventTime: `{}` is no column/,
    ],
    ['a row key that is a number', orders({ source: "zone: 'UTC', rowKey: 5 as never," }), /rowKey: `5` is no list of columns/],
    [
      'a row key that is a text',
      orders({ source: "zone: 'UTC', rowKey: 'customer' as never," }),
      /rowKey: `customer` is no list of columns\n.*rowKey: \['order_id'\]/,
    ],
    [
      'a name that is null',
      orders().replace("name: 'orders_daily'", 'name: null as never'),
      /transforms\/a\.ts: name: `null` is no name/,
    ],
    ['a name of a source that is null', orders().replace("name: 'orders'", 'name: null as never'), /name: `null` is no name/],
    [
      'a name that is too long',
      orders({ name: 'x'.repeat(101) }),
      /name: `x{40}\.\.\.` is no name\n.*It has 101 characters; at most 100 are allowed/,
    ],
    [
      'an allowEmpty that is a word',
      orders({ source: "zone: 'UTC', allowEmpty: 'yes' as never," }),
      /allowEmpty: `yes` is neither true nor false/,
    ],
    ['a dialect that is none', orders({ source: "zone: 'UTC', csv: 5 as never," }), /csv: `5` is no object of options/],
    ['a zone that is a number', orders({ source: 'zone: 5 as never,' }), /zone: `5` is no IANA zone/],
    ['options of a source that are null', orders().replace(/objects\(\{.*\}\)\n/, 'objects(null as never)\n'), /is no source/],
    [
      'a key that is a number',
      orders().replace("entity: ['customer']", 'entity: [5 as never]'),
      /entity: there is no column `5`/,
    ],
    ['a description that is a number', orders({ set: 'description: 5 as never,' }), /description: `5` is no text/],
    [
      'options that throw when they are looked at',
      orders({ set: "get late(): never { throw new Error('secret') }," }),
      /transforms\/a\.ts: cannot be understood: secret/,
    ],
    [
      'a file that waits for what never happens',
      `await new Promise(() => {})\n${orders()}`,
      /transforms\/a\.ts: cannot be loaded: a top-level `await` in it waits for what never happens/,
    ],
    ['a default export that is no definition', 'export default 7\n', /has no definition as its default export/],
  ]
  for (const [what, text, said] of broken) {
    it(what, async () => {
      const outcome = await quern(['check'], { cwd: project({ 'transforms/a.ts': text }) })
      expect(outcome.stderr).toMatch(said)
      expect(outcome.stderr).not.toMatch(/\n {4}at /)
      expect(outcome.code).toBe(2)
    })
  }
})

it('a definition of no shape at all hides no other', async () => {
  const cwd = project({
    'transforms/a.ts': orders().replace("eventTime: 'time'", 'eventTime: null as never'),
    'transforms/b.ts': 'await new Promise(() => {})\n',
    'transforms/c.ts': orders({ name: 'is_well' }),
    'data/a.csv': ORDERS_CSV,
  })
  const all = await quern(['check', '--json'], { cwd })
  expect(documents(all).map(({ place }) => place)).toEqual([expect.stringMatching(/a\.ts/), expect.stringMatching(/b\.ts/)])
  expect(all.code).toBe(2)
  expect(await quern(['check', 'is_well'], { cwd })).toMatchObject({ code: 0 })
})

describe.concurrent('looking', () => {
  it('needs a folder for scratch files, and says so', async () => {
    const cwd = project({ 'transforms/o.ts': orders(), 'data/a.csv': ORDERS_CSV })
    const closed = join(cwd, 'closed')
    mkdirSync(closed, { mode: 0o555 })
    const nobody = process.getuid?.() === 0 ? { uid: 65534 } : {}
    const outcome = await quern(['ls'], { cwd, env: { TMPDIR: closed }, ...nobody })
    expect(outcome.stderr).toMatch(/the scratch folder .*closed cannot be written \(EACCES\)\n.*TMPDIR/)
    expect(outcome.code).toBe(2)
  })

  it('doctor writes nothing, and plan makes no store', async () => {
    const cwd = project({ 'transforms/o.ts': orders(), 'data/a.csv': ORDERS_CSV })
    expect((await quern(['doctor'], { cwd })).code).toBe(0)
    expect((await quern(['plan'], { cwd })).code).toBe(0)
    expect(readdirSync(cwd)).not.toContain('.quern')
  })

  it('QUERN_LOG=debug tells each stage of a run on stderr', async () => {
    const cwd = project({ 'transforms/o.ts': orders(), 'data/a.csv': ORDERS_CSV })
    const { stderr, stdout } = await quern(['run', '--json'], { cwd, env: { QUERN_LOG: 'debug' } })
    const stages = [...stderr.matchAll(/^\S+Z orders_daily: (\w+)/gm)].map(([, first]) => first)
    expect(stages).toEqual(['builds', 'pinned', 'read', 'planned', 'computed', 'committed'])
    expect(stdout.split('\n')).toHaveLength(2)
  })
})
