/** Logs of events, of a real broker, over each client's connections. */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { countingBatches } from '../src/sources/kafka/abortedTransactions.ts'
import { directLog, kafkajsLog, platformaticLog } from '../src/sources/kafka/clients.ts'
import { directClient } from '../src/sources/kafka/directLine.ts'
import { PATIENCE } from '../src/sources/kafka/patience.ts'
import { recordBatches, messagesOf as storedMessages } from '../src/sources/kafka/recordBatches.ts'
import { fetchAnswer, fetchRequest } from '../src/sources/kafka/requests.ts'
import { describeEventLog } from './conformance/eventLog.ts'
import { program, REPOSITORY } from './kit/cli.ts'
import { never, textOf, valuesOf } from './kit/readLog.ts'
import { describeWithBroker, sharedBroker } from './kit/sharedBroker.ts'

describeWithBroker('a broker', () => {
  const shared = sharedBroker()
  const settings = () => ({ brokers: [shared.broker.bootstrap], tls: undefined, sasl: undefined })

  describeEventLog(
    'direct',
    () => directLog(settings()),
    () => shared.topics,
  )
  describeEventLog(
    '@platformatic/kafka',
    () => platformaticLog(settings()),
    () => shared.topics,
  )
  describeEventLog(
    'kafkajs',
    () => kafkajsLog(settings()),
    () => shared.topics,
  )

  it('tells what is damaged where it is stored', async () => {
    const topic = await shared.topics.make()
    for (const value of ['first', 'second', 'third']) await shared.topics.produce(topic, 0, [{ value }])
    const file = join(shared.broker.folder, `${topic}-0`, `${'0'.repeat(20)}.log`)
    const at = readFileSync(file).indexOf('second')
    const opened = openSync(file, 'r+')
    writeSync(opened, 'spoilt', at)
    closeSync(opened)
    const log = directLog(settings())
    expect(await valuesOf(log, topic, 0, { to: 1n, batchBytes: 1 })).toEqual(['first'])
    await expect(valuesOf(log, topic)).rejects.toMatchObject({
      exitCode: 3,
      code: 'data.corrupt',
      values: { first: '1', last: '1' },
    })
    await log.close()
  })

  it('reads by the requests of brokers before Kafka 3.1, whose topics go by their names', async () => {
    const topic = await shared.topics.make()
    const producer = shared.topics.transactions()
    await producer.begin()
    await producer.send(topic, 0, [{ value: 'no' }])
    await producer.abort()
    await shared.topics.produce(topic, 0, [{ value: 'yes' }], 'gzip')
    await shared.topics.settled(topic)
    const open = await directClient(settings(), PATIENCE)
    const [host, port] = shared.broker.bootstrap.split(':') as [string, string]
    const line = await open({ host, port: Number(port) }, () => {}, never)
    const question = { topic, topicId: 'unknown', partition: 0, epoch: -1, offset: 0n, read: -1, bytes: 1 << 20, wait: 500 }
    const request = fetchRequest(question, new Map([[1, { oldest: 4, newest: 12 }]]))
    expect(request).toMatchObject({ version: 11, flexible: false })
    const { aborted, records } = fetchAnswer(await line.ask(request), request)
    expect(aborted).toMatchObject([{ firstOffset: 0n }])
    const batches = countingBatches(recordBatches(records, topic), aborted)
    const values = await Promise.all(batches.map(async batch => (await storedMessages(batch)).map(({ value }) => textOf(value))))
    expect(values).toEqual([['yes']])
    line.destroy()
  })

  it.each(['directLog', 'platformaticLog', 'kafkajsLog'])('lets the process end by itself: %s', async name => {
    const topic = await shared.topics.make()
    await shared.topics.produce(topic, 0, [{ value: 'a' }, { value: 'b' }])
    const code = `
      const logs = await import('./src/sources/kafka/clients.ts')
      const log = logs[${JSON.stringify(name)}]({ brokers: [${JSON.stringify(shared.broker.bootstrap)}] })
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
