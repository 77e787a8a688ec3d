/** Input files of every format, whole and damaged. */
import { chmodSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { Outcome } from './kit/cli.ts'
import { documents, program, quern, REPOSITORY } from './kit/cli.ts'
import { duckdb, writeParquet } from './kit/parquet.ts'
import type { Files, OrdersOptions } from './kit/project.ts'
import { ORDERS_CSV, orders, project, writeFiles } from './kit/project.ts'
import { scratch } from './kit/scratch.ts'

const SCHEMA =
  'time: z.coerce.date(), customer: z.string(), amount: z.int().nullable(), big: z.int64().nullable(), ratio: z.number().nullable(), flag: z.boolean().nullable(), note: z.string().nullable()'
const FEATURES = ['amount', 'big', 'ratio', 'flag', 'note'].map(name => `${name}: lastRow(f.${name}).over('1d')`).join(', ')

const ROWS = [
  {
    time: '2026-01-01T09:00:00.000001Z',
    customer: 'é,"x"',
    amount: 7,
    big: '9007199254740993',
    ratio: 0.1,
    flag: true,
    note: 'a\nb',
  },
  { time: '1969-12-31T23:59:59.999999Z', customer: 'b', amount: null, big: null, ratio: null, flag: null, note: null },
  { time: '2026-01-02T00:00:00Z', customer: 'c', amount: -5, big: '-9223372036854775808', ratio: 1e300, flag: false, note: '' },
]

function csvOf(rows: typeof ROWS): string {
  const field = (value: unknown): string =>
    value === null ? '' : typeof value === 'string' ? `"${value.replaceAll('"', '""')}"` : String(value)
  return `time,customer,amount,big,ratio,flag,note\n${rows.map(row => `${Object.values(row).map(field).join(',')}\n`).join('')}`
}
function ndjsonOf(rows: typeof ROWS): string {
  return rows.map(row => `${JSON.stringify(row).replace(/"big":"(-?\d+)"/, '"big":$1')}\n`).join('')
}
async function parquetOf(rows: typeof ROWS): Promise<Uint8Array> {
  const path = join(scratch(), 'rows.parquet')
  const columns = {
    time: 'TIMESTAMPTZ',
    customer: 'VARCHAR',
    amount: 'INTEGER',
    big: 'BIGINT',
    ratio: 'DOUBLE',
    flag: 'BOOLEAN',
    note: 'VARCHAR',
  }
  const cells = rows.map(row => ({
    ...row,
    time: BigInt(Date.parse(row.time)) * 1000n + BigInt(/\.\d{3}(\d{3})Z/.exec(row.time)?.[1] ?? 0),
    amount: row.amount === null ? null : BigInt(row.amount),
    big: row.big === null ? null : BigInt(row.big),
  }))
  await writeParquet(path, columns, cells)
  return readFileSync(path)
}

/** A Parquet file of what a query gives. */
async function parquetText(select: string): Promise<Uint8Array> {
  const path = join(scratch(), 'x.parquet')
  await (await duckdb()).run(`COPY (${select}) TO '${path}' (FORMAT parquet)`)
  return readFileSync(path)
}

async function computed(files: Files, options: OrdersOptions): Promise<{ run: Outcome; rows: Record<string, unknown>[] }> {
  const cwd = project({ 'transforms/o.ts': orders({ uri: 'data', schema: SCHEMA, features: FEATURES, ...options }), ...files })
  const run = await quern(['run', '--json'], { cwd })
  const read = await quern(['read', 'orders_daily', '--format', 'csv'], { cwd })
  return { run, rows: read.stdout.split('\n').map(line => ({ line })) }
}

describe('the same rows in every format give the same table', async () => {
  const text = new TextEncoder()
  const csv = text.encode(csvOf(ROWS))
  const ndjson = text.encode(ndjsonOf(ROWS))
  const parquet = await parquetOf(ROWS)
  const expected = computed({ 'data/a.parquet': parquet }, {})
  const files: Record<string, Files> = {
    csv: { 'data/a.csv': csv },
    'csv with a BOM and CRLF': { 'data/a.csv': `\ufeff${csvOf(ROWS).replaceAll(/\n(?!b)/g, '\r\n')}` },
    'gzipped csv': { 'data/a.csv.gz': gzipSync(csv) },
    'zstd csv': { 'data/a.csv.zst': zstdCompressSync(csv) },
    'zstd csv of several frames': {
      'data/a.csv.zst': Buffer.concat([csv.subarray(0, 60), csv.subarray(60)].map(part => zstdCompressSync(part))),
    },
    'csv in UTF-16': { 'data/a.csv': Buffer.from(`\ufeff${csvOf(ROWS)}`, 'utf16le') },
    'csv in Latin-1': { 'data/a.csv': Buffer.from(csvOf(ROWS), 'latin1') },
    ndjson: { 'data/a.ndjson': ndjson },
    'gzipped ndjson': { 'data/a.jsonl.gz': gzipSync(ndjson) },
    'zstd ndjson': { 'data/a.ndjson.zst': zstdCompressSync(ndjson) },
    'a file of each': {
      'data/a.csv': csvOf(ROWS.slice(0, 1)),
      'data/b.ndjson': ndjsonOf(ROWS.slice(1, 2)),
      'data/c.parquet': await parquetOf(ROWS.slice(2)),
    },
  }
  for (const [name, given] of Object.entries(files)) {
    it.concurrent(name, async () => {
      const encoding = /UTF-16|Latin-1/.exec(name)?.[0].toLowerCase() ?? 'utf-8'
      const { run, rows } = await computed(given, { source: `zone: 'UTC', csv: { encoding: '${encoding}' },` })
      expect(run).toMatchObject({ code: 0, stderr: '' })
      expect(rows).toEqual((await expected).rows)
      expect(rows.length).toBeGreaterThan(6)
    })
  }
})

describe.concurrent('decoding', () => {
  it('takes columns from folders', async () => {
    const cwd = project({
      'transforms/o.ts': orders({ uri: 'data/**/*.csv', schema: 'time: z.date(), customer: z.string(), amount: z.int()' }),
      'data/customer=ada/amount=7/a.csv': 'time\n2026-01-01T00:00:00Z\n',
      'data/customer=b%20b/amount=x/a.csv': 'time\n2026-01-01T00:00:00Z\n',
    })
    const run = await quern(['run', '--json', '--max-rejected', '1'], { cwd })
    expect(documents(run)[0]).toMatchObject({ rowsRead: 2, rowsRejected: 1 })
    const [row] = documents(await quern(['read', 'orders_daily', '--format', 'json'], { cwd }))
    expect(row).toMatchObject({ customer: 'ada', spend_1d: 7 })
  })

  it('reads numbers as event time by their unit, floored', async () => {
    for (const [unit, value] of [
      ['s', -0.0000005],
      ['ms', -0.0005],
      ['us', -0.5],
    ] as const) {
      const cwd = project({
        'transforms/o.ts': orders({
          schema: 'time: z.number(), customer: z.string()',
          features: "n: count().over('1d')",
        }).replace("eventTime: 'time'", `eventTime: { column: 'time', unit: '${unit}' }`),
        'data/a.csv': `time,customer\n${value},ada\n`,
      })
      await quern(['run'], { cwd })
      const [row] = documents(await quern(['read', 'orders_daily', '--format', 'json'], { cwd }))
      expect(row).toEqual({ customer: 'ada', cutoff: '1970-01-01T00:00:00.000000Z', n_1d: 1 })
    }
  })

  it('reads a local time that a clock change repeats as the earlier instant, and moves one that it skips forward', async () => {
    const cwd = project({
      'transforms/o.ts': orders({
        schema: 'time: z.date(), customer: z.string()',
        source: "zone: 'Europe/Berlin',",
        features: "at: last(f.time).over('lifetime')",
      }),
      'data/a.csv': [
        'time,customer',
        '2025-10-26T02:30:00,repeated',
        '2025-03-30T02:30:00,skipped',
        '2025-07-01T00:00:00,summer',
        '2025-01-01,winter date',
        '2025-10-26T03:00:00,after the repeated hour',
        '2025-10-26T02:30:00+01:00,with its offset',
      ].join('\n'),
    })
    expect(await quern(['run'], { cwd })).toMatchObject({ code: 0 })
    const rows = documents(await quern(['read', 'orders_daily', '--latest', '--format', 'json'], { cwd }))
    expect(Object.fromEntries(rows.map(({ customer, at_lifetime }) => [customer, at_lifetime]))).toEqual({
      repeated: '2025-10-26T00:30:00.000000Z',
      skipped: '2025-03-30T01:30:00.000000Z',
      summer: '2025-06-30T22:00:00.000000Z',
      'winter date': '2024-12-31T23:00:00.000000Z',
      'after the repeated hour': '2025-10-26T02:00:00.000000Z',
      'with its offset': '2025-10-26T01:30:00.000000Z',
    })
  })

  it('refuses rows for a column that a strict schema forbids, whatever it is', async () => {
    const cwd = project({
      'transforms/o.ts': orders({
        uri: 'data',
        schema: 'time: z.date(), customer: z.string()',
        features: "n: count().over('1d')",
      }).replace('z.object(', 'z.strictObject('),
      'data/a.parquet': await parquetText(
        "SELECT TIMESTAMPTZ '2025-01-01 00:00:00Z' AS time, 'ada' AS customer, TIMESTAMP '2025-01-01' AS extra UNION ALL SELECT TIMESTAMPTZ '2025-01-01 00:00:00Z', 'bob', NULL",
      ),
    })
    const run = await quern(['run', '--json', '--max-rejected', '1'], { cwd })
    expect(documents(run)).toMatchObject([{ outcome: 'committed', rowsRead: 2, rowsRejected: 1 }])
    const rejected = documents(await quern(['rejected', 'orders', '--json'], { cwd }))
    expect(rejected).toMatchObject([{ code: 'unrecognized_keys', reason: 'Unrecognized key: "extra"' }])
  })

  it('judges dates by the milliseconds that zod sees, and keeps the microseconds', async () => {
    const cwd = project({
      'transforms/o.ts': orders({
        uri: 'data',
        schema:
          "time: z.date().min(new Date(0)).max(new Date('2026-01-01T00:00:00Z')), customer: z.string(), other: z.date().nullable()",
        features: "at: last(f.time).over('lifetime')",
      }),
      'data/a.csv': [
        'time,customer,other',
        '1969-12-31T23:59:59.999999Z,too early,',
        '1970-01-01T00:00:00Z,first,',
        '2026-01-01T00:00:00.000999Z,last,',
        '2026-01-01T00:00:00.001Z,too late,',
      ].join('\n'),
      'data/b.parquet': await parquetText(
        "SELECT TIMESTAMPTZ '2025-01-01 00:00:00Z' AS time, 'infinite' AS customer, TIMESTAMPTZ 'infinity' AS other UNION ALL SELECT TIMESTAMPTZ 'infinity', 'never', NULL",
      ),
    })
    const run = await quern(['run', '--json', '--max-rejected', '1'], { cwd })
    expect(documents(run)[0]).toMatchObject({ rowsRead: 6, rowsRejected: 4 })
    const rows = documents(await quern(['read', 'orders_daily', '--latest', '--format', 'json'], { cwd }))
    expect(rows.map(({ customer, at_lifetime }) => [customer, at_lifetime])).toEqual([
      ['first', '1970-01-01T00:00:00.000000Z'],
      ['last', '2026-01-01T00:00:00.000999Z'],
    ])
  })

  it('reads another dialect of CSV', async () => {
    const cwd = project({
      'transforms/o.ts': orders({
        schema: 'column0: z.date(), column1: z.string(), column2: z.int().nullable()',
        source: "zone: 'UTC', csv: { delimiter: ';', quote: \"'\", header: false, nullText: 'NA' },",
        features: "n: lastRow(f.column2).over('1d')",
      })
        .replace("eventTime: 'time'", "eventTime: 'column0'")
        .replace("['customer']", "['column1']"),
      'data/a.csv': "2026-01-01T00:00:00;'a;''b';NA\n2026-01-01T00:00:00;'NA';7\n",
    })
    expect(await quern(['run'], { cwd })).toMatchObject({ code: 0, stderr: '' })
    const rows = documents(await quern(['read', 'orders_daily', '--format', 'json', '--where', "cutoff = '2026-01-02'"], { cwd }))
    expect(rows.map(({ column1, n_1d }) => [column1, n_1d])).toEqual([
      ['NA', 7],
      ["a;'b", null],
    ])
  })

  it('counts rows of a CSV with blank lines, quoted line breaks and ragged rows from 1', async () => {
    const csv =
      'time,customer,amount\n2026-01-01T00:00:00Z,"a\nb",1\n\n2026-01-01T00:00:00Z,c\n2026-01-01T00:00:00Z,d,-1\n2026-01-01T00:00:00Z,e,1,2\n2026-01-01T00:00:00Z,f,x\n'
    const cwd = project({
      'transforms/o.ts': orders({ schema: 'time: z.date(), customer: z.string(), amount: z.int().min(0)' }),
      'data/a.csv': csv,
    })
    const run = await quern(['run', '--json', '--max-rejected', '1'], { cwd })
    expect(documents(run)[0]).toMatchObject({ rowsRead: 5, rowsRejected: 4 })
    const rows = documents(await quern(['rejected', 'orders', '--json'], { cwd }))
    expect(rows.map(({ row, code }) => [row, code])).toEqual([
      [2, 'malformed'],
      [3, 'too_small'],
      [4, 'malformed'],
      [5, 'invalid_type'],
    ])
  })

  it('rejects rows that are not UTF-8, and only a line feed ends a line of JSON', async () => {
    const cwd = project({
      'transforms/o.ts': orders({
        uri: 'data',
        schema: 'time: z.coerce.date(), customer: z.string()',
        features: "n: count().over('1d')",
      }),
      'data/a.csv': Buffer.from(
        'time,customer\n2026-01-01T00:00:00Z,a\n2026-01-01T00:00:00Z,\xff\n2026-01-01T00:00:00Z,b\n',
        'latin1',
      ),
      'data/b.ndjson': Buffer.concat([
        Buffer.from('{"time":"2026-01-01T00:00:00Z","customer":"x\u2028y"}\r\n'),
        Buffer.from('{"time":"2026-01-01T00:00:00Z","customer":"\xff"}\n', 'latin1'),
      ]),
    })
    const run = await quern(['run', '--json', '--max-rejected', '1'], { cwd })
    expect(documents(run)[0]).toMatchObject({ rowsRead: 5, rowsRejected: 2 })
    const rejected = documents(await quern(['rejected', 'orders', '--json'], { cwd }))
    expect(rejected.map(({ row, code }) => [row, code])).toEqual([
      [2, 'malformed'],
      [2, 'malformed'],
    ])
    const rows = documents(await quern(['read', 'orders_daily', '--format', 'json', '--where', 'n_1d > 0'], { cwd }))
    expect(rows.map(({ customer }) => customer)).toEqual(['a', 'b', 'x\u2028y'])
  })

  it('keeps the raw text of JSON lines that cannot be parsed, and exact digits', async () => {
    const cwd = project({
      'transforms/o.ts': orders({
        uri: 'data/a.ndjson',
        schema: 'time: z.iso.datetime(), customer: z.string(), amount: z.int64()',
      }),
      'data/a.ndjson':
        '{"time":"2026-01-01T00:00:00Z","customer":"a","amount":1}\n{"time":\n\n[1]\n{"time":"2026-01-01T00:00:00Z","amount":9007199254740993}\n',
    })
    await quern(['run', '--max-rejected', '1'], { cwd })
    const rows = documents(await quern(['rejected', 'orders', '--json'], { cwd }))
    expect(rows.map(({ row, code, raw }) => [row, code, raw])).toEqual([
      [2, 'malformed', '{"time":'],
      [4, 'malformed', '[1]'],
      [5, 'invalid_type', '{"time":"2026-01-01T00:00:00Z","amount":9007199254740993}'],
    ])
  })

  it('loses the line of a quote that is never closed, and no other', async () => {
    const cwd = project({
      'transforms/o.ts': orders({ schema: 'time: z.date(), customer: z.string(), amount: z.int()' }),
      'data/a.csv':
        'time,customer,amount\n2026-01-01T00:00:00Z,a,1\n2026-01-01T00:00:00Z,"b,1\n2026-01-01T00:00:00Z,c,1\n2026-01-01T00:00:00Z,d,1\n',
    })
    expect((await quern(['run'], { cwd })).code).toBe(3)
    const run = await quern(['run', '--json', '--max-rejected', '1'], { cwd })
    expect(documents(run)[0]).toMatchObject({ rowsRead: 4, rowsRejected: 1 })
    expect(documents(await quern(['rejected', 'orders', '--json'], { cwd }))).toMatchObject([
      { row: 2, code: 'malformed', reason: 'A quoted field has no end', raw: '2026-01-01T00:00:00Z,"b,1' },
    ])
  })

  const LINES = ['time,customer,amount', '2026-01-01T00:00:00Z,a,1', '2026-01-01T00:00:00Z,"b\u{1f600}",2']
  const odd: [name: string, content: Uint8Array | string, source?: string][] = [
    ['mixed line ends', `${LINES[0]}\r\n${LINES[1]}\n${LINES[2]}\r\n`],
    ['blank lines before the header', `\n\r\n${LINES.join('\n')}`],
    ['UTF-16 of two words', Buffer.from(`\ufeff${LINES.join('\n')}\n`, 'utf16le'), "csv: { encoding: 'utf-16' },"],
    ['UTF-16, big end first', Buffer.from(`\ufeff${LINES.join('\n')}\n`, 'utf16le').swap16(), "csv: { encoding: 'utf-16' },"],
    ['line ends of two bytes across blocks', `${LINES[0]}\r\n${`${LINES[1]}\r\n`.repeat(20_000)}${LINES[2]}\r\n`],
  ]
  for (const [name, content, source = ''] of odd) {
    it(`reads a CSV with ${name}`, async () => {
      const cwd = project({
        'transforms/o.ts': orders({ schema: 'time: z.date(), customer: z.string(), amount: z.int()', source }),
        'data/a.csv': content,
      })
      expect(await quern(['run'], { cwd })).toMatchObject({ code: 0, stderr: '' })
      const rows = documents(await quern(['read', 'orders_daily', '--format', 'json', '--where', 'orders_1d > 0'], { cwd }))
      expect(rows.map(({ customer }) => customer)).toEqual(['a', 'b\u{1f600}'])
    })
  }

  it('lets a schema call its columns what it likes', async () => {
    const names = 'i p k0 v u g n c0 block bit item position file_row_number filename file_index __t __valid __i stretch'.split(
      ' ',
    )
    const values = names.map((_, at) => at + 5)
    const others = names.map(name => (name === 'i' ? -1 : 7))
    const path = join(scratch(), 'odd.parquet')
    const select = (time: string, customer: string, cells: number[], rows: number): string =>
      `SELECT TIMESTAMPTZ '${time}' AS time, '${customer}' AS customer, ${names.map((name, at) => `${cells[at]} AS "${name}"`).join(', ')} FROM range(${rows})`
    const all = `${select('2026-01-01 09:00:00Z', 'ada', values, 2)} UNION ALL ${select('2026-01-01 10:00:00Z', 'bob', others, 1)}`
    await (await duckdb()).run(`COPY (${all}) TO '${path}' (FORMAT parquet)`)
    const ada = `2026-01-01T09:00:00Z,ada,${values.join(',')}\n`
    const csv = `time,customer,${names.join(',')}\n${ada}${ada}2026-01-01T10:00:00Z,bob,${others.join(',')}\n`
    for (const [file, content] of [
      ['a.parquet', readFileSync(path)],
      ['a.csv', csv],
    ] as const) {
      const features = names.map(
        (name, at) => `f${at}: sum(f['${name}']).over('36h'), d${at}: countDistinct(f['${name}']).over('1d')`,
      )
      const cwd = project({
        'transforms/o.ts': orders({
          uri: `data/${file}`,
          schema: `time: z.date(), customer: z.string(), ${names.map(name => `'${name}': z.int().min(0)`).join(', ')}`,
          features: features.join(', '),
        }),
        [`data/${file}`]: content,
      })
      const run = await quern(['run', '--json', '--max-rejected', '1'], { cwd })
      expect(documents(run)[0]).toMatchObject({ outcome: 'committed', rowsRead: 3, rowsRejected: 1 })
      expect(documents(await quern(['rejected', 'orders', '--json'], { cwd }))).toMatchObject([{ row: 3, code: 'too_small' }])
      const [row] = documents(await quern(['read', 'orders_daily', '--format', 'json'], { cwd }))
      const cells = names.flatMap((_, at) => [
        [`f${at}_36h`, values[at]! * 2],
        [`d${at}_1d`, 1],
      ])
      expect(row).toEqual({ customer: 'ada', cutoff: '2026-01-02T00:00:00.000000Z', ...Object.fromEntries(cells) })
    }
  })

  it('tells the row of a Parquet file that has columns named as the engine or quern might name its own', async () => {
    const names = '__position POSITION file_row_number File_Index filename __file0 __raw0 __valid __t __known c0 rowid'.split(' ')
    const odd = names.map((name, at) => `i * 1000 + ${at} AS "${name}"`).join(', ')
    const select = `SELECT TIMESTAMPTZ '2026-01-01 09:00:00Z' AS time, 'ada' AS customer, if(i = 3, -1, i) AS amount, ${odd} FROM range(5) t(i)`
    const few = select.replaceAll(/, i \* 1000 \+ \d+ AS "(file|File|POS|rowid)\w*"/g, '').replace('i = 3', 'i = 1')
    const cwd = project({
      'transforms/o.ts': orders({
        uri: 'data',
        schema: "time: z.date(), customer: z.string(), amount: z.int().min(0), '__position': z.int(), '__raw0': z.int()",
        features: "n: count().over('1d')",
      }),
      'data/a.parquet': await parquetText(select),
      'data/b.parquet': await parquetText(few),
    })
    const run = await quern(['run', '--json', '--max-rejected', '1'], { cwd })
    expect(documents(run)[0]).toMatchObject({ outcome: 'committed', rowsRead: 10, rowsRejected: 2 })
    const rows = documents(await quern(['rejected', 'orders', '--json'], { cwd }))
    const told = rows.map(({ row, raw }) => {
      const { __position, __raw0 } = JSON.parse(String(raw)) as Record<string, unknown>
      return [row, __position, __raw0]
    })
    expect(told.toSorted()).toEqual([
      [2, 1000, 1006],
      [4, 3000, 3006],
    ])
  })

  it('reads times alike in every format, whatever zone the machine is in', async () => {
    const readable = {
      '2026-01-01 10:00:00': '2026-01-01T09:00:00.000000Z',
      '2026-07-01T10:00:00.123456': '2026-07-01T08:00:00.123456Z',
      '2026-01-01T10:00:00+02': '2026-01-01T08:00:00.000000Z',
      '2026-01-01': '2025-12-31T23:00:00.000000Z',
    }
    const times = [...Object.keys(readable), '2026-01-01T10:00:00+25:00', 'soon', 'Jan 1 2026']
    const definition = {
      uri: 'data',
      schema: 'time: z.coerce.date(), customer: z.string()',
      features: "t: max(f.time).over('1d')",
    }
    const env = { TZ: 'America/New_York' }
    for (const [file, content] of [
      ['a.csv', `time,customer\n${times.map((time, at) => `${time},${at}\n`).join('')}`],
      ['a.ndjson', times.map((time, at) => `${JSON.stringify({ time, customer: String(at) })}\n`).join('')],
    ] as const) {
      const files = { [`data/${file}`]: content }
      const cwd = project({ 'transforms/o.ts': orders({ ...definition, source: "zone: 'Europe/Berlin'," }), ...files })
      const run = await quern(['run', '--json', '--max-rejected', '1'], { cwd, env })
      expect(documents(run)[0]).toMatchObject({ rowsRead: 7, rowsRejected: 3 })
      const where = ['--where', 't_1d IS NOT NULL']
      const rows = documents(await quern(['read', 'orders_daily', '--format', 'json', ...where], { cwd, env }))
      expect(rows.map(({ t_1d }) => t_1d)).toEqual(Object.values(readable))
      // Without a zone what has no offset is refused, with the cure.
      const bare = project({ 'transforms/o.ts': orders({ ...definition, source: '' }), ...files })
      const refused = await quern(['run', '--json', '--max-rejected', '1'], { cwd: bare, env })
      expect(documents(refused)[0]).toMatchObject({ rowsRead: 7, rowsRejected: 6 })
      const reasons = documents(await quern(['rejected', 'orders', '--json'], { cwd: bare })).map(({ code }) => code)
      expect(reasons.filter(code => code === 'no_offset')).toHaveLength(3)
    }
  })

  it('takes folders alike in every format: before a column of the file, by the type of the schema, and perhaps null', async () => {
    const parquet = join(scratch(), 'a.parquet')
    const row = "SELECT TIMESTAMPTZ '2026-01-01 00:00:00Z' AS time, 'x' AS customer, 1 AS amount"
    await (await duckdb()).run(`COPY (${row}) TO '${parquet}' (FORMAT parquet)`)
    for (const [name, content] of [
      ['a.csv', 'time,customer,amount\n2026-01-01T00:00:00Z,x,1\n'],
      ['a.ndjson', '{"time":"2026-01-01T00:00:00Z","customer":"x","amount":1}\n'],
      ['a.parquet', readFileSync(parquet)],
    ] as const) {
      // The project's own folder says nothing of its data.
      const cwd = project({
        'customer=nobody/quern.config.ts': 'export default {}\n',
        'customer=nobody/transforms/o.ts': orders({
          uri: 'data',
          schema: 'time: z.coerce.date(), customer: z.string(), amount: z.int().nullable()',
          features: "amount: lastRow(f.amount).over('1d')",
        }),
        [`customer=nobody/data/amount=7/${name}`]: content,
        [`customer=nobody/data/customer=ada/amount=__HIVE_DEFAULT_PARTITION__/${name}`]: content,
        [`customer=nobody/data/customer=a%zz/${name}`]: content,
      })
      const inside = join(cwd, 'customer=nobody')
      expect(await quern(['run'], { cwd: inside })).toMatchObject({ code: 0, stderr: '' })
      const where = ['--where', "cutoff = '2026-01-02'"]
      const rows = documents(await quern(['read', 'orders_daily', '--format', 'json', ...where], { cwd: inside }))
      expect(rows.map(({ customer, amount_1d }) => [customer, amount_1d])).toEqual([
        ['a%zz', 1],
        ['ada', null],
        ['x', 7],
      ])
    }
  })

  it('finds files below a project whose name looks like a pattern', async () => {
    const cwd = project({
      'a[1]{b}/quern.config.ts': 'export default {}\n',
      'a[1]{b}/transforms/o.ts': orders({ uri: 'data/*.csv' }),
      'a[1]{b}/data/[x].csv': ORDERS_CSV,
    })
    expect(await quern(['run'], { cwd: join(cwd, 'a[1]{b}') })).toMatchObject({ code: 0 })
  })

  it('refuses a row that leaves 64 bits, in every format', async () => {
    const line = (customer: string, amount: string): string =>
      `{"time":"2026-01-01T00:00:00Z","customer":"${customer}","amount":${amount}}\n`
    for (const [file, content] of [
      ['a.csv', 'time,customer,amount\n2026-01-01T00:00:00Z,a,9223372036854775808\n2026-01-01T00:00:00Z,b,1\n'],
      ['a.ndjson', `${line('a', '9223372036854775808')}${line('b', '1')}`],
    ] as const) {
      const cwd = project({
        'transforms/o.ts': orders({ uri: 'data', schema: 'time: z.coerce.date(), customer: z.string(), amount: z.bigint()' }),
        [`data/${file}`]: content,
      })
      const run = await quern(['run', '--json', '--max-rejected', '1'], { cwd })
      expect(documents(run)[0]).toMatchObject({ outcome: 'committed', rowsRead: 2, rowsRejected: 1 })
      expect(documents(await quern(['rejected', 'orders', '--json'], { cwd }))).toMatchObject([{ row: 1, code: 'int64_range' }])
    }
  })

  it('keeps the rejected rows of equal files once, and those that another dialect refuses too', async () => {
    const csv = 'time,customer,amount\n2026-01-01T00:00:00Z,a,-1\n2026-01-01T00:00:00Z,b,NA\n2026-01-01T00:00:00Z,c,1\n'
    const definition = (source: string): string =>
      orders({ schema: 'time: z.date(), customer: z.string(), amount: z.int().min(0).nullable()', source })
    const cwd = project({ 'transforms/o.ts': definition("csv: { nullText: 'NA' },"), 'data/a.csv': csv, 'data/b.csv': csv })
    const rejected = async (): Promise<unknown[]> =>
      documents(await quern(['rejected', 'orders', '--json'], { cwd })).map(({ row }) => row)
    const run = await quern(['run', '--json', '--max-rejected', '1'], { cwd })
    expect(documents(run)[0]).toMatchObject({ rowsRead: 6, rowsRejected: 2 })
    expect(await rejected()).toEqual([1])
    writeFiles(cwd, { 'transforms/o.ts': definition('') })
    await quern(['run', '--max-rejected', '1'], { cwd })
    expect(await rejected()).toEqual([1, 2])
  })
})

describe.concurrent('a damaged or unfit file ends the run with its name, whatever may be rejected', () => {
  const schema = 'time: z.date(), customer: z.string(), amount: z.int()'
  const refused = async (files: Files, options: OrdersOptions = {}): Promise<string> => {
    const cwd = project({ 'transforms/o.ts': orders({ uri: 'data', schema, ...options }), ...files })
    const outcome = await quern(['run', '--max-rejected', '1'], { cwd })
    expect(outcome.code).toBe(3)
    expect(outcome.stdout).toBe('')
    expect(outcome.stderr).not.toMatch(/\n {4}at /)
    expect(await quern(['ls', '--json'], { cwd })).toMatchObject({ stdout: '' })
    return outcome.stderr
  }
  const MANY =
    "SELECT TIMESTAMP '2026-01-01' + INTERVAL (i) SECOND AS time, 'c' || i % 99 AS customer, (hash(i) % 1000)::INTEGER AS amount FROM range(50000) t(i)"

  it('a Parquet file cut short', async () => {
    const whole = await parquetText(MANY)
    expect(await refused({ 'data/a.parquet': whole, 'data/cut.parquet': whole.slice(0, whole.length / 2) })).toMatch(
      /cut\.parquet cannot be read as parquet/,
    )
    expect(await refused({ 'data/none.parquet': new Uint8Array() })).toMatch(/none\.parquet cannot be read as parquet/)
  })

  it('a Parquet file with damaged pages', async () => {
    const bytes = new Uint8Array(await parquetText(MANY))
    bytes.fill(0xff, 100, bytes.length / 2)
    expect(await refused({ 'data/a.parquet': await parquetText(MANY), 'data/damaged.parquet': bytes })).toMatch(
      /damaged\.parquet/,
    )
  })

  it('gzip and zstd files cut short', async () => {
    const csv = `time,customer,amount\n${'2026-01-01T00:00:00Z,ada,1\n'.repeat(2000)}`
    const ndjson = '{"time":"2026-01-01T00:00:00Z","customer":"a","amount":1}\n'.repeat(2000)
    const json = { schema: 'time: z.coerce.date(), customer: z.string(), amount: z.int()' }
    for (const [name, bytes] of [
      ['cut.csv.gz', gzipSync(csv)],
      ['cut.csv.zst', zstdCompressSync(csv)],
      ['cut.ndjson.gz', gzipSync(ndjson)],
      ['cut.ndjson.zst', zstdCompressSync(ndjson)],
    ] as const) {
      const said = await refused({ [`data/${name}`]: bytes.subarray(0, bytes.length - 12) }, json)
      expect(said).toContain(`${name} cannot be read`)
    }
    expect(await refused({ 'data/text.csv.gz': csv })).toContain('text.csv.gz cannot be read')
  })

  it('a folder that may not be read', async () => {
    const files = { 'data/x/a.csv': ORDERS_CSV, 'data/y/a.csv': ORDERS_CSV }
    const cwd = project({ 'transforms/o.ts': orders({ uri: 'data/**/*.csv' }), ...files })
    chmodSync(cwd, 0o777)
    chmodSync(join(cwd, 'data/y'), 0)
    // Root may read everything.
    const outcome = await quern(['run'], { cwd, ...(process.getuid?.() === 0 ? { uid: 65534 } : {}) })
    chmodSync(join(cwd, 'data/y'), 0o700)
    expect(outcome.stderr).toMatch(/the folder .*data\/y cannot be read \(EACCES\)/)
    expect(outcome.code).toBe(3)
  })

  it('JSON where the schema wants nothing but dates', async () => {
    const cwd = project({ 'transforms/o.ts': orders({ uri: 'data' }), 'data/a.ndjson': '{}\n' })
    for (const args of [['run'], ['check', '--sources']]) {
      const outcome = await quern(args, { cwd })
      expect(outcome.stderr).toMatch(/a\.ndjson: column `time`: z\.date\(\) refuses text, and JSON has no dates/)
      expect(outcome.code).toBe(2)
    }
  })

  it('a column whose type cannot hold the schema', async () => {
    const bytes = await parquetText("SELECT TIMESTAMP '2026-01-01' AS time, 'c' AS customer, 'x' AS amount")
    expect(await refused({ 'data/a.parquet': bytes })).toMatch(
      /a\.parquet: column `amount` is VARCHAR, which cannot hold the schema's/,
    )
  })

  it('a timestamp without an offset where no zone is declared', async () => {
    const said = await refused({ 'data/a.parquet': await parquetText(MANY) }, { source: '' })
    expect(said).toMatch(/column `time` \(TIMESTAMP\) carries no offset and the source declares no zone\n.*zone: 'UTC'/)
  })

  it('check --sources says so before', async () => {
    const cwd = project({
      'transforms/o.ts': orders({ uri: 'data', schema }),
      'data/a.parquet': await parquetText("SELECT TIMESTAMP '2026-01-01' AS time, 'c' AS customer, 'x' AS amount"),
    })
    expect(await quern(['check'], { cwd })).toMatchObject({ code: 0 })
    const outcome = await quern(['check', '--sources'], { cwd })
    expect(outcome.code).toBe(3)
    expect(outcome.stderr).toMatch(/column `amount` is VARCHAR/)
  })
})

describe('a full disk', () => {
  const many = `time,customer,amount\n${Array.from({ length: 60_000 }, (_, at) => `2026-01-01T00:00:00Z,${Math.random()}${at},1\n`).join('')}`
  const schema = 'time: z.date(), customer: z.string(), amount: z.int()'

  /** Runs quern with `where`, a folder of the project, on a disk of `size`. */
  const onSmallDisk = async (
    where: string,
    size: string,
    env: Record<string, string>,
  ): Promise<{ outcome: Outcome; cwd: string }> => {
    const cwd = project({ 'transforms/o.ts': orders({ schema }), 'data/a.csv': many, [`${where}/.keep`]: '' })
    const script = `mount -t tmpfs -o size=${size} tmpfs "$1" && shift && exec "$@"`
    const outcome = await program(
      'unshare',
      ['-rm', 'sh', '-c', script, 'sh', join(cwd, where), process.execPath, join(REPOSITORY, 'bin/quern.js'), 'run'],
      { cwd, env },
    )
    return { outcome, cwd }
  }

  it('under the store is a reason to try again', async () => {
    const { outcome } = await onSmallDisk('.quern', '200k', {})
    expect(outcome.stderr).toMatch(/the disk that holds the store .* is full/)
    expect(outcome.code).toBe(75)
  })

  it('under the scratch folder is a reason to try again', async () => {
    const { outcome } = await onSmallDisk('tmp', '200k', { TMPDIR: 'tmp' })
    expect(outcome.stderr).toMatch(/the disk that holds .* is full/)
    expect(outcome.code).toBe(75)
  })
})
