/** What a Kafka cluster refuses, in the words of whoever set up the access to it; both clients' errors are read. */
import { DataError, DefinitionError, QuernError, TransientError } from '../../domain/errors.ts'
import type { Reached } from './credentials.ts'

interface Cause {
  message: string
  /** Of Node, or of a client. */
  code: string
  /** Of Kafka: `TOPIC_AUTHORIZATION_FAILED`. */
  kafka: string
}

/** An error, and all that it was caused by, the outermost first. */
function errorsIn(error: unknown): Error[] {
  const found = new Set<Error>()
  const waiting = [error]
  while (waiting.length > 0) {
    const next = waiting.shift()
    if (!(next instanceof Error) || found.has(next)) continue
    found.add(next)
    const { cause, originalError, errors } = next as Error & { originalError?: unknown; errors?: unknown }
    waiting.push(cause, originalError, ...(Array.isArray(errors) ? errors : []))
  }
  return [...found]
}

function causesOf(error: unknown): Cause[] {
  return errorsIn(error).map(one => {
    const { message, code, apiId, type } = one as Error & Record<string, unknown>
    return { message, code: String(code ?? ''), kafka: String(apiId ?? type ?? '') }
  })
}

/** An error of ours that a client has wrapped. */
const quernIn = (error: unknown): QuernError | undefined => errorsIn(error).find(one => one instanceof QuernError)

const UNTRUSTED = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
])

/** The error of a run for one that trying again does not mend, or undefined. */
export function lastingError(reached: Reached, error: unknown): QuernError | undefined {
  const own = quernIn(error)
  if (own !== undefined) return own instanceof TransientError ? undefined : own
  const { cluster, principal, mechanism, encrypted } = reached
  const causes = causesOf(error)
  const has = (test: (cause: Cause) => boolean): boolean => causes.some(test)
  const wrong = (what: string, message: string, hint: string): DefinitionError =>
    new DefinitionError(`definition.kafka-${what}`, message, { hint, values: { cluster, mechanism, principal } })

  if (
    has(({ kafka, message }) => kafka === 'UNSUPPORTED_SASL_MECHANISM' || /mechanism.*(not supported|not enabled)/i.test(message))
  )
    return wrong(
      'mechanism',
      `${cluster}: the broker does not take logins by ${mechanism}`,
      'Choose a mechanism that the listener has, or the port of a listener that has this one.',
    )
  if (has(({ kafka }) => kafka === 'ILLEGAL_SASL_STATE'))
    return wrong(
      'mechanism',
      `${cluster}: the broker takes no logins on this port`,
      'Leave `sasl` out, or take the port that asks for it.',
    )
  if (
    has(
      ({ kafka, code, message }) =>
        kafka === 'SASL_AUTHENTICATION_FAILED' ||
        code === 'PLT_KFK_AUTHENTICATION' ||
        /SASL .*authentication failed/.test(message),
    )
  )
    return wrong(
      'login',
      `${cluster} does not accept the login by ${mechanism}${principal === undefined ? '' : ` of \`${principal.slice('User:'.length)}\``}`,
      mechanism === 'OAUTHBEARER'
        ? 'See whether the token is still valid, and of the issuer that the broker knows.'
        : 'See whether the name and the password are right.',
    )
  const asked = has(
    ({ code, message }) =>
      /CERTIFICATE_REQUIRED|BAD_CERTIFICATE|ALERT_UNKNOWN_CA|ALERT_CERTIFICATE|HANDSHAKE_FAILURE/.test(code) ||
      /alert number (40|42|46|48|116)\b/.test(message),
  )
  if (asked)
    return wrong(
      'certificate',
      `${cluster} does not accept ${principal?.includes('=') ? `the client's certificate, of \`${principal}\`` : 'clients without a certificate'}`,
      '`cert` and `key` of `tls` have to be of an authority that the broker trusts.',
    )
  const untrusted = causes.find(({ code }) => UNTRUSTED.has(code))
  if (untrusted !== undefined)
    return wrong(
      'certificate',
      `${cluster}: the broker's certificate is of no authority that is trusted (${untrusted.code})`,
      'Give the authority by `ca` of `tls`.',
    )
  if (has(({ code }) => code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID'))
    return wrong(
      'certificate',
      `${cluster}: the broker's certificate is not valid now`,
      "Have it renewed; see whether this machine's clock is right.",
    )
  if (has(({ code }) => code === 'ERR_TLS_CERT_ALTNAME_INVALID'))
    return wrong(
      'certificate',
      `${cluster}: the broker's certificate is for another host`,
      'Name the brokers as their certificate does.',
    )
  if (has(({ message }) => message === 'Broker requires TLS.'))
    return wrong('tls', `${cluster}: connections are to be encrypted on this port`, 'Set `tls`, or take the port that is plain.')
  if (encrypted && has(({ code }) => /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|UNSUPPORTED_PROTOCOL)/.test(code)))
    return wrong(
      'tls',
      `${cluster}: connections are not encrypted on this port`,
      'Leave `tls` out, or take the port that asks for it.',
    )
  return undefined
}

