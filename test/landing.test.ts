/** Rows of messages to staged files of an archive. */
import { existsSync, readdirSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { ARCHIVE_COLUMNS as A } from '../src/domain/kafkaSource.ts'
import type { Landed, Landing, LandingRow } from '../src/domain/landing.ts'
import { archiveColumns } from '../src/domain/landing.ts'
import { REJECTED_COLUMNS } from '../src/domain/rejectedRows.ts'
import type { KafkaSource } from '../src/domain/source.ts'
import { formatInstant, parseDuration } from '../src/domain/time.ts'
import { duckdbEngine } from '../src/engine/duckdb/duckdbEngine.ts'
import { readSchema } from '../src/validation/readSchema.ts'
import { seeded } from './kit/random.ts'
import { cases, scratch } from './kit/scratch.ts'

const SCRATCH = scratch('engine')
const engine = duckdbEngine({ memory: 2 ** 29, threads: 2, scratchDir: SCRATCH })
afterAll(() => engine.close())

const order = z.object({
  id: z.string(),
  at: z.iso.datetime({ offset: true }),
  amount: z.int64(),
  note: z.string().trim().default('none'),
})

const SOURCE: KafkaSource = (() => {
  const read = readSchema(order)
  if ('faults' in read) throw new Error('no schema')
  const csv = { delimiter: ',', quote: '"', header: true, nullText: '', encoding: 'utf-8' }
  return {
    kind: 'kafka',
    name: 'orders',
    projectDir: '/',
    schema: read.schema,
    eventTime: { column: A.eventTime },
    rowKey: ['id'],
    allowEmpty: true,
    csv,
    landing: {
      topic: 'shop.orders',
      schema: read.schema,
      eventTime: { column: 'at' },
      format: { value: 'json', key: 'string', envelope: undefined },
      access: {},
      parts: {},
      tombstones: 'reject',
      maxRejected: 1,
      start: 'earliest',
      client: 'platformatic',
    },
  }
})()
const deduped = (within: string, by = ['id']): KafkaSource => ({
  ...SOURCE,
  landing: { ...SOURCE.landing, dedupe: { by, within: parseDuration(within)! } },
})

const BEGAN = 1_799_999_999_000_000n
const MARK = { number: 7n, at: 1_800_000_000_000_000n }
const begin = (source = SOURCE): Promise<Landing> =>
  engine.land({
    source,
    topicId: 'T1',
    topicNumber: 2,
    inputOf: partition => `kafka:T1/${partition}`,
    run: { id: 'run', startedAt: BEGAN },
    signal: new AbortController().signal,
  })
const row = (offset: number, json: string, more: Partial<LandingRow> = {}): LandingRow => ({
  offset: BigInt(offset),
  timestamp: 1_700_000_000_000n,
  json: Buffer.from(json),
  retracts: false,
  ...more,
})
const orderOf = (id: string, at: string, more = ''): string => `{"id":"${id}","at":"${at}","amount":1${more}}`

async function rowsOf({ files }: Landed, source = SOURCE): Promise<Record<string, unknown>[]> {
  const columns = archiveColumns(source).filter(({ name }) => name !== A.date)
  const found: Record<string, unknown>[] = []
  for (const { localPath, partition } of files) {
    for await (const batch of engine.query({ paths: [localPath], columns }))
      for (let at = 0; at < batch.rows; at++)
        found.push({ ...Object.fromEntries(columns.map(({ name }, i) => [name, batch.columns[i]![at]])), ...partition })
  }
  return found
}

async function refusedIn({ rejects }: Landed): Promise<unknown[][]> {
  const query = { paths: rejects.files.map(({ localPath }) => localPath), columns: REJECTED_COLUMNS, orderBy: ['path', 'row'] }
  const select = ['input', 'path', 'row', 'raw', 'code']
  const found: unknown[][] = []
  for await (const { rows, columns } of engine.query({ ...query, select }))
    for (let at = 0; at < rows; at++) found.push(columns.map(column => column[at]))
  return found
}

describe('a landing', () => {
  it('keeps what the schema gives out, with the place of each row, a file for each date', async () => {
    const landing = await begin()
    await landing.add(0, [
      row(5, orderOf('a', '2026-01-01T23:59:59.999999Z', ',"note":"  x "')),
      row(9, '{"at":"2026-01-02T00:00:00+01:00", "amount":9007199254740993,"id":"b"}'),
    ])
    await landing.add(3, [row(1, orderOf('c', '2026-01-02T00:00:00Z'))])
    expect(landing.counts).toMatchObject({ accepted: 3, refused: 0 })
    const landed = await landing.finish(MARK, async () => [])
    expect(landed).toMatchObject({ rows: 3, repeats: 0 })
    expect(landed.files.map(({ partition, rows }) => [partition, rows])).toEqual([
      [{ event_date: '2026-01-01' }, 2],
      [{ event_date: '2026-01-02' }, 1],
    ])
    const place = { _landed_at: MARK.at, _landing: 7n, _topic_id: 'T1', _topic: 2, _retracts: false }
    const rows = await rowsOf(landed)
    expect(rows).toEqual([
      {
        id: 'a',
        at: '2026-01-01T23:59:59.999999Z',
        amount: 1n,
        note: 'x',
        _event_time: 1_767_311_999_999_999n,
        _partition: 0,
        _offset: 5n,
        event_date: '2026-01-01',
        ...place,
      },
      {
        id: 'b',
        at: '2026-01-02T00:00:00+01:00',
        amount: 9_007_199_254_740_993n,
        note: 'none',
        _event_time: 1_767_308_400_000_000n,
        _partition: 0,
        _offset: 9n,
        event_date: '2026-01-01',
        ...place,
      },
      {
        id: 'c',
        at: '2026-01-02T00:00:00Z',
        amount: 1n,
        note: 'none',
        _event_time: 1_767_312_000_000_000n,
        _partition: 3,
        _offset: 1n,
        event_date: '2026-01-02',
        ...place,
      },
    ])
    await landing.abandon()
  })

  it('refuses row by row, with topic, partition and offset', async () => {
    const landing = await begin()
    await landing.add(1, [
      row(10, 'no json'),
      row(11, orderOf('a', '2026-01-01T00:00:00Z')),
      row(12, '{"id":1,"at":"2026-01-01T00:00:00Z","amount":1}'),
      row(13, orderOf('b', '2026-01-01T00:00:00Z')),
      row(14, '[1]'),
      row(15, ' '),
      row(16, ''),
    ])
    const place = { input: 'kafka:T1/2', path: 'kafka:shop.orders/2' }
    await landing.refuse([{ ...place, row: 3n, raw: '', issues: [{ path: '', code: 'tombstone', message: 'No value' }] }])
    expect(landing.counts).toMatchObject({ accepted: 2, refused: 6 })
    const landed = await landing.finish(MARK, async () => [])
    expect((await rowsOf(landed)).map(found => [found.id, found._offset])).toEqual([
      ['a', 11n],
      ['b', 13n],
    ])
    expect(await refusedIn(landed)).toEqual([
      ['kafka:T1/1', 'kafka:shop.orders/1', 10n, 'no json', 'malformed'],
      ['kafka:T1/1', 'kafka:shop.orders/1', 12n, '{"id":1,"at":"2026-01-01T00:00:00Z","amount":1}', 'invalid_type'],
      ['kafka:T1/1', 'kafka:shop.orders/1', 14n, '[1]', 'malformed'],
      ['kafka:T1/1', 'kafka:shop.orders/1', 15n, ' ', 'malformed'],
      ['kafka:T1/1', 'kafka:shop.orders/1', 16n, '', 'malformed'],
      ['kafka:T1/2', 'kafka:shop.orders/2', 3n, '', 'tombstone'],
    ])
    expect(landed.rejects.commonest).toEqual({ reason: 'Blank', rows: 2 })
    await landing.abandon()
  })

  it('keeps of a retraction its key, and whatever else can be read of it', async () => {
    const landing = await begin()
    await landing.add(0, [
      row(1, '{"id":"a"}', { retracts: true }),
      row(2, orderOf('b', '2026-01-01T00:00:00Z'), { retracts: true }),
      row(3, '{"at":"2026-01-01T00:00:00Z"}', { retracts: true }),
    ])
    const landed = await landing.finish(MARK, async () => [])
    expect((await rowsOf(landed)).map(found => [found.id, found.at, found._event_time, found._retracts])).toEqual([
      ['a', null, 1_700_000_000_000_000n, true],
      ['b', '2026-01-01T00:00:00Z', 1_767_225_600_000_000n, true],
    ])
    expect(await refusedIn(landed)).toMatchObject([
      [expect.any(String), expect.any(String), 3n, expect.any(String), 'no_row_key'],
    ])
    await landing.abandon()
  })

  it('takes a retraction whose message has no timestamp to be of its own time', async () => {
    const landing = await begin()
    await landing.add(0, [
      row(1, '{"id":"a"}', { retracts: true, timestamp: -1n }),
      row(2, '{"id":"b"}', { retracts: true, timestamp: 0n }),
    ])
    const landed = await landing.finish(MARK, async () => [])
    expect((await rowsOf(landed)).map(found => [found.id, found._event_time])).toEqual([
      ['b', 0n],
      ['a', BEGAN],
    ])
    await landing.abandon()
  })

  it('counts the dates of its rows, also of those that take back others', async () => {
    const landing = await begin()
    const at = (...times: string[]) =>
      landing.add(
        0,
        times.map((time, n) => row(n, orderOf('a', time))),
      )
    await at('2026-01-01T00:00:00Z', '2026-01-01T23:59:59.999999Z', '2026-01-02T00:00:00Z', '2026-01-01T12:00:00Z')
    expect(landing.counts.dates).toBe(2)
    await landing.add(0, [row(9, 'no json')])
    await at('1969-12-31T23:59:59.999999Z', '1970-01-01T00:00:00Z', '2026-01-02T00:00:00Z')
    expect(landing.counts.dates).toBe(4)
    await landing.add(1, [row(1, '{"id":"a"}', { retracts: true })])
    expect(landing.counts.dates).toBe(5)
    expect((await landing.finish(MARK, async () => [])).files).toHaveLength(5)
    await landing.abandon()
  })

  it('leaves nothing behind where it is given up, before its end or after', async () => {
    const [first, second] = [await begin(), await begin()]
    for (const landing of [first, second]) await landing.add(0, [row(1, orderOf('a', '2026-01-01T00:00:00Z')), row(2, 'no json')])
    await first.abandon()
    const { files, rejects } = await second.finish(MARK, async () => [])
    const paths = [...files, ...rejects.files].map(({ localPath }) => localPath)
    expect(paths.map(path => existsSync(path))).toEqual([true, true])
    await second.abandon()
    expect(readdirSync(SCRATCH).filter(name => /landing|archive|rejects|lines/.test(name))).toEqual([])
  })

  it('of no rows stages nothing', async () => {
    const landing = await begin()
    expect(await landing.finish(MARK, async () => [])).toMatchObject({ files: [], rows: 0, repeats: 0 })
    await landing.abandon()
  })
})

describe('repeats', () => {
  const hour = (of: number): string => `2026-01-01T${String(of).padStart(2, '0')}:00:00Z`

  it('within the horizon do not land, neither of the same landing nor of the archive', async () => {
    const source = deduped('2h')
    const first = await begin(source)
    await first.add(0, [
      row(1, orderOf('a', hour(3))),
      row(2, orderOf('b', hour(3))),
      row(3, orderOf('a', hour(3))),
      row(4, orderOf('a', hour(6))),
      row(5, orderOf('b', hour(5))),
    ])
    await first.add(1, [row(1, orderOf('a', hour(3)))])
    const landed = await first.finish(MARK, async () => [])
    const placesOf = async (of: Landed): Promise<unknown[]> =>
      (await rowsOf(of, source)).map(found => [found.id, found._partition, found._offset])
    expect(await placesOf(landed)).toEqual([
      ['a', 0, 1n],
      ['b', 0, 2n],
      ['a', 0, 4n],
    ])
    expect(landed.repeats).toBe(3)

    const second = await begin(source)
    await second.add(0, [
      row(6, orderOf('a', hour(8))),
      row(7, orderOf('a', hour(9))),
      row(8, orderOf('c', hour(3))),
      row(9, orderOf('b', hour(0))),
    ])
    const asked: string[][] = []
    const again = await second.finish({ ...MARK, number: 8n }, async (from, to) => {
      asked.push([formatInstant(from), formatInstant(to)])
      return landed.files.map(({ localPath }) => localPath)
    })
    expect(asked).toEqual([['2025-12-31T22:00:00.000000Z', '2026-01-01T11:00:00.000000Z']])
    // The one before it has not landed, and those that have are three hours away.
    expect(await placesOf(again)).toEqual([
      ['a', 0, 7n],
      ['c', 0, 8n],
      ['b', 0, 9n],
    ])
    for (const landing of [first, second]) await landing.abandon()
  })

  it('are told by all ids together; what lacks one repeats nothing', async () => {
    const source = deduped('1h', ['id', 'note'])
    const landing = await begin({ ...source, landing: { ...source.landing } })
    await landing.add(0, [
      row(1, orderOf('a', hour(3), ',"note":"x"')),
      row(2, orderOf('a', hour(3), ',"note":"y"')),
      row(3, orderOf('a', hour(3), ',"note":"x"')),
    ])
    const landed = await landing.finish(MARK, async () => [])
    expect((await rowsOf(landed, source)).map(({ _offset }) => _offset)).toEqual([1n, 2n])
    await landing.abandon()
  })

  it('are those of what lands, whatever repeats what in between', async () => {
    const random = seeded()
    const HOUR = 3_600_000_000n
    let chained = 0
    for (let round = 0; round < cases(25, 150); round++) {
      const within = random.whole(1, 5)
      const source = deduped(`${within}h`, random.chance(0.5) ? ['id'] : ['id', 'note'])
      // As an archive has them: what the ids are, and when the event was.
      const landedTimes = new Map<string, bigint[]>()
      const files: string[] = []
      const landings: Landing[] = []
      for (let number = 1n; number <= 2n; number++) {
        const given = Array.from({ length: random.whole(0, 30) }, (_, offset) => {
          const [id, note] = [random.pick(['a', 'a', 'a', 'b', 'c']), random.pick(['x', 'x', 'x', 'y'])]
          const at = BigInt(random.whole(0, random.pick([3, 40]))) * HOUR
          return { id, note, at, partition: random.whole(0, 1), offset }
        })
        const landing = await begin(source)
        landings.push(landing)
        for (const partition of [0, 1])
          await landing.add(
            partition,
            given
              .filter(one => one.partition === partition)
              .map(({ id, note, at, offset }) => row(offset, orderOf(id, formatInstant(at), `,"note":"${note}"`))),
          )
        const kept: string[] = []
        const inOrder = given.toSorted((a, b) => Number(a.at - b.at) || a.partition - b.partition || a.offset - b.offset)
        for (const [at, one] of inOrder.entries()) {
          const ids = source.landing.dedupe!.by.map(name => one[name as 'id' | 'note']).join()
          const times = landedTimes.get(ids) ?? landedTimes.set(ids, []).get(ids)!
          const isNear = (time: bigint): boolean =>
            one.at - time <= BigInt(within) * HOUR && time - one.at <= BigInt(within) * HOUR
          if (times.some(isNear)) continue
          const before = inOrder.slice(0, at).filter(({ id, note }) => id === one.id && note === one.note)
          if (before.some(other => isNear(other.at))) chained++
          times.push(one.at)
          kept.push(`${one.partition} ${one.offset}`)
        }
        const landed = await landing.finish({ ...MARK, number }, async () => files)
        const found = (await rowsOf(landed, source)).map(({ _partition, _offset }) => `${_partition} ${_offset}`)
        expect(found.sort()).toEqual(kept.sort())
        expect(landed.repeats).toBe(given.length - kept.length)
        files.push(...landed.files.map(({ localPath }) => localPath))
      }
      for (const landing of landings) await landing.abandon()
    }
    expect(chained).toBeGreaterThan(10)
  })

  it('are found however many repeat one another in a chain', async () => {
    const source = deduped('1h')
    const landing = await begin(source)
    const minutes = 70_000
    const at = (minute: number): string => formatInstant(BigInt(minute) * 60_000_000n)
    for (let from = 0; from < minutes; from += 10_000)
      await landing.add(
        0,
        Array.from({ length: 10_000 }, (_, n) => row(from + n, orderOf('a', at(from + n)))),
      )
    const { rows, repeats } = await landing.finish(MARK, async () => [])
    expect([rows, repeats]).toEqual([1148, minutes - 1148])
    await landing.abandon()
  })
})
