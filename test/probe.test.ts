/** Stores are tried before they are trusted: services where commits would get lost are refused. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CreateMultipartUploadCommand } from '@aws-sdk/client-s3'
import { afterAll, describe, expect, it } from 'vitest'
import { DefinitionError } from '../src/domain/errors.ts'
import type { ObjectStore } from '../src/domain/objectStore.ts'
import { probe, probedStore } from '../src/objects/probe.ts'
import { s3ObjectStore } from '../src/objects/s3/s3ObjectStore.ts'
import { bucketAt, copiesIn } from './kit/buckets.ts'
import type { ProxyRequest } from './kit/faultProxy.ts'
import { ANSWERS } from './kit/faultProxy.ts'
import { gatewayBinary, startGateway } from './kit/gateway.ts'
import { changeOf, committedIds, first, lineTo, storeOver, tableIn } from './kit/s3Lines.ts'
import { scratch } from './kit/scratch.ts'
import type { Manners } from './kit/standIn.ts'
import { standIn } from './kit/standIn.ts'

const found = await gatewayBinary()
const MARKER = '_quern/store.json'
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('a service is tried, and', () => {
  const storeAt = (endpoint: string): ObjectStore =>
    s3ObjectStore(bucketAt({ endpoint, account: { accessKeyId: 'a', secretAccessKey: 'b' } }, 'bucket'), 'p/', copiesIn())

  const refused: [Manners, string, RegExp][] = [
    ['ignores', 'that knows no condition', /let 9 of 9 writers of one object win: commits would get lost there$/],
    ['races', 'that looks before it writes', /let \d of 9 writers of one object win: commits would get lost there$/],
    ['loses', 'that keeps nothing', /lost an object that it had taken: commits would get lost there$/],
    ['mixes', "that keeps the loser's", /kept another object than that of the writer who won: commits would get lost there$/],
  ]
  for (const [manners, words, message] of refused)
    it(`one ${words} is refused, for good`, async () => {
      const { endpoint, objects } = await standIn(manners)
      const error = await probe(storeAt(endpoint)).catch(error => error)
      expect(error).toBeInstanceOf(DefinitionError)
      expect(error).toMatchObject({ exitCode: 2, code: 'definition.unsafe-store', message: expect.stringMatching(message) })
      expect(error.hint).toContain('If-None-Match')
      const store = probedStore(storeAt(endpoint))
      for (const write of [store.putIfAbsent, store.put])
        await expect(write('key', bytes('x'))).rejects.toMatchObject({ code: 'definition.unsafe-store' })
      expect([...objects.keys()]).toEqual([])
    })

  it('one that does its duty is not', async () => {
    const { endpoint, objects } = await standIn('good')
    await probe(storeAt(endpoint))
    expect([...objects.keys()]).toEqual([])
    await probedStore(storeAt(endpoint)).put('key', bytes('x'))
    expect([...objects.keys()]).toEqual(['/bucket/p/_quern/store.json', '/bucket/p/key'])
  })
})

describe.skipIf('missing' in found)(`a bucket ${'missing' in found ? `(skipped: ${found.missing})` : ''}`, async () => {
  if ('missing' in found) return
  const gateway = await startGateway({ versioning: true })
  afterAll(() => gateway.stop())
  const bucket = await gateway.makeBucket()
  let places = 0
  const place = (): { bucket: string; prefix: string } => ({ bucket, prefix: `place-${places++}/` })
  const isProbe = ({ key }: ProxyRequest): boolean => /_quern\/(probe-|store\.json)/.test(key)

  it('is tried once, before the first write, and never by those who read', async () => {
    const at = place()
    const line = await lineTo(gateway)
    const store = probedStore(storeOver(gateway, line, at))
    const probes = (): number => line.requests.filter(isProbe).length
    expect([await store.get('a'), await store.size('a'), await store.folders(''), await Array.fromAsync(store.list(''))]).toEqual(
      [undefined, undefined, [], []],
    )
    await store.delete('a')
    expect(probes()).toBe(0)

    await Promise.all([store.putIfAbsent('a', bytes('x')), store.putIfAbsent('b', bytes('x')), store.put('c', bytes('x'))])
    const tried = probes()
    expect(tried).toBeGreaterThan(9 * 3)
    // The marker is looked for and written once; all that is tried is taken away.
    expect(line.requests.filter(({ key }) => key.endsWith(MARKER)).map(({ method }) => method)).toEqual(['HEAD', 'PUT'])
    const keys = (await Array.fromAsync(store.list(''))).map(({ key }) => key)
    expect(keys).toEqual([MARKER, 'a', 'b', 'c'])
    const firstWrite = line.requests.findIndex(({ method, key }) => method === 'PUT' && !/_quern/.test(key))
    expect(line.requests.slice(firstWrite).some(isProbe)).toBe(false)
    await store.putIfAbsent('d', bytes('x'))
    expect(probes()).toBe(tried)

    // Another process sees that it was tried.
    const other = await lineTo(gateway)
    await probedStore(storeOver(gateway, other, at)).put('e', bytes('x'))
    expect(other.requests.filter(isProbe).map(({ method }) => method)).toEqual(['HEAD'])
  })

  it('is trusted though answers get lost while it is tried, and tried again where it was out of reach', async () => {
    const faults = first(6, { kind: 'lostAnswer' }, ({ method, key }) => method === 'PUT' && /probe-/.test(key))
    await probe(storeOver(gateway, await lineTo(gateway, faults), place()))
    let isOut = true
    const line = await lineTo(gateway, () => (isOut ? { kind: 'status', ...ANSWERS.internalError } : undefined))
    const store = probedStore(storeOver(gateway, line, place()))
    await expect(store.put('a', bytes('x'))).rejects.toMatchObject({ code: 'transient.store' })
    isOut = false
    await store.put('a', bytes('x'))
    expect(await store.size(MARKER)).toBeGreaterThan(0)
  })

  it('is written by those who may not delete', async () => {
    const mine = await gateway.makeBucket()
    const account = gateway.user()
    await gateway.allow(mine, account, ['s3:ListBucket', 's3:GetObject', 's3:PutObject'])
    const store = probedStore(s3ObjectStore(bucketAt({ endpoint: gateway.endpoint, account }, mine), '', copiesIn()))
    expect(await store.putIfAbsent('a', bytes('x'))).toBe('written')
    expect(await store.size(MARKER)).toBeGreaterThan(0)
  })

  it('keeps nothing of a trial that fails half-way', async () => {
    const mine = await gateway.makeBucket()
    const account = gateway.user()
    await gateway.allow(mine, account, ['s3:ListBucket', 's3:PutObject', 's3:DeleteObject'])
    const store = s3ObjectStore(bucketAt({ endpoint: gateway.endpoint, account }, mine), '', copiesIn())
    await expect(probe(store)).rejects.toMatchObject({ code: 'definition.permission' })
    const left: string[] = []
    for await (const { key } of store.list('')) left.push(key)
    expect(left).toEqual([])
  })

  it('is told how to encrypt, and who pays, with each request that this concerns', async () => {
    const line = await lineTo(gateway)
    const settings = { endpoint: line.endpoint, encryption: 'aws:kms', kmsKeyId: 'key-1', requesterPays: true } as const
    const store = storeOver(gateway, line, place(), { settings })
    await store.putIfAbsent('small', bytes('x'))
    await store.put('small', bytes('x'))
    const path = join(scratch('encrypted'), 'file')
    writeFileSync(path, Buffer.alloc(9_000_000))
    await store.putFile('large', path)
    await store.copy('small', 'copied')
    await store.renew('small', Date.now() + 10 ** 9)
    await store.get('small')
    await store.size('small')
    await Array.fromAsync(store.list(''))
    await Array.fromAsync(store.unfinished(''))
    const begun = await gateway.client().send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: 'left' }))
    await storeOver(gateway, line, { bucket, prefix: '' }, { settings }).delete(`left\u0001upload=${begun.UploadId}`)
    await store.delete('small')

    const encryption = ({ headers }: ProxyRequest): unknown[] => [
      headers['x-amz-server-side-encryption'],
      headers['x-amz-server-side-encryption-aws-kms-key-id'],
    ]
    // What makes an object says how; parts of an upload, and its end, are as its beginning said.
    const makes = line.requests.filter(
      ({ method, query }) => (method === 'PUT' && !query.has('partNumber')) || query.has('uploads'),
    )
    const makers = makes.filter(({ method }) => method !== 'GET')
    // Made younger within the second in which it was made, one is sent anew.
    expect(makers.map(({ method }) => method)).toEqual(['PUT', 'PUT', 'POST', 'PUT', 'PUT', 'PUT'])
    expect(makers.map(encryption)).toEqual(makers.map(() => ['aws:kms', 'key-1']))
    const others = line.requests.filter(request => !makers.includes(request))
    expect(others.map(encryption)).toEqual(others.map(() => [undefined, undefined]))
    expect(new Set(line.requests.map(({ headers }) => headers['x-amz-request-payer']))).toEqual(new Set(['requester']))
    const plain = await lineTo(gateway)
    await storeOver(gateway, plain, place()).put('small', bytes('x'))
    expect(plain.requests.flatMap(encryption)).toEqual([undefined, undefined])
    expect(plain.requests[0]!.headers['x-amz-request-payer']).toBeUndefined()
  })

  it('that keeps versions shows nothing of what was deleted', async () => {
    const versioned = await gateway.makeBucket(undefined, { versioned: true })
    const store = storeOver(gateway, gateway, { bucket: versioned, prefix: 'p/' })
    expect(await store.putIfAbsent('a/key', bytes('first'))).toBe('written')
    expect(await store.putIfAbsent('a/key', bytes('no'))).toBe('exists')
    expect(Buffer.from((await store.get('a/key'))!).toString()).toBe('first')
    await store.delete('a/key')
    await store.delete('a/key')
    const shown = [await store.get('a/key'), await store.size('a/key'), await store.copy('a/key', 'b')]
    expect(shown).toEqual([undefined, undefined, false])
    expect(await Array.fromAsync(store.list(''))).toEqual([])
    await expect(store.localPath('a/key')).rejects.toMatchObject({ code: 'data.lost' })
    expect(await store.renew('a/key', Date.now())).toBe(false)

    // S3 takes it again. This server takes its mark for an object, which is told, and a file gets there all the same.
    await expect(store.putIfAbsent('a/key', bytes('second'))).rejects.toMatchObject({ code: 'definition.service' })
    const path = join(scratch('again'), 'file')
    for (const text of ['third', 'fourth']) {
      writeFileSync(path, text)
      await store.putFile('a/key', path)
      expect(Buffer.from((await store.get('a/key'))!).toString()).toBe('third')
    }

    await probe(store)
    const table = tableIn(store)
    for (let id = 0n; id < 3n; id++) await table.commit(await changeOf(table, id))
    expect(await committedIds(table)).toEqual([0n, 1n, 2n])
  })
})
