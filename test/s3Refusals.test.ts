/** What a service refuses, and a line that leads nowhere: each told apart, with what to do. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { DataError, DefinitionError, QuernError, TransientError } from '../src/domain/errors.ts'
import type { ObjectStore } from '../src/domain/objectStore.ts'
import type { BucketOptions } from '../src/objects/s3/bucket.ts'
import { S3Bucket } from '../src/objects/s3/bucket.ts'
import { s3ObjectStore } from '../src/objects/s3/s3ObjectStore.ts'
import { bucketAt, copiesIn } from './kit/buckets.ts'
import type { ErrorAnswer } from './kit/faultProxy.ts'
import { ANSWERS } from './kit/faultProxy.ts'
import type { Account } from './kit/gateway.ts'
import { gatewayBinary, startGateway } from './kit/gateway.ts'
import { lineTo } from './kit/s3Lines.ts'
import { scratch } from './kit/scratch.ts'
import { serve, standIn } from './kit/standIn.ts'

const found = await gatewayBinary()

/** Every kind of request. */
const DEEDS = {
  list: store => Array.fromAsync(store.list('')),
  get: store => store.get('there'),
  size: store => store.size('there'),
  put: store => store.putIfAbsent('new', Buffer.from('x')),
  copy: store => store.copy('there', 'copied'),
  delete: store => store.delete('old'),
  unfinished: store => Array.fromAsync(store.unfinished('')),
  abort: store => store.delete('old\u0001upload=1'),
} satisfies Record<string, (store: ObjectStore) => Promise<unknown>>
type Deed = keyof typeof DEEDS
const ALL = Object.keys(DEEDS) as Deed[]

async function refusal(store: ObjectStore, deed: Deed): Promise<QuernError> {
  const error = await DEEDS[deed](store).then(
    () => expect.fail(`${deed} is not refused`),
    (error: unknown) => error,
  )
  expect(error).toBeInstanceOf(QuernError)
  const refused = error as QuernError
  expect(refused.hint).toMatch(/^[A-Z].*\.$/)
  expect(refused.message).not.toMatch(/undefined|Unknown|Deserialization|\n/)
  return refused
}

const patience = { connect: 1000, answer: 1000, attempts: 2 }

