/** What is done with a topic and its archive beside landing, by the program over a real broker. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { documents } from './kit/cli.ts'
import { writeFiles } from './kit/project.ts'
import { localRegistry } from './kit/schemaRegistry.ts'
import { describeWithBroker, sharedBroker } from './kit/sharedBroker.ts'
import { type TopicProject, topicProject } from './kit/topicProject.ts'

const payment = (id: string, more: object = {}): string =>
  JSON.stringify({ id, customer: 'c1', at: '2026-01-05T10:00:00Z', amount: 5, ...more })

/** Nobody listens there. */
const NOBODY = { env: { KAFKA_BROKERS: '127.0.0.1:1' } }

describeWithBroker('a topic and its archive', () => {
  const shared = sharedBroker({ secure: true })
  const projectOf = (topic: string, more: object = {}): TopicProject =>
    topicProject({ brokers: shared.broker.bootstrap, topic, ...more })
  const said = async ({ quern }: TopicProject, ...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await quern(args)
    expect(code, stderr).toBe(0)
    return stdout + stderr
  }

  it('are planned, compacted and cleaned up, and what was refused lands once it passes', async () => {
    const topic = await shared.topics.make({ partitions: 2 })
    const place = projectOf(topic)
    const { quern, cwd } = place
    // They wait for a cluster that may come yet.
    const alone = Promise.all([quern(['plan', '--json'], NOBODY), quern(['doctor', '--json'], NOBODY)])
    await shared.topics.produce(
      topic,
      1,
      [payment('a'), payment('b', { amount: -7 }), 'no json'].map(value => ({ value })),
    )

    expect(await said(place, 'plan')).toContain(
      `payments: topic ${topic}: 3 messages in 1 partition wait, and a run lands them first\nspend: `,
    )
    expect(documents(await quern(['plan', '--json']))).toMatchObject([
      {
        name: 'spend',
        lag: {
          messages: 3,
          lost: 0,
          partitions: [
            { partition: 0, from: 0, to: 0 },
            { partition: 1, from: 0, to: 3 },
          ],
        },
      },
    ])
    await said(place, 'run')
    await shared.topics.produce(topic, 0, [{ value: payment('c') }])
    await said(place, 'run')
    expect(await said(place, 'plan')).toContain(`payments: topic ${topic}: all has landed\nspend: unchanged`)
    const listed = await said(place, 'rejected', 'payments')
    expect(listed).toContain(`topic ${topic}, partition 1, offset 1: amount = -7 in {`)
    expect(listed).toContain(`topic ${topic}, partition 1, offset 2: no json`)
    expect(listed).toContain('2 rows of 1 partition, as found by all runs so far\n')
    expect(await said(place, 'rejected', 'payments', '--replay')).toContain("none of 2 refused rows passes today's schema")
    const file = readFileSync(join(cwd, 'transforms/spend.ts'), 'utf8')
    writeFiles(cwd, { 'transforms/spend.ts': file.replace('.nonnegative()', '') })
    expect(await said(place, 'rejected', 'payments', '--replay')).toContain(
      "1 of 2 refused rows passes today's schema; 1 row landed in archive/payments, version 2: the next run reads them",
    )
    expect(documents(await quern(['rejected', 'payments', '--replay', '--json'])).at(-1)).toMatchObject({
      outcome: 'unchanged',
      passing: 1,
      landed: { rows: 0, version: null },
    })
    expect(documents(await quern(['rejected', 'payments', '--json'])).map(({ row, replayed }) => [row, replayed])).toEqual([
      [1, true],
      [2, false],
    ])
    expect((await place.archived()).map(row => [row.id, row._partition, row._offset])).toEqual([
      ['c', 0, 0n],
      ['a', 1, 0n],
      ['b', 1, 1n],
    ])

    expect(await said(place, 'compact', 'payments')).toBe('payments: committed version 3 (3 files into 1)\n')
    expect(await said(place, 'compact', 'archive/payments')).toContain('payments: unchanged at version 3')
    expect(documents(await quern(['run', '--json']))).toMatchObject([
      { outcome: 'committed', rowsRead: 1, landed: { commits: 0 } },
    ])
    expect(documents(await quern(['run', '--json']))).toMatchObject([{ outcome: 'unchanged', rowsRead: 0 }])
    const cleaned = await quern(['vacuum', 'payments', '--retain', '0s', '--json', '--apply'])
    expect(cleaned.code, cleaned.stderr).toBe(0)
    expect(documents(cleaned).filter(({ why }) => why === 'version')).toHaveLength(3)
    expect(await place.archived()).toHaveLength(3)
    expect(documents(await quern(['verify', 'spend', '--json']))).toMatchObject([{ outcome: 'equal' }])
    const unknown = await quern(['compact', 'paymens'])
    expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('Did you mean `payments`?') })

    // Gone before they were read: told as a run would tell it.
    await shared.topics.produce(topic, 0, [{ value: payment('d') }, { value: payment('e') }])
    await shared.topics.deleteRecords(topic, 0, 2n)
    expect(await quern(['plan'])).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/offsets 1 to 1 are gone.*offsets-gone/s),
    })
    expect(await said(place, 'plan', '--accept-loss')).toContain(
      '1 message in 1 partition waits, and a run lands them first; 1 offsets are gone unread',
    )

    const [away, doctor] = await alone
    expect(away).toMatchObject({ code: 75, stdout: expect.stringContaining('"code":"transient.') })
    expect(doctor.code).toBe(75)
    expect(documents(doctor)).toContainEqual({
      check: `topic ${topic}`,
      ok: false,
      detail: expect.stringContaining('127.0.0.1:1'),
    })
  })

  it('are examined by doctor: the topic, the right to read it, and the registry', async () => {
    const topic = await shared.topics.make({ partitions: 2 })
    const registry = await localRegistry()
    const source = `format: 'avro', registry: { url: '${registry.url}' },`
    const { authority, ports, user } = shared.broker.security
    const place = projectOf(topic, { source, files: { 'ca.pem': authority.cert } })
    const examined = async (env: Record<string, string> = {}) => {
      const outcome = await place.quern(['doctor', '--json'], { env })
      const found = documents(outcome).filter(({ check }) => /^(topic|registry)/.test(String(check)))
      return [outcome.code, ...found.map(({ ok, detail }) => `${ok} ${detail}`)]
    }
    expect(await examined()).toEqual([
      0,
      'true 2 partitions, empty: whether it may be read is told by the first message',
      `true ${registry.url} answers`,
    ])
    await shared.topics.produce(topic, 1, [{ value: payment('a') }, { value: payment('b') }])
    registry.fail({ kind: 'status', status: 403 })
    expect(await examined()).toEqual([2, 'true 2 partitions, 2 offsets, can be read', expect.stringMatching(/^false .*\(403\)/)])
    registry.heal()
    const login = {
      KAFKA_BROKERS: `localhost:${ports.sasl}`,
      KAFKA_SASL_MECHANISM: 'PLAIN',
      KAFKA_SASL_USERNAME: user.username,
      KAFKA_SASL_PASSWORD: user.password,
    }
    await shared.topics.allow('User:quern', topic, ['DESCRIBE'])
    expect(await examined(login)).toEqual([
      2,
      expect.stringMatching(/^false .*may not be read by `User:quern`/s),
      expect.stringMatching(/^true/),
    ])
    await shared.topics.allow('User:quern', topic, ['READ'])
    expect(await examined(login)).toEqual([0, 'true 2 partitions, 2 offsets, can be read', expect.stringMatching(/^true/)])
    await registry.close()
    expect(await examined(login)).toEqual([
      75,
      expect.stringMatching(/^true/),
      expect.stringMatching(/^false .*after 2 requests/s),
    ])
  })
})
