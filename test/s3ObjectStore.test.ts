/** Objects in a bucket of a real S3 server. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { deltaTableStore } from '../src/delta/deltaTableStore.ts'
import { checkpointWriter } from '../src/engine/duckdb/checkpointWriter.ts'
import { describeObjectStore } from './conformance/objectStore.ts'
import { describeTableStore } from './conformance/tableStore.ts'
import { storeAt } from './kit/buckets.ts'
import { gatewayBinary, startGateway } from './kit/gateway.ts'
import { scratch } from './kit/scratch.ts'

const found = await gatewayBinary()

describe.skipIf('missing' in found)(`a bucket ${'missing' in found ? `(skipped: ${found.missing})` : ''}`, async () => {
  if ('missing' in found) return
  const gateway = await startGateway()
  afterAll(() => gateway.stop())
  const bucket = await gateway.makeBucket()
  const line = { endpoint: gateway.endpoint, account: gateway }

  describeObjectStore('bucket', () => storeAt(line, bucket), false)

  describeTableStore(
    'delta in a bucket',
    now =>
      deltaTableStore(storeAt(line, bucket), {
        now,
        engineInfo: 'test',
        writeCheckpoint: checkpointWriter(scratch('checkpoint')),
      }),
    false,
  )

  it('gives one local file of an object, however often it is asked for', async () => {
    const store = storeAt(line, bucket)
    await store.put('one', Buffer.from('first'))
    const path = await store.localPath('one')
    expect(await store.localPath('one')).toBe(path)
    // Whoever has taken it away gets another.
    rmSync(path)
    expect(readFileSync(await store.localPath('one'), 'utf8')).toBe('first')
    await store.put('one', Buffer.from('second'))
    expect(readFileSync(await store.localPath('one'), 'utf8')).toBe('second')
  })

  it('takes and gives files of many parts', async () => {
    const store = storeAt(line, bucket)
    const path = join(scratch('large'), 'file')
    const bytes = Buffer.alloc(20_000_001, 'quern ')
    for (const first of [bytes, Buffer.alloc(20_000_001)]) {
      writeFileSync(path, first)
      await store.putFile('large/one', path)
      expect(await store.size('large/one')).toBe(bytes.length)
      expect(Buffer.compare((await store.get('large/one'))!, bytes)).toBe(0)
    }
    expect(await Array.fromAsync(store.unfinished(''))).toEqual([])
  })
})
