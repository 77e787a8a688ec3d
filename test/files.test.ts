/** Input files of every format, whole and damaged. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { Outcome } from './kit/cli.ts'
import { documents, program, quern, REPOSITORY } from './kit/cli.ts'
import { duckdb, writeParquet } from './kit/parquet.ts'
import type { Files, OrdersOptions } from './kit/project.ts'
import { orders, project } from './kit/project.ts'
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
