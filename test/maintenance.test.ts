/** What keeps a table in order over the years: proofs, differences, names, compaction and clean-up. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, vi } from 'vitest'
import type { App } from '../src/app.ts'
import { createApp } from '../src/app.ts'
import { tag } from '../src/cli/commands/tag.ts'
import type { Table, TableStore } from '../src/domain/tableStore.ts'
import { parseInstant } from '../src/domain/time.ts'
import { applyVacuum, planVacuum } from '../src/run/vacuum.ts'
import { documents, program } from './kit/cli.ts'
import type { Line } from './kit/living.ts'
import { csv, daily, Living, midnight, NOW, TWO_DAYS } from './kit/living.ts'
import { duckdb } from './kit/parquet.ts'
import { python } from './kit/python.ts'
import { scratch } from './kit/scratch.ts'

const instant = (text: string): bigint => parseInstant(text)!

describe('verify', () => {
  const causes: [cause: string, change: (project: Living) => void, said: RegExp][] = [
    ['an input is gone', project => project.take('b'), /unequal \(input gone: .*data\/b\.csv\)$/],
    ['an input changed', project => project.put('a', daily(1, 'ada')), /unequal \(input changed: .*data\/a\.csv\)$/],
    ['the definition changed', project => project.define({}), /unequal \(definition changed since\)$/],
    [
      'the definition is gone',
      project => project.define({ name: 'other' }),
      /unequal \(definition gone: the project has no feature set of this name\)$/,
    ],
  ]
  it.each(causes)('says that %s', async (_, change, said) => {
    const project = new Living({ a: daily(3, 'ada'), b: daily(3, 'bob') }, TWO_DAYS)
    await project.run()
    expect(await project.quern('verify', 'orders_daily')).toMatchObject({ code: 0, stdout: 'orders_daily@0: equal, 10 rows\n' })
    change(project)
    const refused = await project.quern('verify', 'orders_daily')
    expect(refused.code).toBe(3)
    expect(refused.stdout.trim()).toMatch(said)
  })

  it('finds an input under its new name', async () => {
    const project = new Living({ a: daily(3, 'ada') }, TWO_DAYS)
    await project.run()
    renameSync(join(project.cwd, 'data/a.csv'), join(project.cwd, 'data/z.csv'))
    expect(await project.quern('verify', 'orders_daily')).toMatchObject({ code: 0 })
  })

  it('proves every version of a chain, each by the inputs that counted then', async () => {
    const project = new Living({ a: daily(3, 'ada') }, TWO_DAYS)
    await project.until('01-03')
    project.put('b', daily(3, 'bob'))
    await project.until('01-04')
    await project.run()
    for (const version of [0, 1, 2]) {
      expect(await project.quern('verify', `orders_daily@${version}`)).toMatchObject({ code: 0 })
    }
  })

  it('prints the first rows that differ, and names another engine', async () => {
    const project = new Living({ a: daily(2, 'ada', 'bob') }, TWO_DAYS)
    await project.run()
    await tamper(project, `spend_2d + 10 * (customer = 'bob' AND cutoff < '2026-01-04')::BIGINT`)
    const unequal = await project.quern('verify', 'orders_daily')
    expect(unequal).toMatchObject({
      code: 3,
      stdout: `orders_daily@0: unequal (unknown: inputs, definition and engine are the same, so the stored rows were changed or a value is not reproducible)
rows: 0 only computed, 0 only stored, 2 with other values
  spend_2d: 2 rows, by at most 10
  bob @ 2026-01-02T00:00:00Z: spend_2d 11 -> 1
  bob @ 2026-01-03T00:00:00Z: spend_2d 13 -> 3
`,
    })
    recordEngine(project, 0, 'duckdb v0.9.0')
    expect((await project.quern('verify', 'orders_daily', '--json')).lines).toMatchObject([
      {
        version: 0,
        outcome: 'unequal',
        cause: expect.stringMatching(/^engine changed: duckdb v0\.9\.0 then, duckdb v1\S+ now$/),
        differences: { added: 0, removed: 0, changed: 2, columns: [{ name: 'spend_2d', rows: 2, largest: 10 }] },
      },
    ])
  })
})

describe('diff', () => {
  const diff = async (project: Living, ...refs: string[]): Promise<string> =>
    (await project.quern('diff', ...refs.map(ref => `orders_daily@${ref}`))).stdout

  it('tells new cutoffs', async () => {
    const project = new Living({ a: csv('01-01 ada 1') }, TWO_DAYS)
    await project.until('01-02')
    await project.until('01-03')
    expect(await diff(project, '0', '1')).toBe(
      'rows: 1 only after, 0 only before, 0 with other values\n  ada @ 2026-01-03T00:00:00Z: only after\ncause: new cutoffs\n',
    )
    // Seen from the other side.
    expect(await diff(project, '1', '0')).toContain('rows: 0 only after, 1 only before')
    expect(await diff(project, '1', '1')).toBe('rows: no difference\ncause: none on record\n')
  })

  it('tells late rows, and for each feature how many values moved and by how much', async () => {
    const project = new Living({ a: csv('01-01 ada 1', '01-02 bob 2') }, TWO_DAYS)
    await project.until('01-04')
    project.put('b', csv('01-01 ada 40', '01-01 eve 5'))
    await project.until('01-04')
    expect(await diff(project, '0', '1')).toBe(`rows: 3 only after, 0 only before, 2 with other values
  orders_2d: 2 rows, by at most 1
  spend_2d: 2 rows, by at most 40
  ada @ 2026-01-02T00:00:00Z: orders_2d 1 -> 2, spend_2d 1 -> 41
  ada @ 2026-01-03T00:00:00Z: orders_2d 1 -> 2, spend_2d 1 -> 41
  eve @ 2026-01-02T00:00:00Z: only after
  eve @ 2026-01-03T00:00:00Z: only after
  eve @ 2026-01-04T00:00:00Z: only after
cause: late rows
`)
    expect(await project.line('diff', 'orders_daily@0', 'orders_daily@1')).toMatchObject({
      from: { name: 'orders_daily', version: 0 },
      to: { name: 'orders_daily', version: 1 },
      rows: { added: 3, removed: 0, changed: 2 },
      features: [
        { name: 'orders_2d', rows: 2, largest: 1 },
        { name: 'spend_2d', rows: 2, largest: 40 },
      ],
      causes: ['late rows'],
    })
    // What the older of the two was made of is no difference.
    await project.run()
    expect(await project.line('diff', 'orders_daily@1', 'orders_daily@2')).toMatchObject({ causes: ['new cutoffs'] })
    expect(await project.line('diff', 'orders_daily@2', 'orders_daily@0')).toMatchObject({ causes: ['late rows', 'new cutoffs'] })
  })

  it('tells another definition, its columns, and another engine', async () => {
    const project = new Living({ a: csv('01-01 ada 1', '01-02 ada 2') }, TWO_DAYS)
    await project.run()
    recordEngine(project, 0, 'duckdb v0.9.0')
    project.define({
      features: "orders: count().over('2d'), spend: sum(f.amount).as('decimal').over('2d'), first: first(f.amount).over('2d')",
    })
    await project.run()
    expect(await diff(project, '0', '1')).toBe(`1 column added: first_2d
1 column of another type: spend_2d
rows: no difference
cause: definition, engine
`)
  })
})

describe('tag', () => {
  it('lets one of two win who have seen it in the same place', async () => {
    const project = new Living({ a: daily(3, 'ada') }, TWO_DAYS)
    await project.until('01-02')
    await project.until('01-03')
    await project.line('tag', 'orders_daily@0', 'best')
    const app = await appOf(project)
    // Both have seen where the tag is before either moves it.
    const both = Promise.withResolvers<void>()
    let looked = 0
    let before: ReturnType<Table['moveTag']> = Promise.resolve('moved')
    const table: typeof app.store.table = path => {
      const real = app.store.table(path)
      const tags = async (): Promise<ReadonlyMap<string, number>> => {
        const seen = await real.tags()
        if (++looked === 2) both.resolve()
        await both.promise
        return seen
      }
      // One after the other.
      const moveTag: typeof real.moveTag = (...move) => {
        before = before.then(() => real.moveTag(...move))
        return before
      }
      return { ...real, tags, moveTag }
    }
    const said = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
    const context = { app: async () => ({ ...app, store: { ...app.store, table } }), orderlyEnd: () => app.signal }
    const move = (ref: string, flags: object): Promise<number> => tag({ ...context, args: [ref, 'best'], flags })
    const outcomes = await Promise.allSettled([move('orders_daily@1', {}), move('orders_daily@1', { delete: true })])
    said.mockRestore()
    await app.close()
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { exitCode: 75, message: expect.stringContaining('somebody else has just moved tag `best`') },
    })
  })

  const refusals: [why: string, name: string, said: RegExp][] = [
    ['a number', '12', /`12` is no name for a tag\n.*begin with a letter/],
    ['an instant', midnight('01-01'), /is no name for a tag/],
    ['a path', 'a/b', /is no name for a tag/],
    ['nothing', '', /is no name for a tag/],
    ['a long one', 'x'.repeat(101), /a tag of 101 characters is too long\n.*at most 100/i],
    ['the word for the latest version', 'latest', /`latest` cannot be a tag\n.*latest version/],
  ]
  it('refuses what names something else, and what is no name', async () => {
    const project = new Living({ a: daily(1, 'ada') }, TWO_DAYS)
    await project.run()
    for (const [why, name, said] of refusals) {
      expect({ why, ...(await project.quern('tag', 'orders_daily', name)) }).toMatchObject({
        why,
        code: 2,
        stdout: '',
        stderr: expect.stringMatching(said),
      })
    }
    expect(await project.quern('tag', 'orders_daily@7', 'best')).toMatchObject({ code: 2 })
    expect(await project.quern('read', 'orders_daily@best')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('`orders_daily` has no tag `best`'),
    })
  })
})

describe('compact', () => {
  it('leaves the same rows in fewer files, each a range of cutoffs, for every reader', async () => {
    const project = new Living({ a: daily(150, ...Array.from({ length: 40 }, (_, at) => `c${at}`)) }, TWO_DAYS)
    project.now = '2026-07-01T00:00:00Z'
    await project.until('02-20')
    // Of the oldest cutoffs some files are now the youngest.
    project.put('early', csv('01-20 eve 1'))
    for (const until of ['04-11', '05-31']) await project.until(until)
    const before = await project.rows()
    const compacted = await project.line('compact', 'orders_daily')
    expect(compacted).toMatchObject({ outcome: 'committed', version: 3, filesBefore: 150 })
    // A small table's files hold 8,192 values at most.
    expect(compacted.filesAfter).toBeGreaterThan(2)
    expect(compacted.filesAfter).toBeLessThanOrEqual(5)
    const files = new Map<unknown, Stats>()
    for (const { add, remove } of [0, 1, 2, 3].flatMap(version => project.commit(version))) {
      if (add) files.set(add.path, JSON.parse(String(add.stats)) as Stats)
      if (remove) files.delete(remove.path)
    }
    const ranges = [...files.values()].map(({ minValues, maxValues }) => [minValues.cutoff, maxValues.cutoff] as const).sort()
    expect(ranges).toHaveLength(Number(compacted.filesAfter))
    for (const [at, [first]] of ranges.slice(1).entries()) expect(first > ranges[at]![1]).toBe(true)
    // Who follows the table's changes has nothing to do.
    expect(project.commit(3).every(({ add, remove }) => (add ?? remove)?.dataChange !== true)).toBe(true)

    expect(await project.rows()).toEqual(before)
    expect(await project.rows('orders_daily@2')).toEqual(before)
    const [computed, written] = [await project.lineage('orders_daily@2'), await project.lineage()]
    expect(written).toMatchObject({ inputs: computed.inputs, published: computed.published, rowsWritten: 0 })
    expect(written.runId).not.toBe(computed.runId)
    expect(await project.quern('verify', 'orders_daily')).toMatchObject({ code: 0 })
    expect(await project.quern('compact', 'orders_daily')).toMatchObject({
      stdout: expect.stringMatching(/^orders_daily: unchanged at version 3 \(of \d+ files? none is to be joined\)$/m),
    })
    const found = python()
    if ('interpreter' in found) {
      const answer = await program(found.interpreter, [READERS, project.table, '2', '3'], { cwd: project.cwd })
      const read = documents(answer) as { reader: string; rows: Line[] }[]
      expect(new Set(read.map(({ reader }) => reader)).size).toBeGreaterThan(2)
      for (const { reader, rows } of read) expect({ reader, rows: inOrder(rows) }).toEqual({ reader, rows: inOrder(before) })
    }
    // The next run goes on from the files that are there now: a late row rewrites few of them.
    project.put('late', csv('03-01 eve 1'))
    expect(await project.run()).toMatchObject({ version: 4, reason: '2 cutoffs due, late rows: 3 cutoffs stale' })
    expect(project.commit(4).filter(({ remove }) => remove).length).toBeLessThanOrEqual(3)
    expect(await project.rows()).toEqual(await project.truth())
  })
})

describe('vacuum', () => {
  it('lists what no retained version needs, deletes it with --apply, and leaves those versions whole', async () => {
    const project = new Living({ a: daily(2, 'ada') }, TWO_DAYS)
    const days = ['03-01', '03-02', '03-03', '03-04', '04-01', '04-02']
    const versions: Line[][] = []
    for (const [version, day] of days.entries()) {
      // Later than whatever the clock shows when files are written.
      project.now = `2126-${day}T00:00:00Z`
      project.put(`b${version}`, csv(`01-01 bob ${version}`))
      await project.run('--full')
      versions.push(await project.rows())
    }
    await project.line('tag', 'orders_daily@2', 'gold')
    // No checkpoint is there yet from which this version could be opened.
    await buildDataset(project, 1)
    const orphans = ['left.parquet', 'young.parquet'].map(name => join(project.table, name))
    for (const path of orphans) writeFileSync(path, 'of a run that died')
    const yesterday = Date.parse('2126-04-09T00:00:00Z') / 1000
    utimesSync(orphans[1]!, yesterday, yesterday)
    project.now = '2126-04-10T00:00:00Z'

    // So long ago version 4 was the latest.
    const vacuum = ['vacuum', 'orders_daily', '--retain', '200h', '--json']
    const listed = await project.quern(...vacuum)
    expect(listed.stderr).toMatch(/\d+ objects, .* can be deleted with --apply; versions 4 to 5 and 1, 2 stay\n/)
    const why = (object: Line): unknown => object.why
    expect(new Set(listed.lines.map(why))).toEqual(new Set(['log', 'version', 'inputs', 'tiles', 'orphan']))
    expect(listed.lines.filter(object => why(object) === 'orphan').map(({ path }) => path)).toEqual(['left.parquet'])
    for (const [version, rows] of versions.entries()) expect(await project.rows(`orders_daily@${version}`)).toEqual(rows)

    const applied = await project.quern(...vacuum, '--apply')
    expect([applied.lines, applied.stderr.includes('deleted; versions 4 to 5 and 1, 2 stay')]).toEqual([listed.lines, true])
    expect(listed.lines.filter(({ path }) => existsSync(join(project.table, String(path))))).toEqual([])
    for (const [version, rows] of versions.entries()) {
      const ref = `orders_daily@${version}`
      if ([0, 3].includes(version)) {
        const said = expect.stringContaining(`version ${version} of \`orders_daily\` was removed by \`quern vacuum\``)
        expect(await project.quern('read', ref)).toMatchObject({ code: 2, stdout: '', stderr: said })
      } else {
        expect(await project.rows(ref)).toEqual(rows)
        expect(await project.quern('verify', ref)).toMatchObject({ code: 0 })
      }
    }
    expect(await project.rows('orders_daily@gold')).toEqual(versions[2])
    for (const id of readdirSync(join(project.table, '_quern/tiles')))
      expect(readdirSync(join(project.table, '_quern/tiles', id))).not.toEqual([])
    expect(await project.quern('ls')).toMatchObject({ stdout: expect.stringMatching(/ tags\n.* gold\n/) })
    expect(await project.quern('ls', '--json')).toMatchObject({ lines: [{ version: 5, tags: ['gold'] }] })
    expect((await project.quern('log', 'orders_daily', '--json')).lines.map(({ version }) => version)).toEqual([5, 4, 3, 2, 1])
    expect((await project.quern(...vacuum)).lines).toEqual([])

    project.put('late', csv('01-02 bob 9'))
    expect(await project.run()).toMatchObject({ version: 6, reason: 'late rows: 3 cutoffs stale' })
    expect(await project.rows()).toEqual(await project.truth())
  })

  /** Four versions, of which only the last two stay. */
  const cleanedUp = async (): Promise<Living> => {
    const project = new Living({ a: daily(2, 'ada') }, TWO_DAYS)
    for (const day of ['03-01', '03-02', '04-01', '04-02']) {
      project.now = `2126-${day}T00:00:00Z`
      await project.run('--full')
    }
    project.now = '2126-04-10T00:00:00Z'
    expect(await project.quern('vacuum', 'orders_daily', '--retain', '200h', '--apply')).toMatchObject({ code: 0 })
    return project
  }

  it('leaves a history that ends where it now begins, however much of it is asked for', async () => {
    const project = await cleanedUp()
    for (const limit of ['2', '3', '100']) {
      const answer = await project.quern('log', 'orders_daily', '--limit', limit, '--json')
      expect({ limit, ...answer }).toMatchObject({ limit, code: 0, stderr: '', lines: [{ version: 3 }, { version: 2 }] })
    }
    expect(await project.quern('read', 'orders_daily@9')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('`orders_daily` has no version 9; its latest is 3'),
    })
  })

  it('leaves a table that runs, backfills and changed definitions go on from', async () => {
    const project = await cleanedUp()
    const backfill = ['backfill', 'orders_daily', '--from', midnight('01-01'), '--to', midnight('01-03')]
    expect(await project.quern(...backfill)).toMatchObject({ code: 0 })
    project.define({ features: "orders: count().over('3d'), spend: sum(f.amount).over('3d')" })
    expect(await project.run()).toMatchObject({ outcome: 'committed', reason: 'definition changed: rebuild' })
    expect(await project.run('--full')).toMatchObject({ outcome: 'committed' })
    expect(await project.rows()).toEqual(await project.truth())
  })

  /** Plans a clean-up of everything but the latest version, does something else, and then deletes. */
  const meanwhile = async (project: Living, act: (store: TableStore) => Promise<unknown>): Promise<string[]> => {
    const app = await appOf(project)
    const options = { retain: 0n, now: instant(project.now), signal: app.signal }
    const plan = await planVacuum(app.store, 'orders_daily', options)
    expect(plan.objects.length).toBeGreaterThan(0)
    await act(app.store)
    const deleted = await applyVacuum(app.store, 'orders_daily', plan, options)
    await app.close()
    return deleted.map(({ name }) => name)
  }

  it('leaves what got a name after it was planned', async () => {
    const project = new Living({ a: daily(2, 'ada') }, TWO_DAYS)
    const versions: Line[][] = []
    for (const day of ['03-01', '03-02', '03-03', '04-01']) {
      project.now = `2126-${day}T00:00:00Z`
      project.put('b', csv(`01-01 bob ${day.slice(4)}`))
      await project.run('--full', '--accept-loss')
      versions.push(await project.rows())
    }
    project.now = '2126-04-10T00:00:00Z'
    const deleted = await meanwhile(project, store => store.table('features/orders_daily').moveTag('gold', 1, undefined))
    expect(deleted.some(name => name.startsWith('part-'))).toBe(true)
    expect(await project.rows('orders_daily@gold')).toEqual(versions[1])
    expect(await project.quern('show', 'orders_daily@gold')).toMatchObject({ code: 0, stderr: '' })
    for (const version of [0, 2]) expect(await project.quern('read', `orders_daily@${version}`)).toMatchObject({ code: 2 })
    expect(await project.rows()).toEqual(versions[3])
  })

  it('leaves what a run has taken up again after it was planned', async () => {
    const project = new Living({ a: daily(2, 'ada') }, TWO_DAYS)
    project.now = '2126-03-01T00:00:00Z'
    await project.run()
    const before = await project.rows()
    project.define({ features: "orders: count().over('3d')" })
    project.put('b', csv('01-01 bob 1'))
    project.now = '2126-03-02T00:00:00Z'
    await project.run()
    project.take('b')
    project.now = '2126-04-10T00:00:00Z'
    await meanwhile(project, async () => {
      project.define(TWO_DAYS)
      expect(await project.run('--accept-loss')).toMatchObject({ reason: expect.stringContaining('taken up again') })
    })
    expect(await project.rows()).toEqual(before)
    project.put('c', csv('01-02 eve 3'))
    expect(await project.run()).toMatchObject({ outcome: 'committed' })
    expect(await project.rows()).toEqual(await project.truth())
  })

  it('goes on though a tag names a version that is gone', async () => {
    const project = await cleanedUp()
    const folder = join(project.table, '_quern/tags/lost')
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, `${'0'.repeat(20)}.json`), '{"version":0,"id":"x"}')
    expect(await project.quern('vacuum', 'orders_daily', '--apply')).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('versions 2 to 3 stay'),
    })
    const said = expect.stringContaining('version 0 of `orders_daily` was removed by `quern vacuum`')
    expect(await project.quern('read', 'orders_daily@lost')).toMatchObject({ code: 2, stderr: said })
  })

  it('sees datasets whose folder is a link', async () => {
    const project = new Living({ a: daily(2, 'ada') }, TWO_DAYS)
    await project.run()
    await project.run('--full')
    await buildDataset(project, 0)
    const elsewhere = join(scratch('elsewhere'), 'training')
    renameSync(join(project.cwd, '.quern/datasets/training'), elsewhere)
    symlinkSync(elsewhere, join(project.cwd, '.quern/datasets/training'))
    project.now = '2126-04-10T00:00:00Z'
    expect(await project.quern('vacuum', 'orders_daily', '--apply')).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('versions 1 to 1 and 0 stay'),
    })
    expect(await project.rows('orders_daily@0')).toEqual(await project.rows())
  })

  it('takes away what a first run has left that was never finished', async () => {
    const project = new Living({ a: daily(2, 'ada') }, TWO_DAYS)
    await project.run()
    rmSync(join(project.table, '_delta_log'), { recursive: true })
    const left = (await project.quern('vacuum', 'orders_daily')).stderr
    expect(left).toMatch(/0 objects, 0 B, can be deleted with --apply; no run has committed a version yet/)
    project.now = '2126-04-10T00:00:00Z'
    const applied = await project.quern('vacuum', 'orders_daily', '--apply', '--json')
    expect(applied.code).toBe(0)
    expect(new Set(applied.lines.map(({ why }) => why))).toEqual(new Set(['orphan', 'inputs', 'tiles']))
    expect(existsSync(project.table)).toBe(false)
    project.now = NOW
    expect(await project.run()).toMatchObject({ version: 0 })
    expect(await project.rows()).toEqual(await project.truth())
  })

  it('deletes nothing of a table whose commits are lost', async () => {
    const project = new Living({ a: daily(2, 'ada') }, TWO_DAYS)
    await project.run()
    renameSync(project.commitPath(0), join(project.table, '_delta_log/kept'))
    project.now = '2126-04-10T00:00:00Z'
    expect(await project.quern('vacuum', 'orders_daily', '--apply')).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/has `_delta_log\/kept`, but no commit/),
    })
    expect(project.files).not.toEqual([])
  })

  it('refuses a version, a name that is none, and one that is unknown', async () => {
    const project = new Living({ a: daily(2, 'ada') }, TWO_DAYS)
    await project.run()
    for (const args of [
      ['vacuum', 'orders_daily@0'],
      ['compact', 'orders_daily@0'],
      ['log', 'orders_daily@0'],
      ['vacuum', '../features/orders_daily'],
      ['compact', '../features/orders_daily'],
      ['show', '../features/orders_daily'],
      ['log', '../features/orders_daily'],
      ['rejected', '../features/orders_daily'],
      ['vacuum', 'others'],
    ]) {
      const answer = await project.quern(...args)
      expect({ args, ...answer }).toMatchObject({
        args,
        code: 2,
        stdout: '',
        stderr: expect.stringMatching(/definition\.unknown/),
      })
    }
  })

  it('keeps the latest version, however old it is', async () => {
    const project = new Living({ a: daily(2, 'ada') }, TWO_DAYS)
    await project.run()
    const before = await project.rows()
    project.now = '2126-01-01T00:00:00Z'
    expect(await project.quern('vacuum', 'orders_daily', '--retain', '1d', '--apply')).toMatchObject({ code: 0, stdout: '' })
    expect(await project.rows('orders_daily@0')).toEqual(before)
  })
})

