/** Runs over objects in a bucket: what changes meanwhile, what is recorded, and what interrupted ones leave. */

import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, describe, expect, it } from 'vitest'
import type { FeatureSet } from '../src/domain/featureSet.ts'
import type { PinnedFile } from '../src/domain/source.ts'
import { parseInstant } from '../src/domain/time.ts'
import { loadDefinitions } from '../src/registry.ts'
import { verifyVersion } from '../src/run/verifyVersion.ts'
import { type Contents, put, sourceAt } from './kit/bucketSources.ts'
import { quern, REPOSITORY } from './kit/cli.ts'
import type { ComputedRow } from './kit/computing.ts'
import { type Fault, type FaultProxy, type ProxyRequest, startProxy } from './kit/faultProxy.ts'
import { gatewayBinary, startGateway } from './kit/gateway.ts'
import { type InProcess, inProcess, QUIET } from './kit/inProcess.ts'
import { ORDER_SCHEMA, ORDERS_CSV, orders, project, writeFiles } from './kit/project.ts'
import { scratch } from './kit/scratch.ts'

const found = await gatewayBinary()

describe.skipIf('missing' in found)(
  `a run over a bucket ${'missing' in found ? `(skipped: ${found.missing})` : ''}`,
  async () => {
    if ('missing' in found) return
    const gateway = await startGateway({ versioning: true })
    afterAll(() => gateway.stop())
    const s3 = gateway.client()
    const UNTIL = parseInstant('2026-01-05T00:00:00Z')!
    const csv = (...lines: string[]): string => `time,customer,amount,currency\n${lines.map(text => `${text},EUR\n`).join('')}`

    interface Scene {
      bucket: string
      cwd: string
      set: FeatureSet
      parts: InProcess
      proxy: FaultProxy
      run: (until?: bigint) => ReturnType<InProcess['run']>
      /** What customers spent in a day, by day. */
      spent: () => Promise<unknown[]>
    }
    const scene = async (
      contents: Contents,
      {
        uri = '*.csv',
        source = '',
        versioned = false,
        faultOf = () => undefined as Fault | undefined,
      }: {
        uri?: string
        source?: string
        versioned?: boolean
        faultOf?: (request: ProxyRequest, bucket: string) => Fault | undefined
      },
      work: (scene: Scene) => Promise<void>,
    ): Promise<void> => {
      const bucket = await gateway.makeBucket(undefined, { versioned })
      await put(s3, bucket, contents)
      const proxy = await startProxy(gateway.endpoint, request => faultOf(request, bucket))
      const cwd = project({ 'transforms/o.ts': orders({ uri: `s3://${bucket}/${uri}`, source: `zone: 'UTC', ${source}` }) })
      const [set] = await loadDefinitions(cwd)
      const parts = inProcess(cwd, { sourceOf: sourceAt({ endpoint: proxy.endpoint, account: gateway }) })
      const spent = async (): Promise<unknown[]> =>
        (await parts.rows(set!)).map(({ entity, cutoff, values }: ComputedRow) => [
          entity[0],
          Number((cutoff - parseInstant('2026-01-01T00:00:00Z')!) / 86_400_000_000n),
          Number(values[1]),
        ])
      try {
        await work({ bucket, cwd, set: set!, parts, proxy, run: (until = UNTIL) => parts.run(set!, { until }), spent })
      } finally {
        await parts.close()
        await proxy.stop()
      }
    }

    /** Does something at the first request for a key, which sets out when that is done. */
    const meanwhile = (key: string, change: (bucket: string) => Promise<unknown>) => {
      let done = false
      return (request: ProxyRequest, bucket: string): Fault | undefined => {
        if (done || request.key !== key || request.method !== 'GET') return undefined
        done = true
        change(bucket).catch(() => {})
        return { kind: 'latency', ms: 250 }
      }
    }

    it('commits what is there then, where an object is replaced between two requests', async () => {
      const faultOf = meanwhile('b.csv', bucket => put(s3, bucket, { 'b.csv': csv('2026-01-01T10:00:00Z,bob,7') }))
      const contents = { 'a.csv': csv('2026-01-01T10:00:00Z,ada,1'), 'b.csv': csv('2026-01-01T10:00:00Z,bob,2') }
      await scene(contents, { faultOf }, async ({ run, spent, parts, set }) => {
        expect(await run()).toMatchObject({ outcome: 'committed', version: 0 })
        expect((await spent()).filter(row => (row as number[])[1] === 1)).toEqual([
          ['ada', 1, 1],
          ['bob', 1, 7],
        ])
        const verified = await verifyVersion(
          {
            table: parts.store.table(`features/${set.name}`),
            name: set.name,
            snapshot: (await parts.store.table(`features/${set.name}`).snapshot('latest'))!,
          } as never,
          set,
          parts,
          QUIET,
        )
        expect(verified).toMatchObject({ outcome: 'equal' })
      })
    })

    it('goes on without an object that vanishes meanwhile', async () => {
      const faultOf = meanwhile('b.csv', bucket => s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'b.csv' })))
      const contents = { 'a.csv': csv('2026-01-01T10:00:00Z,ada,1'), 'b.csv': csv('2026-01-01T10:00:00Z,bob,2') }
      await scene(contents, { faultOf }, async ({ run, spent }) => {
        expect(await run()).toMatchObject({ outcome: 'committed', rowsRead: 1 })
        expect((await spent()).map(row => (row as string[])[0])).not.toContain('bob')
      })
    })

    it('records the versions that it has read, also in versions that follow', async () => {
      await scene({ 'a.csv': 'older' }, { versioned: true }, async ({ bucket, cwd, run }) => {
        const write = async (Key: string, Body: string): Promise<string> =>
          (await s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body }))).VersionId!
        const a = await write('a.csv', csv('2026-01-01T10:00:00Z,ada,1'))
        await run()
        const b = await write('b.csv', csv('2026-01-02T10:00:00Z,ada,1'))
        await run()
        const folder = join(cwd, 'store/features/orders_daily/_quern/inputs')
        const lists = readdirSync(folder).map(name => JSON.parse(readFileSync(join(folder, name), 'utf8')) as PinnedFile[])
        const versions = new Set(lists.flat().map(({ path, versionId }) => [path.split('/').at(-1), versionId].join()))
        expect(versions).toEqual(new Set([`a.csv,${a}`, `b.csv,${b}`]))
        // The same bytes under another key are read already.
        await write('c.csv', csv('2026-01-01T10:00:00Z,ada,1'))
        await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'a.csv' }))
        expect(await run()).toMatchObject({ outcome: 'unchanged', rowsRead: 0 })
      })
    })

    it('that lists after the last key sees what is new, and what is older only where everything is looked at', async () => {
      const day = (n: number, amount: number): string => csv(`2026-01-0${n}T10:00:00Z,ada,${amount}`)
      const contents = { 'in/1/a.csv': day(1, 1), 'in/2/a.csv': day(2, 2) }
      await scene(
        contents,
        { uri: 'in/*/*.csv', source: "listing: 'afterLast'," },
        async ({ bucket, run, spent, parts, set, proxy }) => {
          await run(parseInstant('2026-01-03T00:00:00Z'))
          await put(s3, bucket, { 'in/3/a.csv': day(3, 4), 'in/1/a.csv': day(1, 100) })
          const before = proxy.requests.length
          expect(await run()).toMatchObject({ outcome: 'committed', rowsRead: 1 })
          const lists = proxy.requests.slice(before).filter(({ query }) => query.has('list-type'))
          expect(lists.map(({ query }) => query.get('start-after'))).toEqual(['in/2/a.csv'])
          expect((await spent()).slice(0, 3)).toEqual([
            ['ada', 1, 1],
            ['ada', 2, 2],
            ['ada', 3, 4],
          ])
          const table = parts.store.table(`features/${set.name}`)
          const resolved = { table, name: set.name, snapshot: (await table.snapshot('latest'))! }
          expect(await verifyVersion(resolved as never, set, parts, QUIET)).toMatchObject({
            outcome: 'unequal',
            cause: expect.stringContaining(`input changed: s3://${bucket}/in/1/a.csv`),
          })
          expect(await parts.run(set, { until: UNTIL, full: true })).toMatchObject({ outcome: 'committed', rowsRead: 3 })
          expect((await spent())[0]).toEqual(['ada', 1, 100])
          expect(await run()).toMatchObject({ outcome: 'unchanged' })
        },
      )
    })

    it('that lists after the last key looks at everything where a column is new to the schema', async () => {
      const contents = { '1.csv': csv('2026-01-01T10:00:00Z,ada,1'), '2.csv': csv('2026-01-02T10:00:00Z,ada,2') }
      await scene(contents, { source: "listing: 'afterLast'," }, async ({ bucket, run, parts }) => {
        await run(parseInstant('2026-01-03T00:00:00Z'))
        await put(s3, bucket, { '1.csv': csv('2026-01-01T10:00:00Z,ada,100') })
        const source = "zone: 'UTC', listing: 'afterLast',"
        const schema = `${ORDER_SCHEMA}, note: z.string().optional()`
        const wide = project({ 'transforms/o.ts': orders({ uri: `s3://${bucket}/*.csv`, source, schema }) })
        const [wider] = await loadDefinitions(wide)
        expect(await parts.run(wider!, { until: UNTIL })).toMatchObject({ outcome: 'committed', rowsRead: 2 })
      })
    })

    it('says what it would read before it does', async () => {
      await scene({ 'a.csv': ORDERS_CSV, 'b.csv': ORDERS_CSV.replaceAll('ada', 'cy') }, {}, async ({ cwd }) => {
        const env = {
          AWS_ENDPOINT_URL: gateway.endpoint,
          AWS_ACCESS_KEY_ID: gateway.accessKeyId,
          AWS_SECRET_ACCESS_KEY: gateway.secretAccessKey,
          TMPDIR: scratch('temporary'),
        }
        const { stdout, code } = await quern(['plan', '--json'], { cwd, env })
        expect(code).toBe(0)
        expect(JSON.parse(stdout).read).toMatchObject({ bytes: 2 * ORDERS_CSV.length - 2, files: 2 })
      })
    })

    describe('that ends in the middle of a fetch', () => {
      const LARGE = `time,customer,amount,currency\n${'2026-01-01T00:00:00Z,ada,1,EUR\n'.repeat(150_000)}`

      /** Runs until some of the large object has come, then sends a signal. */
      const ended = async (
        signal: NodeJS.Signals,
      ): Promise<{
        code: number | null
        seconds: number
        stderr: string
        temporary: string
        again: () => Promise<number | null>
      }> => {
        const bucket = await gateway.makeBucket()
        await put(s3, bucket, { 'large.csv': LARGE, 'small.csv': ORDERS_CSV })
        const proxy = await startProxy(gateway.endpoint, ({ key }) =>
          key === 'large.csv' ? { kind: 'slow', bytesPerSecond: 500_000 } : undefined,
        )
        const cwd = project({})
        writeFiles(cwd, { 'transforms/o.ts': orders({ uri: `s3://${bucket}/*.csv` }) })
        const temporary = scratch('temporary')
        const env = {
          AWS_ENDPOINT_URL: proxy.endpoint,
          AWS_ACCESS_KEY_ID: gateway.accessKeyId,
          AWS_SECRET_ACCESS_KEY: gateway.secretAccessKey,
          TMPDIR: temporary,
        }
        const child = spawn(process.execPath, [join(REPOSITORY, 'bin/quern.js'), 'run'], { cwd, env: { ...process.env, ...env } })
        let stderr = ''
        child.stderr.setEncoding('utf8').on('data', text => (stderr += text))
        const closed = new Promise<number | null>(resolve => child.on('close', resolve))
        while (!proxy.requests.some(({ key, sent }) => key === 'large.csv' && sent > 300_000)) await pause(5)
        const begin = performance.now()
        child.kill(signal)
        const code = await closed
        const seconds = (performance.now() - begin) / 1000
        await proxy.stop()
        const again = async (): Promise<number | null> =>
          (await quern(['run'], { cwd, env: { ...env, AWS_ENDPOINT_URL: gateway.endpoint } })).code
        return { code, seconds, stderr, temporary, again }
      }
      const scratchIn = (folder: string): string[] =>
        readdirSync(folder).filter(name => name.startsWith('quern-') && !name.startsWith('quern-cache'))
      const cached = (folder: string): number[] => {
        const cache = readdirSync(folder).find(name => name.startsWith('quern-cache'))
        return cache === undefined ? [] : readdirSync(join(folder, cache)).map(name => statSync(join(folder, cache, name)).size)
      }

      it('by SIGTERM ends soon and leaves nothing', async () => {
        const { code, seconds, stderr, temporary, again } = await ended('SIGTERM')
        expect(code).toBe(143)
        expect(stderr).toContain('interrupted')
        expect(seconds).toBeLessThan(4)
        expect(scratchIn(temporary)).toEqual([])
        expect(cached(temporary)).toEqual([ORDERS_CSV.length])
        expect(await again()).toBe(0)
        expect(scratchIn(temporary)).toEqual([])
      })

      it('by SIGKILL leaves what the next command removes, and nothing partial in the cache', async () => {
        const { temporary, again } = await ended('SIGKILL')
        expect(scratchIn(temporary)).toHaveLength(1)
        expect(cached(temporary)).toEqual([ORDERS_CSV.length])
        expect(await again()).toBe(0)
        expect(scratchIn(temporary)).toEqual([])
        expect(cached(temporary).sort()).toEqual([ORDERS_CSV.length, LARGE.length].sort())
      })
    })
  },
)
