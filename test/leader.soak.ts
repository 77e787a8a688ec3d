/** Three brokers, whose leader is killed while its partition is read. Starting them takes a while: `npm run soak` does. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { directLog, kafkajsLog, platformaticLog } from '../src/sources/kafka/clients.ts'
import { type Broker, startCluster } from './kit/kafkaBroker.ts'
import { never, rangeOf, textOf } from './kit/readLog.ts'
import { type Topics, topicsAt } from './kit/topics.ts'

let brokers: Broker[]
let topics: Topics
beforeAll(async () => {
  brokers = await startCluster(3)
  topics = topicsAt(...brokers.map(({ bootstrap }) => bootstrap))
}, 300_000)
afterAll(async () => {
  await topics.close()
  await Promise.all(brokers.map(broker => broker.stop()))
})

it.each([
  ['direct', directLog],
  ['@platformatic/kafka', platformaticLog],
  ['kafkajs', kafkajsLog],
] as const)('a leader that is killed is followed by another, and each message comes once: %s', async (_, make) => {
  const topic = await topics.make({ configs: { 'min.insync.replicas': '2' } })
  const values = Array.from({ length: 5000 }, (_, at) => `value ${at}`)
  for (let from = 0; from < values.length; from += 100) {
    await topics.produce(
      topic,
      0,
      values.slice(from, from + 100).map(value => ({ value })),
    )
  }
  const log = make({ brokers: brokers.map(({ bootstrap }) => bootstrap), tls: undefined, sasl: undefined })
  const read: string[] = []
  let killed: Broker | undefined
  for await (const { messages } of log.readRange(await rangeOf(log, topic), { batchBytes: 2000, signal: never })) {
    read.push(...messages.map(({ value }) => textOf(value)!))
    if (killed || read.length < 1000) continue
    killed = brokers[(await topics.leaderOf(topic, 0)) - 1]!
    await killed.kill()
  }
  await killed!.start()
  await log.close()
  expect(read).toEqual(values)
})
