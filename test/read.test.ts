/** `quern read` in every format, and references. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { tableFromIPC } from 'apache-arrow'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Outcome } from './kit/cli.ts'
import { documents, program, quern, REPOSITORY } from './kit/cli.ts'
import { duckdb } from './kit/parquet.ts'
import { orders, project } from './kit/project.ts'

const FEATURES = ['amount', 'big', 'ratio', 'flag', 'note', 'time']
  .map(name => `${name}: last(f.${name}).over('1d')`)
  .concat("wide: sum(f.big).as('decimal').over('1d')", "small: last(f.small).over('1d')")
  .join(', ')
const CSV = `time,customer,amount,big,ratio,flag,note,small
2026-01-01T09:00:00.000001Z,"a,""b""",7,9007199254740993,0.5,true,"line
break",-2147483648
2026-01-01T09:00:00Z,b,,,,,"",
`
let cwd: string
const read = (...args: string[]): Promise<Outcome> => quern(['read', ...args], { cwd })

beforeAll(async () => {
  cwd = project({
    'transforms/o.ts': orders({
      schema:
        'time: z.date(), customer: z.string(), amount: z.int().nullable(), big: z.int64().nullable(), ratio: z.number().nullable(), flag: z.boolean().nullable(), note: z.string().nullable(), small: z.int32().nullable()',
      features: FEATURES,
    }),
    'data/a.csv': CSV,
  })
  expect((await quern(['run'], { cwd })).code).toBe(0)
})

describe.concurrent('quern read', () => {
  const FIRST = "cutoff = '2026-01-02'"

  it('prints JSON with exact digits, nulls and instants', async () => {
    const { stdout } = await read('orders_daily', '--format', 'json', '--where', FIRST)
    expect(stdout).toBe(
      `{"customer":"a,\\"b\\"","cutoff":"2026-01-02T00:00:00.000000Z","amount_1d":7,"big_1d":9007199254740993,"ratio_1d":0.5,"flag_1d":true,"note_1d":"line\\nbreak","time_1d":"2026-01-01T09:00:00.000001Z","wide_1d":"9007199254740993","small_1d":-2147483648}
{"customer":"b","cutoff":"2026-01-02T00:00:00.000000Z","amount_1d":null,"big_1d":null,"ratio_1d":null,"flag_1d":null,"note_1d":"","time_1d":"2026-01-01T09:00:00.000000Z","wide_1d":null,"small_1d":null}
`,
    )
  })

  it('prints CSV with nothing for null and quotes for the empty string', async () => {
    const { stdout } = await read(
      'orders_daily',
      '--format',
      'csv',
      '--where',
      FIRST,
      '--columns',
      'customer,note_1d,big_1d,flag_1d',
    )
    expect(stdout).toBe('customer,note_1d,big_1d,flag_1d\n"a,""b""","line\nbreak",9007199254740993,true\nb,"",,\n')
  })

  it('prints a table', async () => {
    const { stdout } = await read('orders_daily', '--where', FIRST, '--columns', 'customer,amount_1d,ratio_1d')
    expect(stdout).toBe('customer  amount_1d  ratio_1d\na,"b"             7       0.5\nb\n')
  })

  it('streams Arrow that says what JSON says', async () => {
    const path = join(cwd, 'out.arrow')
    expect(await read('orders_daily', '--format', 'arrow', '--output', path)).toMatchObject({ code: 0, stdout: '' })
    const table = tableFromIPC(readFileSync(path))
    expect(table.schema.fields.map(field => `${field.name} ${field.type}`)).toEqual([
      'customer Utf8',
      'cutoff Timestamp<MICROSECOND, UTC>',
      'amount_1d Int64',
      'big_1d Int64',
      'ratio_1d Float64',
      'flag_1d Bool',
      'note_1d Utf8',
      'time_1d Timestamp<MICROSECOND, UTC>',
      'wide_1d Decimal[38e0]',
      'small_1d Int32',
    ])
    const rows = documents(await read('orders_daily', '--format', 'json'))
    expect(table.numRows).toBe(rows.length)
    expect(table.getChild('note_1d')!.toJSON()).toEqual(rows.map(row => row.note_1d))
    expect(table.getChild('small_1d')!.toJSON()).toEqual(rows.map(row => row.small_1d))
    expect(table.getChild('big_1d')!.get(0)).toBe(9007199254740993n)
  })

  it('writes Parquet that says what JSON says', async () => {
    const path = join(cwd, 'out.parquet')
    expect((await read('orders_daily', '--format', 'parquet', '--output', path)).code).toBe(0)
    const sql = `SELECT customer, big_1d, note_1d FROM '${path}' ORDER BY customer, cutoff`
    const rows = (await (await duckdb()).runAndReadAll(sql)).getRowsJson()
    const expected = documents(await read('orders_daily', '--format', 'json', '--columns', 'customer,big_1d,note_1d'))
    expect(rows.map(([customer, , note]) => [customer, note])).toEqual(expected.map(row => [row.customer, row.note_1d]))
    expect(rows[0]![1]).toBe('9007199254740993')
  })

  it('gives the last row of each entity, closing rows included', async () => {
    const rows = documents(await read('orders_daily', '--latest', '--format', 'json', '--columns', 'customer,cutoff,amount_1d'))
    expect(rows).toEqual([
      { customer: 'a,"b"', cutoff: '2026-01-03T00:00:00.000000Z', amount_1d: null },
      { customer: 'b', cutoff: '2026-01-03T00:00:00.000000Z', amount_1d: null },
    ])
  })

  it('stops at a limit', async () => {
    expect(documents(await read('orders_daily', '--limit', '1', '--format', 'json'))).toHaveLength(1)
    expect((await read('orders_daily', '--limit', '0', '--format', 'csv', '--columns', 'customer')).stdout).toBe('customer\n')
  })

  it('takes a version and an instant', async () => {
    const [{ committedAt }] = documents(await quern(['log', 'orders_daily', '--json'], { cwd })) as [{ committedAt: string }]
    for (const ref of ['orders_daily@0', `orders_daily@${committedAt}`, 'orders_daily@2999-01-01T00:00:00+02:00']) {
      expect((await read(ref, '--format', 'csv')).stdout).toBe((await read('orders_daily', '--format', 'csv')).stdout)
    }
  })

  it('takes the last row of each entity before a condition is asked', async () => {
    const rows = documents(await read('orders_daily', '--latest', '--where', 'amount_1d IS NOT NULL', '--format', 'json'))
    expect(rows).toEqual([])
  })

  it('streams an empty result with its schema as Arrow', async () => {
    const file = join(cwd, 'empty.arrow')
    expect((await read('orders_daily', '--where', 'false', '--format', 'arrow', '--output', file)).code).toBe(0)
    const table = tableFromIPC(readFileSync(file))
    expect([table.numRows, table.schema.fields[0]!.name]).toEqual([0, 'customer'])
  })

  it('takes the format from the name of the file', async () => {
    const file = join(cwd, 'rows.csv')
    const outcome = await read('orders_daily', '--output', file)
    expect(outcome.stderr).toContain('written to')
    expect(readFileSync(file, 'utf8')).toBe((await read('orders_daily', '--format', 'csv')).stdout)
  })

  const refusals: [what: string, args: string[], said: RegExp][] = [
    ['an unknown name', ['nothing'], /no feature set `nothing` is stored\n {2}There is `orders_daily`/],
    ['an unknown version', ['orders_daily@7'], /`orders_daily` has no version 7; its versions are 0 to 0/],
    ['an unknown tag', ['orders_daily@best'], /has no tag `best`/],
    ['an instant before the first version', ['orders_daily@2001-01-01T00:00:00Z'], /no version as of 2001-01-01T00:00:00Z/],
    ['a bare date', ['orders_daily@2026-01-01'], /`2026-01-01` is a bare date/],
    ['an unknown column', ['orders_daily', '--columns', 'customer,nope'], /--columns: there is no column `nope`/],
    [
      'an unknown format',
      ['orders_daily', '--format', 'xml'],
      /--format: there is no format `xml`\n.*table, json, csv, arrow, parquet/,
    ],
    [
      'a condition on no column',
      ['orders_daily', '--where', 'nope > 1'],
      /--where: `nope > 1` names a column `nope` that the table lacks/,
    ],
    [
      'a condition that writes',
      ['orders_daily', '--where', '1=1); DROP TABLE x; SELECT (1'],
      /--where: .*is no condition: syntax error/,
    ],
    [
      'a condition that closes a parenthesis of ours',
      ['orders_daily', '--where', 'true) OR (true'],
      /is no condition: syntax error/,
    ],
    ['a condition with a clause behind it', ['orders_daily', '--where', 'true ORDER BY 1'], /is more than one expression/],
    [
      'a condition that reads files',
      ['orders_daily', '--where', "(SELECT count(*) FROM read_text('/etc/passwd')) > 0"],
      /holds a query of its own/,
    ],
    ['a condition with a parameter', ['orders_daily', '--where', '$1 = 1'], /holds a parameter/],
    ['a condition that is none', ['orders_daily', '--where', 'amount_1d'], /is a bigint, not a condition/],
    ['a condition that cannot be evaluated', ['orders_daily', '--where', "cutoff = 'soon'"], /cannot be evaluated: .*soon/],
    ['a column that is named twice', ['orders_daily', '--columns', 'cutoff,cutoff'], /`cutoff` is named twice/],
    ['a ref without its version', ['orders_daily@'], /names no version/],
    ['an instant that is none', ['orders_daily@2026-03-99T00:00:00Z'], /`2026-03-99T00:00:00Z` is no instant/],
    ['no number', ['orders_daily', '--limit', 'x'], /--limit: `x` is no whole number/],
  ]
  for (const [what, args, said] of refusals) {
    it(`refuses ${what}`, async () => {
      const outcome = await read(...args)
      expect(outcome.stderr).toMatch(said)
      expect(outcome).toMatchObject({ code: 2, stdout: '' })
    })
  }

  it('ends quietly when whoever reads has enough', async () => {
    const command = `"${process.execPath}" "${join(REPOSITORY, 'bin/quern.js')}" read orders_daily --format csv | head -1; echo "\${PIPESTATUS[0]}"`
    const { stdout, stderr } = await program('bash', ['-c', command], { cwd })
    expect(stdout).toMatch(/^customer,cutoff,.*\n(0|141)\n$/)
    expect(stderr).toBe('')
  })

  it('leaves no half-written file behind', async () => {
    const path = join(cwd, 'missing-folder', 'out.csv')
    const outcome = await read('orders_daily', '--format', 'csv', '--output', path)
    expect(outcome.code).toBe(2)
    expect(outcome.stderr).toMatch(/out\.csv cannot be written/)
    expect(existsSync(path)).toBe(false)
  })
})
