/**
 * How a cluster and its schema registry are reached, as declared. Secrets are names of variables: one that is written out is refused,
 * and not shown.
 */
import type { Given, KafkaAccess, RegistryAccess, SaslAccess, TlsAccess } from '../domain/kafkaSource.ts'
import { isAddress, isBroker } from '../domain/kafkaSource.ts'
import type { Report } from './declaredRows.ts'
import { choice, members, shown } from './options.ts'

export function resolveAccess(options: { brokers?: unknown; tls?: unknown; sasl?: unknown }, fault: Report): KafkaAccess {
  const brokers = options.brokers === undefined ? undefined : resolveBrokers(options.brokers, fault)
  const tls = options.tls === undefined ? undefined : resolveTls(options.tls, fault)
  const sasl = options.sasl === undefined ? undefined : resolveSasl(options.sasl, fault)
  return { ...(brokers ? { brokers } : {}), ...(tls ? { tls } : {}), ...(sasl ? { sasl } : {}) }
}

function resolveBrokers(given: unknown, fault: Report): KafkaAccess['brokers'] {
  if (isVariable(given)) return given
  if (!Array.isArray(given) || given.length === 0) {
    fault(
      'brokers',
      `${shownWithoutUser(given)} is no list of brokers`,
      "Write one such as ['kafka-1:9092', 'kafka-2:9092'], or { env: 'KAFKA_BROKERS' }.",
    )
    return undefined
  }
  for (const broker of given)
    if (typeof broker !== 'string' || !isBroker(broker))
      fault('brokers', `${shownWithoutUser(broker)} is no broker`, "Write its host and port, such as 'kafka-1:9092'.")
  return given.map(String)
}

const TLS = ['ca', 'cert', 'key', 'keyPassword'] as const

function resolveTls(given: unknown, fault: Report): TlsAccess | undefined {
  if (given === true) return {}
  const options = members('tls', given, TLS, fault)
  if (!options) return undefined
  const tls: TlsAccess = {}
  for (const part of ['ca', 'cert', 'key'] as const) {
    const path = options[part]
    if (path === undefined) continue
    if (typeof path !== 'string' || path === '' || path.includes('-----BEGIN'))
      fault(`tls.${part}`, 'is no path', "Write that of a PEM file, such as 'certs/ca.pem'.")
    else tls[part] = path
  }
  if ((options.cert === undefined) !== (options.key === undefined))
    fault(
      'tls',
      `has \`${options.cert === undefined ? 'key' : 'cert'}\` alone`,
      'A certificate of its own and the key to it come together.',
    )
  const keyPassword = secret('tls.keyPassword', options.keyPassword, fault)
  return keyPassword ? { ...tls, keyPassword } : tls
}

const PASSWORDS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const

function resolveSasl(given: unknown, fault: Report): SaslAccess | undefined {
  const known = ['mechanism', 'username', 'password', 'token', 'tokenUrl', 'clientId', 'clientSecret', 'scope']
  const options = members('sasl', given, known, fault)
  if (!options) return undefined
  if (options.mechanism === undefined)
    fault('sasl.mechanism', 'is missing', `It is one of ${[...PASSWORDS, 'oauthbearer'].join(', ')}.`)
  const mechanism = choice('sasl.mechanism', options.mechanism, [...PASSWORDS, 'oauthbearer'], 'plain', fault)
  const wanted = saslMembers(mechanism, options)
  for (const name of known)
    if (options[name] !== undefined && name !== 'mechanism' && !wanted.includes(name) && name !== 'scope')
      fault(
        `sasl.${name}`,
        `has no meaning beside mechanism '${mechanism}'`,
        `It needs ${wanted.map(one => `\`${one}\``).join(', ')}.`,
      )
  for (const name of wanted)
    if (options[name] === undefined)
      fault(`sasl.${name}`, 'is missing', `Mechanism '${mechanism}' needs ${wanted.map(one => `\`${one}\``).join(', ')}.`)
  if (mechanism !== 'oauthbearer') {
    const username = text('sasl.username', options.username, fault)
    const password = secret('sasl.password', options.password, fault)
    return username && password ? { mechanism, username, password } : undefined
  }
  if (options.scope !== undefined && typeof options.scope !== 'string')
    fault('sasl.scope', `\`${shown(options.scope)}\` is no text`, "Write it in quotes: 'kafka'.")
  const token = secret('sasl.token', options.token, fault)
  if (token) return { mechanism, token }
  const clientId = text('sasl.clientId', options.clientId, fault)
  const clientSecret = secret('sasl.clientSecret', options.clientSecret, fault)
  const tokenUrl = address('sasl.tokenUrl', options.tokenUrl, fault)
  if (!clientId || !clientSecret || tokenUrl === undefined) return undefined
  return {
    mechanism,
    tokenUrl,
    clientId,
    clientSecret,
    ...(options.scope === undefined ? {} : { scope: options.scope as string }),
  }
}