describe.skipIf('missing' in found)(`refusals ${'missing' in found ? `(skipped: ${found.missing})` : ''}`, async () => {
  if ('missing' in found) return
  const gateway = await startGateway()
  afterAll(() => gateway.stop())
  const bucket = await gateway.makeBucket()

  interface At extends Partial<BucketOptions> {
    endpoint?: string
    account?: Account
  }
  const storeIn = ({ endpoint = gateway.endpoint, account = gateway, bucket: name = bucket, ...more }: At = {}): ObjectStore =>
    s3ObjectStore(bucketAt({ endpoint, account }, name, { patience, ...more }), 'p/', copiesIn())
  await storeIn().put('there', Buffer.from('there'))

  /** Each deed is refused alike. */
  async function allRefused(store: ObjectStore, code: string, message: RegExp, deeds: readonly Deed[] = ALL): Promise<void> {
    for (const deed of deeds) {
      const error = await refusal(store, deed)
      expect([deed, error.code]).toEqual([deed, code])
      expect(error.message).toMatch(message)
      const kind = code.startsWith('definition') ? DefinitionError : code.startsWith('data') ? DataError : TransientError
      expect(error).toBeInstanceOf(kind)
    }
  }

  it('of a bucket that is not there, whatever is asked of it', async () => {
    await allRefused(storeIn({ bucket: 'nowhere-at-all' }), 'definition.bucket', /^there is no bucket `nowhere-at-all` at http/)
    await allRefused(storeIn({ bucket: 'No' }), 'definition.bucket', /^`No` can be no bucket's name$/, ['list', 'put'])
  })

  it('of an object that is not there is none', async () => {
    const store = storeIn()
    expect([await store.get('no'), await store.size('no'), await store.copy('no', 'x')]).toEqual([undefined, undefined, false])
  })

  describe('for want of permission', () => {
    const EVERYTHING = [
      's3:ListBucket',
      's3:ListBucketMultipartUploads',
      's3:GetObject',
      's3:PutObject',
      's3:DeleteObject',
      's3:AbortMultipartUpload',
    ]
    const wanted: [string, Deed[], RegExp][] = [
      ['s3:ListBucket', ['list'], /^s3:\/\/[\w-]+\/p\/ may not be listed with these credentials \(403\)$/],
      ['s3:GetObject', ['get', 'size', 'copy'], /\/p\/there may not be read with these credentials \(403\)$/],
      ['s3:PutObject', ['copy'], /\/p\/copied may not be made from a copy with these/],
      ['s3:PutObject', ['put'], /\/p\/new may not be written with these/],
      ['s3:DeleteObject', ['delete'], /\/p\/old may not be deleted with these/],
      ['s3:ListBucketMultipartUploads', ['unfinished'], /\/p\/ may not be searched for unfinished uploads with these/],
      ['s3:AbortMultipartUpload', ['abort'], /\/p\/old may not be rid of an unfinished upload with these/],
    ]
    for (const [permission, deeds, message] of wanted)
      it(`tell what is to be granted: ${permission} for ${deeds.join(' and ')}`, async () => {
        const mine = await gateway.makeBucket()
        await storeIn({ bucket: mine }).put('there', Buffer.from('there'))
        const account = gateway.user()
        const allowed = EVERYTHING.filter(each => each !== permission)
        await gateway.allow(mine, account, allowed)
        const store = storeIn({ bucket: mine, account })
        await allRefused(store, 'definition.permission', message, deeds)
        for (const deed of deeds) expect((await refusal(store, deed)).hint).toContain(permission)
        await gateway.allow(mine, account, EVERYTHING)
        for (const deed of deeds) await DEEDS[deed](store)
      })

    it('are a matter of the data where it is a source that may not be read', async () => {
      const store = storeIn({ account: gateway.user(), owner: 'source' })
      await allRefused(store, 'data.unreadable', /may not be (listed|read) with these/, ['list', 'get'])
    })
  })

  it('of credentials', async () => {
    const { accessKeyId, secretAccessKey } = gateway
    const wrong = storeIn({ account: { accessKeyId, secretAccessKey: 'wrong' } })
    await allRefused(wrong, 'definition.credentials', /refuses the credentials: the secret key is not that of the access key$/)
    const unknown = storeIn({ account: { accessKeyId: 'nobody', secretAccessKey } })
    await allRefused(unknown, 'definition.credentials', /refuses the credentials: it does not know the access key$/)
    const none = new S3Bucket({ bucket, settings: { endpoint: gateway.endpoint }, owner: 'store', patience })
    process.env.AWS_EC2_METADATA_DISABLED = 'true'
    await allRefused(
      s3ObjectStore(none, 'p/', copiesIn()),
      'definition.credentials',
      /^there are no credentials for s3:\/\/[\w-]+\/p\//,
      ['list', 'size'],
    )
  })

  it('of another region', async () => {
    const store = storeIn({ settings: { endpoint: gateway.endpoint, region: 'eu-west-1' } })
    await allRefused(store, 'definition.region', /^the bucket `[\w-]+` is in another region or at another endpoint \(/)
  })

  const told: [string, ErrorAnswer, string, RegExp][] = [
    ['an expired token', ANSWERS.expiredToken, 'definition.credentials', /the session token has expired$/],
    ['a token that is none', { status: 400, code: 'InvalidToken' }, 'definition.credentials', /the session token is not valid$/],
    ['a wrong clock', ANSWERS.timeSkewed, 'definition.clock', /refuses all requests: the clock of this machine is wrong$/],
    [
      'a redirect',
      { status: 301, code: 'PermanentRedirect' },
      'definition.region',
      /is in another region or at another endpoint/,
    ],
    ['an archive', ANSWERS.archived, 'data.archived', /\/p\/there lies in an archive: it cannot be read before it is restored$/],
    ['what it cannot do', { status: 501, code: 'NotImplemented' }, 'definition.service', /cannot do what is asked of it/],
    [
      'what is odd',
      { status: 418, code: 'Teapot' },
      'definition.service',
      /\/p\/there cannot be read: http.* answers 418 \(Teapot/,
    ],
    ['a bad hour', ANSWERS.internalError, 'transient.store', /cannot be read just now: http.* answers 500/],
    ['a rush', ANSWERS.slowDown, 'transient.store', /cannot be read just now: http.* answers 503/],
    ['a bad line', ANSWERS.badDigest, 'transient.store', /cannot be read just now: http.* answers 400 \(BadDigest\)/],
  ]
  for (const [words, answer, code, message] of told)
    it(`because of ${words}`, async () => {
      const { endpoint } = await lineTo(gateway, () => ({ kind: 'status', ...answer }))
      await allRefused(storeIn({ endpoint }), code, message, ['get', 'size'])
    })

  it('of a line that leads nowhere', async () => {
    const store = (endpoint: string): ObjectStore => storeIn({ endpoint })
    const nobody = store('http://127.0.0.1:9')
    await allRefused(
      nobody,
      'transient.store',
      /http:\/\/127.0.0.1:9 refuses connections: nothing listens there \(ECONNREFUSED\)$/,
    )
    const unnamed = store('http://s3.nowhere.invalid')
    const unknown = /http:\/\/s3.nowhere.invalid cannot be found by its name \(getaddrinfo E\w+ s3.nowhere.invalid\)$/
    await allRefused(unnamed, 'transient.store', unknown, ['list', 'put'])
    expect((await refusal(unnamed, 'list')).hint).toMatch(/endpoint, or the region/)
    const plain = store(gateway.endpoint.replace('http:', 'https:'))
    await allRefused(plain, 'definition.tls', /^https:.* does not speak TLS as it should \(EPROTO\)$/, ['list', 'put'])
    for (const [kind, words] of [
      ['silent', /does not answer in time$/],
      ['refused', /hangs up \(ECONNRESET\)$/],
    ] as const) {
      const { endpoint } = await lineTo(gateway, () => ({ kind }))
      await allRefused(storeIn({ endpoint, patience: { ...patience, answer: 300 } }), 'transient.store', words, [
        'list',
        'get',
        'put',
      ])
    }
  })

  describe('of what is no S3', () => {
    const HTML = '<!DOCTYPE html><html><head><title>Welcome</title></head><body><p>Hello<br></p></body></html>'
    const XHTML = '<html><body>Hello</body></html>'
    for (const [words, status, body] of [
      ['a page of HTML', 200, HTML],
      ['a page of XHTML', 200, XHTML],
      ['JSON', 200, '{"hello":1}'],
      ['nothing', 200, ''],
    ] as const)
      it(`tell so, where it answers with ${words}`, async () => {
        const endpoint = await serve((request, response) => {
          request.resume()
          response.writeHead(status).end(request.method === 'HEAD' ? undefined : body)
        })
        const deeds: Deed[] = ['list', 'get', 'size', 'put', 'unfinished', ...(body === '' ? [] : (['copy'] as const))]
        await allRefused(
          storeIn({ endpoint }),
          'definition.service',
          /^http:\/\/127.0.0.1:\d+ is no S3 service: its answer /,
          deeds,
        )
      })

    it('tell so, where its listing of uploads does not go on', async () => {
      const body = `<ListMultipartUploadsResult><Bucket>b</Bucket><IsTruncated>true</IsTruncated>
        <NextKeyMarker>k</NextKeyMarker><NextUploadIdMarker>u</NextUploadIdMarker></ListMultipartUploadsResult>`
      const endpoint = await serve((request, response) => {
        request.resume()
        response.end(body)
      })
      await allRefused(storeIn({ endpoint }), 'definition.service', /it does not say how a listing goes on$/, ['unfinished'])
    })

    it('tell so, where it finds nothing, sends elsewhere, or refuses', async () => {
      const answering = async (status: number): Promise<ObjectStore> =>
        storeIn({
          endpoint: await serve(
            (request, response) => void request.resume().once('end', () => response.writeHead(status).end(HTML)),
          ),
        })
      await allRefused(await answering(404), 'definition.bucket', /there is no bucket/, ['get', 'size', 'copy'])
      await allRefused(await answering(404), 'definition.service', /cannot be \w+: http.* answers 404/, ['list', 'put'])
      await allRefused(await answering(302), 'definition.region', /another endpoint/)
      await allRefused(await answering(502), 'transient.store', /just now: http.* answers 502$/)
    })
  })

  describe('of a certificate', () => {
    const folder = scratch('tls')
    const certificate = (name: string, names: string, more: string[] = []): { key: string; cert: string; path: string } => {
      const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)]
      const request = [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-subj',
        '/CN=quern',
      ]
      execFileSync('openssl', [...request, '-keyout', key, '-out', cert, '-addext', `subjectAltName=${names}`, ...more], {
        stdio: 'ignore',
      })
      return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8'), path: cert }
    }
    const storeAt = (endpoint: string, caBundle?: string): ObjectStore =>
      storeIn({ endpoint, settings: { endpoint, ...(caBundle ? { caBundle } : {}) } })

    it('that nobody knows, until its authority is named', async () => {
      const own = certificate('own', 'IP:127.0.0.1')
      const { endpoint } = await standIn('good', own)
      const untrusted = /^https:.* shows a certificate that is not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\)$/
      await allRefused(storeAt(endpoint), 'definition.tls', untrusted, ['list', 'put', 'size'])
      expect((await refusal(storeAt(endpoint), 'put')).hint).toMatch(/AWS_CA_BUNDLE=/)
      const store = storeAt(endpoint, own.path)
      expect(await store.putIfAbsent('a', Buffer.from('x'))).toBe('written')
      expect(await store.putIfAbsent('a', Buffer.from('y'))).toBe('exists')
      expect(Buffer.from((await store.get('a'))!).toString()).toBe('x')
      const bundle = storeAt(endpoint, join(folder, 'nowhere.pem'))
      await allRefused(bundle, 'definition.ca-bundle', /AWS_CA_BUNDLE: .*nowhere.pem cannot be read \(ENOENT\)/, ['list', 'put'])
    })

    it('that is for another name', async () => {
      const own = certificate('other', 'DNS:elsewhere.example')
      const { endpoint } = await standIn('good', own)
      const wrong = /shows a certificate of another name \(ERR_TLS_CERT_ALTNAME_INVALID\)$/
      await allRefused(storeAt(endpoint, own.path), 'definition.tls', wrong, ['list'])
    })
  })
})
