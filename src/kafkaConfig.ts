/**
 * How clusters and schema registries are reached: what a definition says, and else the environment. Asked for when it is needed, so
 * that a run which touches no topic wants nothing of it. No value of a secret is in an error.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Fault } from './domain/errors.ts'
import { FaultsError } from './domain/errors.ts'
import type { Given, KafkaAccess, KafkaSettings, RegistryAccess, RegistrySettings } from './domain/kafkaSource.ts'
import { isAddress, isBroker } from './domain/kafkaSource.ts'
import { nearest } from './domain/nearest.ts'

type Tls = NonNullable<KafkaSettings['tls']>
type Sasl = KafkaSettings['sasl']

const PROTOCOLS = {
  PLAINTEXT: { tls: false, sasl: false },
  SSL: { tls: true, sasl: false },
  SASL_PLAINTEXT: { tls: false, sasl: true },
  SASL_SSL: { tls: true, sasl: true },
} as const
const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'] as const

export class KafkaConfig {
  readonly #env: Readonly<Record<string, string | undefined>>
  readonly #projectDir: string

  /** @param env the environment, without empty variables */
  constructor(env: Readonly<Record<string, string | undefined>>, projectDir: string) {
    this.#env = env
    this.#projectDir = projectDir
  }

  /** Of the source called `source`. Raises a FaultsError with every variable that is missing and every file that cannot be used. */
  cluster(source: string, access: KafkaAccess): KafkaSettings {
    return this.#asked(source, lookup => {
      const brokers = brokersOf(lookup, access.brokers)
      const protocol = protocolOf(lookup)
      const tls = tlsOf(lookup, access, protocol?.tls)
      return { brokers, tls, sasl: saslOf(lookup, access, protocol?.sasl) }
    })
  }

  /** Of the source called `source`. */
  registry(source: string, access: RegistryAccess): RegistrySettings {
    return this.#asked(source, lookup => {
      const url = lookup.text(access.url)
      if (typeof access.url !== 'string' && url !== '' && !isAddress(url))
        lookup.fault(
          access.url.env,
          'is no address',
          "Set it to one such as 'http://registry:8081'; user and password have variables of their own.",
        )
      const username = access.username === undefined ? lookup.find('SCHEMA_REGISTRY_USERNAME') : lookup.text(access.username)
      const password = access.password === undefined ? lookup.find('SCHEMA_REGISTRY_PASSWORD') : lookup.text(access.password)
      if (password !== undefined && username === undefined)
        lookup.need('SCHEMA_REGISTRY_USERNAME', 'there is a password for the schema registry')
      return { url, username, password }
    })
  }

  #asked<T>(source: string, work: (lookup: Lookup) => T): T {
    const lookup = new Lookup(this.#env, this.#projectDir, source)
    const found = work(lookup)
    if (lookup.faults.length > 0) throw new FaultsError(lookup.faults)
    return found
  }
}

/** Variables and files for one source; what is missing becomes a fault, and an empty text in its place. */
class Lookup {
  readonly faults: Fault[] = []
  readonly #env: Readonly<Record<string, string | undefined>>
  readonly #projectDir: string
  readonly #source: string

  constructor(env: Readonly<Record<string, string | undefined>>, projectDir: string, source: string) {
    this.#env = env
    this.#projectDir = projectDir
    this.#source = source
  }

  fault(what: string, message: string, hint: string): void {
    this.faults.push({ place: `source \`${this.#source}\`: ${what}`, message, hint, code: 'definition.kafka-config' })
  }

  find(name: string): string | undefined {
    return this.#env[name]
  }

  need(name: string, why: string): string {
    const value = this.find(name)
    if (value === undefined) this.fault(name, `is not set, and ${why}`, 'Set the variable where quern runs.')
    return value ?? ''
  }

  text(given: Given): string {
    return typeof given === 'string' ? given : this.need(given.env, 'the definition names it')
  }

