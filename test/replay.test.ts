/** Refused rows judged again: what a replay marks, and what the next run makes of it. */
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { deltaTableStore } from '../src/delta/deltaTableStore.ts'
import type { Batch, ReadFile } from '../src/domain/batch.ts'
import { compareInputs, readAgain } from '../src/domain/inputChanges.ts'
import { localObjectStore } from '../src/objects/localObjectStore.ts'
import { quern } from './kit/cli.ts'
import type { Line } from './kit/living.ts'
import { byKey, changedKeys, csv, Living } from './kit/living.ts'
import type { OrdersOptions } from './kit/project.ts'
import { orders, writeFiles } from './kit/project.ts'

const AMOUNT = 'time: z.date(), customer: z.string(), amount: z.int().refine(accepts), currency: z.string()'

/** A project whose schema calls a function of another file, whose body no fingerprint can see. */
class Helped extends Living {
  #helpers = 0

  /** Amounts are accepted from `least` to `most`. */
  accept(least: number, most = 1_000_000, options: OrdersOptions = {}): void {
    const file = `helper${this.#helpers++}.ts`
    writeFiles(this.cwd, { [file]: `export const body = (v: number) => v >= ${least} && v <= ${most}\n` })
    this.define(
      { schema: AMOUNT, ...options },
      text => `import { body } from '../${file}'\nconst accepts = (v: number) => body(v)\n${text}`,
    )
  }

  async replay(): Promise<{ groups: Line[]; all: Line }> {
    const answer = await this.quern('rejected', 'orders', '--replay', '--json')
    expect(answer).toMatchObject({ code: 0, stderr: '' })
    return { groups: answer.lines.slice(0, -1), all: answer.lines.at(-1)! }
  }

  async refused(): Promise<Line[]> {
    return (await this.quern('rejected', 'orders', '--json')).lines
  }

  get marks(): Promise<number> {
    const store = deltaTableStore(localObjectStore(join(this.cwd, '.quern')), {
      now: () => Date.now(),
      engineInfo: 'quern/test',
      writeCheckpoint: async () => '',
    })
    return store
      .table('replayed/orders')
      .snapshot('latest')
      .then(found => (found?.files ?? []).reduce((sum, { rows }) => sum + rows, 0))
  }
}

/** Two files, four refused rows below 1; that of `b` is a day on its own. */
const DATA = {
  a: csv('01-01 ada 1', '01-02 ada -2', '01-02 bob 3', '01-02 eve -9'),
  b: csv('01-06 bob -1', '01-06 bob 4'),
  c: csv('01-08 eve 2'),
}
const ALLOWED = ['--max-rejected', '1']

async function helped(data: Record<string, string> = DATA, options: OrdersOptions = {}): Promise<Helped> {
  const living = new Helped(data)
  living.accept(1, undefined, options)
  expect(await living.run(...ALLOWED)).toMatchObject({ outcome: 'committed', version: 0 })
  return living
}

