/** Files uploaded over a line that breaks, and what is left of those that were not. */
import { randomBytes } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CreateMultipartUploadCommand, UploadPartCommand } from '@aws-sdk/client-s3'
import { afterAll, describe, expect, it } from 'vitest'
import { applyVacuum, planVacuum } from '../src/run/vacuum.ts'
import { HASTY } from './kit/buckets.ts'
import type { FaultProxy, Link, ProxyRequest } from './kit/faultProxy.ts'
import { ANSWERS } from './kit/faultProxy.ts'
import { gatewayBinary, startGateway } from './kit/gateway.ts'
import type { FaultOf } from './kit/s3Lines.ts'
import { changeOf, first, lineTo, storeOver, tableIn } from './kit/s3Lines.ts'
import { scratch } from './kit/scratch.ts'

const found = await gatewayBinary()
const BIG = 20_000_001
const UNUSED = new AbortController().signal

describe.skipIf('missing' in found)(`files ${'missing' in found ? `(skipped: ${found.missing})` : ''}`, async () => {
  if ('missing' in found) return
  const gateway = await startGateway()
  afterAll(() => gateway.stop())
  const bucket = await gateway.makeBucket()
  let places = 0
  const patience = { ...HASTY, answer: 1500 }
  const isSame = (bytes: Uint8Array, expected: Uint8Array): boolean => Buffer.compare(bytes, expected) === 0

  describe('that are uploaded in parts', () => {
    const large = randomBytes(BIG)
    interface Upload {
      proxy: FaultProxy
      store: ReturnType<typeof storeOver>
      plain: ReturnType<typeof storeOver>
      path: string
      prefix: string
    }
    async function upload(faultOf: FaultOf, bytes = large, link?: Link): Promise<Upload> {
      const at = { bucket, prefix: `place-${places++}/` }
      const proxy = await lineTo(gateway, faultOf, link)
      const path = join(scratch('upload'), 'file')
      writeFileSync(path, bytes)
      const store = storeOver(gateway, proxy, at, { patience })
      return { proxy, store, plain: storeOver(gateway, gateway, at), path, prefix: at.prefix }
    }
    const isPart = ({ query }: ProxyRequest): boolean => query.has('partNumber')
    const isCompletion = ({ method, query }: ProxyRequest): boolean => method === 'POST' && query.has('uploadId')
    const isAbort = ({ method, query }: ProxyRequest): boolean => method === 'DELETE' && query.has('uploadId')
    const arrived = async ({ plain, path }: Upload, bytes = large): Promise<void> => {
      expect(isSame((await plain.get('file'))!, bytes)).toBe(true)
      expect(await Array.fromAsync(plain.unfinished(''))).toEqual([])
      expect(existsSync(path)).toBe(false)
    }

    const once: [string, FaultOf][] = [
      ['a part is refused', first(1, { kind: 'refused' }, isPart)],
      ['the answer about a part gets lost', first(1, { kind: 'lostAnswer' }, isPart)],
      ['a part meets 503', first(1, { kind: 'status', ...ANSWERS.slowDown }, isPart)],
      ['the answer about the end gets lost', first(1, { kind: 'lostAnswer' }, isCompletion)],
      ['the end is carried out and answered by 500', first(1, { kind: 'statusAfter', ...ANSWERS.internalError }, isCompletion)],
      ['the answer about the end is cut', first(1, { kind: 'truncated' }, isCompletion)],
      [
        'the end meets 200 with an error in it',
        first(1, { kind: 'status', ...ANSWERS.internalError, status: 200 }, isCompletion),
      ],
      ['the end meets another (409)', first(1, { kind: 'status', ...ANSWERS.conflict }, isCompletion)],
    ]
    for (const [words, faultOf] of once)
      it(`arrive though ${words}`, async () => {
        const seen = await upload(faultOf)
        await seen.store.putFile('file', seen.path)
        await arrived(seen)
      })

    it('leave nothing where a part never arrives, and send no more of them', async () => {
      const { store, plain, path, proxy } = await upload(r =>
        r.query.get('partNumber') === '1' ? { kind: 'status', ...ANSWERS.accessDenied } : undefined,
      )
      await expect(store.putFile('file', path)).rejects.toThrow(/file may not be written/)
      expect(await plain.size('file')).toBeUndefined()
      expect(await Array.fromAsync(plain.unfinished(''))).toEqual([])
      expect(existsSync(path)).toBe(true)
      expect(proxy.requests.filter(isAbort)).toHaveLength(1)
    })

    it('tell why they failed, though nothing can be taken away, and that is found later', async () => {
      const { store, plain, path } = await upload(r =>
        isPart(r) || isAbort(r) ? { kind: 'status', ...ANSWERS.internalError } : undefined,
      )
      await expect(store.putFile('file', path)).rejects.toThrow(/file cannot be written just now: .* answers 500/)
      const [left] = await Array.fromAsync(plain.unfinished(''))
      await plain.delete(left!.key)
      await plain.delete(left!.key)
      expect(await Array.fromAsync(plain.unfinished(''))).toEqual([])
    })

    it('are one of those that race', async () => {
      const { store, plain, path } = await upload(() => undefined)
      const bodies = [large, Buffer.from(large).fill(1, 0, 9), Buffer.from(large).fill(2, 0, 9)]
      const paths = bodies.map((_, n) => `${path}-${n}`)
      for (const [n, each] of paths.entries()) writeFileSync(each, bodies[n]!)
      await Promise.all(paths.map(each => store.putFile('file', each)))
      const kept = (await plain.get('file'))!
      expect(bodies.filter(body => isSame(kept, body))).toHaveLength(1)
      expect(await Array.fromAsync(plain.unfinished(''))).toEqual([])
      // Whoever comes later leaves what is there.
      writeFileSync(path, Buffer.from(large).fill(3, 0, 9))
      await store.putFile('file', path)
      expect(isSame((await plain.get('file'))!, kept)).toBe(true)
      expect(await Array.fromAsync(plain.unfinished(''))).toEqual([])
    })

    it('may take longer than any answer may', async () => {
      // A part of that size, or what is as large as one, is one request.
      const part = large.subarray(0, 2 ** 23)
      const { proxy, path, prefix } = await upload(() => undefined, part, { bytesPerSecond: 2_000_000 })
      const begun = performance.now()
      await storeOver(gateway, proxy, { bucket, prefix }).putFile('file', path)
      expect(performance.now() - begun).toBeGreaterThan(HASTY.answer)
      expect(proxy.requests.map(({ method }) => method)).toEqual(['PUT'])
    })

    it('are listed and taken away where their process died, by quern vacuum too', async () => {
      const prefix = `place-${places++}/`
      const store = storeOver(gateway, gateway, { bucket, prefix })
      const table = tableIn(store)
      await table.commit(await changeOf(table, 1n))
      const client = gateway.client()
      const begin = async (name: string): Promise<void> => {
        const to = { Bucket: bucket, Key: `${prefix}features/orders/${name}` }
        const { UploadId } = await client.send(new CreateMultipartUploadCommand(to))
        await client.send(new UploadPartCommand({ ...to, UploadId, PartNumber: 1, Body: Buffer.alloc(5_242_880) }))
      }
      for (const name of ['part-a.parquet', 'part-a.parquet', 'part-b.parquet']) await begin(name)
      const left = await Array.fromAsync(store.unfinished('features/orders/'))
      expect(left.map(({ key }) => key.split('\u0001')[0])).toEqual(['a', 'a', 'b'].map(n => `features/orders/part-${n}.parquet`))
      expect(left.every(({ modifiedAt }) => Math.abs(modifiedAt - Date.now()) < 60_000)).toBe(true)
      expect(await Array.fromAsync(store.unfinished('rejected/'))).toEqual([])
      // They are no objects.
      expect((await Array.fromAsync(store.list('features/orders/part-'))).length).toBe(1)
      await store.delete(left[2]!.key)

      const tables = { uri: store.uri, table: () => table, tables: async () => [] }
      const options = { retain: 0n, now: BigInt(Date.now()) * 1000n }
      expect((await planVacuum(tables, 'orders', options)).objects).toEqual([])
      const later = { ...options, now: options.now + 8n * 86_400_000_000n }
      const plan = await planVacuum(tables, 'orders', later)
      expect(plan.objects.map(({ why }) => why)).toEqual(['orphan', 'orphan'])
      await applyVacuum(tables, 'orders', plan, { ...later, signal: UNUSED })
      expect(await Array.fromAsync(store.unfinished(''))).toEqual([])
      expect((await table.snapshot('latest'))?.files).toHaveLength(1)
    })
  })
})
