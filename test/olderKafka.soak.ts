/** The same promises of an older broker: `npm run soak` looks. */
import { afterAll, beforeAll, describe } from 'vitest'
import { directLog } from '../src/sources/kafka/clients.ts'
import { describeEventLog } from './conformance/eventLog.ts'
import { type Broker, startBroker } from './kit/kafkaBroker.ts'
import { type Topics, topicsAt } from './kit/topics.ts'

describe('Kafka 3.9.1', () => {
  let broker: Broker
  let topics: Topics
  beforeAll(async () => {
    broker = await startBroker({ version: '3.9.1' })
    topics = topicsAt(broker.bootstrap)
  }, 300_000)
  afterAll(async () => {
    await topics.close()
    await broker.stop()
  })
  describeEventLog(
    'direct',
    () => directLog({ brokers: [broker.bootstrap], tls: undefined, sasl: undefined }),
    () => topics,
  )
})
