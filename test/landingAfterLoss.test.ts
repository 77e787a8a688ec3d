/** Topics that have lost messages which had landed, and give their offsets to others: told, and once it is accepted none is taken for another. */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { landTopic } from '../src/run/landTopic.ts'
import type { Parts } from '../src/run/parts.ts'
import { replayRejected } from '../src/run/replayRejected.ts'
import { topicLag } from '../src/run/topicLag.ts'
import { archivedRows, refusedRows } from './kit/archives.ts'
import { type InProcess, QUIET } from './kit/inProcess.ts'
import { resolved } from './kit/kafkaSets.ts'
import { seeded } from './kit/random.ts'
import { cases } from './kit/scratch.ts'
import { declared, LANDING, payment, paymentOf, type Shop, shop } from './kit/shop.ts'

const ACCEPTING = { ...LANDING, acceptLoss: true }

/** What a schema of today lets pass that refused negative amounts. */
const lenient = resolved(declared({ schema: payment.extend({ amount: z.int() }) }))

const replay = (parts: Parts) => replayRejected([lenient.set], parts, QUIET)

const put = ({ log }: Shop, ...ids: string[]): void => {
  for (const id of ids) log.put(0, paymentOf(seeded(), { id, ...(id.includes('bad') ? { amount: -1 } : {}) }))
}

/** Number of the topic, offset and id of the archive's rows of a partition, as they are ordered. */
async function rowsOf(parts: InProcess, { source }: Shop, partition = 0): Promise<string[]> {
  const rows = (await archivedRows(parts, source)).filter(({ _partition }) => _partition === partition)
  const place = (row: (typeof rows)[number]): number => Number(row._topic) * 1e6 + Number(row._offset)
  return rows.sort((a, b) => place(a) - place(b)).map(({ _topic, _offset, id }) => `${_topic}/${_offset} ${id}`)
}

const archiveOf = async (parts: InProcess) => (await parts.store.table('archive/payments').snapshot('latest'))!

