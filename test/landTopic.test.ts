/** Landings, one after the other and at once, that die anywhere: every message is in the archive once, or refused once. */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Table } from '../src/domain/tableStore.ts'
import { landTopic } from '../src/run/landTopic.ts'
import { archivedRows, plainDecoder, refusedRows } from './kit/archives.ts'
import { resolved } from './kit/kafkaSets.ts'
import type { MemoryLog } from './kit/memoryLog.ts'
import { seeded } from './kit/random.ts'
import { cases } from './kit/scratch.ts'
import { declared, type Expected, expectAll, LANDING, payment, paymentOf, produce, shop } from './kit/shop.ts'
import type { Mishap } from './kit/unreliableStore.ts'

describe('a chain of landings', () => {
  it('that die anywhere, some of them at once, lands every message once', async () => {
    const random = seeded()
    for (let round = 0; round < cases(3, 12); round++) {
      const place = shop()
      const { log, source, worker } = place
      log.perBatch = random.whole(1, 12)
      let partitions = 3
      const expected: Expected = { accepted: [], refused: [] }
      const workers = ['a', 'b'].map(name =>
        worker(name, () =>
          random.chance(0.12) ? random.pick<Mishap>(['late', 'lost', 'twice', 'refused', 'tardy']) : undefined,
        ),
      )
      for (let step = 0; step < 8; step++) {
        if (random.chance(0.2)) {
          log.addPartition()
          partitions++
        }
        produce(log, random, partitions, expected)
        const most = { messages: random.whole(1, 40), bytes: 2 ** 20 }
        const landings = random.chance(0.5) ? workers : [random.pick(workers)]
        await Promise.allSettled(landings.map(parts => landTopic(source, parts, { ...LANDING, most })))
      }
      const calm = worker()
      await landTopic(source, calm, LANDING)
      await expectAll(calm, place, expected)
      expect(await landTopic(source, calm, LANDING)).toMatchObject({ commits: 0, rows: 0, rejected: 0 })
      for (const parts of [calm, ...workers]) await parts.close()
    }
  })

  it('is of many commits where there is much, each with what it says, of more partitions than are read at once', async () => {
    const { log, source, worker } = shop({}, 12)
    const random = seeded()
    const expected: Expected = { accepted: [], refused: [] }
    for (let n = 0; n < 8; n++) produce(log, random, 12, expected)
    const parts = worker()
    const total = expected.accepted.length + expected.refused.length
    const result = await landTopic(source, parts, { ...LANDING, most: { messages: 20, bytes: 2 ** 20 } })
    expect(result).toMatchObject({ rows: expected.accepted.length, rejected: expected.refused.length, lost: 0n })
    expect(result.commits).toBeGreaterThanOrEqual(Math.floor(total / 30))
    const snapshot = (await parts.store.table('archive/payments').snapshot('latest'))!
    const { partitions } = await log.topic()
    for (const { partition, end } of partitions)
      expect(snapshot.transactions.get(`quern/payments/kafka/topic-1/${partition}`)).toBe(end)
    await parts.close()
  })
})

