/** What an S3 service refuses, in the words of whoever set up the bucket. */
import { DataError, DefinitionError, QuernError, TransientError } from '../../domain/errors.ts'
import { BUCKET_WORDS } from '../../domain/storePlace.ts'
import type { ServiceError } from './lineErrors.ts'
import { hintFor, lineTrouble, reasonOf } from './lineErrors.ts'

export type Doing = 'list' | 'read' | 'write' | 'copy' | 'delete' | 'list uploads' | 'abort uploads'

/** Where a request went. `owner`: whose the bucket is: the store's, or that of a source's files, which only can be read. */
export interface Place {
  uri: string
  bucket: string
  endpoint: string
  owner: 'store' | 'source'
}

export const statusOf = (error: unknown): number | undefined => (error as ServiceError).$metadata?.httpStatusCode

/** Nothing is stored there, says the service. */
export const isNamedMissing = (error: unknown): boolean => ['NoSuchKey', 'NoSuchVersion'].includes((error as Error).name)

/** Nothing is stored there, or there is no such place: what a status alone tells. */
export const isMissing = (error: unknown): boolean =>
  isNamedMissing(error) || (statusOf(error) === 404 && (error as Error).name !== 'NoSuchBucket')

/** A condition did not hold: something is stored there, or something else. */
export const isPrecondition = (error: unknown): boolean => statusOf(error) === 412

/** Two writers at the same time: neither has lost yet. */
export const isUndecided = (error: unknown): boolean => statusOf(error) === 409

/** What is not S3 at all, though it answers. */
export class NotS3Error extends Error {}

/** What was done could not be done, and what must be granted for it. */
const DEEDS: Record<Doing, { done: string; permission: string }> = {
  list: { done: 'listed', permission: 's3:ListBucket' },
  read: {
    done: 'read',
    permission: 's3:GetObject on what is in the bucket, and s3:ListBucket: without it S3 tells nobody that nothing is there',
  },
  write: { done: 'written', permission: 's3:PutObject on what is in the bucket' },
  copy: { done: 'made from a copy', permission: 's3:GetObject and s3:PutObject on what is in the bucket' },
  delete: { done: 'deleted', permission: 's3:DeleteObject on what is in the bucket' },
  'list uploads': { done: 'searched for unfinished uploads', permission: 's3:ListBucketMultipartUploads' },
  'abort uploads': { done: 'rid of an unfinished upload', permission: 's3:AbortMultipartUpload on what is in the bucket' },
}

const KEYS = 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or the role of the machine.'
const CREDENTIALS: Record<string, string> = {
  InvalidAccessKeyId: 'it does not know the access key',
  // versitygw's own.
  XAdminUserNotFound: 'it does not know the access key',
  SignatureDoesNotMatch: 'the secret key is not that of the access key',
  InvalidToken: 'the session token is not valid',
  InvalidSecurity: 'they are not valid',
  ExpiredToken: 'the session token has expired',
  ExpiredTokenException: 'the session token has expired',
}
export const isOfCredentials = ({ name }: Error): boolean => Object.hasOwn(CREDENTIALS, name)

/** What the SDK finds out by itself, before any request. */
const NO_CREDENTIALS = new Set(['CredentialsProviderError', 'TokenProviderError'])

const REGIONS = new Set([
  'PermanentRedirect',
  'TemporaryRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
])

/** Refusals of a request that may be taken a moment later. */
const PASSING = new Set([408, 409, 429])