function saslMembers(
  mechanism: SaslAccess['mechanism'],
  { tokenUrl, clientId, clientSecret }: Record<string, unknown>,
): string[] {
  if (mechanism !== 'oauthbearer') return ['username', 'password']
  return (tokenUrl ?? clientId ?? clientSecret) === undefined ? ['token'] : ['tokenUrl', 'clientId', 'clientSecret']
}

/** The general variables, which name the registry where the definition leaves that to them. */
export const REGISTRY_URL = 'SCHEMA_REGISTRY_URL'

export function resolveRegistry(given: unknown, fault: Report): RegistryAccess | undefined {
  if (given === undefined) return undefined
  if (given === true) return { url: { env: REGISTRY_URL } }
  const options = typeof given === 'string' ? { url: given } : members('registry', given, ['url', 'username', 'password'], fault)
  if (!options) return undefined
  const part = typeof given === 'string' ? 'registry' : 'registry.url'
  const url =
    options.url === undefined ? { env: REGISTRY_URL } : isVariable(options.url) ? options.url : address(part, options.url, fault)
  const { username: user, password: pass } = options as Record<string, unknown>
  const username = user === undefined ? undefined : text('registry.username', user, fault)
  const password = secret('registry.password', pass, fault)
  if (password && user === undefined) fault('registry.username', 'is missing beside a password', "Write the user's name.")
  return { url: url ?? '', ...(username ? { username } : {}), ...(password ? { password } : {}) }
}

const isVariable = (given: unknown): given is { env: string } =>
  typeof given === 'object' &&
  given !== null &&
  Object.keys(given).join() === 'env' &&
  /^[A-Za-z_][A-Za-z0-9_]*$/.test(String((given as { env: unknown }).env))

function text(part: string, given: unknown, fault: Report): Given | undefined {
  if ((typeof given === 'string' && given !== '') || isVariable(given)) return given
  if (given !== undefined)
    fault(part, 'is neither a text nor a variable', "Write it in quotes, or the variable that has it: { env: 'NAME' }.")
  return undefined
}

/** The value itself is nobody's to see, whatever it is. */
function secret(part: string, given: unknown, fault: Report): { env: string } | undefined {
  if (given === undefined || isVariable(given)) return given
  const what = typeof given === 'string' ? 'is written out, and is a secret' : 'names no variable of the environment'
  fault(
    part,
    what,
    "Name the variable that has it: { env: 'NAME' }. What has been committed to a repository is known: change it there.",
  )
  return undefined
}

function address(part: string, given: unknown, fault: Report): string | undefined {
  if (given === undefined || (typeof given === 'string' && isAddress(given))) return given
  const hasUser = typeof given === 'string' && given.includes('@')
  if (hasUser)
    fault(
      part,
      'holds a user or a password',
      "Take them out of the address, and give them as options, the password as { env: 'NAME' }.",
    )
  else fault(part, `\`${shown(given)}\` is no address`, "Write one such as 'http://registry:8081'.")
  return undefined
}

/** What stands before an `@` may be a user and a password. */
const shownWithoutUser = (given: unknown): string => (shown(given).includes('@') ? 'what is given' : `\`${shown(given)}\``)
