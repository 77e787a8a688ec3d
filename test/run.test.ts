/** `quern run` and what is left behind, from the outside. */
import { appendFileSync, chmodSync, existsSync, readdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Outcome } from './kit/cli.ts'
import { documents, quern } from './kit/cli.ts'
import type { OrdersOptions } from './kit/project.ts'
import { ORDERS_CSV, orders, project, writeFiles } from './kit/project.ts'

const ordersProject = (options: OrdersOptions = {}, csv = ORDERS_CSV): string =>
  project({ 'transforms/orders.ts': orders(options), 'data/a.csv': csv })
const run = async (cwd: string, ...args: string[]): Promise<Outcome & { line: Record<string, unknown> }> => {
  const outcome = await quern(['run', '--json', ...args], { cwd })
  return { ...outcome, line: documents(outcome)[0] ?? {} }
}
const read = async (cwd: string, ref = 'orders_daily'): Promise<Record<string, unknown>[]> =>
  documents(await quern(['read', ref, '--format', 'json'], { cwd }))

describe.concurrent('quern run', () => {
  it('commits version 0, and says unchanged the second time', async () => {
    const cwd = ordersProject()
    const first = await run(cwd)
    expect(first.code).toBe(0)
    expect(first.stderr).toBe('')
    expect(first.line).toMatchObject({
      name: 'orders_daily',
      outcome: 'committed',
      version: 0,
      rowsRead: 3,
      rowsRejected: 0,
      rowsWritten: 17,
      cutoffs: { from: '2026-01-02T00:00:00.000000Z', to: '2026-01-10T00:00:00.000000Z', count: 9 },
      reason: 'first run',
    })
    expect(Object.keys(first.line).sort()).toEqual(
      [
        'cutoffs',
        'expectations',
        'name',
        'outcome',
        'reason',
        'rowsRead',
        'rowsRejected',
        'rowsWritten',
        'seconds',
        'through',
        'version',
      ].sort(),
    )
    expect((await run(cwd)).line).toMatchObject({
      outcome: 'unchanged',
      version: 0,
      rowsRead: 0,
      cutoffs: { from: null, to: null, count: 0 },
      reason: expect.stringContaining('same definition, the same file'),
    })
  })

  it('is unchanged by a rename, a touch, a new description and another place', async () => {
    const cwd = ordersProject()
    await run(cwd)
    renameSync(join(cwd, 'data/a.csv'), join(cwd, 'data/b.csv'))
    utimesSync(join(cwd, 'data/b.csv'), 1, 1)
    writeFiles(cwd, { 'transforms/orders.ts': orders({ set: "description: 'new'," }) })
    const { line } = await run(cwd)
    expect(line).toMatchObject({
      outcome: 'unchanged',
      version: 0,
      reason: expect.stringContaining('only the description changed'),
    })
  })

  it('counts two equal files twice', async () => {
    const cwd = ordersProject()
    await run(cwd)
    writeFiles(cwd, { 'data/b.csv': ORDERS_CSV })
    expect((await run(cwd)).line).toMatchObject({
      outcome: 'committed',
      version: 1,
      rowsRead: 3,
      // The two closing rows stay as they are.
      rowsWritten: 15,
      reason: 'late rows: 9 cutoffs stale',
    })
    expect((await read(cwd))[0]).toMatchObject({ orders_1d: 2, spend_1d: 2500 })
    expect((await read(cwd, 'orders_daily@0'))[0]).toMatchObject({ orders_1d: 1, spend_1d: 1250 })
  })

  it('rebuilds where the definition or the schema changes, and keeps the version before', async () => {
    const cwd = ordersProject()
    await run(cwd)
    writeFiles(cwd, { 'transforms/orders.ts': orders({ features: "mean: mean(f.amount).over('2d')" }) })
    expect((await run(cwd)).line).toMatchObject({ version: 1, reason: 'definition changed: rebuild' })
    expect(Object.keys((await read(cwd))[0]!)).toEqual(['customer', 'cutoff', 'mean_2d'])
    expect(Object.keys((await read(cwd, 'orders_daily@0'))[0]!)).toEqual([
      'customer',
      'cutoff',
      'orders_1d',
      'spend_1d',
      'spend_7d',
    ])
    writeFiles(cwd, {
      'transforms/orders.ts': orders({
        features: "mean: mean(f.amount).over('2d')",
        schema: 'time: z.date(), customer: z.string(), amount: z.int()',
      }),
    })
    expect((await run(cwd)).line).toMatchObject({
      version: 2,
      reason: 'schema changed: rebuild (column `amount`: no longer min 0; column `currency` is gone)',
    })
  })

  it('publishes the cutoffs that are due at --until, inclusive, and the rest later', async () => {
    const cwd = ordersProject()
    expect((await run(cwd, '--until', '2026-01-01T23:59:59.999999Z')).line).toMatchObject({
      outcome: 'unchanged',
      version: null,
      reason: 'no cutoff that is due holds a row',
    })
    const first = await run(cwd, '--until', '2026-01-02T00:00:00Z')
    expect(first.line).toMatchObject({ version: 0, rowsWritten: 2, through: '2026-01-02T00:00:00.000000Z' })
    expect((await run(cwd, '--until', '2026-01-03T12:00:00Z')).line).toMatchObject({
      version: 1,
      rowsRead: 0,
      rowsWritten: 2,
      reason: '1 cutoff due',
    })
    expect((await run(cwd, '--until', '2026-01-02T00:00:00Z')).line).toMatchObject({ outcome: 'unchanged', version: 1 })
  })

  it('holds back a cutoff for as long as the delay', async () => {
    const cwd = ordersProject({ set: "delay: '6h'," })
    expect((await run(cwd, '--until', '2026-01-02T05:59:59Z')).line).toMatchObject({ outcome: 'unchanged' })
    expect((await run(cwd, '--until', '2026-01-02T06:00:00Z')).line).toMatchObject({ outcome: 'committed', rowsWritten: 2 })
  })

  it('computes anew with --full', async () => {
    const cwd = ordersProject()
    await run(cwd)
    expect((await run(cwd, '--full')).line).toMatchObject({ outcome: 'committed', version: 1, reason: '--full' })
  })

  it('records where a version comes from', async () => {
    const cwd = ordersProject()
    await run(cwd)
    const [shown] = documents(await quern(['show', 'orders_daily', '--json'], { cwd }))
    expect(shown).toMatchObject({
      version: 0,
      rows: 17,
      inputs: [{ path: join(cwd, 'data/a.csv'), hash: expect.stringMatching(/^[0-9a-f]{64}$/), size: ORDERS_CSV.length }],
      lineage: {
        definition: { fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) },
        schema: { fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) },
        rowsRead: 3,
        rowsRejected: 0,
        rowsWritten: 17,
        versions: { quern: '0.1.0', engine: expect.stringMatching(/^duckdb v1/), node: process.versions.node },
      },
    })
  })

  it('keeps rejected rows with value, position and reason, once, whatever becomes of the run', async () => {
    const cwd = ordersProject({}, `${ORDERS_CSV}2026-01-03T08:00:00Z,cleo,-5,EUR\n2026-01-03T09:00:00Z,cleo,5,GBP\nbad\n`)
    for (let time = 0; time < 2; time++) {
      const refused = await run(cwd)
      expect(refused.code).toBe(3)
      expect(refused.line).toMatchObject({ outcome: 'failed', version: null, rowsRead: 6, rowsRejected: 3 })
      expect(refused.stderr).toContain('3 of 6 rows (50%) were rejected; the limit is 0%. Nothing was committed.')
      expect(refused.stderr).toContain('quern rejected orders')
    }
    expect((await run(cwd, '--max-rejected', '50%')).line).toMatchObject({ outcome: 'committed', rowsRejected: 3, version: 0 })
    const rows = documents(await quern(['rejected', 'orders', '--json'], { cwd }))
    expect(rows.map(({ row, code, path }) => [row, code, path])).toEqual([
      [4, 'too_small', join(cwd, 'data/a.csv')],
      [5, 'invalid_value', join(cwd, 'data/a.csv')],
      [6, 'malformed', join(cwd, 'data/a.csv')],
    ])
    expect(JSON.parse(String(rows[0]!.raw))).toEqual({
      time: '2026-01-03T08:00:00Z',
      customer: 'cleo',
      amount: '-5',
      currency: 'EUR',
    })
    expect(rows[0]!.issues).toEqual([{ path: 'amount', code: 'too_small', message: 'Too small: expected number to be >=0' }])
    expect(rows[2]!.raw).toBe('bad')
  })

  it('keeps each rejected row with its own issue, however many differ', async () => {
    const schema = "time: z.date(), customer: z.string(), amount: z.int().max(0, { error: ({ input }) => 'not ' + input })"
    const lines = Array.from({ length: 50_100 }, (_, at) => `2026-01-01T00:00:00Z,ada,${at}`)
    const cwd = project({
      'transforms/orders.ts': orders({ schema, set: 'maxRejected: 1,' }),
      'data/a.csv': `time,customer,amount\n${lines.join('\n')}\n`,
      'data/b.csv': 'time,customer,amount\n2026-01-01T00:00:00Z,ada,7\n',
    })
    expect((await run(cwd)).line).toMatchObject({ outcome: 'committed', rowsRead: 50_101, rowsRejected: 50_100 })
    const rows = documents(await quern(['rejected', 'orders', '--json', '--limit', '100000'], { cwd }))
    expect(rows).toHaveLength(50_100)
    for (const { reason, raw } of rows) expect(reason).toBe(`amount: not ${JSON.parse(String(raw)).amount}`)
  })

  it('takes an unsigned 64-bit integer for the event time of every format', async () => {
    const cwd = project({
      'transforms/orders.ts': orders({
        uri: 'data/*',
        schema: 'time: z.uint64(), customer: z.string()',
        features: "orders: count().over('1d')",
      }).replace("eventTime: 'time'", "eventTime: { column: 'time', unit: 'ms' }"),
      'data/a.csv': 'time,customer\n1767225600000,ada\n',
      'data/b.ndjson': '{"time":1767225600000,"customer":"ada"}\n',
    })
    expect((await run(cwd)).line).toMatchObject({ outcome: 'committed', rowsRead: 2, rowsRejected: 0 })
  })

  it('refuses rows as a whole in each of several files, and only those', async () => {
    const csv = (first: number): string =>
      `time,customer,amount,currency\n${Array.from({ length: 5 }, (_, at) => `2026-01-01T0${at}:00:00Z,ada,${first + at},EUR`).join('\n')}\n`
    const cwd = project({
      'transforms/orders.ts': orders({ set: 'maxRejected: 1,' }).replace(
        ' }), eventTime',
        ' }).refine(row => row.amount % 2 === 0), eventTime',
      ),
      'data/a.csv': csv(0),
      'data/b.csv': csv(1),
    })
    expect((await run(cwd)).line).toMatchObject({ outcome: 'committed', rowsRead: 10, rowsRejected: 5 })
    const rows = documents(await quern(['rejected', 'orders', '--json'], { cwd }))
    expect(rows.map(({ path, row }) => `${String(path).slice(-5)} ${row}`).sort()).toEqual([
      'a.csv 2',
      'a.csv 4',
      'b.csv 1',
      'b.csv 3',
      'b.csv 5',
    ])
  })

  it('is unchanged where every row was rejected and that is allowed', async () => {
    const cwd = ordersProject({ set: 'maxRejected: 1,' }, 'time,customer,amount,currency\n2026-01-01T00:00:00Z,ada,-1,EUR\n')
    const outcome = await run(cwd)
    expect(outcome).toMatchObject({ code: 0, line: { outcome: 'unchanged', version: null, reason: 'every row was rejected' } })
  })

  it('rejects a row whose key is null for this feature set alone', async () => {
    const schema = 'time: z.date(), customer: z.string().nullable(), amount: z.int(), currency: z.string().nullable()'
    const cwd = project({
      'transforms/a.ts': orders({ name: 'by_customer', schema, set: 'maxRejected: 1,' }),
      'transforms/b.ts': orders({ name: 'by_currency', schema, set: 'maxRejected: 1,' }).replace("['customer']", "['currency']"),
      'data/a.csv': `${ORDERS_CSV}2026-01-01T08:00:00Z,,7,EUR\n`,
    })
    const outcome = await quern(['run', '--json'], { cwd })
    expect(documents(outcome).map(({ name, rowsRejected }) => [name, rowsRejected])).toEqual([
      ['by_customer', 1],
      ['by_currency', 0],
    ])
    const [row] = documents(await quern(['rejected', 'orders', '--json'], { cwd }))
    expect(row).toMatchObject({ row: 4, code: 'null_key', featureSet: 'by_customer' })
  })

  it('tries every feature set and answers the gravest exit code', async () => {
    const cwd = project({
      'transforms/a.ts': orders({ name: 'fails', uri: 'data/bad.csv' }).replaceAll("'orders'", "'bad_orders'"),
      'transforms/b.ts': orders({ name: 'works', uri: 'data/good.csv' }),
      'data/good.csv': ORDERS_CSV,
      'data/bad.csv': 'time,customer\n',
    })
    const outcome = await quern(['run', '--json'], { cwd })
    expect(outcome.code).toBe(3)
    expect(documents(outcome).map(({ name, outcome: what }) => [name, what])).toEqual([
      ['fails', 'failed'],
      ['works', 'committed'],
    ])
    expect((await quern(['run', 'works'], { cwd })).code).toBe(0)
  })

  it('plans what it will do and writes nothing', async () => {
    const cwd = ordersProject()
    const [planned] = documents(await quern(['plan', '--json'], { cwd }))
    expect(planned).toEqual({
      name: 'orders_daily',
      outcome: 'run',
      reason: 'first run',
      read: { rows: null, bytes: ORDERS_CSV.length, files: 1 },
      cutoffs: { from: null, to: null, count: null },
      stale: [],
      expectations: [],
    })
    expect(existsSync(join(cwd, '.quern'))).toBe(false)
    await run(cwd)
    const [after] = documents(await quern(['plan', '--json'], { cwd }))
    expect(after).toMatchObject({ outcome: 'unchanged', read: { rows: 0, bytes: 0, files: 0 }, cutoffs: { count: 0 } })
  })

  it('lists, logs and shows what is there', async () => {
    const cwd = ordersProject()
    await run(cwd)
    await run(cwd, '--full')
    const [listed] = documents(await quern(['ls', '--json'], { cwd }))
    expect(listed).toMatchObject({
      name: 'orders_daily',
      version: 1,
      rows: 17,
      entities: 2,
      lastCutoff: '2026-01-10T00:00:00.000000Z',
      tags: [],
      uri: join(cwd, '.quern/features/orders_daily'),
    })
    const logged = documents(await quern(['log', 'orders_daily', '--json'], { cwd }))
    expect(logged.map(({ version, operation, rowsWritten, tags }) => [version, operation, rowsWritten, tags])).toEqual([
      [1, 'rebuild', 17, []],
      [0, 'run', 17, []],
    ])
    for (const args of [['ls'], ['log', 'orders_daily'], ['show', 'orders_daily@0'], ['read', 'orders_daily'], ['doctor']]) {
      const outcome = await quern(args, { cwd })
      expect(outcome.code).toBe(0)
      expect(outcome.stdout).toMatch(/orders_daily|customer|store|committed/)
      expect(outcome.stdout).not.toContain('\x1b')
    }
  })

  it('reads a version by its tag, wherever the tag is moved', async () => {
    const cwd = ordersProject()
    await run(cwd)
    await run(cwd, '--full')
    const tagged = await quern(['tag', 'orders_daily@0', 'best', '--json'], { cwd })
    expect(documents(tagged)).toEqual([{ name: 'orders_daily', tag: 'best', version: 0, previous: null }])
    expect((await quern(['tag', 'orders_daily', 'latest-good'], { cwd })).stdout).toBe(
      'orders_daily: tag `latest-good` names version 1\n',
    )
    const [shown] = documents(await quern(['show', 'orders_daily@best', '--json'], { cwd }))
    expect(shown).toMatchObject({ version: 0 })
    expect((await quern(['tag', 'orders_daily@latest-good', 'best'], { cwd })).stdout).toContain('names version 1 (was 0)')
    const logged = documents(await quern(['log', 'orders_daily', '--json'], { cwd }))
    expect(logged.map(({ tags }) => tags)).toEqual([['best', 'latest-good'], []])
    expect(documents(await quern(['ls', '--json'], { cwd }))[0]!.tags).toEqual(['best', 'latest-good'])
    expect((await quern(['tag', 'orders_daily', 'best', '--delete'], { cwd })).stdout).toBe(
      'orders_daily: tag `best` is gone (was 1)\n',
    )
    for (const args of [
      ['orders_daily', 'best', '--delete'],
      ['orders_daily', '12'],
      ['orders_daily', '2026-01-01T00:00:00Z'],
      ['orders_daily@best', 'other'],
    ]) {
      expect(await quern(['tag', ...args], { cwd })).toMatchObject({ code: 2, stdout: '' })
    }
  })

  it('finds the store beside quern.config.ts from any folder below it', async () => {
    const cwd = ordersProject()
    expect((await run(join(cwd, 'data'))).code).toBe(0)
    expect(existsSync(join(cwd, '.quern/features/orders_daily'))).toBe(true)
  })
})