  /** A PEM file. `what`: who names it. */
  pem(path: string, what: string): string {
    const file = resolve(this.#projectDir, path)
    let text: string
    try {
      text = readFileSync(file, 'utf8')
    } catch (error) {
      this.fault(
        what,
        `${file} cannot be read (${(error as { code?: string }).code})`,
        'Name a PEM file that this user may read.',
      )
      return ''
    }
    if (!text.includes('-----BEGIN ')) this.fault(what, `${file} is no PEM file`, 'It must hold a line `-----BEGIN ...-----`.')
    return text
  }
}

function brokersOf(lookup: Lookup, given: KafkaAccess['brokers']): string[] {
  if (Array.isArray(given)) return given
  const general = ['KAFKA_BROKERS', 'KAFKA_BOOTSTRAP_SERVERS']
  const name = given?.env ?? general.find(one => lookup.find(one) !== undefined)
  if (name === undefined) {
    lookup.fault(
      'brokers',
      `are named neither by the source nor by ${general.join(' or ')}`,
      "Set KAFKA_BROKERS, such as 'kafka-1:9092,kafka-2:9092'.",
    )
    return []
  }
  const brokers = lookup
    .text({ env: name })
    .split(',')
    .map(broker => broker.trim())
    .filter(broker => broker !== '')
  const odd = brokers.findIndex(broker => !isBroker(broker))
  if (odd >= 0)
    lookup.fault(name, `its broker ${odd + 1} is no host and port`, "Set it to brokers such as 'kafka-1:9092,kafka-2:9092'.")
  return brokers
}

function protocolOf(lookup: Lookup): { tls: boolean; sasl: boolean } | undefined {
  const name = lookup.find('KAFKA_SECURITY_PROTOCOL')
  if (name === undefined) return undefined
  const found = PROTOCOLS[name.toUpperCase() as keyof typeof PROTOCOLS]
  if (!found) lookup.fault('KAFKA_SECURITY_PROTOCOL', `\`${name}\` is no protocol`, nearest(name, Object.keys(PROTOCOLS)))
  return found
}

/** By the definition, else by the protocol, else where there are files for it. */
function tlsOf(lookup: Lookup, { tls: given }: KafkaAccess, protocol: boolean | undefined): Tls | undefined {
  const variables = { ca: 'KAFKA_SSL_CA', cert: 'KAFKA_SSL_CERT', key: 'KAFKA_SSL_KEY' }
  const isNamed = Object.values(variables).some(name => lookup.find(name) !== undefined)
  if (given === undefined && !(protocol ?? isNamed)) return undefined
  const pem = (part: 'ca' | 'cert' | 'key'): { [K in typeof part]?: string } => {
    const own = given?.[part]
    // A certificate and its key come from one place.
    const isApart = part !== 'ca' && (given?.cert ?? given?.key) !== undefined
    const path = own ?? (isApart ? undefined : lookup.find(variables[part]))
    return path === undefined ? {} : { [part]: lookup.pem(path, own === undefined ? variables[part] : `tls.${part}`) }
  }
  const tls: Tls = { ...pem('ca'), ...pem('cert'), ...pem('key') }
  const password = given?.keyPassword === undefined ? lookup.find('KAFKA_SSL_KEY_PASSWORD') : lookup.text(given.keyPassword)
  if (tls.key !== undefined && password !== undefined) tls.keyPassword = password
  if ((tls.cert === undefined) !== (tls.key === undefined))
    lookup.need(tls.cert === undefined ? 'KAFKA_SSL_CERT' : 'KAFKA_SSL_KEY', 'a certificate and the key to it come together')
  else if (lookup.faults.length === 0) checkPair(lookup, tls)
  return tls
}

/** What would else fail in the middle of a handshake, in the words of its library. */
function checkPair(lookup: Lookup, { ca, cert, key, keyPassword }: Tls): void {
  const parsed = <T>(what: string, hint: string, parse: () => T): T | undefined => {
    try {
      return parse()
    } catch {
      lookup.fault('tls', `${what} cannot be understood`, hint)
      return undefined
    }
  }
  if (ca !== undefined) parsed('the certificate of whom to trust', 'It must be a PEM certificate.', () => new X509Certificate(ca))
  if (cert === undefined || key === undefined) return
  const certificate = parsed("the client's certificate", 'It must be a PEM certificate.', () => new X509Certificate(cert))
  const hint =
    keyPassword === undefined
      ? 'Where it is encrypted, set its password: KAFKA_SSL_KEY_PASSWORD.'
      : 'Its password may be another.'
  const own = parsed("the client's key", hint, () =>
    createPrivateKey(keyPassword === undefined ? key : { key, passphrase: keyPassword }),
  )
  if (certificate && own && !certificate.checkPrivateKey(own))
    lookup.fault('tls', 'the key is not that of the certificate', 'Name a certificate and the key that it was made for.')
}

/** By the definition, else by the protocol, else where there is a mechanism. */
function saslOf(lookup: Lookup, { sasl: given }: KafkaAccess, protocol: boolean | undefined): Sasl {
  if (given !== undefined) return declaredSasl(lookup, given)
  const named = lookup.find('KAFKA_SASL_MECHANISM') ?? lookup.find('KAFKA_SASL_USERNAME')
  if (!(protocol ?? named !== undefined)) return undefined
  const name = lookup.need('KAFKA_SASL_MECHANISM', 'connections are authenticated')
  const mechanism = MECHANISMS.find(one => one === name.toLowerCase())
  if (mechanism === undefined) {
    if (name !== '')
      lookup.fault('KAFKA_SASL_MECHANISM', `\`${name}\` is no mechanism`, `Known are ${MECHANISMS.join(', ').toUpperCase()}.`)
    return undefined
  }
  const why = `KAFKA_SASL_MECHANISM is ${name}`
  if (mechanism !== 'oauthbearer')
    return { mechanism, username: lookup.need('KAFKA_SASL_USERNAME', why), password: lookup.need('KAFKA_SASL_PASSWORD', why) }
  const tokenUrl = lookup.find('KAFKA_SASL_TOKEN_URL')
  if (tokenUrl === undefined)
    return { mechanism, token: lookup.need('KAFKA_SASL_TOKEN', `${why} and KAFKA_SASL_TOKEN_URL is not set either`) }
  if (!isAddress(tokenUrl))
    lookup.fault('KAFKA_SASL_TOKEN_URL', 'is no address', "Set it to one such as 'https://login.example.org/token'.")
  const asked = 'a token is asked for at KAFKA_SASL_TOKEN_URL'
  const [clientId, clientSecret] = [lookup.need('KAFKA_SASL_CLIENT_ID', asked), lookup.need('KAFKA_SASL_CLIENT_SECRET', asked)]
  return { mechanism, tokenUrl, clientId, clientSecret, scope: undefined }
}

function declaredSasl(lookup: Lookup, given: NonNullable<KafkaAccess['sasl']>): Sasl {
  if (given.mechanism !== 'oauthbearer')
    return { mechanism: given.mechanism, username: lookup.text(given.username), password: lookup.text(given.password) }
  if ('token' in given) return { mechanism: given.mechanism, token: lookup.text(given.token) }
  const { mechanism, tokenUrl, clientId, clientSecret, scope } = given
  return { mechanism, tokenUrl, clientId: lookup.text(clientId), clientSecret: lookup.text(clientSecret), scope }
}
