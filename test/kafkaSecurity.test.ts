/** Who may read, over each client's connections: every way to log in, and what is told of those that fail. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { QuernError } from '../src/domain/errors.ts'
import type { EventLog, MessageBatch } from '../src/domain/eventLog.ts'
import type { KafkaSettings } from '../src/domain/kafkaSource.ts'
import { directLog, kafkajsLog, platformaticLog } from '../src/sources/kafka/clients.ts'
import type { Patience } from '../src/sources/kafka/patience.ts'
import { authority } from './kit/certificates.ts'
import { type Broker, startBroker } from './kit/kafkaBroker.ts'
import type { Security } from './kit/kafkaSecurity.ts'
import { batchesOf, never, valuesOf } from './kit/readLog.ts'
import { freePort } from './kit/serverProcess.ts'
import { describeWithBroker } from './kit/sharedBroker.ts'
import { type Topics, topicsAt } from './kit/topics.ts'

const HASTY: Patience = { connect: 10_000, answer: 10_000, contact: 400, away: 400 }

describeWithBroker('a guarded broker', { timeout: 60_000 }, () => {
  let broker: Broker
  let topics: Topics
  let access: Security
  let topic: string
  let hidden: string
  let shown: string
  const CERTIFIED = 'User:CN=quern-client'
  beforeAll(async () => {
    broker = await startBroker({ secure: true })
    access = broker.security
    topics = topicsAt(broker.bootstrap)
    ;[topic, hidden, shown] = [await topics.make(), await topics.make(), await topics.make()]
    for (const name of [topic, hidden, shown]) await topics.produce(name, 0, [{ value: 'read' }])
    for (const principal of ['User:quern', CERTIFIED, 'User:ANONYMOUS', 'User:of-token']) {
      await topics.allow(principal, topic, ['READ'])
      await topics.allow(principal, shown, ['DESCRIBE'])
    }
  })
  afterAll(async () => {
    await topics.close()
    await broker.stop()
  })

  const password = (mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512', change = {}): NonNullable<KafkaSettings['sasl']> => ({
    mechanism,
    ...access.user,
    ...change,
  })
  const certified = (): NonNullable<KafkaSettings['tls']> => ({ ca: access.authority.cert, ...access.client.certified })

  describe.each([
    ['direct', directLog],
    ['@platformatic/kafka', platformaticLog],
    ['kafkajs', kafkajsLog],
  ] as const)('over %s', (_, make) => {
    const opened = (settings: KafkaSettings): EventLog => {
      const log = make(settings, HASTY)
      onTestFinished(() => log.close())
      return log
    }
    /** Everything that the error holds, beside what it says. */
    const refusal = async (settings: KafkaSettings, name = topic): Promise<{ error: QuernError; text: string }> => {
      const error: unknown = await valuesOf(opened(settings), name).then(
        () => expect.unreachable('it is accepted'),
        error => error,
      )
      if (!(error instanceof QuernError)) throw error
      const text = `${error.message}\n${error.hint}\n${inspect(error, { depth: 12, showHidden: true, getters: true })}`
      for (const secret of [access.user.password, settings.tls?.key, SECRET]) if (secret) expect(text).not.toContain(secret)
      return { error, text }
    }
    const SECRET = 'not-the-right-secret'

    it.each<[string, () => KafkaSettings]>([
      ['encrypted', () => access.settings('tls')],
      ['by a certificate', () => access.settings('mutual', undefined, certified())],
      ['by PLAIN', () => access.settings('sasl', password('plain'))],
      ['by SCRAM-SHA-256', () => access.settings('sasl', password('scram-sha-256'))],
      ['by SCRAM-SHA-512', () => access.settings('sasl', password('scram-sha-512'))],
      ['by OAUTHBEARER', () => access.settings('sasl', { mechanism: 'oauthbearer', token: access.token('of-token') })],
      ['by PLAIN, encrypted', () => access.settings('saslTls', password('plain'))],
      ['by SCRAM-SHA-512, encrypted', () => access.settings('saslTls', password('scram-sha-512'))],
    ])('reads %s', async (_, settings) => {
      const log = opened(settings())
      const [{ epoch }] = (await batchesOf(log, topic)) as [MessageBatch]
      expect(await valuesOf(log, topic)).toEqual(['read'])
      const { topicId } = await log.topic(topic, never)
      const position = { partition: 0, offset: 1n, epoch }
      expect(await log.heldUpTo({ topic, topicId }, [position], never)).toEqual(new Map([[0, 1n]]))
    })

    it('reads by a certificate whose key is encrypted', async () => {
      const tls = {
        ca: access.authority.cert,
        ...access.authority.issue(access.client.name, 'of the key'),
        keyPassword: 'of the key',
      }
      expect(await valuesOf(opened(access.settings('mutual', undefined, tls)), topic)).toEqual(['read'])
      const { error } = await refusal(access.settings('mutual', undefined, { ...tls, keyPassword: SECRET }))
      expect(error).toMatchObject({ exitCode: 2, code: 'definition.kafka-certificate' })
      expect(error.message).toContain('another password')
    })

    it('reads by a token that it asks for once', async () => {
      const asked: string[] = []
      const server = createServer(async (request, response) => {
        const body = (await Array.fromAsync(request)).join('')
        asked.push(`${request.headers.authorization} ${body}`)
        response.statusCode = body.includes('wrong') ? 401 : 200
        response.end(JSON.stringify({ access_token: access.token('of-token'), expires_in: 3600 }))
      }).listen(0, '127.0.0.1')
      onTestFinished(() => void server.close())
      await new Promise(resolve => server.once('listening', resolve))
      const tokenUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`
      const sasl = { mechanism: 'oauthbearer', tokenUrl, clientId: 'id', clientSecret: SECRET, scope: 'kafka' } as const
      const log = opened(access.settings('sasl', sasl))
      expect(await valuesOf(log, topic)).toEqual(['read'])
      expect(await valuesOf(log, topic)).toEqual(['read'])
      expect(asked).toEqual([`Basic ${Buffer.from(`id:${SECRET}`).toString('base64')} grant_type=client_credentials&scope=kafka`])
      const { error } = await refusal(access.settings('sasl', { ...sasl, scope: 'wrong' }))
      expect(error).toMatchObject({ exitCode: 2, code: 'definition.kafka-login' })
      const away = await refusal(access.settings('sasl', { ...sasl, tokenUrl: `http://127.0.0.1:${await freePort()}/token` }))
      expect(away.error).toMatchObject({ exitCode: 75, code: 'transient.token' })
    })

    it.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)(
      'tells that a password or a name is wrong: %s',
      async mechanism => {
        for (const change of [{ password: SECRET }, { username: 'nobody' }]) {
          const { error } = await refusal(access.settings('sasl', password(mechanism, change)))
          expect(error).toMatchObject({ exitCode: 2, code: 'definition.kafka-login' })
          expect(error.message).toContain(`by ${mechanism.toUpperCase()} of \`${'username' in change ? 'nobody' : 'quern'}\``)
        }
      },
    )

    it('tells that a token is not accepted', async () => {
      for (const token of [access.token('of-token', -60), SECRET]) {
        const { error, text } = await refusal(access.settings('sasl', { mechanism: 'oauthbearer', token }))
        expect(error).toMatchObject({ exitCode: 2, code: 'definition.kafka-login' })
        expect(text).not.toContain(token)
      }
    })

    it('tells that the listener takes no logins', async () => {
      const { error } = await refusal({ ...access.settings('tls', password('plain')) })
      expect(error).toMatchObject({ exitCode: 2, code: 'definition.kafka-mechanism' })
    })

    it('tells a certificate that is not trusted', async () => {
      const other = authority('another authority')
      const { error } = await refusal(access.settings('tls', undefined, { ca: other.cert }))
      expect(error).toMatchObject({ exitCode: 2, code: 'definition.kafka-certificate' })
      expect(error.message).toMatch(/the broker's certificate is of no authority that is trusted/)
      const system = await refusal(access.settings('tls', undefined, {}))
      expect(system.error).toMatchObject({ exitCode: 2, code: 'definition.kafka-certificate' })
    })

    it("tells that the client's certificate is missing, or of another authority", async () => {
      const missing = await refusal(access.settings('mutual'))
      expect(missing.error).toMatchObject({ exitCode: 2, code: 'definition.kafka-certificate' })
      expect(missing.error.message).toContain('does not accept clients without a certificate')
      const foreign = { ca: access.authority.cert, ...authority('another authority').issue('stranger') }
      const refused = await refusal(access.settings('mutual', undefined, foreign))
      expect(refused.error).toMatchObject({ exitCode: 2, code: 'definition.kafka-certificate' })
      expect(refused.error.message).toContain('`User:CN=stranger`')
    })

    it('tells a file that is no certificate, and a key of another one', async () => {
      const none = await refusal(
        access.settings('tls', undefined, { ca: access.authority.cert, cert: 'no certificate', key: 'no key at all' }),
      )
      expect(none.error).toMatchObject({ exitCode: 2, code: 'definition.kafka-certificate' })
      const mixed = { ca: access.authority.cert, cert: access.authority.issue('a').cert, key: access.authority.issue('b').key }
      const { error } = await refusal(access.settings('mutual', undefined, mixed))
      expect(error.message).toContain('the key is not that of the certificate')
    })

    it('tells plain from encrypted ports', async () => {
      const plain = await refusal({ ...access.settings('tls'), tls: undefined })
      expect(plain.error).toMatchObject({ exitCode: 2, code: 'definition.kafka-tls' })
      // A plain port hangs up on what it does not understand, as a broker does that is going down.
      const encrypted = await refusal({ ...access.settings('tls'), brokers: [broker.bootstrap] })
      expect(encrypted.error).toMatchObject({ exitCode: 75, code: 'transient.kafka' })
      expect(encrypted.error.message).toContain('hangs up')
      expect(encrypted.error.hint).toContain('with `tls`')
      const silent = await refusal(access.settings('sasl'))
      expect(silent.error).toMatchObject({ exitCode: 75, code: 'transient.kafka' })
      expect(silent.error.hint).toContain('without `sasl`')
    })

    it('tells which access is missing, and to whom', async () => {
      const denied = await refusal(access.settings('sasl', password('plain')), shown)
      expect(denied.error).toMatchObject({
        exitCode: 3,
        code: 'data.topic-denied',
        values: { operation: 'READ', principal: 'User:quern' },
      })
      expect(denied.error.message).toContain(`topic \`${shown}\` may not be read by \`User:quern\``)
      const byCertificate = await refusal(access.settings('mutual', undefined, certified()), shown)
      expect(byCertificate.error).toMatchObject({ exitCode: 3, values: { principal: CERTIFIED } })
      // Who may not even know of a topic is told either.
      const { error } = await refusal(access.settings('sasl', password('plain')), hidden)
      expect(['data.topic-denied', 'definition.topic']).toContain(error.code)
      expect(error.hint).toContain('DESCRIBE')
    })

    it('tells that nobody is there', async () => {
      const closed = `127.0.0.1:${await freePort()}`
      const { error } = await refusal({ brokers: [closed], tls: undefined, sasl: undefined })
      expect(error).toMatchObject({ exitCode: 75, code: 'transient.kafka' })
      expect(error.message).toContain(`Kafka at ${closed} is out of reach`)
      expect(error.message).toContain('ECONNREFUSED')
      const unknown = await refusal({ brokers: ['no-such-host.invalid:9092'], tls: undefined, sasl: undefined })
      expect(unknown.error).toMatchObject({ exitCode: 75, code: 'transient.kafka' })
      expect(unknown.error.message).toMatch(/the host's name is not known/)
    })

    it('takes the broker that answers, of those that are named', async () => {
      const settings = access.settings('sasl', password('plain'))
      const brokers = [`127.0.0.1:${await freePort()}`, ...settings.brokers]
      expect((await opened({ ...settings, brokers }).topic(topic, never)).partitions).toHaveLength(1)
    })
  })
})
