/** What goes wrong between here and a service, told in words. */
export interface ServiceError extends Error {
  $metadata?: { httpStatusCode?: number; requestId?: string }
  code?: string
}

const TLS = /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|^EPROTO$/

interface Trouble {
  what: 'tls'
  message: string
  hint: string
}

/** What trying again will not mend: a line that is not to be trusted, or not what the endpoint says. */
export function lineTrouble(endpoint: string, { code }: ServiceError): Trouble | undefined {
  if (code === undefined || !TLS.test(code)) return undefined
  const trouble = (says: string, hint: string): Trouble => ({ what: 'tls', message: `${endpoint} ${says} (${code})`, hint })
  if (/^(EPROTO|ERR_SSL)/.test(code))
    return trouble('does not speak TLS as it should', 'See whether it is to be `http://`, or another port.')
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return trouble('shows a certificate that is not valid today', 'Have it renewed, or set the clock of this machine.')
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return trouble('shows a certificate of another name', 'Write the endpoint with the name that its certificate is for.')
  return trouble(
    'shows a certificate that is not trusted',
    'Name the authority that signed it, after seeing that it is the right one: AWS_CA_BUNDLE=/path/to/ca.pem.',
  )
}

const UNNAMED = /^(ENOTFOUND|EAI_AGAIN)$/

const REASONS: [RegExp, string][] = [
  [/^ECONNREFUSED$/, 'refuses connections: nothing listens there'],
  [UNNAMED, 'cannot be found by its name'],
  [/^(EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL)$/, 'cannot be reached from this machine'],
  [/^(ECONNRESET|EPIPE|ECONNABORTED)$/, 'hangs up'],
]

/** Why a request came to nothing, after `<endpoint> `. */
export function reasonOf(error: ServiceError): string {
  const { name, code, message, $metadata } = error
  const status = $metadata?.httpStatusCode
  if (error instanceof BadBodyError) return message
  // An answer whose words are not those of a service has none of its own.
  if (status !== undefined && status >= 300)
    return `answers ${status}${/^Unknown|^\d+$|Error$/.test(name) && name !== 'InternalError' ? '' : ` (${name})`}`
  if (/checksum mismatch/i.test(message)) return 'sends other bytes than were written: their checksum tells'
  // Of what has a code the SDK calls some time-outs that are none.
  const reason = code === undefined ? undefined : REASONS.find(([pattern]) => pattern.test(code))
  if (reason) return `${reason[1]} (${UNNAMED.test(code!) ? message : code})`
  if (name === 'TimeoutError') return 'does not answer in time'
  if (/aborted|Connection lost/i.test(message)) return 'hangs up in the middle of its answer'
  return `does not answer as it should (${code ?? message.split('\n')[0]})`
}

export const hintFor = ({ code }: ServiceError): string =>
  UNNAMED.test(code ?? '')
    ? 'See whether the endpoint, or the region, is the right one, and try again.'
    : 'See whether the service is well and reachable, and try again.'

/** An answer whose body is not what its headers, or the request, speak of. The message follows `<endpoint> `. */
export class BadBodyError extends Error {}