/** The error of a run for one of the service, or that itself where it can be nothing but a defect. */
export function s3Error(place: Place, doing: Doing, error: unknown): unknown {
  if (error instanceof QuernError || !(error instanceof Error) || error.name === 'AbortError') return error
  // The SDK tells so of addresses, and of what was set up; all others of their kind are defects.
  if (DEFECTS.some(kind => error instanceof kind) && (error as ServiceError).$metadata === undefined) return error
  if (/^Region (is missing|not accepted)/.test(error.message)) return noRegion(error)
  const { uri, bucket, endpoint, owner } = place
  const { name } = error as ServiceError
  const status = statusOf(error)
  const { done, permission } = DEEDS[doing]
  const wrong = (what: string, message: string, hint: string): QuernError => {
    const details = { hint, cause: error }
    if (what === 'permission' && owner === 'source') return new DataError('data.unreadable', message, details)
    return new DefinitionError(`definition.${what}`, message, details)
  }
  if (name === 'NoSuchBucket')
    return wrong('bucket', `there is no bucket \`${bucket}\` at ${endpoint}`, 'Make it, or mend its name or the endpoint.')
  if (name === 'InvalidBucketName' || name === 'UriParameterError')
    return wrong('bucket', `\`${bucket}\` can be no bucket's name`, `Names are ${BUCKET_WORDS}.`)
  const refused = isOfCredentials(error) ? CREDENTIALS[name] : undefined
  if (refused !== undefined) return wrong('credentials', `${endpoint} refuses the credentials: ${refused}`, KEYS)
  if (NO_CREDENTIALS.has(name))
    return wrong('credentials', `there are no credentials for ${uri}: ${error.message.split('\n')[0]}`, KEYS)
  if (name === 'RequestTimeTooSkewed')
    return wrong('clock', `${endpoint} refuses all requests: the clock of this machine is wrong`, 'Set the clock.')
  if (name === 'InvalidObjectState') return archived(uri, error)
  if (REGIONS.has(name) || (status !== undefined && status >= 300 && status < 400))
    return wrong(
      'region',
      `the bucket \`${bucket}\` is in another region or at another endpoint${said(error)}`,
      'Set AWS_REGION to its region, and an endpoint, if there is one, to that of the region.',
    )
  if (name === 'AccessDenied' || name === 'AllAccessDisabled' || status === 403 || status === 401)
    return wrong(
      'permission',
      `${uri} may not be ${done} with these credentials (${status ?? name})`,
      `Grant them ${permission}.`,
    )
  if (name === 'KeyTooLongError' || name === 'KeyTooLong')
    return wrong('key', `${uri} is longer than a key can be`, 'Shorten the prefix or the names.')
  if (error instanceof NotS3Error)
    return wrong('service', `${endpoint} is no S3 service: ${error.message}`, 'See whether the endpoint is the right one.')
  if (name === 'NotImplemented' || status === 501)
    return wrong(
      'service',
      `${endpoint} cannot do what is asked of it${said(error)}`,
      'See docs/object-storage.md for what a service must do.',
    )
  const trouble = lineTrouble(endpoint, error)
  if (trouble) return wrong(trouble.what, trouble.message, trouble.hint)
  if (status !== undefined && status >= 400 && status < 500 && !PASSING.has(status) && name !== 'BadDigest')
    return wrong(
      'service',
      `${uri} cannot be ${done}: ${endpoint} answers ${status}${said(error)}`,
      'See whether the endpoint is that of an S3 service, and what it says of such a request.',
    )
  return new TransientError('transient.store', `${uri} cannot be ${done} just now: ${endpoint} ${reasonOf(error)}`, {
    hint: hintFor(error),
    cause: error,
  })
}

const DEFECTS = [TypeError, RangeError, ReferenceError, SyntaxError]

const noRegion = (cause: unknown): DefinitionError =>
  new DefinitionError('definition.region', 'no region is known, and no endpoint, or what is set is none', {
    hint: 'Set AWS_REGION to the region of the bucket; for a service other than AWS set AWS_ENDPOINT_URL, or s3.endpoint in quern.config.ts.',
    cause,
  })

/** What the service says, where it says anything: of what it cannot read the SDK has words of its own. */
function said({ name, message }: Error): string {
  const words = [name, message].filter(word => !/^$|^Unknown|^\d+$|Error$|XML parse error/.test(word))
  return words.length === 0 ? '' : ` (${words.join(': ')})`
}

export function archived(uri: string, cause?: unknown): DataError {
  return new DataError('data.archived', `${uri} lies in an archive: it cannot be read before it is restored`, {
    hint: 'Restore the object, or narrow the pattern. Nothing was committed.',
    cause,
  })
}