/**
 * No answer that counts, for so many milliseconds.
 * @param login whether some broker has taken a connection before
 */
export function awayError(reached: Reached, error: unknown, waited: number, worked: boolean): QuernError {
  const own = quernIn(error)
  if (own !== undefined) return own
  const { cluster, encrypted, mechanism } = reached
  const causes = causesOf(error)
  const codes = new Set(causes.map(({ code }) => code))
  const name = [...codes].find(code => ['ENOTFOUND', 'EAI_AGAIN'].includes(code))
  const cut =
    causes.some(({ message }) =>
      /Connection closed|closed connection|TLS handshake failed|secure TLS connection/i.test(message),
    ) || codes.has('ECONNRESET')
  const why = name
    ? `the host's name is not known (${name})`
    : codes.has('ECONNREFUSED')
      ? 'nobody listens there (ECONNREFUSED)'
      : cut && !worked
        ? 'the broker hangs up'
        : innermost(reached, causes)
  const hint =
    cut && !worked
      ? `A broker hangs up on who speaks otherwise than its port asks for: see whether it takes connections ${encrypted ? 'with' : 'without'} \`tls\` and ${mechanism === undefined ? 'without `sasl`' : `with \`sasl\` (${mechanism})`}.`
      : 'See whether the addresses are right and the brokers run, and run again.'
  return new TransientError('transient.kafka', `Kafka at ${cluster} is out of reach for ${Math.round(waited / 1000)} s: ${why}`, {
    hint,
    values: { cluster, waited },
  })
}

/** What lies deepest says most. */
function innermost({ secrets }: Reached, causes: readonly Cause[]): string {
  const { message = 'no answer', code = '', kafka = '' } = causes.at(-1) ?? {}
  let text = message.split('\n')[0]!.replace(/\.$/, '')
  for (const secret of secrets) text = text.replaceAll(secret, '***')
  const mark = kafka || (/^E[A-Z]+$/.test(code) ? code : '')
  return mark === '' || text.includes(mark) ? text : `${text} (${mark})`
}

export function deniedTopic({ cluster, principal }: Reached, topic: string): DataError {
  return new DataError(
    'data.topic-denied',
    `topic \`${topic}\` may not be read${principal === undefined ? '' : ` by \`${principal}\``}`,
    {
      hint: 'Grant the operations READ and DESCRIBE on the topic.',
      values: { cluster, topic, principal, operation: 'READ' },
    },
  )
}

export function missingTopic({ cluster, principal }: Reached, topic: string): DefinitionError {
  return new DefinitionError('definition.topic', `there is no topic \`${topic}\` at ${cluster}`, {
    hint: `Make it, or mend the name. A cluster also hides topics on which ${principal === undefined ? 'the login' : `\`${principal}\``} lacks the operation DESCRIBE.`,
    values: { cluster, topic, principal },
  })
}

export function corruptBatch(topic: string, partition: number, first: bigint, last: bigint): DataError {
  return new DataError(
    'data.corrupt',
    `topic \`${topic}\`, partition ${partition}: what is stored of offsets ${first} to ${last} is damaged`,
    {
      hint: 'The checksum is wrong each time that they are read: see the disk of the leader. Another replica may have them whole.',
      values: { topic, partition, first: String(first), last: String(last) },
    },
  )
}

export function oldCluster({ cluster }: Reached): DefinitionError {
  return new DefinitionError('definition.kafka-version', `${cluster} is older than Kafka 2.8, whose topics have no ids`, {
    hint: 'Without the id a topic that is deleted and made anew cannot be told from the one before: upgrade the brokers.',
  })
}
