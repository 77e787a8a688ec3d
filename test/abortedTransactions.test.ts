/** Which messages count: generated logs of many producers against a model, and those of a real broker. */
import { describe, expect, it } from 'vitest'
import type { Message } from '../src/domain/eventLog.ts'
import { type AbortedTransaction, countingBatches } from '../src/sources/kafka/abortedTransactions.ts'
import { directLog } from '../src/sources/kafka/clients.ts'
import { messagesOf as messagesOfBatch, recordBatches } from '../src/sources/kafka/recordBatches.ts'
import { type Random, seeded } from './kit/random.ts'
import { messagesOf, never, plain, rangeOf, textOf } from './kit/readLog.ts'
import { encodedBatch, marker } from './kit/recordEncoder.ts'
import { cases } from './kit/scratch.ts'
import { describeWithBroker, sharedBroker } from './kit/sharedBroker.ts'

interface Stored {
  first: bigint
  last: bigint
  bytes: Buffer
}

/** A partition as a broker keeps it, and what of it counts. */
interface Log {
  batches: Stored[]
  aborted: (AbortedTransaction & { marker: bigint })[]
  /** Offsets of committed messages. */
  counting: bigint[]
}

function generated(random: Random): Log {
  const log: Log = { batches: [], aborted: [], counting: [] }
  /** Of the transactions that are open: where they began, if they wrote anything, and what they wrote. */
  const open = new Map<bigint, { first: bigint | undefined; offsets: bigint[] }>()
  let next = BigInt(random.whole(0, 5))
  const append = (producerId: bigint, transactional: boolean): bigint[] => {
    const count = random.whole(1, 4)
    const offsets = Array.from({ length: count }, (_, at) => next + BigInt(at))
    // Compaction takes messages out of batches, whose offsets stay.
    const kept = random.chance(0.2) ? offsets.filter(() => random.chance(0.5)) : offsets
    const messages: Message[] = kept.map(offset => ({
      offset,
      timestamp: 1n,
      key: null,
      value: Buffer.from(`${offset}`),
      headers: [],
    }))
    const last = next + BigInt(count) - 1n
    const compression = random.pick(['none', 'gzip'] as const)
    const bytes = encodedBatch({ firstOffset: next, lastOffset: last, messages, producerId, transactional, compression })
    log.batches.push({ first: next, last, bytes })
    next = last + 1n
    return kept
  }
  const end = (producerId: bigint): void => {
    const { first, offsets } = open.get(producerId)!
    const kind = random.pick(['commit', 'abort'] as const)
    // A mark that compaction took has outlived the messages of its transaction, which the broker tells nothing of any more.
    const emptied = first === undefined && random.chance(0.3)
    log.batches.push({ first: next, last: next, bytes: marker(next, producerId, kind, !emptied) })
    if (kind === 'commit') log.counting.push(...offsets)
    else if (first !== undefined) log.aborted.push({ producerId, firstOffset: first, marker: next })
    open.delete(producerId)
    next++
    if (random.chance(0.1)) next += BigInt(random.whole(1, 3))
  }
  const producers = random.whole(1, 6)
  for (let steps = random.whole(1, 60); steps > 0; steps--) {
    const producerId = BigInt(random.whole(0, producers - 1))
    const transaction = open.get(producerId)
    if (random.chance(0.2)) log.counting.push(...append(-1n, false))
    else if (transaction === undefined) {
      // What a producer sends outside of transactions counts at once.
      if (random.chance(0.1)) log.counting.push(...append(producerId, false))
      open.set(producerId, { first: undefined, offsets: [] })
    } else if (random.chance(0.05)) log.counting.push(...append(producerId, false))
    else if (random.chance(0.4)) end(producerId)
    else {
      transaction.first ??= next
      transaction.offsets.push(...append(producerId, true))
    }
  }
  for (const producerId of [...open.keys()]) end(producerId)
  log.counting.sort((a, b) => Number(a - b))
  return log
}

/** What the broker answers at that offset: whole batches, and the transactions given up that reach into them, or a little beyond. */
function answered({ batches, aborted }: Log, offset: bigint, random: Random): { records: Buffer; aborted: AbortedTransaction[] } {
  const from = batches.findIndex(({ last }) => last >= offset)
  const to = random.whole(from + 1, Math.min(batches.length, from + random.pick([1, 3, 20])))
  const sent = batches.slice(from, to)
  const bound = sent.at(-1)!.last + BigInt(random.pick([1, 1, 8]))
  const told = aborted.filter(({ marker, firstOffset }) => marker >= offset && firstOffset < bound)
  const cut = random.chance(0.3) && to < batches.length ? batches[to]!.bytes.subarray(0, random.whole(1, 70)) : Buffer.alloc(0)
  // A batch that is not whole is no batch yet.
  const whole = cut.length === batches[to]?.bytes.length ? Buffer.alloc(0) : cut
  return {
    records: Buffer.concat([...sent.map(({ bytes }) => bytes), whole]),
    aborted: random.chance(0.5) ? told : told.reverse(),
  }
}

