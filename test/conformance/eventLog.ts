/** What every log of events must do. */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  DivergedLogError,
  type EventLog,
  type MessageBatch,
  OffsetsGoneError,
  ReplacedTopicError,
} from '../../src/domain/eventLog.ts'
import { batchesOf, messagesOf, never, rangeOf, textOf, valuesOf } from '../kit/readLog.ts'
import type { Compression, Sent, Topics } from '../kit/topics.ts'

const numbered = (count: number, from = 0): Sent[] => Array.from({ length: count }, (_, at) => ({ value: `value ${from + at}` }))
const valuesTo = (count: number): string[] => numbered(count).map(({ value }) => value as string)

/** @param make a log of the cluster whose topics are given */
export function describeEventLog(name: string, make: () => EventLog, topics: () => Topics): void {
  describe(`${name} (event log)`, { timeout: 60_000 }, () => {
    let log: EventLog
    beforeAll(() => {
      log = make()
    })
    afterAll(() => log.close())

    it('tells the id of a topic, and what each partition holds', async () => {
      const topic = await topics().make({ partitions: 3 })
      await topics().produce(topic, 1, numbered(5))
      const state = await log.topic(topic, never)
      expect(state.topicId).toMatch(/^[0-9a-f-]{36}$/)
      expect(state.partitions).toEqual([
        { partition: 0, first: 0n, end: 0n },
        { partition: 1, first: 0n, end: 5n },
        { partition: 2, first: 0n, end: 0n },
      ])
      expect((await log.topic(topic, never)).topicId).toBe(state.topicId)
    })

    it('refuses a topic that is not there', async () => {
      await expect(log.topic('nothing-of-that-name', never)).rejects.toMatchObject({
        code: 'definition.topic',
        message: expect.stringContaining('`nothing-of-that-name`'),
      })
      await expect(log.topic('no name, at all', never)).rejects.toMatchObject({ code: 'definition.topic' })
    })

    it('reads several partitions at once, each whole and in order', async () => {
      const topic = await topics().make({ partitions: 4 })
      for (let partition = 0; partition < 3; partition++) {
        for (let from = 0; from < 300; from += 100) await topics().produce(topic, partition, numbered(100, from))
      }
      const read = await Promise.all([0, 1, 2, 3].map(partition => messagesOf(log, topic, partition, { batchBytes: 2000 })))
      for (const messages of read.slice(0, 3)) {
        expect(messages.map(({ value }) => textOf(value))).toEqual(valuesTo(300))
        expect(messages.map(({ offset }) => offset)).toEqual(Array.from({ length: 300 }, (_, at) => BigInt(at)))
      }
      expect(read[3]).toEqual([])
    })

    it('reads a range that begins and ends within batches', async () => {
      const topic = await topics().make()
      for (let from = 0; from < 40; from += 10)
        await topics().produce(topic, 0, numbered(10, from), from === 20 ? 'gzip' : 'none')
      for (const [from, to] of [
        [0, 40],
        [3, 7],
        [3, 37],
        [10, 20],
        [9, 21],
        [25, 26],
        [39, 40],
      ] as const) {
        const batches = await batchesOf(log, topic, 0, { from: BigInt(from), to: BigInt(to) })
        expect(batches.flatMap(({ messages }) => messages.map(({ value }) => textOf(value)))).toEqual(
          valuesTo(40).slice(from, to),
        )
        expect(batches.at(-1)!.next).toBe(BigInt(to))
      }
      expect(await batchesOf(log, topic, 0, { from: 5n, to: 5n })).toEqual([])
    })

    it('gives batches of about the bytes that are asked for, each with what is known by then', async () => {
      const topic = await topics().make()
      const sizes = [100, 900, 5000, 10, 10, 10, 1200, 300]
      await topics().produce(
        topic,
        0,
        sizes.map(size => ({ value: Buffer.alloc(size, 1) })),
      )
      const batches = await batchesOf(log, topic, 0, { batchBytes: 1000 })
      const bytes = batches.map(({ messages }) => messages.map(({ value }) => value!.length))
      expect(bytes).toEqual([[100, 900], [5000], [10, 10, 10], [1200], [300]])
      expect(batches.map(({ next }) => next)).toEqual([2n, 3n, 6n, 7n, 8n])
    })

    it('tells nothing from empty, of keys, values and headers', async () => {
      const topic = await topics().make()
      const bytes = new Uint8Array([0, 255, 10, 13])
      await topics().produce(topic, 0, [
        { key: 'k', value: null },
        { key: '', value: '' },
        { key: null, value: bytes },
        {
          value: 'v',
          headers: [
            ['a', '1'],
            ['a', '2'],
            ['', ''],
            ['n', null],
            ['é', bytes],
          ],
        },
      ])
      const messages = await messagesOf(log, topic)
      expect(messages.map(({ key, value }) => [textOf(key), value && [...value]])).toEqual([
        ['k', null],
        ['', []],
        [null, [0, 255, 10, 13]],
        [null, [118]],
      ])
      const headers = messages.map(({ headers }) => headers.map(([name, value]) => [name, value && [...value]]))
      expect(headers).toEqual([
        [],
        [],
        [],
        [
          ['a', [49]],
          ['a', [50]],
          ['', []],
          ['n', null],
          ['é', [0, 255, 10, 13]],
        ],
      ])
    })

    it('gives the times of messages as the producer or the broker has set them', async () => {
      const times = [0n, 1n, -1n, 1_700_000_000_000n, 253_402_300_799_999n, -62_135_596_800_000n, 2n ** 62n]
      const topic = await topics().make()
      // A time before 1970 means that there is none: brokers take -1 alone of those.
      const taken = times.filter(time => time >= -1n)
      await topics().produce(
        topic,
        0,
        taken.map(timestamp => ({ value: 'v', timestamp })),
      )
      expect((await messagesOf(log, topic)).map(({ timestamp }) => timestamp)).toEqual(taken)

      const before = BigInt(Date.now())
      const stamped = await topics().make({ configs: { 'message.timestamp.type': 'LogAppendTime' } })
      await topics().produce(stamped, 0, [
        { value: 'a', timestamp: 5n },
        { value: 'b', timestamp: 9n },
      ])
      for (const { timestamp } of await messagesOf(log, stamped)) expect(timestamp).toBeGreaterThanOrEqual(before)
    })

    it('brings messages of 10 MB, and those beside them', async () => {
      const topic = await topics().make({ configs: { 'max.message.bytes': '20000000' } })
      const large = Buffer.alloc(10_000_000, 'large ')
      await topics().produce(topic, 0, [{ value: 'before' }, { value: large }, { value: 'after' }])
      await topics().produce(topic, 0, [{ value: large }], 'gzip')
      const batches = await batchesOf(log, topic, 0, { batchBytes: 100_000 })
      expect(batches.map(({ messages }) => messages.map(({ value }) => value!.length))).toEqual([
        [6],
        [10_000_000],
        [5],
        [10_000_000],
      ])
      for (const at of [1, 3]) expect(large.equals(batches[at]!.messages[0]!.value!)).toBe(true)
    })

    it.each<Compression>(['none', 'gzip', 'snappy', 'lz4', 'zstd'])('reads what is compressed: %s', async compression => {
      const topic = await topics().make()
      await topics().produce(topic, 0, numbered(1000), compression)
      await topics().produce(topic, 0, [{ value: '' }], compression)
      expect(await valuesOf(log, topic)).toEqual([...valuesTo(1000), ''])
    })

    it('passes over offsets that markers of transactions take, to the end', async () => {
      const topic = await topics().make()
      const producer = topics().transactions()
      const transaction = async (values: string[], end: 'commit' | 'abort'): Promise<void> => {
        await producer.begin()
        for (const value of values) await producer.send(topic, 0, [{ value }])
        await producer[end]()
      }
      await transaction(['1', '2'], 'commit')
      await transaction(['no'], 'abort')
      await transaction(['3'], 'commit')
      await transaction(['no', 'no'], 'abort')
      await topics().settled(topic)
      const batches = await batchesOf(log, topic)
      expect(batches.flatMap(({ messages }) => messages.map(({ offset, value }) => `${offset}:${textOf(value)}`))).toEqual([
        '0:1',
        '1:2',
        '5:3',
      ])
      expect(batches.at(-1)!.next).toBe(10n)
      // Where each answer is one batch, some hold nothing that counts.
      expect(await valuesOf(log, topic, 0, { batchBytes: 1 })).toEqual(['1', '2', '3'])
      // A range that holds nothing but what does not count.
      expect(await batchesOf(log, topic, 0, { from: 7n, to: 10n })).toMatchObject([{ messages: [], next: 10n }])
      expect(await batchesOf(log, topic, 0, { from: 2n, to: 3n })).toMatchObject([{ messages: [], next: 3n }])
    })

    it('ends before what a transaction holds open', async () => {
      const topic = await topics().make()
      await topics().produce(topic, 0, numbered(2))
      const producer = topics().transactions()
      await producer.begin()
      await producer.send(topic, 0, [{ value: 'open' }])
      await topics().produce(topic, 0, [{ value: 'behind' }])
      expect((await log.topic(topic, never)).partitions[0]!.end).toBe(2n)
      expect(await valuesOf(log, topic)).toEqual(valuesTo(2))
      await producer.commit()
      await topics().settled(topic)
      expect(await valuesOf(log, topic)).toEqual([...valuesTo(2), 'open', 'behind'])
    })

    it('reads what compaction has left', async () => {
      const configs = {
        'cleanup.policy': 'compact',
        'segment.ms': '100',
        'min.cleanable.dirty.ratio': '0.01',
        'delete.retention.ms': '0',
      }
      const topic = await topics().make({ configs })
      const producer = topics().transactions()
      for (let round = 0; round < 4; round++) {
        await producer.begin()
        await producer.send(topic, 0, [{ key: 'given up', value: `${round}` }])
        await producer.abort()
        await topics().produce(
          topic,
          0,
          ['a', 'b', 'c', `only ${round}`].map(key => ({ key, value: `${key} ${round}` })),
          'gzip',
        )
      }
      const held = (): Promise<(string | null)[]> => valuesOf(log, topic)
      // Segments end when something comes after their time; the last one is never compacted.
      let left = await held()
      for (let tries = 0; left.length > 9 && tries < 100; tries++) {
        await pause(200)
        await topics().produce(topic, 0, [{ key: 'tick', value: `${tries}` }])
        left = (await held()).filter(value => !/^\d+$/.test(value!))
      }
      expect(left.filter(value => value!.startsWith('only'))).toEqual(['only 0 0', 'only 1 1', 'only 2 2', 'only 3 3'])
      expect(left).toContain('a 3')
      expect(left.length).toBeLessThan(16)
      const range = await rangeOf(log, topic)
      const batches = await batchesOf(log, topic, 0, { from: 1n, batchBytes: 1 })
      expect(batches.at(-1)!.next).toBe(range.to)
    })

    it('says which messages are gone before they were read', async () => {
      const topic = await topics().make()
      await topics().produce(topic, 0, numbered(10))
      await topics().produce(topic, 0, numbered(10, 10))
      await topics().deleteRecords(topic, 0, 13n)
      expect((await log.topic(topic, never)).partitions[0]).toEqual({ partition: 0, first: 13n, end: 20n })
      expect(await valuesOf(log, topic)).toEqual(valuesTo(20).slice(13))
      const gone = await batchesOf(log, topic, 0, { from: 4n }).catch(error => error)
      expect(gone).toBeInstanceOf(OffsetsGoneError)
      expect(gone).toMatchObject({ exitCode: 3, range: { topic, partition: 0, from: 4n, first: 13n } })
      expect(gone.message).toContain('offsets 4 to 12 are gone')
      // Not more is said to be gone than was asked for.
      await expect(batchesOf(log, topic, 0, { from: 4n, to: 6n })).rejects.toMatchObject({ range: { from: 4n, first: 6n } })
      await topics().deleteRecords(topic, 0, 20n)
      expect((await log.topic(topic, never)).partitions[0]).toEqual({ partition: 0, first: 20n, end: 20n })
    })

    it('tells by its epochs what it holds of what was read', async () => {
      const topic = await topics().make({ partitions: 2 })
      for (let from = 0; from < 30; from += 10) await topics().produce(topic, 1, numbered(10, from))
      const batches = await batchesOf(log, topic, 1, { to: 25n, batchBytes: 50 })
      const epochs = new Set(batches.map(({ epoch }) => epoch))
      expect(epochs.size).toBe(1)
      const [epoch] = epochs as Set<number>
      expect(epoch).toBeGreaterThanOrEqual(0)
      const range = await rangeOf(log, topic, 1)
      const held = (offset: bigint, of: number): Promise<Map<number, bigint>> =>
        log.heldUpTo(range, [{ partition: 1, offset, epoch: of }], never)
      for (const offset of [1n, 25n, 30n]) expect(await held(offset, epoch!)).toEqual(new Map([[1, offset]]))
      expect(await log.heldUpTo(range, [], never)).toEqual(new Map())
      // It has been read further than it goes.
      expect(await held(40n, epoch!)).toEqual(new Map([[1, 30n]]))
      // Nothing is of an epoch that is yet to come: what was read of it is lost.
      const lost = (await held(25n, epoch! + 1000)).get(1)!
      expect(lost).toBeLessThan(25n)
      const read = (from: bigint, of: number): Promise<MessageBatch[]> =>
        Array.fromAsync(log.readRange({ ...range, from, epoch: of }, { batchBytes: 1000, signal: never }))
      expect((await read(25n, epoch!)).flatMap(({ messages }) => messages)).toHaveLength(5)
      const error = await read(25n, epoch! + 1000).catch(error => error)
      expect(error).toBeInstanceOf(DivergedLogError)
      expect(error).toMatchObject({ code: 'data.offsets-ahead', exitCode: 3, range: { partition: 1, position: 25n, held: lost } })
      expect(error.hint).toContain('--accept-loss')
      const beyond = Array.fromAsync(log.readRange({ ...range, from: 40n, to: 50n }, { batchBytes: 1000, signal: never }))
      await expect(beyond).rejects.toMatchObject({ range: { position: 40n, held: 30n } })
    })

    it('does not take a topic for the one that had its name', async () => {
      const topic = await topics().make()
      await topics().produce(topic, 0, numbered(3))
      const range = await rangeOf(log, topic)
      const read = (): Promise<unknown> => Array.fromAsync(log.readRange(range, { batchBytes: 1000, signal: never }))
      await read()
      await topics().remove(topic)
      const gone: Error = await read().then(
        () => expect.unreachable(),
        error => error,
      )
      expect(gone).toBeInstanceOf(ReplacedTopicError)
      expect(gone.message).toContain('is gone now')
      await topics().make({ name: topic })
      await topics().produce(topic, 0, numbered(5))
      expect((await log.topic(topic, never)).topicId).not.toBe(range.topicId)
      const replaced: Error = await read().then(
        () => expect.unreachable(),
        error => error,
      )
      expect(replaced).toBeInstanceOf(ReplacedTopicError)
      expect(replaced.message).toContain(range.topicId)
      await expect(log.heldUpTo(range, [{ partition: 0, offset: 1n, epoch: 0 }], never)).rejects.toBeInstanceOf(
        ReplacedTopicError,
      )
      expect(await valuesOf(log, topic)).toEqual(valuesTo(5))
    })

    it('finds partitions that were added', async () => {
      const topic = await topics().make({ partitions: 1 })
      await topics().produce(topic, 0, numbered(2))
      const before = await log.topic(topic, never)
      await topics().addPartitions(topic, 3)
      await topics().produce(topic, 2, numbered(4))
      const after = await log.topic(topic, never)
      expect(after.topicId).toBe(before.topicId)
      expect(after.partitions.map(({ end }) => end)).toEqual([2n, 0n, 4n])
      expect(await valuesOf(log, topic, 2)).toEqual(valuesTo(4))
    })

    it('ends at once, by the reason of the signal', async () => {
      const topic = await topics().make()
      await topics().produce(topic, 0, numbered(2))
      const reason = new Error('enough')
      const range = await rangeOf(log, topic)
      const control = new AbortController()
      // More than there is: whoever reads waits.
      const waiting = Array.fromAsync(log.readRange({ ...range, to: 100n }, { batchBytes: 1000, signal: control.signal }))
      setTimeout(() => control.abort(reason), 200)
      await expect(waiting).rejects.toBe(reason)
      await expect(log.topic(topic, AbortSignal.abort(reason))).rejects.toBe(reason)
      await expect(messagesOf(log, topic, 0, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    })

    it('is left in the middle of a reading, and read again', async () => {
      const topic = await topics().make()
      for (let from = 0; from < 200; from += 20) await topics().produce(topic, 0, numbered(20, from))
      const range = await rangeOf(log, topic)
      for (let round = 0; round < 5; round++) {
        for await (const { messages } of log.readRange(range, { batchBytes: 100, signal: never })) {
          expect(textOf(messages[0]!.value)).toBe('value 0')
          break
        }
      }
      expect(await valuesOf(log, topic)).toEqual(valuesTo(200))
    })
  })
}
