/** A broker that is killed, stands still or is behind a bad line: each committed message comes once, in its order. */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import type { EventLog } from '../src/domain/eventLog.ts'
import { directLog, kafkajsLog, platformaticLog } from '../src/sources/kafka/clients.ts'
import type { Patience } from '../src/sources/kafka/patience.ts'
import { type Broker, startBroker } from './kit/kafkaBroker.ts'
import { seeded } from './kit/random.ts'
import { never, rangeOf, textOf } from './kit/readLog.ts'
import { describeWithBroker } from './kit/sharedBroker.ts'
import { startLine, type TcpLine } from './kit/tcpLine.ts'
import { type Topics, topicsAt } from './kit/topics.ts'

/** Answers are given up soon, and the broker is waited for longer than any start takes. */
const PATIENCE: Patience = { connect: 1000, answer: 1000, contact: 60_000, away: 60_000 }

describeWithBroker('a broker in trouble', { timeout: 120_000 }, () => {
  let line: TcpLine
  let broker: Broker
  let topics: Topics
  beforeAll(async () => {
    line = await startLine()
    broker = await startBroker({ linePort: line.port })
    line.to(broker.behindLine)
    topics = topicsAt(broker.bootstrap)
  })
  afterAll(async () => {
    await topics.close()
    await broker.stop()
    await line.stop()
  })

  const CLIENTS = [
    ['direct', directLog],
    ['@platformatic/kafka', platformaticLog],
    ['kafkajs', kafkajsLog],
  ] as const

  const opened = (make: typeof directLog, port: string, patience = PATIENCE): EventLog => {
    const log = make({ brokers: [port], tls: undefined, sasl: undefined }, patience)
    onTestFinished(() => log.close())
    return log
  }
  const values = (count: number, from = 0): string[] => Array.from({ length: count }, (_, at) => `value ${from + at}`)
  const filled = async (count: number): Promise<string> => {
    const topic = await topics.make()
    for (let from = 0; from < count; from += 100)
      await topics.produce(
        topic,
        0,
        values(100, from).map(value => ({ value })),
      )
    return topic
  }
  /** Reads all that is there, and calls `meanwhile` after each batch. */
  const read = async (
    log: EventLog,
    topic: string,
    batchBytes: number,
    meanwhile: (read: number) => unknown,
  ): Promise<string[]> => {
    const read: string[] = []
    for await (const { messages } of log.readRange(await rangeOf(log, topic), { batchBytes, signal: never })) {
      read.push(...messages.map(({ value }) => textOf(value)!))
      await meanwhile(read.length)
    }
    return read
  }

  it('that is killed in the middle of a reading, and started again', async () => {
    const topic = await filled(3000)
    // Each reads a part, and goes on when the broker is on its way back.
    const readers = CLIENTS.map(() => Promise.withResolvers<void>())
    const killed = Promise.withResolvers<void>()
    const readings = CLIENTS.map(([, make], at) =>
      read(opened(make, broker.bootstrap), topic, 2000, async count => {
        if (count < 500) return
        readers[at]!.resolve()
        await killed.promise
      }),
    )
    await Promise.all(readers.map(({ promise }) => promise))
    await broker.kill()
    killed.resolve()
    await broker.start()
    for (const all of await Promise.all(readings)) expect(all).toEqual(values(3000))
  })

  it('that is killed in the middle of producing, and started again', async () => {
    const topic = await topics.make()
    const log = opened(directLog, broker.bootstrap)
    const acknowledged: string[] = []
    const producing = (async () => {
      for (let from = 0; from < 2000; from += 20) {
        const batch = values(20, from)
        await topics.produce(
          topic,
          0,
          batch.map(value => ({ value })),
        )
        acknowledged.push(...batch)
      }
    })()
    const { topicId } = await log.topic(topic, never)
    const all: string[] = []
    let at = 0n
    let kills = 0
    for (let done = false; !done; ) {
      done = acknowledged.length === 2000
      if (kills === 0 && acknowledged.length > 400) {
        kills++
        await broker.kill()
        await broker.start()
      }
      const { partitions } = await log.topic(topic, never)
      const to = partitions[0]!.end
      for await (const { messages, next } of log.readRange(
        { topic, topicId, partition: 0, from: at, to },
        { batchBytes: 500, signal: never },
      )) {
        all.push(...messages.map(({ value }) => textOf(value)!))
        at = next
      }
      await pause(20)
    }
    await producing
    expect(kills).toBe(1)
    expect(all).toEqual(values(2000))
  })

  it('that stands still for longer than an answer may take', async () => {
    const topic = await filled(3000)
    let stopped = false
    const stop = (): void => {
      if (stopped) return
      stopped = true
      broker.pause()
      setTimeout(() => broker.resume(), 1500)
    }
    const readings = CLIENTS.map(([, make]) =>
      read(opened(make, broker.bootstrap), topic, 2000, count => {
        if (count > 300) stop()
      }),
    )
    for (const all of await Promise.all(readings)) expect(all).toEqual(values(3000))
    expect(stopped).toBe(true)
  })

  it.each(CLIENTS)('behind a line that is cut again and again: %s', async (_, make) => {
    const random = seeded()
    const topic = await filled(3000)
    let cuts = 0
    const cutting = setInterval(() => {
      if (random.chance(0.5)) cuts += line.cut()
    }, 15)
    try {
      const all = await read(opened(make, `127.0.0.1:${line.port}`), topic, 3000, () => pause(random.whole(0, 10)))
      expect(all).toEqual(values(3000))
    } finally {
      clearInterval(cutting)
    }
    expect(cuts).toBeGreaterThan(5)
  })

  it('behind a slow line', async () => {
    const topic = await filled(1000)
    line.speed(100_000)
    try {
      const log = opened(directLog, `127.0.0.1:${line.port}`, { ...PATIENCE, answer: 20_000 })
      expect(await read(log, topic, 10_000, () => {})).toEqual(values(1000))
    } finally {
      line.speed(undefined)
    }
  })

  it('that stays away is waited for only so long, and read once it is back', async () => {
    const topic = await filled(100)
    const log = opened(directLog, broker.bootstrap, { ...PATIENCE, contact: 300, away: 1500 })
    const range = await rangeOf(log, topic)
    await broker.kill()
    const from = performance.now()
    await expect(log.topic(topic, never)).rejects.toMatchObject({ exitCode: 75, code: 'transient.kafka' })
    const reading = Array.fromAsync(log.readRange(range, { batchBytes: 1000, signal: never }))
    await expect(reading).rejects.toMatchObject({ exitCode: 75, code: 'transient.kafka' })
    expect(performance.now() - from).toBeGreaterThan(3000)
    await broker.start()
    expect(await read(opened(directLog, broker.bootstrap), topic, 1000, () => {})).toEqual(values(100))
    expect(await read(log, topic, 1000, () => {})).toEqual(values(100))
  })

  it('is given up at once where the signal says so', async () => {
    const topic = await filled(100)
    const log = opened(directLog, broker.bootstrap)
    const range = await rangeOf(log, topic)
    const reason = new Error('enough')
    const control = new AbortController()
    broker.pause()
    try {
      const reading = Array.fromAsync(log.readRange(range, { batchBytes: 1000, signal: control.signal }))
      const looking = log.topic(topic, control.signal)
      setTimeout(() => control.abort(reason), 100)
      const from = performance.now()
      await expect(reading).rejects.toBe(reason)
      await expect(looking).rejects.toBe(reason)
      expect(performance.now() - from).toBeLessThan(900)
    } finally {
      broker.resume()
    }
  })
})