describe('a topic that has lost what had landed', () => {
  it.each([
    ['and holds more than that again', 7],
    ['and holds as much again', 5],
    ['and holds less', 2],
    ['and holds nothing', 0],
  ])('%s: told, and read from there on where it is accepted', async (_, count) => {
    const place = shop({}, 2)
    const { log, source, worker } = place
    const parts = worker()
    put(place, 'a', 'b', 'c', 'd', 'e')
    log.put(1, paymentOf(seeded(), { id: 'other' }))
    await landTopic(source, parts, LANDING)
    log.truncate(0, 2n)
    const ids = ['C', 'D', 'E', 'F', 'G', 'H', 'I'].slice(0, count)
    put(place, ...ids)
    log.put(1, paymentOf(seeded(), { id: 'more' }))
    const told = {
      code: 'data.offsets-ahead',
      exitCode: 3,
      message: expect.stringMatching(/shop\.payments.*partition 0: .*up to offset 4, and from offset 2 on/),
      values: { position: '5', held: '2' },
    }
    await expect(landTopic(source, parts, LANDING)).rejects.toMatchObject(told)
    const look = (acceptLoss: boolean) => topicLag(source, parts, { acceptLoss, signal: QUIET.signal })
    await expect(look(false)).rejects.toMatchObject(told)
    expect(await look(true)).toMatchObject({ messages: count + 1, partitions: [{ from: 2n, to: BigInt(2 + count) }, {}] })
    expect(await archivedRows(parts, source)).toHaveLength(6)
    expect(await landTopic(source, parts, ACCEPTING)).toMatchObject({ rows: count + 1, lost: 0n })
    const { lineage, transactions } = await archiveOf(parts)
    expect(lineage).toMatchObject({ ahead: [{ partition: 0, from: 5, to: 2 }], gaps: [] })
    expect(transactions.get('quern/payments/kafka/topic-1/0/since/2')).toBe(2n)
    expect(transactions.has('quern/payments/kafka/topic-1/1/since/2')).toBe(false)
    // What comes then lands as ever, and another loss is told again.
    put(place, 'X')
    expect(await landTopic(source, parts, LANDING)).toMatchObject({ rows: 1 })
    const old = ['a', 'b', 'c', 'd', 'e'].map((id, offset) => `1/${offset} ${id}`)
    const now = [...ids, 'X'].map((id, at) => `2/${2 + at} ${id}`)
    expect(await rowsOf(parts, place)).toEqual([...old, ...now])
    expect(await rowsOf(parts, place, 1)).toEqual(['1/0 other', '2/1 more'])
    log.truncate(0, 1n)
    put(place, ...Array.from({ length: 20 }, (_, at) => `z${at}`))
    await expect(landTopic(source, parts, LANDING)).rejects.toMatchObject({ values: { held: '1' } })
    await parts.close()
  })

  it('and has lost by retention what came in its place: both are told, and recorded', async () => {
    const place = shop({}, 1)
    const { log, source, worker } = place
    const parts = worker()
    put(place, 'a', 'b', 'c', 'd')
    await landTopic(source, parts, LANDING)
    log.truncate(0, 1n)
    put(place, 'B', 'C', 'D', 'E')
    log.removeBefore(0, 3n)
    expect(await landTopic(source, parts, ACCEPTING)).toMatchObject({ rows: 2, lost: 2n })
    const { lineage } = await archiveOf(parts)
    expect(lineage).toMatchObject({ ahead: [{ partition: 0, from: 4, to: 3 }], gaps: [{ partition: 0, from: 1, to: 3 }] })
    await parts.close()
  })

  it('has its later rows behind those that landed before: the last of one instant is one of them', async () => {
    const place = shop({}, 1)
    const { log, set, source, worker } = place
    const parts = worker()
    const at = '2026-01-01T00:00:00Z'
    const of = (id: string): string => paymentOf(seeded(), { id, at, customer: 'c' })
    for (const id of ['a', 'b', 'c']) log.put(0, of(id))
    await landTopic(source, parts, LANDING)
    log.truncate(0, 0n)
    log.put(0, of('new'))
    await landTopic(source, parts, ACCEPTING)
    await parts.run(set, { until: BigInt(Date.UTC(2026, 0, 2)) * 1000n })
    expect(JSON.stringify(await parts.rows(set), (_, value) => (typeof value === 'bigint' ? String(value) : value))).toContain(
      '"new"',
    )
    await parts.close()
  })
})