describe('one commit', () => {
  it('has rows of a bounded number of dates, and goes on where it has stopped', async () => {
    const { log, source, worker } = shop({}, 2)
    log.perBatch = 3
    const dates = 40
    for (let n = 0; n < dates; n++) log.put(n % 2, paymentOf(seeded(), { at: new Date(Date.UTC(2020, 0, 1 + n)).toISOString() }))
    const parts = worker()
    const files: number[] = []
    const most = { messages: 1000, dates: 10 }
    await landTopic(source, parts, { ...LANDING, most, onCommit: async ({ rows }) => void files.push(rows) })
    expect(files.reduce((sum, rows) => sum + rows, 0)).toBe(dates)
    // The last of its batches may bring some more.
    expect(files).toEqual([12, 12, 12, 4])
    expect(await archivedRows(parts, source)).toHaveLength(dates)
    // However few dates one is to have, it is of something.
    for (let n = 0; n < 5; n++) log.put(0, paymentOf(seeded()))
    expect(await landTopic(source, parts, { ...LANDING, most: { messages: 1000, dates: 0 } })).toMatchObject({
      rows: 5,
      commits: 2,
    })
    await parts.close()
  })

  it('ends within a batch that has much', async () => {
    const { log, source, worker } = shop({}, 1)
    log.perBatch = 2500
    for (let n = 0; n < 2100; n++) log.put(0, paymentOf(seeded(), { at: '2026-01-01T00:00:00Z' }))
    log.skip(0, 3)
    const parts = worker()
    const rows: number[] = []
    await landTopic(source, parts, { ...LANDING, most: { messages: 1 }, onCommit: async batch => void rows.push(batch.rows) })
    expect(rows).toEqual([1000, 1000, 100])
    expect((await archivedRows(parts, source)).map(({ _offset }) => Number(_offset))).toEqual([...Array(2100).keys()])
    expect(await landTopic(source, parts, LANDING)).toMatchObject({ commits: 0 })
    await parts.close()
  })

  it('is not before what has been committed, whatever its clock says', async () => {
    const { log, source, worker } = shop({}, 1)
    const parts = worker()
    const behind = { ...parts, now: () => parts.now() - 3_600_000_000n }
    for (const one of [parts, behind]) {
      log.put(0, paymentOf(seeded()))
      await landTopic(source, one, LANDING)
    }
    const { committedAt } = (await parts.store.table('archive/payments').snapshot({ version: 0 }))!
    const [first, second] = (await archivedRows(parts, source)).map(row => row._landed_at as bigint)
    expect(second).toBe(committedAt)
    expect(second! >= first!).toBe(true)
    await parts.close()
  })
})

describe('what another run lands', () => {
  it('in between is borne, however often in one landing of many commits', async () => {
    const { log, source, worker } = shop({}, 1)
    const parts = worker()
    const random = seeded()
    for (let n = 0; n < 22; n++) log.put(0, paymentOf(random))
    log.perBatch = 1
    let tries = 0
    const table = (path: string): Table => {
      const real = parts.store.table(path)
      const lost = async (): ReturnType<Table['commit']> => ({ outcome: 'conflict', latest: 0, files: [] })
      return { ...real, commit: change => (path.startsWith('archive/') && tries++ % 2 === 0 ? lost() : real.commit(change)) }
    }
    const most = { messages: 1 }
    expect(await landTopic(source, { ...parts, store: { ...parts.store, table } }, { ...LANDING, most })).toMatchObject({
      commits: 22,
      rows: 22,
    })
    expect(tries).toBe(44)
    await parts.close()
  })

  it('after the topic was asked for its end is not beyond that end', async () => {
    const { log, source, worker } = shop({}, 1)
    const [parts, other] = [worker('a'), worker('b')]
    log.put(0, paymentOf(seeded()))
    let asked = 0
    const topic = async (): ReturnType<MemoryLog['topic']> => {
      const state = await log.topic()
      if (asked++ === 0) {
        log.put(0, paymentOf(seeded()))
        await landTopic(source, other, LANDING)
      }
      return state
    }
    const late = { topic, readRange: log.readRange.bind(log), heldUpTo: log.heldUpTo.bind(log), close: log.close }
    const topicOf = () => ({ log: late, decoder: plainDecoder })
    expect(await landTopic(source, { ...parts, topicOf }, LANDING)).toMatchObject({ commits: 0 })
    expect((await archivedRows(parts, source)).map(({ _offset }) => _offset)).toEqual([0n, 1n])
    for (const one of [parts, other]) await one.close()
  })
})

describe('feature sets over a topic', () => {
  it('are those of all events at once, however these have landed and been compacted', async () => {
    const random = seeded()
    for (let round = 0; round < cases(2, 6); round++) {
      const { log, set, source, worker } = shop()
      const parts = worker()
      for (let day = 2; day <= 10; day++) {
        produce(log, random, 3, { accepted: [], refused: [] })
        await landTopic(source, parts, { ...LANDING, most: { messages: random.whole(5, 60), bytes: 2 ** 20 } })
        if (random.chance(0.7)) await parts.run(set, { until: BigInt(Date.UTC(2026, 0, day)) * 1000n })
      }
      const until = BigInt(Date.UTC(2026, 0, 11)) * 1000n
      await parts.run(set, { until })
      const chained = await parts.rows(set)
      await parts.run(set, { until, full: true })
      expect(await parts.rows(set)).toEqual(chained)
      expect(chained.length).toBeGreaterThan(0)
      await parts.close()
    }
  })

  it('leave files unread whose events no cutoff needs yet', async () => {
    const { log, set, source, worker } = shop()
    const parts = worker()
    const at = (day: number): string => `2026-01-0${day}T12:00:00Z`
    for (const day of [1, 2, 5]) log.put(0, paymentOf(seeded(), { at: at(day) }))
    await landTopic(source, parts, LANDING)
    const until = (day: number): bigint => BigInt(Date.UTC(2026, 0, day)) * 1000n
    expect(await parts.run(set, { until: until(3) })).toMatchObject({ outcome: 'committed', rowsRead: 2 })
    expect(await parts.run(set, { until: until(4) })).toMatchObject({ rowsRead: 0 })
    expect(await parts.run(set, { until: until(6) })).toMatchObject({ outcome: 'committed', rowsRead: 1 })
    await parts.close()
  })
})

