/** What a client sees of a faulty line, and what the server holds afterwards. */
import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Fault, FaultProxy, Link } from './kit/faultProxy.ts'
import { ANSWERS, startProxy } from './kit/faultProxy.ts'
import type { Gateway } from './kit/gateway.ts'
import { clientOf, gatewayBinary, startGateway } from './kit/gateway.ts'

const found = await gatewayBinary()
if ('missing' in found) console.warn(found.missing)

const TEXT = 'what the server holds '.repeat(1000)

describe.skipIf('missing' in found)('a server behind a faulty line', { timeout: 20_000 }, () => {
  let gateway: Gateway
  let direct: S3Client
  let Bucket: string
  let line: FaultProxy
  let client: S3Client

  beforeAll(async () => {
    gateway = await startGateway({ versioning: true })
    direct = gateway.client()
    Bucket = await gateway.makeBucket()
    await put(direct, 'text', TEXT)
  })
  afterAll(() => gateway.stop())
  afterEach(async () => {
    client.destroy()
    await line.stop()
  })

  /** The client's requests meet these faults, one after the other, and then none. */
  async function meets(faults: readonly Fault[], link?: Link): Promise<void> {
    line = await startProxy(gateway.endpoint, ({ n }) => faults[n], link)
    client = clientOf(line.endpoint, gateway)
  }

  const put = (s3: S3Client, Key: string, Body: string | Buffer): Promise<unknown> =>
    s3.send(new PutObjectCommand({ Bucket, Key, Body, IfNoneMatch: '*' }))
  const get = async (s3: S3Client, Key: string, Range?: string): Promise<string> =>
    (await s3.send(new GetObjectCommand({ Bucket, Key, Range }))).Body!.transformToString()
  const answer = (request: Promise<unknown>): Promise<string> =>
    request.then(
      () => 'done',
      (error: NodeJS.ErrnoException & { $metadata?: { httpStatusCode?: number } }) =>
        [error.$metadata?.httpStatusCode, error.code ?? error.name].filter(Boolean).join(' '),
    )
  const holds = async (Key: string): Promise<boolean> => (await answer(get(direct, Key))) === 'done'
  const time = async (request: () => Promise<unknown>): Promise<number> => {
    const begun = performance.now()
    await request()
    return performance.now() - begun
  }

  it('is the same server where there is no fault', async () => {
    await meets([])
    const key = 'one/key with ä+%2F&=.txt'
    const large = Buffer.alloc(9 << 20, 'large')
    expect(await answer(put(client, key, TEXT))).toBe('done')
    expect(await answer(put(client, key, TEXT))).toBe('412 PreconditionFailed')
    expect(await answer(put(client, 'large', large))).toBe('done')
    expect(await get(client, key)).toBe(TEXT)
    expect(await get(client, key, 'bytes=5-7')).toBe(TEXT.slice(5, 8))
    expect(await get(direct, 'large')).toBe(large.toString())
    const { Contents } = await client.send(new ListObjectsV2Command({ Bucket, Prefix: 'one/' }))
    expect(Contents!.map(({ Key }) => Key)).toEqual([key])
    expect(line.requests.map(({ method, status, range, received, sent }) => [method, status, range, received, sent])).toEqual([
      ['PUT', 200, undefined, TEXT.length, 0],
      ['PUT', 412, undefined, TEXT.length, expect.any(Number)],
      ['PUT', 200, undefined, large.length, 0],
      ['GET', 200, undefined, 0, TEXT.length],
      ['GET', 206, 'bytes=5-7', 0, 3],
      ['GET', 200, undefined, 0, expect.any(Number)],
    ])
    expect(line.requests[0]).toMatchObject({ n: 0, path: `/${Bucket}/${key}`, bucket: Bucket, key })
    expect(line.requests[0]!.query.get('x-id')).toBe('PutObject')
    expect(line.requests[5]!.query.get('prefix')).toBe('one/')
  })

  it('resets a connection before the request arrives, or after it is done', async () => {
    await meets([{ kind: 'refused' }, { kind: 'lostAnswer' }])
    expect(await answer(put(client, 'refused', TEXT))).toBe('ECONNRESET')
    expect(await holds('refused')).toBe(false)
    expect(await answer(put(client, 'lost', TEXT))).toBe('ECONNRESET')
    expect(await holds('lost')).toBe(true)
    // The client that asks again finds its own object.
    expect(await answer(put(client, 'lost', TEXT))).toBe('412 PreconditionFailed')
  })

  it('lets a request arrive when its client has given it up', async () => {
    await meets([{ kind: 'tardy', ms: 1000 }])
    expect(await answer(put(client, 'tardy', TEXT))).toBe('ECONNRESET')
    expect(await holds('tardy')).toBe(false)
    await line.settled()
    expect(await holds('tardy')).toBe(true)
  })

  it('takes its time', async () => {
    await meets([{ kind: 'latency', ms: 300 }])
    expect(await time(() => get(client, 'text'))).toBeGreaterThan(299)
  })

  it('does not carry a late request out whose client has gone', async () => {
    await meets([{ kind: 'latency', ms: 500 }])
    const Key = 'gone'
    const abortSignal = AbortSignal.timeout(50)
    expect(await answer(client.send(new PutObjectCommand({ Bucket, Key, Body: TEXT }), { abortSignal }))).toBe('AbortError')
    await new Promise(resolve => setTimeout(resolve, 700))
    expect(await holds(Key)).toBe(false)
  })

  it('never answers', async () => {
    await meets([{ kind: 'silent' }])
    const abortSignal = AbortSignal.timeout(300)
    expect(await answer(client.send(new DeleteObjectCommand({ Bucket, Key: 'text' }), { abortSignal }))).toBe('AbortError')
    expect(line.requests[0]).toMatchObject({ method: 'DELETE', status: undefined, sent: 0 })
    expect(await holds('text')).toBe(true)
  })

  it('cuts an answer off', async () => {
    await meets([{ kind: 'cutBody' }, { kind: 'cutBody' }])
    expect(await answer(get(client, 'text'))).toBe('ECONNRESET')
    expect(line.requests[0]).toMatchObject({ status: 200, sent: TEXT.length / 2 })
    // An answer without a body.
    expect(await answer(put(client, 'cut', TEXT))).toBe('ECONNRESET')
    expect(await holds('cut')).toBe(true)
  })

  it('lies about the length and about the bytes, which only a checksum shows', async () => {
    await meets([{ kind: 'truncated' }, { kind: 'truncated' }, { kind: 'wrongBytes' }, { kind: 'wrongBytes' }])
    // The checksum is the whole object's, and the answer to a range has none.
    const part = TEXT.slice(0, 1000)
    const wrong = Buffer.from(part)
    wrong[500]! ^= 1
    expect(await answer(get(client, 'text'))).toBe('Error')
    expect(await get(client, 'text', 'bytes=0-999')).toBe(part.slice(0, 500))
    expect(await answer(get(client, 'text'))).toBe('Error')
    expect(await get(client, 'text', 'bytes=0-999')).toBe(wrong.toString())
    expect(await get(direct, 'text')).toBe(TEXT)
  })

  it('answers with an error before the request arrives, or after it is done', async () => {
    const errors = Object.values(ANSWERS)
    await meets(errors.flatMap(error => [{ kind: 'status', ...error } as const, { kind: 'statusAfter', ...error } as const]))
    for (const { status, code } of errors) {
      expect(await answer(put(client, `${code} before`, TEXT))).toBe(`${status} ${code}`)
      expect(await answer(put(client, `${code} after`, TEXT))).toBe(`${status} ${code}`)
      expect([await holds(`${code} before`), await holds(`${code} after`)]).toEqual([false, true])
    }
  })

  it('sends slowly', async () => {
    await meets([{ kind: 'slow', bytesPerSecond: TEXT.length * 2 }])
    expect(await time(async () => expect(await get(client, 'text')).toBe(TEXT))).toBeGreaterThan(400)
  })

  it('shares the bytes per second of its line among the requests', async () => {
    const Key = 'megabyte'
    await put(direct, Key, Buffer.alloc(1_000_000))
    await meets([], { latencyMs: 50, bytesPerSecond: 10_000_000 })
    expect(await time(() => get(client, 'text', 'bytes=0-0'))).toBeGreaterThan(49)
    expect(await time(() => Promise.all(Array.from({ length: 5 }, () => get(client, Key))))).toBeGreaterThan(500)
    expect(await time(() => put(client, 'up', Buffer.alloc(5_000_000)))).toBeGreaterThan(500)
  })
})