describe('rows that were refused for what no fingerprint sees', () => {
  it('are marked once they pass, and the next run reads their files again in place of what it read', async () => {
    const living = await helped()
    const before = await living.rows()
    living.accept(-5)
    // Nothing tells the run that the function has changed.
    expect(await living.run(...ALLOWED)).toMatchObject({ outcome: 'unchanged', version: 0 })
    const { groups, all } = await living.replay()
    expect(groups).toEqual([
      {
        ...{ source: 'orders', code: 'custom', reason: 'amount: Invalid input', rows: 3, passing: 2, marked: 2 },
        failing: [{ code: 'custom', reason: 'amount: Invalid input', rows: 1 }],
        unseen: [],
      },
    ])
    const files = ['a', 'b'].map(name => join(living.cwd, `data/${name}.csv`))
    expect(all).toEqual({
      source: 'orders',
      outcome: 'marked',
      rows: 3,
      passing: 2,
      marked: 2,
      failing: 1,
      unseen: 0,
      files,
      featureSets: ['orders_daily'],
    })
    expect((await living.refused()).map(({ row, replayed }) => [row, replayed])).toEqual([
      [2, true],
      [4, false],
      [1, true],
    ])

    expect(await living.line('plan')).toMatchObject({
      outcome: 'run',
      reason: expect.stringMatching(/^2 files are read again after a replay: \d+ cutoffs stale$/),
      read: { files: 2 },
    })
    // What was let pass before is let pass again, whatever the limit.
    expect(await living.run('--max-rejected', '0')).toMatchObject({
      outcome: 'committed',
      version: 1,
      rowsRead: 6,
      rowsRejected: 1,
    })
    const after = await living.rows()
    expect(after).toEqual(await living.truth(...ALLOWED))
    // Ada from the day after the row on, while a window holds it; bob the same of his; eve not at all.
    expect(changedKeys(before, after)).toEqual([
      ...['01-03', '01-04', '01-05', '01-06', '01-07', '01-08', '01-09', '01-10'].map(day => `ada ${day}`),
      ...['01-07', '01-08', '01-09', '01-10', '01-11', '01-12', '01-13'].map(day => `bob ${day}`),
    ])
    expect((await living.lineage()).restated).toMatchObject({ rows: 15, removed: 0, entities: 2 })
    expect(await living.run('--max-rejected', '0')).toMatchObject({ outcome: 'unchanged', version: 1, rowsRead: 0 })
    expect(await living.line('verify', 'orders_daily')).toMatchObject({ outcome: 'equal' })
    const old = await living.quern('verify', 'orders_daily@0')
    expect(old).toMatchObject({
      code: 3,
      stdout: expect.stringContaining(
        `unequal (replayed since: rows of ${files[0]} and 1 more that were refused then are accepted now)`,
      ),
    })
    // What is known is not marked again, and what a replay marked is listed once.
    expect((await living.replay()).all).toMatchObject({ outcome: 'unchanged', passing: 2, marked: 0, failing: 1 })
    expect(await living.marks).toBe(2)
    expect(await living.refused()).toHaveLength(3)
    expect(await living.run()).toMatchObject({ outcome: 'unchanged', version: 1 })
  })

  it('are a cause of their own between two versions', async () => {
    const living = await helped()
    living.accept(-5)
    await living.replay()
    expect(await living.run(...ALLOWED)).toMatchObject({ outcome: 'committed', version: 1 })
    expect(await living.line('diff', 'orders_daily@0', 'orders_daily@1')).toMatchObject({ causes: ['replay'] })
    living.put('d', csv('01-02 ada 5'))
    expect(await living.run(...ALLOWED)).toMatchObject({ outcome: 'committed', version: 2 })
    expect(await living.line('diff', 'orders_daily@1', 'orders_daily@2')).toMatchObject({ causes: ['late rows'] })
    expect(await living.line('diff', 'orders_daily@0', 'orders_daily@2')).toMatchObject({ causes: ['late rows', 'replay'] })
  })

  it('change nothing where none passes', async () => {
    const living = await helped()
    expect((await living.replay()).all).toMatchObject({ outcome: 'unchanged', rows: 3, passing: 0, failing: 3 })
    expect(await living.marks).toBe(0)
    const { code, stdout, stderr } = await living.quern('rejected', 'orders', '--replay')
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: '3 rows: amount: Invalid input\n  3 still fail\n',
      stderr: "none of 3 refused rows passes today's schema: nothing changes\n",
    })
    expect(await living.run()).toMatchObject({ outcome: 'unchanged' })
  })

  it('may be refused again, and pass again', async () => {
    const living = await helped()
    living.accept(-5)
    await living.replay()
    // The run is of the code of before: its verdict is the later one.
    living.accept(1)
    expect(await living.run()).toMatchObject({ outcome: 'committed', version: 1, rowsWritten: 0 })
    expect((await living.refused()).map(({ row, replayed }) => [row, replayed])).toEqual([
      [2, true],
      [2, false],
      [4, false],
      [1, true],
      [1, false],
    ])
    expect(await living.run()).toMatchObject({ outcome: 'unchanged', version: 1, rowsRead: 0 })
    living.accept(-5)
    expect((await living.replay()).all).toMatchObject({ rows: 3, passing: 2, marked: 2, failing: 1 })
    expect(await living.run()).toMatchObject({ outcome: 'committed', version: 2 })
    expect(await living.rows()).toEqual(await living.truth(...ALLOWED))
    expect(await living.run()).toMatchObject({ outcome: 'unchanged', version: 2 })
  })

  it('do not let others be refused unseen', async () => {
    const living = await helped()
    living.accept(-5, 2)
    expect((await living.replay()).all).toMatchObject({ marked: 2 })
    const run = await living.quern('run', '--json')
    expect(run).toMatchObject({ code: 3, stderr: expect.stringContaining('2 of 6 rows (33%) were rejected; the limit is 0%') })
    expect(await living.run('--max-rejected', '0.34')).toMatchObject({ outcome: 'committed', version: 1, rowsRejected: 3 })
    expect(await living.rows()).toEqual(await living.truth(...ALLOWED))
    expect(await living.refused()).toHaveLength(5)
  })

  it('count for every set that has read their file, and for those that read it later not twice', async () => {
    const living = await helped()
    writeFiles(living.cwd, { 'transforms/other.ts': orders({ name: 'other', schema: AMOUNT }) })
    const define = (least: number): void => {
      living.accept(least)
      const name = `b${least}.ts`.replace('-', '_')
      writeFiles(living.cwd, { [`shared${name}`]: `export const body = (v: number) => v >= ${least}\n` })
      writeFiles(living.cwd, {
        [`transforms/other${name}`]: `import { body } from '../shared${name}'\nconst accepts = (v: number) => body(v)\n${orders({ name: 'other', schema: AMOUNT, features: "orders: count().over('2d')" })}`,
      })
    }
    define(1)
    await living.run('other', ...ALLOWED)
    define(-5)
    expect((await living.replay()).all).toMatchObject({ marked: 2, featureSets: ['orders_daily', 'other'] })
    for (const name of ['orders_daily', 'other'])
      expect(await living.run(name)).toMatchObject({ outcome: 'committed', version: 1 })
    for (const name of ['orders_daily', 'other'])
      expect(await living.run(name)).toMatchObject({ outcome: 'unchanged', version: 1 })
    expect(await living.rows('orders_daily')).toEqual(await living.truth('orders_daily', ...ALLOWED))
  })

  it('are found where their file has been moved to, and told where it is gone, changed or cannot be read', async () => {
    const living = await helped({ ...DATA, d: csv('01-09 eve -3') })
    const path = (name: string): string => join(living.cwd, `data/${name}.csv`)
    renameSync(path('a'), path('moved'))
    living.put('b', csv('01-06 bob 5'))
    living.take('d')
    living.accept(-5)
    const { groups, all } = await living.replay()
    expect(groups[0]).toMatchObject({
      ...{ rows: 4, passing: 1, marked: 1, failing: [{ rows: 1 }] },
      unseen: [
        { path: path('b'), why: 'changed', rows: 1 },
        { path: path('d'), why: 'gone', rows: 1 },
      ],
    })
    expect(all).toMatchObject({ unseen: 2, files: [path('moved')] })
    expect((await living.quern('rejected', 'orders', '--replay')).stdout).toContain(`1 cannot be looked at: data/d.csv is gone`)
    expect(await living.run(...ALLOWED)).toMatchObject({
      outcome: 'committed',
      reason: expect.stringMatching(
        /^1 file has changed, 1 file is read again after a replay: \d+ cutoffs stale, 1 file is gone$/,
      ),
    })
    expect(await living.rows()).toEqual(await living.truth(...ALLOWED))
    living.define({ schema: `${AMOUNT.replace('.refine(accepts)', '')}, other: z.string()` })
    expect((await living.replay()).groups[0]).toMatchObject({
      unseen: expect.arrayContaining([{ path: path('moved'), why: 'unreadable', rows: 2 }]),
    })
  })

  it('are repaired by a backfill where they lie further back than the lateness', async () => {
    const set = { set: "lateness: '2d'," }
    const living = await helped(DATA, set)
    living.accept(-5, undefined, set)
    await living.replay()
    const answer = await living.quern('run', '--json')
    const [from, to] = /--from (\S+) --to (\S+)/.exec(answer.stderr)!.slice(1)
    expect(answer.lines[0]).toMatchObject({ rowsRead: 6 })
    await living.line('backfill', 'orders_daily', '--from', from!, '--to', to!)
    expect(await living.rows()).toEqual(await living.truth(...ALLOWED))
  })

  it('count from the next cutoff on in a set that restates nothing', async () => {
    const known = { source: "zone: 'UTC', knownTime: 'time',", features: "orders: count().over('9d')" }
    const living = new Helped({ a: csv('01-01 ada 1', '01-02 ada -2') })
    living.accept(1, undefined, known)
    await living.until('01-05', ...ALLOWED)
    living.accept(-5, undefined, known)
    await living.replay()
    expect(await living.until('01-05')).toMatchObject({ outcome: 'unchanged', version: 0 })
    expect(await living.until('01-06')).toMatchObject({ outcome: 'committed', version: 1 })
    const rows = byKey(await living.rows())
    expect([rows['ada 01-05'], rows['ada 01-06']]).toEqual([{ orders_9d: 1 }, { orders_9d: 2 }])
    expect(await living.until('01-06')).toMatchObject({ outcome: 'unchanged', rowsRead: 0 })
  })

  it('count at the cutoffs that come due afterwards, too', async () => {
    const living = new Helped({ a: csv('01-01 ada 1', '01-02 ada -2') })
    living.accept(1)
    await living.until('01-04', ...ALLOWED)
    living.accept(-5)
    await living.replay()
    expect(await living.until('01-04')).toMatchObject({ outcome: 'committed', version: 1 })
    expect(await living.until('01-08')).toMatchObject({ outcome: 'committed', version: 2, rowsRead: 0 })
    expect(await living.rows()).toEqual(await living.truth('--until', '2026-01-08T00:00:00Z'))
  })

  it('replace what a row key chose before', async () => {
    const keyed = { source: "zone: 'UTC', rowKey: ['customer']," }
    const living = await helped({ a: csv('01-01 ada 1', '01-04 ada -2'), b: csv('01-02 ada 3') }, keyed)
    living.accept(-5, undefined, keyed)
    await living.replay()
    expect(await living.run()).toMatchObject({ outcome: 'committed', version: 1 })
    expect(await living.rows()).toEqual(await living.truth())
    expect(await living.run()).toMatchObject({ outcome: 'unchanged', version: 1 })
  })
})