describe.concurrent('quern run refuses', () => {
  const refusals: [why: string, make: () => string, args: string[], code: number, said: RegExp][] = [
    ['a pattern that matches nothing', () => project({ 'transforms/o.ts': orders() }), [], 3, /data\/\*\.csv matches no file/],
    [
      'a column that the file lacks',
      () => ordersProject({}, 'time,customer,Amount,currency\n2026-01-01T00:00:00Z,a,1,EUR\n'),
      [],
      3,
      /a\.csv: column `amount` is missing; the file has `time`, `customer`, `Amount`, `currency`\n {2}Did you mean `Amount`\? Names are case-sensitive/,
    ],
    ['an empty CSV file', () => ordersProject({}, ''), [], 3, /a\.csv is empty: a CSV file needs its header/],
    [
      'a header that names a column twice',
      () => ordersProject({}, 'time,customer,amount,amount\n'),
      [],
      3,
      /the header names `amount` twice/,
    ],
    [
      'an --until in the future',
      ordersProject,
      ['--until', '2999-01-01T00:00:00Z'],
      2,
      /--until: `2999-01-01T00:00:00Z` lies in the future/,
    ],
    ['a bare date', ordersProject, ['--until', '2026-01-01'], 2, /is a bare date\n.*2026-01-01T00:00:00Z/],
    ['no instant', ordersProject, ['--until', 'yesterday'], 2, /`yesterday` is no instant/],
    ['no share', ordersProject, ['--max-rejected', '200%'], 2, /--max-rejected: `200%` is no share/],
    [
      'an unknown name',
      ordersProject,
      ['orders_dayly'],
      2,
      /there is no feature set `orders_dayly`\n.*Did you mean `orders_daily`\?/,
    ],
    ['an unknown flag', ordersProject, ['--untill', 'x'], 2, /unknown option '--untill'/],
    [
      'a file that does not load',
      () => project({ 'transforms/o.ts': 'export default defineFeatureSet(' }),
      [],
      2,
      /transforms\/o\.ts: cannot be loaded/,
    ],
    [
      'a file without a definition',
      () => project({ 'transforms/o.ts': 'export const x = 1' }),
      [],
      2,
      /has no definition as its default export/,
    ],
    [
      'two definitions of one name',
      () => project({ 'transforms/a.ts': orders(), 'transforms/b.ts': orders() }),
      [],
      2,
      /b\.ts.*`orders_daily`.*a\.ts/s,
    ],
    [
      'one source name with two meanings',
      () => project({ 'transforms/a.ts': orders({ name: 'a' }), 'transforms/b.ts': orders({ name: 'b', uri: 'else/*.csv' }) }),
      [],
      2,
      /source `orders`/,
    ],
    ['a project without transforms', () => project({}), [], 2, /transforms holds no transform files/],
    [
      'a store that is a file',
      () => {
        const cwd = ordersProject()
        writeFileSync(join(cwd, '.quern'), '')
        return cwd
      },
      [],
      2,
      /\.quern is no folder/,
    ],
    [
      'an integer sum that leaves int64',
      () =>
        ordersProject(
          { schema: 'time: z.date(), customer: z.string(), amount: z.int64()' },
          'time,customer,amount\n2026-01-01T00:00:00Z,ada,9223372036854775807\n2026-01-01T01:00:00Z,ada,1\n',
        ),
      [],
      3,
      /feature `spend_1d`: the sum of entity customer=ada leaves int64\n.*\.as\('decimal'\)/,
    ],
    [
      'a damaged log',
      () => {
        const cwd = ordersProject()
        writeFiles(cwd, { '.quern/features/orders_daily/_delta_log/00000000000000000000.json': 'no json' })
        return cwd
      },
      [],
      3,
      /the table's log is damaged/,
    ],
  ]
  for (const [why, make, args, code, said] of refusals) {
    it(why, async () => {
      const cwd = make()
      const outcome = await quern(['run', ...args], { cwd })
      expect(outcome.stderr).toMatch(said)
      expect(outcome.stderr).not.toMatch(/\n {4}at /)
      expect(outcome.code).toBe(code)
      expect(outcome.stdout).toBe('')
    })
  }

  // Root may do everything, so these run as a user who may not.
  const nobody = process.getuid?.() === 0 ? { uid: 65534 } : {}

  it('a store that may not be written', async () => {
    const cwd = ordersProject()
    chmodSync(cwd, 0o555)
    const outcome = await quern(['run'], { cwd, ...nobody })
    chmodSync(cwd, 0o755)
    expect(outcome.stderr).toMatch(/the store .*\.quern cannot be written \(EACCES\)\n.*--store or QUERN_STORE/)
    expect(outcome.code).toBe(2)
  })

  it('a file that may not be read', async () => {
    const cwd = ordersProject()
    chmodSync(cwd, 0o755)
    chmodSync(join(cwd, 'data/a.csv'), 0)
    const outcome = await quern(['run'], { cwd, ...nobody })
    expect(outcome.stderr).toMatch(/a\.csv cannot be read: permission denied/)
    expect(outcome.code).toBe(3)
  })

  it('leaves nothing behind in its scratch folder', async () => {
    const { scratch } = await import('./kit/scratch.ts')
    const temporary = scratch('tmp')
    const cwd = ordersProject()
    appendFileSync(join(cwd, 'data/a.csv'), 'bad\n')
    await quern(['run'], { cwd, env: { TMPDIR: temporary } })
    await quern(['run', '--max-rejected', '1'], { cwd, env: { TMPDIR: temporary } })
    expect(readdirSync(temporary).filter(name => name.startsWith('quern-'))).toEqual([])
  })
})
