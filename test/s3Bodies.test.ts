/** Objects read over a line that breaks, lies and falls silent. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, describe, expect, it } from 'vitest'
import { TransientError } from '../src/domain/errors.ts'
import type { ListedObject, ObjectReader } from '../src/domain/objectReader.ts'
import { ChangedObjectError } from '../src/domain/objectReader.ts'
import { cachedCopies } from '../src/objects/cachedCopies.ts'
import { s3ObjectReader } from '../src/objects/s3/s3ObjectReader.ts'
import { s3ObjectStore } from '../src/objects/s3/s3ObjectStore.ts'
import { bucketAt, HASTY } from './kit/buckets.ts'
import type { Fault, FaultProxy, Link, ProxyRequest } from './kit/faultProxy.ts'
import { ANSWERS } from './kit/faultProxy.ts'
import { gatewayBinary, startGateway } from './kit/gateway.ts'
import { random } from './kit/random.ts'
import type { FaultOf } from './kit/s3Lines.ts'
import { first, isGet, lineTo, storeOver } from './kit/s3Lines.ts'
import { scratch } from './kit/scratch.ts'

const found = await gatewayBinary()
const SIZE = 300_000
const HALF = SIZE / 2
const UNUSED = new AbortController().signal

const some = random(7)
const noise = (size: number): Buffer => Buffer.from(Array.from({ length: size }, () => some.whole(0, 255)))
const BYTES = noise(SIZE)

describe.skipIf('missing' in found)(`bodies ${'missing' in found ? `(skipped: ${found.missing})` : ''}`, async () => {
  if ('missing' in found) return
  const gateway = await startGateway()
  afterAll(() => gateway.stop())
  const bucket = await gateway.makeBucket()
  let places = 0

  interface Seen {
    proxy: FaultProxy
    reader: ObjectReader
    object: ListedObject
    /** As it is listed, all of it. */
    whole: () => Promise<Buffer>
    /** Of the requests for its body. */
    ranges: () => (string | undefined)[]
    folder: string
    prefix: string
  }
  /** An object of 300 kB, at the end of a line. */
  async function seen(faultOf: FaultOf, link?: Link): Promise<Seen> {
    const prefix = `place-${places++}/`
    await storeOver(gateway, gateway, { bucket, prefix }).put('object', BYTES)
    const proxy = await lineTo(gateway, faultOf, link)
    const reader = s3ObjectReader(bucketAt({ endpoint: proxy.endpoint, account: gateway }, bucket, { patience }))
    const [object] = (await Array.fromAsync(reader.list(prefix, {}))) as [ListedObject]
    const folder = scratch('bodies')
    const whole = async (): Promise<Buffer> => {
      const path = join(folder, `read-${places++}`)
      await reader.read(object, [{ from: 0, to: SIZE, at: 0 }], path, UNUSED)
      return readFileSync(path)
    }
    const ranges = (): (string | undefined)[] => proxy.requests.filter(isGet).map(({ range }) => range)
    return { proxy, reader, object, whole, ranges, folder, prefix }
  }
  const patience = { ...HASTY, answer: 1500 }
  const isSame = (bytes: Uint8Array, expected: Uint8Array = BYTES): boolean => Buffer.compare(bytes, expected) === 0
  const get = (fault: Fault, times = 1): FaultOf => first(times, fault, isGet)

  describe.concurrent('that are read', () => {
    it('carry a checksum', async () => {
      const { whole, proxy, object } = await seen(() => undefined)
      expect(isSame(await whole())).toBe(true)
      const [request] = proxy.requests.filter(isGet)
      expect(request!.headers['x-amz-checksum-mode']).toBe('ENABLED')
      const head = new HeadObjectCommand({ Bucket: bucket, Key: object.key, ChecksumMode: 'ENABLED' })
      expect((await gateway.client().send(head)).ChecksumCRC32).toMatch(/^.{6}==$/)
    })

    it('are taken up where the line broke', async () => {
      const { whole, ranges, proxy } = await seen(get({ kind: 'cutBody' }, 2))
      expect(isSame(await whole())).toBe(true)
      const from = ranges().map(range => Number(/^bytes=(\d+)-299999$/.exec(range ?? '')?.[1]))
      expect(from).toHaveLength(3)
      const sent = proxy.requests.filter(isGet).map(request => request.sent)
      // What had come when the line broke is not asked for again, but for what was still on its way to whoever reads.
      expect(from[1]).toBeGreaterThan(HALF / 2)
      expect(from[1]).toBeLessThanOrEqual(HALF)
      expect(from[2]).toBeGreaterThan(from[1]!)
      expect(sent).toEqual([HALF, (SIZE - from[1]!) >> 1, SIZE - from[2]!])
    })

    it('are taken up where the line fell silent', async () => {
      const { whole, ranges } = await seen(get({ kind: 'stalled' }))
      expect(isSame(await whole())).toBe(true)
      expect(ranges()).toEqual([undefined, `bytes=${HALF}-${SIZE - 1}`])
    })

    it('are as good in ranges', async () => {
      const { reader, object, folder, ranges } = await seen(get({ kind: 'cutBody' }, 2))
      const wanted = [
        { from: 0, to: 1000, at: 0 },
        { from: 200_000, to: SIZE, at: 1000 },
      ]
      const path = join(folder, 'ranges')
      await reader.read(object, wanted, path, UNUSED)
      expect(isSame(readFileSync(path), Buffer.concat([BYTES.subarray(0, 1000), BYTES.subarray(200_000)]))).toBe(true)
      expect(ranges()).toHaveLength(4)
      expect(ranges()).toEqual(expect.arrayContaining(['bytes=0-999', 'bytes=500-999', 'bytes=250000-299999']))
      expect(isSame(await reader.bytes(object, { from: 5, to: 9 }, UNUSED), BYTES.subarray(5, 9))).toBe(true)
    })

    it('fail in the end where the line breaks again and again', async () => {
      const { whole, ranges } = await seen(get({ kind: 'cutBody' }, 100))
      await expect(whole()).rejects.toThrow(/object cannot be read just now: .* hangs up/)
      expect(ranges()).toHaveLength(patience.attempts)
    })

    for (const kind of ['truncated', 'wrongBytes'] as const) {
      it(`are asked for again where they lie: ${kind}`, async () => {
        const { whole, ranges } = await seen(get({ kind }))
        expect(isSame(await whole())).toBe(true)
        expect(ranges()).toEqual([undefined, undefined])
      })

      it(`are an error, and nothing stays, where they always lie: ${kind}`, async () => {
        const { whole, proxy, prefix, folder, ranges } = await seen(get({ kind }, 1000))
        const wrong = kind === 'truncated' ? /sends 150000 bytes of 300000/ : /sends other bytes than were written/
        await expect(whole()).rejects.toThrow(wrong)
        expect(ranges()).toEqual([undefined, undefined, undefined, undefined])
        const made = join(folder, 'copies')
        const copies = cachedCopies({ scratchDir: scratch(), cacheDir: made, limit: 1e9, start: '', now: () => Date.now() })
        const store = s3ObjectStore(bucketAt({ endpoint: proxy.endpoint, account: gateway }, bucket), prefix, copies)
        await expect(store.get('object')).rejects.toBeInstanceOf(TransientError)
        await expect(store.localPath('object')).rejects.toBeInstanceOf(TransientError)
        expect(existsSync(made) ? readdirSync(made) : []).toEqual([])
      })
    }

    it('come also from whoever answers 503, hangs up, or takes his time', async () => {
      for (const fault of [{ kind: 'status', ...ANSWERS.slowDown }, { kind: 'refused' }, { kind: 'silent' }] as const) {
        const { whole, ranges } = await seen(get(fault))
        expect(isSame(await whole())).toBe(true)
        expect(ranges()).toEqual([undefined, undefined])
      }
    })

    it('may take longer than any answer may', async () => {
      const { whole, ranges } = await seen(get({ kind: 'slow', bytesPerSecond: 120_000 }))
      const begun = performance.now()
      expect(isSame(await whole())).toBe(true)
      expect(performance.now() - begun).toBeGreaterThan(patience.answer)
      expect(ranges()).toHaveLength(1)
    })

    it('are of one object: another under its name is a change', async () => {
      const { whole, ranges, proxy, prefix, reader, object } = await seen(get({ kind: 'stalled' }))
      const reading = whole()
      const plain = storeOver(gateway, gateway, { bucket, prefix })
      await expect.poll(() => proxy.requests.filter(isGet)[0]?.sent).toBe(HALF)
      await plain.put('object', noise(SIZE))
      await expect(reading).rejects.toBeInstanceOf(ChangedObjectError)
      expect(ranges()).toHaveLength(2)
      expect(proxy.requests.at(-1)!.status).toBe(412)
      await expect(reader.bytes(object, { from: 0, to: 5 }, UNUSED)).rejects.toBeInstanceOf(ChangedObjectError)
      await plain.delete('object')
      await expect(whole()).rejects.toBeInstanceOf(ChangedObjectError)
    })

    it('are those of the newest object where the store reads', async () => {
      const { proxy, prefix } = await seen(get({ kind: 'stalled' }))
      const store = storeOver(gateway, proxy, { bucket, prefix }, { patience })
      const reading = store.localPath('object')
      await expect.poll(() => proxy.requests.filter(isGet)[0]?.sent).toBe(HALF)
      await storeOver(gateway, gateway, { bucket, prefix }).put('object', Buffer.from('new'))
      expect(readFileSync(await reading, 'utf8')).toBe('new')
    })

    it('end with whoever wants them', async () => {
      const { reader, object, folder } = await seen(get({ kind: 'stalled' }))
      const stop = new AbortController()
      const reading = reader.read(object, [{ from: 0, to: SIZE, at: 0 }], join(folder, 'stopped'), stop.signal)
      setTimeout(() => stop.abort(), 100)
      const begun = performance.now()
      await expect(reading).rejects.toMatchObject({ name: 'AbortError' })
      expect(performance.now() - begun).toBeLessThan(1000)
    })

    it('are an error of this machine where it cannot keep them', async () => {
      const { reader, object, folder, ranges } = await seen(() => undefined)
      const reading = reader.read(object, [{ from: 0, to: SIZE, at: 0 }], join(folder, 'none', 'file'), UNUSED)
      await expect(reading).rejects.toMatchObject({
        exitCode: 75,
        message: expect.stringMatching(/none\/file cannot be written \(ENOENT\)$/),
      })
      expect(ranges()).toEqual([])
    })

    it('are listed whole or not at all', async () => {
      const isListing = ({ query }: ProxyRequest): boolean => query.get('list-type') !== null
      const { reader, prefix, proxy } = await seen(first(2, { kind: 'truncated' }, isListing))
      // The first listing was that of `seen`.
      expect(proxy.requests.filter(isListing)).toHaveLength(3)
      expect(await Array.fromAsync(reader.list(prefix, {}))).toHaveLength(1)
    })

    it('without a checksum cannot be told from others', async () => {
      const { proxy, prefix } = await seen(get({ kind: 'wrongBytes' }))
      // Whoever else writes to the bucket may leave it out; some services make one then.
      const client = gateway.client(undefined, { requestChecksumCalculation: 'WHEN_REQUIRED' })
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: `${prefix}bare`, Body: BYTES }))
      const bytes = (await storeOver(gateway, proxy, { bucket, prefix }).get('bare'))!
      expect(bytes.length).toBe(SIZE)
    })
  })
})
