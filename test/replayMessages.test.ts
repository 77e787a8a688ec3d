/** Refused messages, judged again: those that pass are in the archive once, wherever a replay dies and whoever else is at it. */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { FeatureSet } from '../src/domain/featureSet.ts'
import type { MessageDecoder } from '../src/domain/messageDecoder.ts'
import { rawText } from '../src/domain/messageDecoder.ts'
import { messageDecoder } from '../src/messages/decoder.ts'
import { compactArchive } from '../src/run/compactArchive.ts'
import { landTopic } from '../src/run/landTopic.ts'
import type { Parts } from '../src/run/parts.ts'
import { marksOf, replayedTable } from '../src/run/replayedTable.ts'
import { replayRejected } from '../src/run/replayRejected.ts'
import { archivedRows, plainDecoder } from './kit/archives.ts'
import type { InProcess } from './kit/inProcess.ts'
import { QUIET } from './kit/inProcess.ts'
import { resolved } from './kit/kafkaSets.ts'
import { seeded } from './kit/random.ts'
import { cases } from './kit/scratch.ts'
import { declared, LANDING, payment, paymentOf, type Shop, shop } from './kit/shop.ts'
import type { Mishap } from './kit/unreliableStore.ts'

/** What a schema of today lets pass that refused negative amounts. */
const lenient = (more: object = {}) => resolved(declared({ schema: payment.extend({ amount: z.int() }), ...more }))

const replay = (parts: Parts, set: FeatureSet) => replayRejected([set], parts, QUIET)

/** Offsets of the archive's rows, by partition. */
const places = async (parts: InProcess, { source }: Pick<Shop, 'source'>): Promise<string[]> =>
  (await archivedRows(parts, source)).map(row => `${row._topic_id}/${row._partition} ${row._offset}`)

async function marked(parts: InProcess): Promise<string[]> {
  const table = replayedTable(parts.store, 'payments')
  const snapshot = await table.snapshot('latest')
  return snapshot ? [...(await marksOf(parts.engine, { table, snapshot })).keys()].sort() : []
}

/** Four messages of which the second and the third are refused, landed. */
async function refusing(more: object = {}): Promise<Shop & { parts: InProcess }> {
  const place = shop(more, 1)
  const random = seeded()
  place.log.put(0, paymentOf(random))
  place.log.put(0, paymentOf(random, { amount: -1 }))
  place.log.put(0, 'no json')
  place.log.put(0, paymentOf(random))
  const parts = place.worker()
  await landTopic(place.source, parts, LANDING)
  return { ...place, parts }
}

const group = (more: object): object => ({ passing: 0, marked: 0, failing: [], unseen: [], rows: 1, ...more })

