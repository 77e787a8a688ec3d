/** A real broker whose copy of a partition is put back to what it was: it has lost messages that were read, and takes others in their place. */
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { EventLog, MessageBatch, OffsetRange, ReadPosition, TopicState } from '../src/domain/eventLog.ts'
import { directLog, platformaticLog } from '../src/sources/kafka/clients.ts'
import { directClient } from '../src/sources/kafka/directLine.ts'
import { kafkaLog } from '../src/sources/kafka/kafkaLog.ts'
import type { Client } from '../src/sources/kafka/line.ts'
import { PATIENCE } from '../src/sources/kafka/patience.ts'
import { metadataRequest } from '../src/sources/kafka/requests.ts'
import { never, textOf } from './kit/readLog.ts'
import { describeWithBroker, sharedBroker } from './kit/sharedBroker.ts'

const valuesOf = (batches: MessageBatch[]): (string | null)[] =>
  batches.flatMap(({ messages }) => messages.map(({ value }) => textOf(value)))

describeWithBroker('a broker', { timeout: 120_000 }, () => {
  const shared = sharedBroker()
  const settings = () => ({ brokers: [shared.broker.bootstrap], tls: undefined, sasl: undefined })

  it('that has lost messages which were read says so, though it holds more than were read by then', async () => {
    const { broker, topics } = shared
    const topic = await topics.make()
    const log = directLog(settings())
    const other = platformaticLog(settings())
    const put = (...values: string[]): Promise<bigint> =>
      topics.produce(
        topic,
        0,
        values.map(value => ({ value })),
      )
    const restart = async (meanwhile: () => void = () => {}): Promise<TopicState> => {
      await broker.kill()
      meanwhile()
      await broker.start()
      return log.topic(topic, never)
    }
    const { topicId } = await log.topic(topic, never)
    const range = (from: bigint, to: bigint, epoch = -1): OffsetRange => ({ topic, topicId, partition: 0, from, to, epoch })
    const read = (of: OffsetRange, by: EventLog = log): Promise<MessageBatch[]> =>
      Array.fromAsync(by.readRange(of, { batchBytes: 1 << 20, signal: never }))
    const held = async (position: Omit<ReadPosition, 'partition'>): Promise<bigint> =>
      (await log.heldUpTo({ topic, topicId }, [{ partition: 0, ...position }], never)).get(0)!

    await put('a', 'b')
    const folder = join(broker.folder, `${topic}-0`)
    const copy = join(broker.folder, '..', 'copy')
    await restart(() => cpSync(folder, copy, { recursive: true }))
    await put('c', 'd', 'e')
    const before = (await read(range(0n, 2n))).at(-1)!
    const last = (await read(range(2n, 5n, before.epoch))).at(-1)!
    expect(last.next).toBe(5n)
    // What a range ends before is not what it has ended with, though both come in one answer.
    expect(last.epoch).toBeGreaterThan(before.epoch)
    expect(await held({ offset: 5n, epoch: last.epoch })).toBe(5n)
    expect(await held({ offset: 2n, epoch: before.epoch })).toBe(2n)

    await restart(() => {
      rmSync(folder, { recursive: true })
      cpSync(copy, folder, { recursive: true })
    })
    expect(await held({ offset: 5n, epoch: last.epoch })).toBe(2n)
    await put('C', 'D', 'E', 'F', 'G')
    const [state] = (await log.topic(topic, never)).partitions
    expect(state).toMatchObject({ first: 0n, end: 7n })
    expect(await held({ offset: 5n, epoch: last.epoch })).toBe(2n)
    expect(await held({ offset: 2n, epoch: before.epoch })).toBe(2n)
    for (const by of [log, other])
      await expect(read(range(5n, 7n, last.epoch), by)).rejects.toMatchObject({
        code: 'data.offsets-ahead',
        range: { position: 5n, held: 2n },
      })
    // Where nothing is known of epochs there is nothing to compare.
    expect(valuesOf(await read(range(5n, 7n)))).toEqual(['F', 'G'])
    const again = await read(range(2n, 7n, before.epoch))
    expect(valuesOf(again)).toEqual(['C', 'D', 'E', 'F', 'G'])
    expect(await held({ offset: 7n, epoch: again.at(-1)!.epoch })).toBe(7n)
    for (const one of [log, other]) await one.close()
  })

  it('that has not heard of a topic for a moment, though it was there before, is asked again', async () => {
    const topic = await shared.topics.make()
    let misses = 0
    const client: Client = async (...of) => {
      const open = await directClient(...of)
      return async (...to) => {
        const line = await open(...to)
        const ask: typeof line.ask = request =>
          line.ask(request.key === 3 && misses > 0 && misses-- > 0 ? metadataRequest('of-another-name') : request)
        return {
          ask,
          destroy: () => line.destroy(),
          get until() {
            return line.until
          },
        }
      }
    }
    const log = kafkaLog(settings(), client, PATIENCE)
    misses = 1
    await expect(log.topic(topic, never)).rejects.toMatchObject({ code: 'definition.topic' })
    const state = await log.topic(topic, never)
    misses = 3
    expect(await log.topic(topic, never)).toEqual(state)
    expect(misses).toBe(0)
    misses = 100
    await expect(log.topic(topic, never)).rejects.toMatchObject({ code: 'definition.topic' })
    expect(misses).toBeGreaterThan(90)
    await log.close()
  })
})