describe('rows that a key refused', () => {
  const KEY =
    'time: z.date(), customer: z.string().nullable().transform(text => named(text)).pipe(z.string().nullable()), amount: z.int(), currency: z.string()'
  const define = (living: Helped, file: string, fallback: string): void => {
    writeFiles(living.cwd, { [file]: `export const body = (text: string | null) => text ?? ${fallback}\n` })
    living.define(
      { schema: KEY },
      text => `import { body } from '../${file}'\nconst named = (text: string | null): string | null => body(text)\n${text}`,
    )
  }

  it('are judged by the set that refused them', async () => {
    const living = new Helped({
      a: 'time,customer,amount,currency\n2026-01-01T12:00:00Z,,5,EUR\n2026-01-01T12:00:00Z,ada,5,EUR\n',
    })
    define(living, 'null.ts', 'null')
    await living.run(...ALLOWED)
    expect((await living.replay()).all).toMatchObject({ passing: 0, failing: 1 })
    define(living, 'text.ts', "'nobody'")
    expect((await living.replay()).all).toMatchObject({ passing: 1, marked: 1 })
    expect(await living.run()).toMatchObject({ outcome: 'committed', version: 1 })
    expect(await living.rows()).toEqual(await living.truth())
    expect(await living.run()).toMatchObject({ outcome: 'unchanged' })
    living.define({ name: 'another', schema: KEY.replace('.transform(text => named(text)).pipe(z.string().nullable())', '') })
    expect((await living.replay()).groups).toMatchObject([{ rows: 1, passing: 0, unseen: [{ why: 'no feature set', rows: 1 }] }])
  })
})