describe('refused messages', () => {
  it('land once they pass, with their own partition and offset, and are told as accepted', async () => {
    const place = await refusing()
    const { parts, set, log, source } = place
    const until = BigInt(Date.UTC(2026, 0, 20)) * 1000n
    expect(await parts.run(set, { until })).toMatchObject({ rowsRead: 2 })
    // By the schema that refused them nothing changes.
    expect(await replay(parts, set)).toMatchObject({
      groups: [group({ failing: [{ rows: 1, code: 'too_small' }] }), group({ failing: [{ rows: 1, code: 'malformed' }] })],
      landed: { rows: 0, version: undefined },
    })
    expect(await marked(parts)).toEqual([])
    const now = lenient()
    expect(await replay(parts, now.set)).toMatchObject({
      groups: [
        group({ code: 'too_small', passing: 1, marked: 1 }),
        group({ code: 'malformed', failing: [{ rows: 1, code: 'malformed' }] }),
      ],
      landed: { rows: 1, version: 1 },
    })
    expect(await places(parts, place)).toEqual([0, 1, 3].map(offset => `topic-1/0 ${offset}`))
    expect(await marked(parts)).toEqual(['kafka:topic-1/0/1/'])
    const archive = (await parts.store.table('archive/payments').snapshot('latest'))!
    expect(archive.transactions.get('quern/payments/landings')).toBe(2n)
    expect(archive.transactions.get('quern/payments/kafka/topic-1/0')).toBe(4n)
    expect(archive.lineage).toMatchObject({ replay: true, landing: 2, rows: 1, topicId: 'topic-1' })
    // The next run reads what has come, and landings go on where they were.
    expect(await parts.run(now.set, { until })).toMatchObject({ outcome: 'committed' })
    log.put(0, paymentOf(seeded()))
    expect(await landTopic(source, parts, LANDING)).toMatchObject({ rows: 1 })
    await parts.close()
  })

  it('land nothing more when they are replayed again, before and after a compaction', async () => {
    const place = await refusing()
    const { parts } = place
    const { set } = lenient()
    await replay(parts, set)
    const again = { groups: [group({ passing: 1, marked: 0 }), group({ failing: [{ rows: 1 }] })], landed: { rows: 0 } }
    expect(await replay(parts, set)).toMatchObject(again)
    await compactArchive('payments', parts.store.table('archive/payments'), parts, { signal: QUIET.signal })
    expect(await replay(parts, set)).toMatchObject(again)
    expect(await places(parts, place)).toHaveLength(3)
    await parts.close()
  })

  it('are judged by the row that was kept, where the topic keeps them no more', async () => {
    const place = await refusing()
    const { parts, log } = place
    const { set } = lenient()
    log.removeBefore(0, 4n)
    expect(await replay(parts, set)).toMatchObject({
      groups: [
        group({ code: 'too_small', passing: 1, marked: 1 }),
        group({ code: 'malformed', unseen: [{ path: 'kafka:shop.payments/0', why: 'not kept', rows: 1 }] }),
      ],
      landed: { rows: 1 },
    })
    expect((await archivedRows(parts, place.source)).map(({ amount }) => amount)).toContain(-1n)
    await parts.close()
  })

  it('are so judged where another topic has taken the name, and keep the id of their own', async () => {
    const place = await refusing()
    const { parts, log } = place
    log.replace()
    for (let n = 0; n < 4; n++) log.put(0, paymentOf(seeded()))
    expect(await replay(parts, lenient().set)).toMatchObject({ landed: { rows: 1 } })
    expect(await places(parts, place)).toEqual([0, 1, 3].map(offset => `topic-1/0 ${offset}`))
    expect(await landTopic(place.source, parts, LANDING)).toMatchObject({ rows: 4 })
    const ofTopics = (await archivedRows(parts, place.source)).map(({ _topic_id, _topic }) => `${_topic_id} ${_topic}`)
    expect(new Set(ofTopics)).toEqual(new Set(['topic-1 1', 'topic-2 2']))
    await parts.close()
  })

  it('are not judged by a row that lacks a part of the message which is asked for by now', async () => {
    const place = await refusing()
    const { parts, log } = place
    const now = lenient({ message: { offset: 'place' }, schema: payment.extend({ amount: z.int(), place: z.int64().nullish() }) })
    log.removeBefore(0, 2n)
    expect(await replay(parts, now.set)).toMatchObject({ landed: { rows: 0 }, groups: [{ unseen: [{ why: 'not kept' }] }, {}] })
    await parts.close()
  })

  it('are decoded again by the format of today', async () => {
    const wrapped = (amount: number): string =>
      JSON.stringify({ payload: { after: JSON.parse(paymentOf(seeded(), { amount })), op: 'c' } })
    const place = shop({}, 1)
    const { log, source } = place
    const parts = place.worker()
    log.put(0, wrapped(1))
    log.put(0, wrapped(2))
    await landTopic(source, parts, LANDING)
    const unwrapping: MessageDecoder = {
      ...plainDecoder,
      decode: ({ value }) => {
        const { payload } = JSON.parse(Buffer.from(value!).toString())
        return { kind: 'row', json: Buffer.from(JSON.stringify(payload.after)), retracts: false }
      },
    }
    const now = { ...parts, topicOf: () => ({ log, decoder: unwrapping }) }
    expect(await replay(now, place.set)).toMatchObject({ landed: { rows: 2 } })
    expect((await archivedRows(parts, source)).map(({ amount }) => amount)).toEqual([1n, 2n])
    await parts.close()
  })

  it('may be of bytes that no row could be made of: they are fetched again', async () => {
    const place = shop({}, 1)
    const { log, source, set } = place
    const framing: MessageDecoder = {
      ...plainDecoder,
      decode: ({ value }) => ({ kind: 'refused', raw: rawText(value!), issue: { path: '', code: 'wire-format', message: 'x' } }),
    }
    const parts = place.worker()
    log.put(0, paymentOf(seeded()))
    log.skip(0, 5000)
    log.put(0, paymentOf(seeded()))
    await landTopic(source, { ...parts, topicOf: () => ({ log, decoder: framing }) }, LANDING)
    // What was kept is a row by its looks; it was refused as what it is.
    const kept = {
      ...parts,
      topicOf: () => ({
        log: { ...log, topic: async () => ({ topicId: 'topic-9', partitions: [] }) } as never,
        decoder: plainDecoder,
      }),
    }
    expect(await replay(kept, set)).toMatchObject({ groups: [{ rows: 2, unseen: [{ rows: 2, why: 'not kept' }] }] })
    expect(await replay(parts, set)).toMatchObject({ groups: [{ rows: 2, passing: 2, marked: 2 }], landed: { rows: 2 } })
    await parts.close()
  })

  it('of which only a beginning was kept are told where they are gone', async () => {
    const place = shop({}, 1)
    const { log, source } = place
    const parts = place.worker()
    const long = `{"broken":"${'x'.repeat(20_000)}"`
    log.put(0, long)
    log.put(0, paymentOf(seeded(), { amount: -1, id: 'y'.repeat(20_000) }))
    await landTopic(source, parts, LANDING)
    log.removeBefore(0, 2n)
    // Only of what is no JSON the beginning alone was kept.
    expect(await replay(parts, lenient().set)).toMatchObject({
      groups: [
        { code: 'malformed', unseen: [{ why: 'not kept', rows: 1 }] },
        { code: 'too_small', passing: 1 },
      ],
      landed: { rows: 1 },
    })
    expect((await archivedRows(parts, source)).map(({ id }) => id)).toEqual(['y'.repeat(20_000)])
    await parts.close()
  })

  it('that stand for nothing by now are accepted, and give no row', async () => {
    const place = shop({}, 1)
    const parts = place.worker()
    place.log.put(0, null)
    place.log.put(0, paymentOf(seeded()))
    await landTopic(place.source, parts, LANDING)
    const ignoring = resolved(declared({ tombstones: 'ignore' }))
    const decoder = messageDecoder(ignoring.source.landing, undefined)
    const now = { ...parts, topicOf: () => ({ log: place.log, decoder }) }
    expect(await replay(now, ignoring.set)).toMatchObject({ groups: [{ passing: 1, marked: 1 }], landed: { rows: 0 } })
    expect(await places(parts, place)).toHaveLength(1)
    await parts.close()
  })

  it('that no landing has passed over are left to the next one', async () => {
    const place = shop({}, 1)
    const { log, source } = place
    const parts = place.worker()
    log.put(0, paymentOf(seeded()))
    await landTopic(source, parts, LANDING)
    log.put(0, paymentOf(seeded(), { amount: -1 }))
    await expect(landTopic(source, parts, { ...LANDING, maxRejected: 0 })).rejects.toMatchObject({ code: 'data.rejected' })
    const now = lenient()
    expect(await replay(parts, now.set)).toMatchObject({ groups: [], landed: { rows: 0 } })
    expect(await landTopic(now.source, parts, LANDING)).toMatchObject({ rows: 1 })
    // It has landed; a replay finds that.
    expect(await replay(parts, now.set)).toMatchObject({ groups: [{ passing: 1, marked: 1 }], landed: { rows: 0 } })
    expect(await places(parts, place)).toHaveLength(2)
    await parts.close()
  })

  it('are no newer than what came after them, where a set goes by the moment of landing', async () => {
    const asKnown = (more: object = {}) => {
      const { kind, options } = declared({ rowKey: ['id'], ...more })
      return resolved({ kind, options: { ...options, late: 'asKnown' } })
    }
    const place = shop({ rowKey: ['id'] }, 1)
    const { parts, log, source } = { ...place, parts: place.worker() }
    const of = { id: 'a', customer: 'c', at: new Date().toISOString() }
    for (const amount of [-1, 50]) log.put(0, paymentOf(seeded(), { ...of, amount }))
    await landTopic(source, parts, LANDING)
    const now = asKnown({ schema: payment.extend({ amount: z.int() }) })
    // By a host whose clock is behind it has landed no earlier.
    await replay({ ...parts, now: () => parts.now() - 3_600_000_000n }, now.set)
    const landed = await archivedRows(parts, source)
    expect(landed.map(row => row.amount)).toEqual([-1n, 50n])
    expect((landed[0]!._landed_at as bigint) >= (landed[1]!._landed_at as bigint)).toBe(true)
    await parts.run(now.set, { until: parts.now() + 2n * 86_400_000_000n })
    const spent = now.set.columns.findIndex(({ name }) => name === 'amount_2d')
    const amounts = (await parts.rows(now.set)).map(({ values }) => values[spent])
    expect(new Set(amounts)).toEqual(new Set([50n]))
    await parts.close()
  })

  it('that repeat others do not land', async () => {
    const place = shop({ dedupe: { by: ['id'], within: '1d' } }, 1)
    const { log, source } = place
    const parts = place.worker()
    const at = '2026-01-01T00:00:00Z'
    log.put(0, paymentOf(seeded(), { id: 'a', at }))
    log.put(0, paymentOf(seeded(), { id: 'a', at, amount: -1 }))
    await landTopic(source, parts, LANDING)
    const now = lenient({ dedupe: { by: ['id'], within: '1d' } })
    expect(await replay(parts, now.set)).toMatchObject({ groups: [{ passing: 1, marked: 1 }], landed: { rows: 0 } })
    await parts.close()
  })
})