describe('a topic that is not what it was', () => {
  it('has lost what retention took before it was read: told, never passed over in silence', async () => {
    const { log, source, worker } = shop({}, 1)
    const parts = worker()
    const random = seeded()
    for (let n = 0; n < 5; n++) log.put(0, paymentOf(random))
    await landTopic(source, parts, LANDING)
    for (let n = 0; n < 5; n++) log.put(0, paymentOf(random))
    log.removeBefore(0, 8n)
    await expect(landTopic(source, parts, LANDING)).rejects.toMatchObject({
      code: 'data.offsets-gone',
      exitCode: 3,
      message: expect.stringMatching(/shop\.payments.*partition 0.*offsets 5 to 7 are gone/),
    })
    expect(await archivedRows(parts, source)).toHaveLength(5)
    expect(await landTopic(source, parts, { ...LANDING, acceptLoss: true })).toMatchObject({ rows: 2, lost: 3n })
    const table = parts.store.table('archive/payments')
    expect((await table.snapshot('latest'))!.lineage).toMatchObject({ gaps: [{ partition: 0, from: 5, to: 8 }] })
    expect((await archivedRows(parts, source)).map(({ _offset }) => _offset)).toEqual([0n, 1n, 2n, 3n, 4n, 8n, 9n])
    await parts.close()
  })

  it('has fewer messages than have landed: told', async () => {
    const { log, source, worker } = shop({}, 1)
    const parts = worker()
    for (let n = 0; n < 5; n++) log.put(0, paymentOf(seeded()))
    await landTopic(source, parts, LANDING)
    const { topicId } = log
    log.replace()
    log.topicId = topicId
    log.put(0, paymentOf(seeded()))
    await expect(landTopic(source, parts, LANDING)).rejects.toMatchObject({ code: 'data.offsets-ahead', exitCode: 3 })
    await landTopic(source, parts, { ...LANDING, acceptLoss: true })
    log.put(0, paymentOf(seeded()))
    expect(await landTopic(source, parts, LANDING)).toMatchObject({ rows: 1 })
    await parts.close()
  })

  it('was made anew under its name: it lands from its beginning', async () => {
    const { log, source, worker } = shop({}, 2)
    const parts = worker()
    for (let n = 0; n < 5; n++) log.put(0, paymentOf(seeded()))
    await landTopic(source, parts, LANDING)
    log.replace()
    for (let n = 0; n < 3; n++) log.put(0, paymentOf(seeded()))
    expect(await landTopic(source, parts, LANDING)).toMatchObject({ rows: 3 })
    const rows = await archivedRows(parts, source)
    const topics = rows.map(({ _topic_id, _topic }) => `${_topic_id} ${_topic}`).sort()
    expect(topics).toEqual([...Array(5).fill('topic-1 1'), ...Array(3).fill('topic-2 2')])
    const { lineage } = (await parts.store.table('archive/payments').snapshot('latest'))!
    expect(lineage).toMatchObject({ topicId: 'topic-2', former: 'topic-1' })
    await parts.close()
  })

  it('may be read from its end on', async () => {
    const { log, source, worker } = shop({ start: 'latest' }, 2)
    const parts = worker()
    for (let n = 0; n < 5; n++) log.put(0, paymentOf(seeded()))
    expect(await landTopic(source, parts, LANDING)).toMatchObject({ rows: 0, commits: 1 })
    log.put(0, paymentOf(seeded()))
    log.put(1, paymentOf(seeded()))
    // A partition that has come since holds nothing that was there before.
    log.addPartition()
    log.put(2, paymentOf(seeded()))
    expect(await landTopic(source, parts, LANDING)).toMatchObject({ rows: 3 })
    await parts.close()
  })
})