describe('a schema that was mended', () => {
  const strict = { schema: 'time: z.date(), customer: z.string(), amount: z.int().min(1), currency: z.string()' }
  const mended = { schema: strict.schema.replace('min(1)', 'min(-5)') }

  it('is replayed before or after the run that reads everything by it', async () => {
    for (const order of ['before', 'after']) {
      const living = new Helped(DATA, strict)
      await living.run(...ALLOWED)
      living.define(mended)
      if (order === 'before') expect((await living.replay()).all).toMatchObject({ rows: 3, passing: 2, marked: 2, failing: 1 })
      expect(await living.run(...ALLOWED)).toMatchObject({
        version: 1,
        reason: 'schema changed: rebuild (column `amount`: min 1 -> -5)',
      })
      if (order === 'after') expect((await living.replay()).all).toMatchObject({ rows: 3, passing: 2, marked: 0, failing: 1 })
      expect(await living.rows()).toEqual(await living.truth(...ALLOWED))
      expect(await living.run(...ALLOWED)).toMatchObject({ outcome: 'unchanged', version: 1 })
      // A row that both refused is one row.
      expect((await living.quern('rejected', 'orders')).stdout).toMatch(/^1 row: amount: Too small: expected number to be >=-5 /m)
    }
  })

  it('marks nothing of what no version has read', async () => {
    const living = new Helped(DATA, strict)
    expect((await living.quern('run')).code).toBe(3)
    living.define({ schema: strict.schema.replace('min(1)', 'min(-10)') })
    expect((await living.replay()).all).toMatchObject({ passing: 3, marked: 0 })
    expect(await living.run()).toMatchObject({ outcome: 'committed', version: 0, rowsRead: 7 })
  })
})