describe('aborted transactions', () => {
  it('are told from what counts, whatever many producers do', async () => {
    const random = seeded()
    for (let n = cases(3000, 6000); n > 0; n--) {
      const log = generated(random)
      if (log.batches.length === 0) continue
      const read: bigint[] = []
      const end = log.batches.at(-1)!.last + 1n
      let at = BigInt(random.whole(0, Number(end - 1n)))
      const expected = log.counting.filter(offset => offset >= at)
      while (at < end) {
        const { records, aborted } = answered(log, at, random)
        const batches = recordBatches(records, 'topic')
        for (const batch of countingBatches(batches, aborted)) {
          const messages = await messagesOfBatch(batch)
          read.push(...messages.map(({ offset }) => offset).filter(offset => offset >= at))
        }
        at = batches.at(-1)!.lastOffset + 1n
      }
      if (String(read) !== String(expected)) expect(read).toEqual(expected)
    }
  })
})

describe('record batches', () => {
  it('are read as they were written', async () => {
    const random = seeded()
    const bytes = (): Buffer | null =>
      random.pick([
        null,
        Buffer.alloc(0),
        Buffer.from('x'),
        Buffer.alloc(random.whole(60, 70), 'y'),
        Buffer.alloc(random.whole(8000, 9000), 'z'),
      ])
    const time = (): bigint =>
      random.pick([
        -1n,
        0n,
        1n,
        2n ** 27n,
        -(2n ** 27n),
        2n ** 31n,
        2n ** 62n,
        -(2n ** 62n),
        BigInt(random.whole(0, 2 ** 45)),
        1_700_000_000_000n,
      ])
    for (let n = cases(500, 1000); n > 0; n--) {
      const firstOffset = random.pick([0n, 7n, 2n ** 40n, 2n ** 62n])
      const messages: Message[] = Array.from({ length: random.whole(1, 20) }, (_, at) => ({
        offset: firstOffset + BigInt(at * random.pick([1, 1000])),
        timestamp: time(),
        key: bytes(),
        value: bytes(),
        headers: Array.from({ length: random.pick([0, 0, 1, 3]) }, () => [random.pick(['', 'name', 'é']), bytes()] as const),
      }))
      const appendTime = random.chance(0.2) ? time() : undefined
      const written = {
        firstOffset,
        lastOffset: firstOffset + 100_000n,
        messages,
        compression: random.pick(['none', 'gzip', 'zstd'] as const),
      }
      const [batch] = recordBatches(encodedBatch({ ...written, ...(appendTime === undefined ? {} : { appendTime }) }), 'topic')
      expect(batch).toMatchObject({ firstOffset, lastOffset: firstOffset + 100_000n })
      const expected = messages.map(message => ({ ...message, timestamp: appendTime ?? message.timestamp }))
      expect((await messagesOfBatch(batch!)).map(plain)).toEqual(expected)
    }
  })

  it('of the old format are refused', () => {
    const old = encodedBatch({ firstOffset: 0n, lastOffset: 0n, messages: [] })
    old.writeInt8(1, 16)
    expect(() => recordBatches(old, 'events')).toThrow('topic `events` holds messages of the old format 1')
  })
})

describeWithBroker('transactions of a real broker', () => {
  const shared = sharedBroker()

  it('give exactly the committed messages, in ranges of any size', async () => {
    const random = seeded()
    const topic = await shared.topics.make({ partitions: 2 })
    const producers = Array.from({ length: 4 }, () => ({
      producer: shared.topics.transactions(),
      open: undefined as string[][] | undefined,
    }))
    const committed: string[][] = [[], []]
    let sent = 0
    for (let steps = cases(120, 120); steps > 0; steps--) {
      const partition = random.whole(0, 1)
      const values = Array.from({ length: random.whole(1, 3) }, () => `message ${sent++}`)
      const batch = values.map(value => ({ value }))
      const one = random.pick(producers)
      if (random.chance(0.15)) {
        await shared.topics.produce(topic, partition, batch)
        committed[partition]!.push(...values)
      } else if (one.open === undefined) {
        await one.producer.begin()
        one.open = [[], []]
      } else if (one.open.flat().length > 0 && random.chance(0.35)) {
        const end = random.pick(['commit', 'abort'] as const)
        await one.producer[end]()
        if (end === 'commit') for (const at of [0, 1]) committed[at]!.push(...one.open[at]!)
        one.open = undefined
      } else {
        await one.producer.send(topic, partition, batch)
        one.open[partition]!.push(...values)
      }
    }
    for (const { producer, open } of producers) if (open?.flat().length) await producer.abort()
    await shared.topics.settled(topic)

    const log = directLog({ brokers: [shared.broker.bootstrap], tls: undefined, sasl: undefined })
    for (const partition of [0, 1]) {
      const whole = (await messagesOf(log, topic, partition)).map(plain)
      const order = (value: string): number => Number(value.slice('message '.length))
      // Offsets follow the order of sending.
      const expected = committed[partition]!.toSorted((a, b) => order(a) - order(b))
      expect(whole.map(({ value }) => textOf(value))).toEqual(expected)
      const range = await rangeOf(log, topic, partition)
      for (let n = cases(40, 40); n > 0; n--) {
        const from = BigInt(random.whole(0, Number(range.to) - 1))
        const to = from + BigInt(random.whole(1, Number(range.to - from)))
        const batches = await Array.fromAsync(
          log.readRange({ ...range, from, to }, { batchBytes: random.pick([1, 200, 100_000]), signal: never }),
        )
        expect(batches.flatMap(({ messages }) => messages.map(plain))).toEqual(
          whole.filter(({ offset }) => offset >= from && offset < to),
        )
        expect(batches.at(-1)!.next).toBe(to)
      }
    }
    await log.close()
  })
})