describe('refused messages', () => {
  it('are kept beside those that were refused at their offsets before, once each', async () => {
    const place = shop({}, 1)
    const { log, source, worker } = place
    const parts = worker()
    put(place, 'a', 'b', 'c', 'bad old')
    await landTopic(source, parts, LANDING)
    log.truncate(0, 3n)
    put(place, 'bad new', 'e')
    // A limit ends the run after refused rows were published, and before anything is committed.
    await expect(landTopic(source, parts, { ...ACCEPTING, maxRejected: 0 })).rejects.toMatchObject({ code: 'data.rejected' })
    const found = async (): Promise<string[]> =>
      (await refusedRows(parts, source)).map(([input, row, , raw]) => `${input} ${row} ${JSON.parse(String(raw)).id}`)
    const both = ['kafka:topic-1/0 3 bad old', 'kafka:topic-1/0@2 3 bad new']
    expect(await found()).toEqual(both)
    // No landing has passed over the new one yet; the old one stands where it stood no more, and is judged as it was kept.
    expect(await replay(parts)).toMatchObject({ landed: { rows: 1 }, groups: [{ rows: 1, passing: 1, marked: 1 }] })
    expect(await landTopic(source, parts, ACCEPTING)).toMatchObject({ rows: 1, rejected: 1 })
    expect(await found()).toEqual(both)
    expect(await replay(parts)).toMatchObject({ landed: { rows: 1 }, groups: [{ rows: 2, passing: 2, marked: 1 }] })
    expect(await replay(parts)).toMatchObject({ landed: { rows: 0 }, groups: [{ rows: 2, passing: 2, marked: 0 }] })
    const old = ['1/0 a', '1/1 b', '1/2 c', '1/3 bad old']
    expect(await rowsOf(parts, place)).toEqual([...old, '2/3 bad new', '2/4 e'])
    await parts.close()
  })

  it('that pass now land, though an accepted one stood at their offset before', async () => {
    const place = shop({}, 1)
    const { log, source, worker } = place
    const parts = worker()
    put(place, 'a', 'b', 'c', 'd')
    await landTopic(source, parts, LANDING)
    log.truncate(0, 2n)
    put(place, 'bad C', 'bad D', 'E')
    await landTopic(source, parts, ACCEPTING)
    expect(await replay(parts)).toMatchObject({ landed: { rows: 2 }, groups: [{ rows: 2, passing: 2, marked: 2 }] })
    const all = ['1/0 a', '1/1 b', '1/2 c', '1/3 d', '2/2 bad C', '2/3 bad D', '2/4 E']
    expect(await rowsOf(parts, place)).toEqual(all)
    await parts.close()
  })

  it('of before are not taken for what stands at their offsets now', async () => {
    const place = shop({}, 1)
    const { log, source, worker } = place
    const parts = worker()
    put(place, 'a', 'bad b')
    log.put(0, 'no json')
    await landTopic(source, parts, LANDING)
    log.truncate(0, 1n)
    put(place, 'B', 'C', 'D')
    await landTopic(source, parts, ACCEPTING)
    log.truncate(0, 2n)
    put(place, 'c')
    await landTopic(source, parts, ACCEPTING)
    expect(await replay(parts)).toMatchObject({
      landed: { rows: 1 },
      groups: [
        { code: 'too_small', passing: 1, marked: 1 },
        { code: 'malformed', unseen: [{ path: 'kafka:shop.payments/0', why: 'not kept', rows: 1 }] },
      ],
    })
    expect(await rowsOf(parts, place)).toEqual(['1/0 a', '1/1 bad b', '2/1 B', '2/2 C', '2/3 D', '3/2 c'])
    await parts.close()
  })
})

describe('a chain of losses', () => {
  it('leaves each message that was there to be landed in the archive once, or refused once', async () => {
    const random = seeded()
    for (let round = 0; round < cases(3, 15); round++) {
      const place = shop({}, 2)
      const { log, source, worker } = place
      const parts = worker()
      log.perBatch = random.whole(1, 8)
      let made = 0
      let waiting: { id: string; partition: number; offset: bigint }[] = []
      const landed: string[] = []
      for (let step = 0; step < 8; step++) {
        for (let n = random.whole(0, 12); n > 0; n--) {
          const id = `${random.chance(0.3) ? 'bad' : 'good'} ${made++}`
          const partition = random.whole(0, 1)
          const value = paymentOf(random, { id, ...(id.startsWith('bad') ? { amount: -1 } : {}) })
          waiting.push({ id, partition, offset: log.put(partition, value) })
        }
        const at = random.whole(0, 1)
        const { first, end } = (await log.topic()).partitions[at]!
        const offset = BigInt(random.whole(Number(first), Number(end)))
        if (random.chance(0.5)) {
          log.truncate(at, offset)
          waiting = waiting.filter(one => one.partition !== at || one.offset < offset)
        } else if (random.chance(0.3)) {
          log.removeBefore(at, offset)
          waiting = waiting.filter(one => one.partition !== at || one.offset >= offset)
        }
        if (random.chance(0.3)) continue
        await landTopic(source, parts, { ...ACCEPTING, most: { messages: random.whole(1, 20) } })
        landed.push(...waiting.map(({ id }) => id))
        waiting = []
        if (random.chance(0.3)) await replay(parts)
      }
      await landTopic(source, parts, ACCEPTING)
      landed.push(...waiting.map(({ id }) => id))
      const refused = (await refusedRows(parts, source)).map(([, , , raw]) => JSON.parse(String(raw)).id)
      expect(refused.sort()).toEqual(landed.filter(id => id.startsWith('bad')).sort())
      await replay(parts)
      expect((await archivedRows(parts, source)).map(({ id }) => id).sort()).toEqual(landed.sort())
      expect(await replay(parts)).toMatchObject({ landed: { rows: 0 } })
      await parts.close()
    }
  })
})
