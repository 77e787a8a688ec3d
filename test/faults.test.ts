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
