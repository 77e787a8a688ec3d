/** Listeners of a broker that ask who is there, the users that they know, and what these may do. */
import { pbkdf2Sync, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { alterUserScramCredentialsV0, Connection, ScramMechanisms } from '@platformatic/kafka'
import type { KafkaSettings } from '../../src/domain/kafkaSource.ts'
import { type Authority, authority, type Certified } from './certificates.ts'
import { freePort } from './serverProcess.ts'

export type GuardedListener = 'tls' | 'mutual' | 'sasl' | 'saslTls'

export interface Security {
  authority: Authority
  ports: Record<GuardedListener, number>
  /** Known by PLAIN and by both forms of SCRAM. */
  user: { username: string; password: string }
  /** The principal of its certificate, which the listener `mutual` takes: `User:CN=<name>`. */
  client: { name: string; certified: Certified }
  /** A token of OAUTHBEARER that the broker believes: it looks at no signature. */
  token: (principal: string, seconds?: number) => string
  /** Of the broker. */
  properties: Record<string, string>
  /** How that listener is reached. What is not said: with the authority's certificate, and no credentials. */
  settings: (listener: GuardedListener, sasl?: KafkaSettings['sasl'], tls?: KafkaSettings['tls']) => KafkaSettings
}

const CLIENT = 'quern-client'

export async function security(home: string): Promise<Security> {
  const own = authority()
  const ports = { tls: await freePort(), mutual: await freePort(), sasl: await freePort(), saslTls: await freePort() }
  const user = { username: 'quern', password: `secret-${randomBytes(6).toString('hex')}` }
  const server = own.issue('localhost')
  writeFileSync(join(home, 'server.pem'), server.key + server.cert)
  writeFileSync(join(home, 'authority.pem'), own.cert)
  const module = (name: string, options = ''): string => `org.apache.kafka.common.security.${name} required ${options};`
  const logins = {
    plain: module('plain.PlainLoginModule', `user_${user.username}="${user.password}"`),
    'scram-sha-256': module('scram.ScramLoginModule'),
    'scram-sha-512': module('scram.ScramLoginModule'),
    oauthbearer: module('oauthbearer.OAuthBearerLoginModule', 'unsecuredLoginStringClaim_sub="broker"'),
  }
  const handler = 'org.apache.kafka.common.security.oauthbearer.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler'
  const login = (listener: string): Record<string, string> => ({
    [`listener.name.${listener}.sasl.enabled.mechanisms`]: Object.keys(logins).join(',').toUpperCase(),
    [`listener.name.${listener}.oauthbearer.sasl.server.callback.handler.class`]: handler,
    ...Object.fromEntries(
      Object.entries(logins).map(([name, text]) => [`listener.name.${listener}.${name}.sasl.jaas.config`, text]),
    ),
  })
  return {
    authority: own,
    ports,
    user,
    client: { name: CLIENT, certified: own.issue(CLIENT) },
    token(principal, seconds = 3600) {
      const now = Math.floor(Date.now() / 1000)
      const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
      return `${part({ alg: 'none' })}.${part({ sub: principal, iat: now, exp: now + seconds })}.`
    },
    properties: {
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:ANONYMOUS',
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.location': join(home, 'server.pem'),
      'ssl.truststore.type': 'PEM',
      'ssl.truststore.location': join(home, 'authority.pem'),
      'listener.name.mutual.ssl.client.auth': 'required',
      ...login('sasl'),
      ...login('sasl_tls'),
    },
    settings(listener, sasl, tls) {
      const encrypted = listener === 'sasl' ? undefined : { ca: own.cert }
      return { brokers: [`127.0.0.1:${ports[listener]}`], tls: tls ?? encrypted, sasl }
    },
  }
}

export function guardedListeners({ ports }: Security): { name: string; protocol: string; port: number; advertised: number }[] {
  const listener = (name: string, protocol: string, port: number) => ({ name, protocol, port, advertised: port })
  return [
    listener('TLS', 'SSL', ports.tls),
    listener('MUTUAL', 'SSL', ports.mutual),
    listener('SASL', 'SASL_PLAINTEXT', ports.sasl),
    listener('SASL_TLS', 'SASL_SSL', ports.saslTls),
  ]
}

/** Users of SCRAM are kept by the cluster, not by its configuration. */
export async function addScramUsers(bootstrap: string, { user }: Security): Promise<void> {
  const [host, port] = bootstrap.split(':') as [string, string]
  const connection = new Connection('quern-kit')
  await connection.connect(host, Number(port))
  const iterations = 4096
  const forms = [
    { mechanism: ScramMechanisms.SCRAM_SHA_256, length: 32, digest: 'sha256' },
    { mechanism: ScramMechanisms.SCRAM_SHA_512, length: 64, digest: 'sha512' },
  ] as const
  // One request cannot name a user twice.
  for (const { mechanism, length, digest } of forms) {
    const salt = randomBytes(16)
    const saltedPassword = pbkdf2Sync(user.password, salt, iterations, length, digest)
    await alterUserScramCredentialsV0.api.async(
      connection,
      [],
      [{ name: user.username, mechanism, iterations, salt, saltedPassword }],
    )
  }
  await connection.close()
}