describe('refused messages', () => {
  it('are kept once, though a run died after it had published them, and whoever judges the next time', async () => {
    const place = shop({}, 1)
    const { log, source, worker } = place
    const parts = worker()
    log.put(0, paymentOf(seeded(), { amount: -1 }))
    log.put(0, paymentOf(seeded()))
    log.put(0, 'no json')
    // A limit ends the run after refused rows were published, and before anything is committed.
    await expect(landTopic(source, parts, { ...LANDING, maxRejected: 0.1 })).rejects.toMatchObject({
      code: 'data.rejected',
      values: { rowsRead: 3, rowsRejected: 2 },
    })
    expect(await archivedRows(parts, source)).toEqual([])
    expect((await refusedRows(parts, source)).map(([, row]) => row)).toEqual([0n, 2n])
    // Another schema refuses others: what it lets pass lands, what it refuses anew is kept.
    const stricter = resolved(
      declared({ schema: payment.extend({ amount: z.int(), note: z.string().default('') }).refine(({ id }) => id === '') }),
    )
    await landTopic(stricter.source, parts, LANDING)
    expect((await refusedRows(parts, source)).map(([, row]) => row)).toEqual([0n, 1n, 2n])
    expect(await landTopic(source, parts, LANDING)).toMatchObject({ commits: 0 })
    await parts.close()
  })
})

describe('an archive', () => {
  it('takes up columns that its schema has got, and refuses another type for one that it has', async () => {
    const { log, set, source, worker } = shop({}, 1)
    const parts = worker()
    log.put(0, paymentOf(seeded()))
    await landTopic(source, parts, LANDING)
    log.put(0, paymentOf(seeded(), { note: 'x' }))
    const wider = resolved(declared({ schema: payment.extend({ note: z.string().optional() }) }))
    await landTopic(wider.source, parts, LANDING)
    expect((await archivedRows(parts, source)).map(({ note }) => note)).toEqual([null, 'x'])
    expect((await parts.store.table('archive/payments').snapshot('latest'))!.description).toBe(
      'Events of the topic shop.payments',
    )
    log.put(0, paymentOf(seeded()))
    const other = resolved(declared({ schema: payment.extend({ note: z.number() }) }))
    await expect(landTopic(other.source, parts, LANDING)).rejects.toMatchObject({ code: 'definition.archive', exitCode: 2 })
    expect(await parts.run(set, { until: BigInt(Date.UTC(2026, 1, 1)) * 1000n })).toMatchObject({ rowsRead: 2 })
    await parts.close()
  })

  it('tells the files of a wide schema apart by the time of their events', async () => {
    const wide = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`c${at}`, z.int().default(at)]))
    const { log, set, source, worker } = shop({ schema: z.object({ ...wide, ...payment.shape }) }, 1)
    const parts = worker()
    for (let day = 1; day <= 5; day++) log.put(0, paymentOf(seeded(), { at: `2026-01-0${day}T00:00:00Z` }))
    await landTopic(source, parts, LANDING)
    expect(await parts.run(set, { until: BigInt(Date.UTC(2026, 0, 4)) * 1000n })).toMatchObject({ rowsRead: 3 })
    await parts.close()
  })

  it('lies in folders of dates', async () => {
    const { log, source, folder, worker } = shop({}, 1)
    const parts = worker()
    log.put(0, paymentOf(seeded(), { at: '2026-01-05T00:00:00Z' }))
    log.put(0, paymentOf(seeded(), { at: '0001-01-01T00:00:00Z' }))
    log.put(0, paymentOf(seeded(), { at: '9999-12-31T23:59:59.999Z' }))
    await landTopic(source, parts, LANDING)
    const { files, partitionBy } = (await parts.store.table('archive/payments').snapshot('latest'))!
    expect(partitionBy).toEqual(['event_date'])
    expect(files.map(({ path }) => join(folder, path).split('/').at(-2)).sort()).toEqual([
      'event_date=0001-01-01',
      'event_date=2026-01-05',
      'event_date=9999-12-31',
    ])
    await parts.close()
  })
})
