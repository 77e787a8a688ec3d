/** How clusters and registries are reached: the definition, then the environment, and what is missing of both. */
import { createPrivateKey } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FaultsError } from '../src/domain/errors.ts'
import type { KafkaAccess } from '../src/domain/kafkaSource.ts'
import { KafkaConfig } from '../src/kafkaConfig.ts'
import { authority } from './kit/certificates.ts'
import { quern } from './kit/cli.ts'
import { ORDERS_CSV, orders, project } from './kit/project.ts'
import { scratch } from './kit/scratch.ts'

const folder = scratch('kafka-config')
const BROKERS = { KAFKA_BROKERS: 'a:9092' }
const cluster = (env: Record<string, string>, access: KafkaAccess = {}) =>
  new KafkaConfig(env, folder).cluster('payments', access)

/** The faults, each as `place: message`. */
function faults(work: () => unknown): string[] {
  try {
    work()
  } catch (error) {
    expect(error).toBeInstanceOf(FaultsError)
    expect(error).toMatchObject({ exitCode: 2 })
    return (error as FaultsError).faults.map(({ place, message }) => `${place}: ${message}`)
  }
  return []
}

describe('a cluster', () => {
  it('is where the definition says, else where the environment does', () => {
    expect(cluster({ ...BROKERS }, { brokers: ['own:1'] })).toEqual({ brokers: ['own:1'], tls: undefined, sasl: undefined })
    expect(cluster({ KAFKA_BOOTSTRAP_SERVERS: ' b:9092, [::1]:9093,' }).brokers).toEqual(['b:9092', '[::1]:9093'])
    expect(cluster({ ...BROKERS, KAFKA_BOOTSTRAP_SERVERS: 'b:9092' }).brokers).toEqual(['a:9092'])
    expect(cluster({ ...BROKERS, MINE: 'm:1,n:2' }, { brokers: { env: 'MINE' } }).brokers).toEqual(['m:1', 'n:2'])
  })

  it('that is nowhere, or no place, is said with who asks', () => {
    expect(faults(() => cluster({}))).toEqual([
      'source `payments`: brokers: are named neither by the source nor by KAFKA_BROKERS or KAFKA_BOOTSTRAP_SERVERS',
    ])
    expect(faults(() => cluster({ ...BROKERS }, { brokers: { env: 'MINE' } }))).toEqual([
      'source `payments`: MINE: is not set, and the definition names it',
    ])
    expect(faults(() => cluster({ KAFKA_BROKERS: 'a:9092,u:secret@b' }))).toEqual([
      'source `payments`: KAFKA_BROKERS: its broker 2 is no host and port',
    ])
  })

  const USER = { KAFKA_SASL_USERNAME: 'u', KAFKA_SASL_PASSWORD: 'p' }
  const password = (mechanism: string) => ({ mechanism, username: 'u', password: 'p' })
  const sasl: [what: string, env: Record<string, string>, access: KafkaAccess, expected: unknown][] = [
    ['nobody', {}, {}, undefined],
    ['by password', { KAFKA_SASL_MECHANISM: 'PLAIN', ...USER }, {}, password('plain')],
    ['by SCRAM', { KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512', ...USER }, {}, password('scram-sha-512')],
    [
      'by no password where the protocol has none',
      { KAFKA_SECURITY_PROTOCOL: 'PLAINTEXT', KAFKA_SASL_MECHANISM: 'PLAIN', ...USER },
      {},
      undefined,
    ],
    ['by token', { KAFKA_SASL_MECHANISM: 'oauthbearer', KAFKA_SASL_TOKEN: 't' }, {}, { mechanism: 'oauthbearer', token: 't' }],
    [
      'by a token that is asked for',
      {
        KAFKA_SASL_MECHANISM: 'OAUTHBEARER',
        KAFKA_SASL_TOKEN_URL: 'https://x/t',
        KAFKA_SASL_CLIENT_ID: 'c',
        KAFKA_SASL_CLIENT_SECRET: 's',
      },
      {},
      { mechanism: 'oauthbearer', tokenUrl: 'https://x/t', clientId: 'c', clientSecret: 's', scope: undefined },
    ],
    [
      'as the definition says, whatever the protocol',
      { KAFKA_SECURITY_PROTOCOL: 'PLAINTEXT', KAFKA_SASL_MECHANISM: 'PLAIN', ...USER, MINE: 'm' },
      { sasl: { mechanism: 'scram-sha-256', username: { env: 'KAFKA_SASL_USERNAME' }, password: { env: 'MINE' } } },
      { mechanism: 'scram-sha-256', username: 'u', password: 'm' },
    ],
  ]
  it.each(sasl)('is asked %s', (_, env, access, expected) => {
    expect(cluster({ ...BROKERS, ...env }, access).sasl).toEqual(expected)
  })

  const missing: [env: Record<string, string>, said: string[]][] = [
    [{ KAFKA_SECURITY_PROTOCOL: 'SASL_SSL' }, ['KAFKA_SASL_MECHANISM: is not set, and connections are authenticated']],
    [{ KAFKA_SASL_USERNAME: 'u' }, ['KAFKA_SASL_MECHANISM: is not set, and connections are authenticated']],
    [{ KAFKA_SASL_MECHANISM: 'GSSAPI' }, ['KAFKA_SASL_MECHANISM: `GSSAPI` is no mechanism']],
    [{ KAFKA_SECURITY_PROTOCOL: 'TLS' }, ['KAFKA_SECURITY_PROTOCOL: `TLS` is no protocol']],
    [
      { KAFKA_SASL_MECHANISM: 'PLAIN' },
      [
        'KAFKA_SASL_USERNAME: is not set, and KAFKA_SASL_MECHANISM is PLAIN',
        'KAFKA_SASL_PASSWORD: is not set, and KAFKA_SASL_MECHANISM is PLAIN',
      ],
    ],
    [
      { KAFKA_SASL_MECHANISM: 'OAUTHBEARER' },
      ['KAFKA_SASL_TOKEN: is not set, and KAFKA_SASL_MECHANISM is OAUTHBEARER and KAFKA_SASL_TOKEN_URL is not set either'],
    ],
  ]
  it.each(missing)('wants the rest of %j', (env, said) => {
    expect(faults(() => cluster({ ...BROKERS, ...env }))).toEqual(said.map(text => `source \`payments\`: ${text}`))
  })
})

describe('encryption', () => {
  const { issue } = authority()
  const { cert, key } = issue('me')
  const cipher = { cipher: 'aes-256-cbc', passphrase: 'hunter2' }
  const locked = createPrivateKey(key).export({ type: 'pkcs8', format: 'pem', ...cipher })
  for (const [name, text] of Object.entries({ cert, key, locked, other: issue('another').key }))
    writeFileSync(join(folder, `${name}.pem`), text)
  writeFileSync(join(folder, 'text.pem'), 'nothing of the kind')
  writeFileSync(join(folder, 'broken.pem'), '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n')

  it('is as the definition says, else as the protocol, else where files are named', () => {
    expect(cluster(BROKERS, { tls: {} }).tls).toEqual({})
    expect(cluster({ ...BROKERS, KAFKA_SECURITY_PROTOCOL: 'ssl' }).tls).toEqual({})
    const named = { ...BROKERS, KAFKA_SSL_CA: 'cert.pem' }
    expect(cluster(named).tls).toEqual({ ca: expect.stringContaining('BEGIN CERTIFICATE') })
    expect(
      cluster(
        { ...named, KAFKA_SECURITY_PROTOCOL: 'SASL_PLAINTEXT' },
        { sasl: { mechanism: 'oauthbearer', token: { env: 'KAFKA_SSL_CA' } } },
      ).tls,
    ).toBe(undefined)
    expect(cluster({ ...named, KAFKA_SECURITY_PROTOCOL: 'PLAINTEXT' }, { tls: {} }).tls).toEqual({ ca: expect.any(String) })
  })

  it('takes a certificate with its key, and the password of the key', () => {
    const env = { ...BROKERS, KAFKA_SSL_CERT: 'cert.pem', KAFKA_SSL_KEY: 'locked.pem', KAFKA_SSL_KEY_PASSWORD: 'hunter2' }
    expect(cluster(env).tls).toEqual({
      cert: expect.any(String),
      key: expect.stringContaining('ENCRYPTED'),
      keyPassword: 'hunter2',
    })
    expect(cluster(BROKERS, { tls: { cert: 'cert.pem', key: 'key.pem' } }).tls).toMatchObject({ key: expect.any(String) })
  })

  const wrong: [what: string, env: Record<string, string>, tls: NonNullable<KafkaAccess['tls']>, said: RegExp][] = [
    ['a file that is not there', {}, { ca: 'gone.pem' }, /tls\.ca: .*gone\.pem cannot be read \(ENOENT\)/],
    ['a file of a variable that is not there', { KAFKA_SSL_CA: 'gone.pem' }, {}, /KAFKA_SSL_CA: .*gone\.pem cannot be read/],
    ['a file of another kind', {}, { ca: 'text.pem' }, /tls\.ca: .*text\.pem is no PEM file/],
    ['a certificate that is none', {}, { ca: 'broken.pem' }, /certificate of whom to trust cannot be understood/],
    ['a key without its certificate', { KAFKA_SSL_KEY: 'key.pem' }, {}, /KAFKA_SSL_CERT: is not set/],
    ['the key of another', {}, { cert: 'cert.pem', key: 'other.pem' }, /the key is not that of the certificate/],
    ['a locked key', {}, { cert: 'cert.pem', key: 'locked.pem' }, /the client's key cannot be understood/],
    [
      'a wrong password',
      { KAFKA_SSL_KEY_PASSWORD: 'secret1' },
      { cert: 'cert.pem', key: 'locked.pem' },
      /the client's key cannot be understood/,
    ],
    ['a password that is not set', {}, { cert: 'cert.pem', key: 'locked.pem', keyPassword: { env: 'MINE' } }, /MINE: is not set/],
  ]
  it.each(wrong)('refuses %s', (_, env, tls, said) => {
    const found = faults(() => cluster({ ...BROKERS, ...env }, { tls }))
    expect(found).toEqual([expect.stringMatching(said)])
    expect(found.join()).not.toMatch(/secret1|hunter2/)
  })
})

describe('a registry', () => {
  const registry = (env: Record<string, string>, access: Parameters<KafkaConfig['registry']>[1]) =>
    new KafkaConfig(env, folder).registry('payments', access)
  const GENERAL = { SCHEMA_REGISTRY_URL: 'http://r:1', SCHEMA_REGISTRY_USERNAME: 'u', SCHEMA_REGISTRY_PASSWORD: 'p' }

  it('is as the definition says, else as the environment does', () => {
    expect(registry({}, { url: 'http://own' })).toEqual({ url: 'http://own', username: undefined, password: undefined })
    expect(registry(GENERAL, { url: { env: 'SCHEMA_REGISTRY_URL' } })).toEqual({
      url: 'http://r:1',
      username: 'u',
      password: 'p',
    })
    const own = { url: 'http://own', username: 'me', password: { env: 'MINE' } }
    expect(registry({ ...GENERAL, MINE: 'm' }, own)).toEqual({ url: 'http://own', username: 'me', password: 'm' })
  })

  it('that is not told, or is no address, is said without its secrets', () => {
    const url = { env: 'SCHEMA_REGISTRY_URL' }
    expect(faults(() => registry({}, { url }))).toEqual([
      'source `payments`: SCHEMA_REGISTRY_URL: is not set, and the definition names it',
    ])
    expect(faults(() => registry({ SCHEMA_REGISTRY_URL: 'http://u:hunter2@r' }, { url }))).toEqual([
      'source `payments`: SCHEMA_REGISTRY_URL: is no address',
    ])
    expect(faults(() => registry({ SCHEMA_REGISTRY_PASSWORD: 'p' }, { url: 'http://own' }))).toHaveLength(1)
  })
})

it('nobody who reads no topic is asked for anything', async () => {
  const cwd = project({ 'transforms/o.ts': orders(), 'data/a.csv': ORDERS_CSV })
  const env = { KAFKA_SECURITY_PROTOCOL: 'nonsense', KAFKA_SSL_CA: 'gone.pem', KAFKA_BROKERS: '???' }
  expect(await quern(['run', '--until', '2026-01-04T00:00:00Z'], { cwd, env })).toMatchObject({ code: 0 })
})
