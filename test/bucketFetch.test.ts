/** Rows that come through a bucket are those of the same files in a folder. */

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { parseInstant } from '../src/domain/time.ts'
import { loadDefinitions } from '../src/registry.ts'
import { planFeatureSet } from '../src/run/planFeatureSet.ts'
import { fetchColumns, namesIn, type WantedColumn } from '../src/sources/objects/fetchParquet.ts'
import { Link } from '../src/sources/objects/link.ts'
import { type AccessOptions, accessAt, definitionOf, put, ROWS, sourceAt } from './kit/bucketSources.ts'
import { copiesIn } from './kit/buckets.ts'
import type { ComputedRow } from './kit/computing.ts'
import { type Fault, type FaultProxy, startProxy } from './kit/faultProxy.ts'
import { gatewayBinary, startGateway } from './kit/gateway.ts'
import { inProcess, QUIET } from './kit/inProcess.ts'
import { duckdb } from './kit/parquet.ts'
import { orders, project } from './kit/project.ts'
import { type Random, random, seeded } from './kit/random.ts'
import { cases, scratch } from './kit/scratch.ts'

/** A line on which parts are always worth it. */
class Slow extends Link {
  override isLookWorthIt(): boolean {
    return true
  }

  override isWorthIt(): boolean {
    return true
  }
}
const slow = (): Link => new Slow(() => performance.now())

describe('the columns that are taken out of a file', () => {
  const footer = (...names: string[]) => ({
    columns: names.map(name => ({ name, elements: { from: 0, to: 0 }, leaves: { from: 0, to: 0 } })),
  })
  const wanted = (...names: string[]): WantedColumn[] =>
    names.map(name => ({ name: name.replace('?', ''), optional: name.endsWith('?') }))

  it('are those wanted, and those that the engine has something to say of', () => {
    expect(namesIn(footer('a', 'b', 'C'), wanted('a', 'c?', 'd?'))).toEqual(new Set(['a', 'C']))
    expect(namesIn(footer('a', 'b'), wanted('b', 'a'))).toEqual(new Set(['a', 'b']))
  })

  it('are all where one is missing, and where names are alike', () => {
    expect(namesIn(footer('a', 'b'), wanted('c'))).toBeUndefined()
    expect(namesIn(footer('a', 'b', 'B'), wanted('a'))).toBeUndefined()
    expect(namesIn(footer('a', 'a'), wanted('a'))).toBeUndefined()
  })
})

const found = await gatewayBinary()