it('keeps all rows that are refused where a file is read otherwise than before', async () => {
  const schema = 'time: z.date(), customer: z.string(), amount: z.string().max(2), currency: z.string()'
  const features = "orders: count().over('1d')"
  // More than the engine hands over at once, and the one that the other dialect refuses comes last.
  const rows = Array.from({ length: 5000 }, () => '2026-01-01T12:00:00Z,ada,long,EUR').join('\n')
  const living = new Living(
    { a: `time,customer,amount,currency\n${rows}\n2026-01-01T12:00:00Z,ada,1,EUR\n` },
    { schema, features },
  )
  await living.run(...ALLOWED)
  expect((await living.quern('rejected', 'orders', '--json')).lines).toHaveLength(5000)
  living.define({ schema, features, source: "zone: 'UTC', csv: { nullText: '1' }," })
  expect(await living.run(...ALLOWED)).toMatchObject({ rowsRejected: 5001 })
  expect((await living.quern('rejected', 'orders', '--json')).lines).toHaveLength(5001)
})

describe('replays at once', () => {
  it('mark each row once', async () => {
    const living = await helped()
    living.accept(-5)
    const outcomes = await Promise.all(
      [1, 2, 3].map(() => quern(['rejected', 'orders', '--replay', '--json'], { cwd: living.cwd })),
    )
    expect(outcomes.map(({ code, stderr }) => [code, stderr])).toEqual([0, 1, 2].map(() => [0, '']))
    expect(await living.marks).toBe(2)
    expect(await living.run()).toMatchObject({ outcome: 'committed', version: 1 })
    expect(await living.run()).toMatchObject({ outcome: 'unchanged', version: 1 })
  })
})

it('refuses what nothing can judge', async () => {
  const living = await helped()
  expect(await living.quern('rejected', 'order', '--replay')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('Did you mean `orders`?'),
  })
  living.define({}, text => text.replace("name: 'orders'", "name: 'sales'"))
  expect(await living.quern('rejected', 'orders', '--replay')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('no feature set reads source `orders` any more'),
  })
  expect(await living.quern('rejected', 'sales', '--replay')).toMatchObject({
    code: 0,
    stderr: 'no rows of source `sales` were rejected\n',
  })
})

it('a file that is read again takes the place of one that was read, wherever both lie', () => {
  const file = fc.record({
    path: fc.constantFrom('a', 'b', 'c', 'd'),
    hash: fc.constantFrom('x', 'y'),
    replays: fc.option(fc.constantFrom(1, 2), { nil: undefined }),
  })
  const files = fc.uniqueArray(file, { selector: ({ path }) => path, maxLength: 4 })
  const readFile = ({ replays, ...named }: { path: string; hash: string; replays: number | undefined }): ReadFile => ({
    ...{ ...named, size: 1, modifiedAt: '', format: 'csv', compression: 'none', partition: {}, span: null },
    ...(replays === undefined ? {} : { replays }),
  })
  fc.assert(
    fc.property(files, files, (recorded, now) => {
      const batches: Batch[] = [{ files: recorded.map(readFile), tiles: undefined, weight: 0, except: [] }]
      const changes = compareInputs(batches, { source: 's', files: now.map(readFile) })
      // What counts afterwards is what is there now, each file once, and what is gone.
      const counted = [...changes.batches.flatMap(batch => batch.files), ...changes.fresh].map(
        ({ path, hash, replays }) => `${path} ${hash} ${replays}`,
      )
      const gone = changes.gone.map(({ file: { path, hash, replays } }) => `${path} ${hash} ${replays}`)
      expect(counted.sort()).toEqual([...now.map(({ path, hash, replays }) => `${path} ${hash} ${replays}`), ...gone].sort())
      // A content that is there as often as it was is never called gone for being read again.
      for (const hash of ['x', 'y']) {
        const count = (of: readonly { hash: string }[]): number => of.filter(other => other.hash === hash).length
        if (count(now) >= count(recorded)) expect(count(changes.gone.map(({ file: own }) => own))).toBe(0)
      }
      expect(readAgain(changes).length).toBeLessThanOrEqual(changes.fresh.length)
    }),
  )
})
