/** Logs of events, of a real broker, over each client's connections. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { directLog, kafkajsLog, platformaticLog } from '../src/sources/kafka/clients.ts'
import { describeEventLog } from './conformance/eventLog.ts'
import { program, REPOSITORY } from './kit/cli.ts'
import { type Broker, kafkaPrograms, startBroker } from './kit/kafkaBroker.ts'
import { type Topics, topicsAt } from './kit/topics.ts'

const found = await kafkaPrograms()
if ('missing' in found) console.warn(found.missing)

describe.skipIf('missing' in found)('a broker', () => {
  let broker: Broker
  let topics: Topics
  beforeAll(async () => {
    broker = await startBroker()
    topics = topicsAt(broker.bootstrap)
  })
  afterAll(async () => {
    await topics.close()
    await broker.stop()
  })
  const settings = () => ({ brokers: [broker.bootstrap], tls: undefined, sasl: undefined })

  describeEventLog(
    'direct',
    () => directLog(settings()),
    () => topics,
  )
  describeEventLog(
    '@platformatic/kafka',
    () => platformaticLog(settings()),
    () => topics,
  )
  describeEventLog(
    'kafkajs',
    () => kafkajsLog(settings()),
    () => topics,
  )

  it.each(['directLog', 'platformaticLog', 'kafkajsLog'])('lets the process end by itself: %s', async name => {
    const topic = await topics.make()
    await topics.produce(topic, 0, [{ value: 'a' }, { value: 'b' }])
    const code = `
      const logs = await import('./src/sources/kafka/clients.ts')
      const log = logs[${JSON.stringify(name)}]({ brokers: [${JSON.stringify(broker.bootstrap)}] })
      const signal = new AbortController().signal
      const { topicId, partitions: [{ first: from, end: to }] } = await log.topic(${JSON.stringify(topic)}, signal)
      const range = { topic: ${JSON.stringify(topic)}, topicId, partition: 0, from, to }
      for await (const { messages } of log.readRange(range, { batchBytes: 1, signal })) console.log(String(messages[0].value))
      for await (const _ of log.readRange(range, { batchBytes: 1, signal })) break
      await log.close()`
    const outcome = await program(process.execPath, ['--input-type=module', '--eval', code], { cwd: REPOSITORY, env: {} })
    expect(outcome).toMatchObject({ code: 0, stdout: 'a\nb\n', stderr: '' })
  })
})