describe('replays', () => {
  it('at once, and amid landings, land each message once', async () => {
    const random = seeded()
    const place = shop({}, 2)
    const { log, source } = place
    const workers = ['a', 'b', 'c'].map(name => place.worker(name))
    for (let n = 0; n < 30; n++) log.put(random.whole(0, 1), paymentOf(random, random.chance(0.5) ? { amount: -1 } : {}))
    await landTopic(source, workers[0]!, LANDING)
    for (let n = 0; n < 10; n++) log.put(random.whole(0, 1), paymentOf(random))
    const { set } = lenient()
    const [one, two] = await Promise.all([
      replay(workers[0]!, set),
      replay(workers[1]!, set),
      landTopic(source, workers[2]!, LANDING),
    ])
    expect(Math.min(one.landed!.rows, two.landed!.rows)).toBe(0)
    const found = await places(workers[0]!, place)
    expect(found).toHaveLength(40)
    expect(new Set(found).size).toBe(40)
    const landings = (await archivedRows(workers[0]!, source)).map(({ _landing }) => _landing)
    expect(new Set(landings)).toEqual(new Set([1n, 2n, 3n]))
    for (const parts of workers) await parts.close()
  })

  it('that die anywhere land each message once, and mark it in the end', async () => {
    const random = seeded()
    for (let round = 0; round < cases(4, 20); round++) {
      const place = shop({}, 2)
      const { log, source } = place
      const calm = place.worker()
      const refused: string[] = []
      for (let n = 0; n < 25; n++) {
        const isRefused = random.chance(0.5)
        const partition = random.whole(0, 1)
        const offset = log.put(partition, paymentOf(random, isRefused ? { amount: -1 } : {}))
        if (isRefused) refused.push(`kafka:topic-1/${partition}/${offset}/`)
      }
      await landTopic(source, calm, LANDING)
      const mishap = (): Mishap | undefined =>
        random.chance(0.3) ? random.pick<Mishap>(['late', 'lost', 'twice', 'refused', 'tardy']) : undefined
      const workers = ['a', 'b'].map(name => place.worker(name, mishap))
      const { set } = lenient()
      for (let attempt = 0; attempt < 3; attempt++) await Promise.allSettled(workers.map(parts => replay(parts, set)))
      await replay(calm, set)
      const found = await places(calm, place)
      expect(new Set(found).size).toBe(25)
      expect(found).toHaveLength(25)
      expect(await marked(calm)).toEqual(refused.sort())
      for (const parts of [calm, ...workers]) await parts.close()
    }
  })

  it('that died between landing and marking only mark', async () => {
    const place = await refusing()
    const { set } = lenient()
    const dying = place.worker('dying')
    const { store } = dying
    const cut = {
      ...dying,
      store: {
        ...store,
        table: (path: string) => {
          const table = store.table(path)
          return path.startsWith('replayed/') ? { ...table, commit: () => Promise.reject(new Error('killed')) } : table
        },
      },
    }
    await expect(replay(cut, set)).rejects.toThrow('killed')
    expect(await places(place.parts, place)).toHaveLength(3)
    expect(await marked(place.parts)).toEqual([])
    expect(await replay(place.parts, set)).toMatchObject({ groups: [{ passing: 1, marked: 1 }, {}], landed: { rows: 0 } })
    expect(await places(place.parts, place)).toHaveLength(3)
    expect(await marked(place.parts)).toHaveLength(1)
    await dying.close()
    await place.parts.close()
  })

  it('change what sets compute as if the messages had never been refused', async () => {
    const random = seeded()
    const place = shop({}, 2)
    const { log, set, source } = place
    const parts = place.worker()
    const until = BigInt(Date.UTC(2026, 0, 11)) * 1000n
    for (let n = 0; n < 40; n++)
      log.put(random.whole(0, 1), paymentOf(random, random.chance(0.4) ? { amount: -random.whole(1, 9) } : {}))
    await landTopic(source, parts, LANDING)
    await parts.run(set, { until })
    const now = lenient()
    await replay(parts, now.set)
    await parts.run(now.set, { until })
    const other = shop({}, 2)
    const atOnce = other.worker()
    await landTopic(now.source, { ...atOnce, topicOf: () => ({ log, decoder: plainDecoder }) }, LANDING)
    await atOnce.run(now.set, { until })
    expect(await parts.rows(now.set)).toEqual(await atOnce.rows(now.set))
    await parts.close()
    await atOnce.close()
  })
})