describe.skipIf('missing' in found)(
  `files through a bucket ${'missing' in found ? `(skipped: ${found.missing})` : ''}`,
  async () => {
    if ('missing' in found) return
    const gateway = await startGateway()
    afterAll(() => gateway.stop())
    const line = { endpoint: gateway.endpoint, account: gateway }
    const s3 = gateway.client()
    const bucket = await gateway.makeBucket()
    const UNTIL = parseInstant('2026-02-01T00:00:00Z')!

    const proxied = async <T>(faultOf: Parameters<typeof startProxy>[1], work: (proxy: FaultProxy) => Promise<T>): Promise<T> => {
      const proxy = await startProxy(gateway.endpoint, faultOf)
      try {
        return await work(proxy)
      } finally {
        await proxy.stop()
      }
    }

    type Transform = Parameters<typeof orders>[0]
    interface Outcome {
      rows: ComputedRow[]
      read: number
      rejected: number
    }
    /** Runs the project's feature set over `uri`. Nothing but the cache is left in the scratch folder of copies. */
    const run = async (transform: Transform, options: { at?: string; until?: bigint } & AccessOptions = {}): Promise<Outcome> => {
      const { at = gateway.endpoint, until = UNTIL, ...access } = options
      const cwd = project({ 'transforms/orders_daily.ts': orders(transform) })
      const [set] = await loadDefinitions(cwd)
      const folder = scratch('copies')
      const parts = inProcess(cwd, { sourceOf: sourceAt({ ...line, endpoint: at }, { copies: copiesIn(folder), ...access }) })
      try {
        const { rowsRead, rowsRejected } = await parts.run(set!, { until })
        expect(readdirSync(folder).filter(name => name !== 'cache')).toEqual([])
        return { rows: await parts.rows(set!), read: rowsRead, rejected: rowsRejected }
      } finally {
        await parts.close()
      }
    }

    it('of text give the same rows, whatever compresses them', async () => {
      const chance = random(7)
      const lines = Array.from({ length: 3000 }, (_, at) => ({
        time: new Date(Date.UTC(2026, 0, 1) + at * 600_000).toISOString(),
        customer: chance.pick(['ada', 'bob', 'cy, "the"', 'é日本']),
        amount: chance.chance(0.02) ? -1 : chance.whole(0, 5000),
        currency: chance.pick(['EUR', 'USD']),
      }))
      const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`
      const csv = `time,customer,amount,currency\n${lines.map(row => [row.time, quoted(row.customer), row.amount, row.currency].join(',')).join('\n')}\n`
      const json = lines.map(row => JSON.stringify(row)).join('\n')
      const folder = scratch('text')
      const schema = "time: z.coerce.date(), customer: z.string(), amount: z.int().min(0), currency: z.enum(['EUR', 'USD'])"
      let expected: Outcome | undefined
      for (const [name, bytes] of [
        ['a.csv', Buffer.from(csv)],
        ['a.csv.gz', gzipSync(csv)],
        ['a.csv.zst', zstdCompressSync(csv)],
        ['a.ndjson', Buffer.from(json)],
        ['a.jsonl.gz', gzipSync(json)],
        ['a.ndjson.zst', zstdCompressSync(json)],
      ] as const) {
        const [stem] = name.split('.')
        mkdirSync(join(folder, name))
        writeFileSync(join(folder, name, `${stem}${name.slice(1)}`), bytes)
        await put(s3, bucket, { [`text/${name}/${name}`]: bytes })
        const there = await run({ uri: `s3://${bucket}/text/${name}/*`, schema })
        const here = await run({ uri: `${folder}/${name}/*`, schema })
        expect(there).toEqual(here)
        expected ??= here
        expect(here).toEqual(expected)
      }
      expect(expected!.rejected).toBeGreaterThan(10)
      expect(expected!.rows.length).toBeGreaterThan(60)
    })

    const flights = join(
      dirname(createRequire(import.meta.url).resolve('vega-datasets')).replace(/[\\/]build$/, ''),
      'data',
      'flights-3m.parquet',
    )

    it.skipIf(!existsSync(flights))('of two columns of five cost less than half of the bytes', async () => {
      const bytes = readFileSync(flights)
      await put(s3, bucket, { 'flights/all.parquet': bytes })
      const transform = (uri: string): Transform => ({
        uri,
        schema: 'date: z.date(), origin: z.string()',
        features: "n: count().over('1d', '7d')",
      })
      const text = (uri: string): string =>
        orders(transform(uri)).replace("eventTime: 'time'", "eventTime: 'date'").replace("['customer']", "['origin']")
      const until = parseInstant('2001-03-01T00:00:00Z')!
      const rowsOf = async (uri: string, at: string): Promise<{ rows: ComputedRow[]; planned: number }> => {
        const cwd = project({ 'transforms/orders_daily.ts': text(uri) })
        const [set] = await loadDefinitions(cwd)
        const parts = inProcess(cwd, { sourceOf: sourceAt({ ...line, endpoint: at }) })
        const { read } = await planFeatureSet(set!, parts, { until, full: false, acceptLoss: false, signal: QUIET.signal })
        expect(read).toMatchObject({ rows: 3_000_000, files: 1 })
        await parts.run(set!, { until })
        const rows = await parts.rows(set!)
        await parts.close()
        return { rows, planned: read.bytes }
      }
      await proxied(undefined, async proxy => {
        const { rows: there, planned } = await rowsOf(`s3://${bucket}/flights/*.parquet`, proxy.endpoint)
        const crossed = proxy.requests.reduce((sum, { sent }) => sum + sent, 0)
        expect(crossed / bytes.length).toBeLessThan(0.45)
        expect(there.length).toBeGreaterThan(1000)
        // A plan tells before what a run brings.
        expect(planned / crossed).toBeGreaterThan(0.9)
        expect(planned / crossed).toBeLessThan(1.1)
        const here = await rowsOf(flights, proxy.endpoint)
        expect(there).toEqual(here.rows)
        expect(here.planned).toBe(bytes.length)
      })
    })

    it('of text tell their columns by their beginning, compressed or not', async () => {
      const chance = random(5)
      const numbers = (): string => [1, 2, 3].map(() => chance.next()).join('')
      const line = (at: number): string => `2026-01-01T00:00:${String(at % 60).padStart(2, '0')}Z,${numbers()},1,EUR\n`
      const csv = `time,customer,amount,currency\n${Array.from({ length: 60_000 }, (_, at) => line(at)).join('')}`
      for (const [name, bytes] of [
        ['a.csv', Buffer.from(csv)],
        ['a.csv.gz', gzipSync(csv)],
        ['a.csv.zst', zstdCompressSync(csv)],
      ] as const) {
        expect(bytes.length).toBeGreaterThan(2 ** 20 + 100_000)
        await put(s3, bucket, { [`header/${name}`]: bytes })
        const cwd = project({ 'transforms/orders_daily.ts': orders({ uri: `s3://${bucket}/header/${name}` }) })
        const [set] = await loadDefinitions(cwd)
        await proxied(undefined, async proxy => {
          const parts = inProcess(cwd, { sourceOf: sourceAt({ endpoint: proxy.endpoint, account: gateway }) })
          const { read } = await planFeatureSet(set!, parts, {
            until: UNTIL,
            full: false,
            acceptLoss: false,
            signal: QUIET.signal,
          })
          expect(read).toEqual({ rows: null, bytes: bytes.length, files: 1 })
          expect(proxy.requests.reduce((sum, { sent }) => sum + sent, 0)).toBeLessThan(2 ** 20 + 10_000)
          await parts.close()
        })
      }
    })

    /** Columns of every kind, with what the SQL of their values is for a row `i`. */
    const COLUMNS: Record<string, string> = {
      id: 'i',
      whole: '(hash(i * 7) % 100000)::BIGINT',
      double: 'random() * 1e6',
      text: 'md5(i::VARCHAR)',
      few: "['red', 'green', 'blue'][1 + i % 3]",
      flag: 'i % 5 = 0',
      gaps: 'CASE WHEN i % 7 < 3 THEN NULL ELSE i END',
      nothing: 'NULL::INTEGER',
      same: "'constant'",
      at: 'make_timestamptz(1767225600000000 + i * 1000000)',
      money: '(i % 100000)::DECIMAL(18, 4) / 7',
      pair: "{'a': i, 'b': CASE WHEN i % 4 = 0 THEN NULL ELSE md5((i * 3)::VARCHAR) END}",
      list: 'range(i % 5)',
      deep: "[{'x': i, 'y': [i, i + 1]}, NULL]",
      map: "MAP {'k' || (i % 9): i}",
      'odd "name", with é': "'v' || i",
      bytes: 'encode(md5(i::VARCHAR))',
    }
    const writeRandom = async (chance: Random, path: string): Promise<string[]> => {
      const names = Object.keys(COLUMNS).filter(() => chance.chance(0.6))
      names.push('id', 'text')
      const chosen = [...new Set(names)].sort(() => chance.next() - 0.5)
      const select = chosen.map(name => `${COLUMNS[name]} AS "${name.replaceAll('"', '""')}"`).join(', ')
      const codec = chance.pick(['uncompressed', 'snappy', 'zstd', 'gzip', 'lz4_raw'])
      const more = chance.pick(['', ', PARQUET_VERSION v2', ', DICTIONARY_SIZE_LIMIT 10', ", KV_METADATA {quern: 'test'}"])
      const size = chance.pick([2048, 10_000, 30_000, 122_880])
      await (await duckdb()).run(
        `COPY (SELECT ${select} FROM range(${chance.whole(40_000, 70_000)}) t(i)) TO '${path}' (FORMAT parquet, CODEC '${codec}', ROW_GROUP_SIZE ${size}${more})`,
      )
      return chosen
    }
    /** What a file holds of some columns, in its order. */
    const held = async (path: string, names: readonly string[]): Promise<unknown> => {
      const list = names.map(name => `"${name.replaceAll('"', '""')}"`)
      const reader = await (await duckdb()).runAndReadAll(
        `SELECT count(*), ${list.map(name => `md5(string_agg(coalesce(${name}::VARCHAR, '<null>'), '|' ORDER BY file_row_number)), count(${name}), any_value(typeof(${name}))`).join(', ')} FROM read_parquet('${path}', file_row_number = true)`,
      )
      return reader.getRows()[0]
    }

    it('of random columns hold what they hold, also over a line that breaks', async () => {
      const chance = seeded()
      const folder = scratch('random')
      for (let at = 0; at < cases(3, 5, 80); at++) {
        const path = join(folder, `${at}.parquet`)
        const names = await writeRandom(chance, path)
        const bytes = readFileSync(path)
        const key = `random/${at}.parquet`
        await put(s3, bucket, { [key]: bytes })
        const [file] = (await sourceAt(line)(definitionOf(`s3://${bucket}/${key}`)).pin([])).files
        const object = { key, size: file!.size, etag: file!.hash.split(':')[1]! }
        for (let round = 0; round < 3; round++) {
          const wanted = names.filter(() => chance.chance(0.4))
          if (wanted.length === 0) wanted.push(chance.pick(names))
          const breaks = (): Fault | undefined =>
            chance.chance(0.05) ? { kind: chance.pick(['cutBody', 'refused', 'truncated']) } : undefined
          await proxied(round === 0 ? undefined : breaks, async proxy => {
            const to = join(folder, `part-${at}-${round}.parquet`)
            const access = accessAt({ ...line, endpoint: proxy.endpoint }, bucket, { link: slow() })
            const columns = [...wanted.map(name => ({ name, optional: false })), { name: 'none', optional: true }]
            await fetchColumns(object, columns, to, { ...access, ...ROWS })
            expect(await held(to, wanted)).toEqual(await held(path, wanted))
            const described = await (await duckdb()).runAndReadAll(`DESCRIBE SELECT * FROM '${to}'`)
            if (file!.size > 2 ** 20)
              expect(described.getRows().map(([name]) => name)).toEqual(names.filter(name => wanted.includes(name)))
          })
        }
      }
    })

    const NESTED =
      'at: z.date(), id: z.bigint().or(z.number()), few: z.string(), pair: z.object({ a: z.any(), b: z.string().nullable() }), list: z.array(z.any())'
    const nested = (uri: string, more: Transform = {}): Transform => ({
      uri,
      schema: NESTED.replace('id: z.bigint().or(z.number())', 'id: z.int().max(9000)'),
      ...more,
    })

    /** As `run`, of files with the columns above. */
    const runNested = async (transform: Transform, options: Parameters<typeof run>[1] = {}): Promise<Outcome | string> => {
      const text = orders({ features: "n: count().over('1d'), top: max(f.id).over('1d')", ...transform })
        .replace("eventTime: 'time'", "eventTime: 'at'")
        .replace("['customer']", "['few']")
        .replace('z.object({', transform?.name === 'strict' ? 'z.strictObject({' : 'z.object({')
        .replace("name: 'strict'", "name: 'orders_daily'")
      const cwd = project({ 'transforms/orders_daily.ts': text })
      const [set] = await loadDefinitions(cwd)
      const parts = inProcess(cwd, {
        sourceOf: sourceAt({ ...line, endpoint: options.at ?? gateway.endpoint }, { link: slow() }),
      })
      try {
        const { rowsRead, rowsRejected } = await parts.run(set!, { until: UNTIL })
        return { rows: await parts.rows(set!), read: rowsRead, rejected: rowsRejected }
      } catch (error) {
        return `${(error as { code: string }).code}: ${(error as Error).message}`
      } finally {
        await parts.close()
      }
    }

    it('of nested columns give the same rows and refusals, and the same words for what is missing', async () => {
      const folder = scratch('nested')
      const names = ['at', 'id', 'few', 'pair', 'list', 'text', 'double']
      const pad = [1, 2, 3, 4].map(n => `md5((i * ${n})::VARCHAR)`).join(' || ')
      const select = [...names.map(name => `${COLUMNS[name]} AS "${name}"`), `${pad} AS pad`].join(', ')
      mkdirSync(join(folder, 'in', 'day=1'), { recursive: true })
      const path = join(folder, 'in', 'day=1', 'a.parquet')
      await (await duckdb()).run(
        `COPY (SELECT ${select} FROM range(10000) t(i)) TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 4096)`,
      )
      const bytes = readFileSync(path)
      expect(bytes.length).toBeGreaterThan(2 ** 20)
      await put(s3, bucket, { 'in/day=1/a.parquet': bytes })
      const both = async (more: Transform): Promise<{ here: unknown; there: unknown; sent: number }> =>
        proxied(undefined, async proxy => {
          const here = await runNested(nested(join(folder, 'in', '*', '*.parquet'), more))
          const there = await runNested(nested(`s3://${bucket}/in/*/*.parquet`, more), { at: proxy.endpoint })
          const plain = (outcome: unknown): unknown =>
            typeof outcome === 'string' ? outcome.replaceAll(`${folder}/`, `s3://${bucket}/`) : outcome
          return {
            here: plain(here),
            there,
            sent: proxy.requests.filter(({ key }) => key !== '').reduce((sum, { sent }) => sum + sent, 0),
          }
        })
      const same = await both({})
      expect(same.there).toEqual(same.here)
      expect(same.here).toMatchObject({ read: 10_000, rejected: 999 })
      expect(same.sent).toBeLessThan(bytes.length * 0.6)
      const folders = await both({ schema: `${nested('')!.schema}, day: z.string()` })
      expect(folders.there).toEqual(folders.here)
      expect(folders.sent).toBeLessThan(bytes.length * 0.6)
      const optional = await both({ schema: `${nested('')!.schema}, Text: z.string().optional()` })
      expect(optional.there).toEqual(optional.here)
      expect(optional.sent).toBeLessThan(bytes.length)
      const missing = await both({ schema: `${nested('')!.schema}, texts: z.string()` })
      expect(missing.there).toEqual(missing.here)
      expect(missing.there).toContain('texts')
      const wrong = await both({ schema: `${nested('')!.schema}, text: z.boolean()` })
      expect(wrong.there).toEqual(wrong.here)
      for (const more of [
        { name: 'strict' },
        { schema: `${nested('')!.schema} }).catchall(z.string().or(z.number().max(3))).extend({` },
      ]) {
        const all = await both(more)
        expect(all.there).toEqual(all.here)
        expect(all.sent).toBeGreaterThanOrEqual(bytes.length)
        expect((all.here as Outcome).rejected).toBeGreaterThan(9000)
      }
    })

    it('that are no Parquet files are told in words, with their names alone', async () => {
      const path = join(scratch('bad'), 'good.parquet')
      await (await duckdb()).run(`COPY (SELECT i, md5(i::VARCHAR) AS text FROM range(60000) t(i)) TO '${path}' (FORMAT parquet)`)
      const good = readFileSync(path)
      const spoilt = (at: number, text: string): Buffer => {
        const bytes = Buffer.from(good)
        bytes.write(text, at < 0 ? bytes.length + at : at, 'latin1')
        return bytes
      }
      for (const [name, bytes] of [
        ['empty', Buffer.alloc(0)],
        ['short', Buffer.from('PAR1')],
        ['text', Buffer.from('no parquet at all'.repeat(100_000))],
        ['cut', good.subarray(0, good.length - 100)],
        ['footer', spoilt(-60, '\xff\xff\xff\xff\xff\xff\xff\xff')],
        ['length', spoilt(-8, '\xff\xff\xff\x7f')],
        ['encrypted', spoilt(-4, 'PARE')],
      ] as const) {
        await put(s3, bucket, { [`bad/${name}/a.parquet`]: bytes })
        const error = await runNested(nested(`s3://${bucket}/bad/${name}/*.parquet`))
        expect(error, name).toMatch(/^data\.unreadable: /)
        expect(error, name).toContain(`s3://${bucket}/bad/${name}/a.parquet`)
        expect(error, name).not.toContain('copy-')
      }
    })
  },
)
