/** A run over more than it may hold, in memory and on disk. */
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, describe, expect, it } from 'vitest'
import { measure } from '../bench/measure.ts'
import { envOf } from './kit/buckets.ts'
import { documents, quern, REPOSITORY } from './kit/cli.ts'
import { gatewayBinary, startGateway } from './kit/gateway.ts'
import { orders, project } from './kit/project.ts'
import { cases, scratch } from './kit/scratch.ts'

const found = await gatewayBinary()
const MEBI = 2 ** 20

describe.skipIf('missing' in found)(`a large input ${'missing' in found ? `(skipped: ${found.missing})` : ''}`, async () => {
  if ('missing' in found) return
  const gateway = await startGateway()
  afterAll(() => gateway.stop())

  it('is read within the memory and the scratch space that are given', async () => {
    const objects = cases(8, 24, 400)
    const bucket = await gateway.makeBucket()
    const client = gateway.client()
    const lines = 60_000
    for (let at = 0; at < objects; at++) {
      const day = String(1 + (at % 9)).padStart(2, '0')
      const line = (row: number): string =>
        `{"time":"2026-01-${day}T00:00:00Z","customer":"c${row % 500}","amount":${row % 100},"currency":"EUR","note":"${'x'.repeat(60)}"}\n`
      const Body = Buffer.from(Array.from({ length: lines }, (_, row) => line(row)).join(''))
      expect(Body.length).toBeGreaterThan(7 * MEBI)
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: `in/${at}.ndjson`, Body }))
    }
    const cwd = project({
      'transforms/o.ts': orders({
        uri: `s3://${bucket}/in/*.ndjson`,
        schema: 'time: z.coerce.date(), customer: z.string(), amount: z.int(), currency: z.string()',
      }),
    })
    const env = {
      ...envOf({ endpoint: gateway.endpoint, account: gateway }),
      QUERN_STORE: `s3://${bucket}/store`,
      QUERN_MEMORY: '256MiB',
      QUERN_SCRATCH: '20MiB',
      QUERN_CACHE: '0',
      TMPDIR: scratch('temporary'),
    }
    const { peakMegabytes } = measure([process.execPath, `${REPOSITORY}bin/quern.js`, 'run'], { cwd, env })
    expect(peakMegabytes).toBeLessThan((256 * MEBI) / 1e6 + 150)
    const answer = await quern(['read', 'orders_daily', '--format', 'json', '--columns', 'orders_1d'], { cwd, env })
    const counts = documents(answer).map(row => row.orders_1d as number)
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(objects * lines)
  })
})