interface Stats {
  minValues: { cutoff: string }
  maxValues: { cutoff: string }
}

const READERS = fileURLToPath(new URL('./integration/readers.py', import.meta.url))

/** By customer and cutoff: other readers read the files in any order. */
function inOrder(rows: readonly Line[]): Line[] {
  const key = ({ customer, cutoff }: Line): string => `${customer} ${cutoff}`
  return [...rows].sort((a, b) => (key(a) < key(b) ? -1 : 1))
}

async function appOf(project: Living): Promise<App> {
  vi.spyOn(process, 'cwd').mockReturnValue(project.cwd)
  return createApp({}, new AbortController().signal).finally(vi.restoreAllMocks)
}

/** A dataset's table whose one version was built from a version of the feature set. */
async function buildDataset(project: Living, version: number): Promise<void> {
  const app = await appOf(project)
  await app.store.table('datasets/training').commit({
    base: undefined,
    operation: 'run',
    schema: { columns: [{ name: 'customer', type: { kind: 'string' }, nullable: false }] },
    add: [],
    remove: [],
    lineage: { featureSets: [{ name: 'orders_daily', version }] },
    isolation: 'plan',
  })
  await app.close()
}

/** Writes each of the table's files anew, with another `spend_2d`. */
async function tamper({ table, files }: Living, spend: string): Promise<void> {
  const connection = await duckdb()
  for (const path of files.map(name => join(table, name))) {
    await connection.run(
      `CREATE OR REPLACE TEMP TABLE kit AS SELECT * REPLACE (${spend} AS spend_2d) FROM read_parquet('${path}')`,
    )
    await connection.run(`COPY kit TO '${path}' (FORMAT parquet)`)
  }
}

/** As if another release had committed a version. */
function recordEngine(project: Living, version: number, engine: string): void {
  const path = project.commitPath(version)
  writeFileSync(path, readFileSync(path, 'utf8').replace(/"engine":"[^"]*"/, `"engine":"${engine}"`))
}
