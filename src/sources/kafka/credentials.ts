/** Who quern is to a cluster: the parts of its settings that both clients are given alike. */
import { X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import { DefinitionError, type QuernError, TransientError } from '../../domain/errors.ts'
import type { KafkaSettings } from '../../domain/kafkaSource.ts'

/** What messages may say of a cluster, and what they must not. */
export interface Reached {
  /** `host:port, host:port`. */
  cluster: string
  /** As access lists name it, where that is known. */
  principal: string | undefined
  mechanism: string | undefined
  encrypted: boolean
  /** Never to be shown. */
  secrets: string[]
}

export function reachedBy({ brokers, tls, sasl }: KafkaSettings): Reached {
  const secrets: (string | undefined)[] = [tls?.key, tls?.keyPassword]
  if (sasl && 'password' in sasl) secrets.push(sasl.password)
  if (sasl && 'token' in sasl) secrets.push(sasl.token)
  if (sasl && 'clientSecret' in sasl) secrets.push(sasl.clientSecret)
  return {
    cluster: brokers.join(', '),
    principal: principalOf(tls, sasl),
    mechanism: sasl?.mechanism.toUpperCase(),
    encrypted: tls !== undefined,
    secrets: secrets.filter((secret): secret is string => secret !== undefined && secret !== ''),
  }
}

/** By the rules that brokers have unless told otherwise. Whom a token stands for only the broker knows. */
function principalOf(tls: KafkaSettings['tls'], sasl: KafkaSettings['sasl']): string | undefined {
  if (sasl) return 'username' in sasl ? `User:${sasl.username}` : undefined
  if (!tls?.cert) return 'User:ANONYMOUS'
  try {
    // The certificate's names from the last to the first.
    return `User:${new X509Certificate(tls.cert).subject.split('\n').reverse().join(',')}`
  } catch {
    return undefined
  }
}

/** Certificates and key, read once, so that a fault in them is told before any connection. */
export function secureContext({ tls }: KafkaSettings): SecureContext | undefined {
  if (tls === undefined) return undefined
  const { ca, cert, key, keyPassword: passphrase } = tls
  try {
    const given = Object.entries({ ca, cert, key, passphrase }).filter(([, value]) => value !== undefined)
    return createSecureContext(Object.fromEntries(given))
  } catch (error) {
    throw new DefinitionError('definition.kafka-certificate', `the certificates for Kafka cannot be read: ${faultOf(error)}`, {
      hint: '`ca`, `cert` and `key` are PEM files; `keyPassword` is what the key is encrypted with.',
    })
  }
}

function faultOf(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException
  if (/BAD_DECRYPT|INTERRUPTED_OR_CANCELLED|BAD_PASSWORD/.test(code))
    return 'the key is encrypted with another password, or with one that is not given'
  if (code.includes('KEY_VALUES_MISMATCH')) return 'the key is not that of the certificate'
  if (/NO_START_LINE|UNSUPPORTED|BAD_BASE64|ASN1/.test(code)) return 'one of them is no PEM file'
  return message.split('\n')[0]!
}

export interface Token {
  text: string
  /** Milliseconds of `performance.now()` until which it is used. */
  until: number
}

/** What is asked for again only when it has grown old. */
export function tokenSource(
  sasl: Extract<NonNullable<KafkaSettings['sasl']>, { mechanism: 'oauthbearer' }>,
): () => Promise<string> {
  if ('token' in sasl) return async () => sasl.token
  let token: Promise<Token> | undefined
  return async () => {
    const held = await token?.catch(() => undefined)
    if (held === undefined || held.until < performance.now()) token = askForToken(sasl)
    return (await token!).text
  }
}

/** https://datatracker.ietf.org/doc/html/rfc6749#section-4.4 */
async function askForToken(sasl: {
  tokenUrl: string
  clientId: string
  clientSecret: string
  scope: string | undefined
}): Promise<Token> {
  const { tokenUrl, clientId, clientSecret, scope } = sasl
  const basic = [clientId, clientSecret].map(encodeURIComponent).join(':')
  const away = (why: string): QuernError =>
    new TransientError('transient.token', `no token for Kafka from ${tokenUrl}: ${why}`, { hint: 'Run again when it answers.' })
  let response: Response
  let text: string
  try {
    response = await fetch(tokenUrl, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(basic).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', ...(scope === undefined ? {} : { scope }) }),
      signal: AbortSignal.timeout(30_000),
      redirect: 'error',
    })
    text = await response.text()
  } catch (error) {
    const cause = (error as { cause?: NodeJS.ErrnoException }).cause
    throw away(cause?.code ?? (error as Error).name)
  }
  if (response.status === 429 || response.status >= 500) throw away(`it answers ${response.status}`)
  const refused = (why: string): QuernError =>
    new DefinitionError('definition.kafka-login', `no token for Kafka from ${tokenUrl}: ${why}`, {
      hint: 'See whether the URL, the client id, its secret and the scope are right.',
      values: { tokenUrl, clientId },
    })
  if (!response.ok) throw refused(`it answers ${response.status} to the client id \`${clientId}\``)
  let answer: { access_token?: unknown; expires_in?: unknown }
  try {
    answer = JSON.parse(text) as typeof answer
  } catch {
    throw refused('its answer is no JSON')
  }
  if (typeof answer?.access_token !== 'string') throw refused('its answer has no `access_token`')
  const seconds = Number(answer.expires_in)
  return { text: answer.access_token, until: performance.now() + (Number.isFinite(seconds) ? seconds * 800 : 60_000) }
}
