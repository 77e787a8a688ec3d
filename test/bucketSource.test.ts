/** Objects in a bucket of a real S3 server, as a source. */

import { mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { CopyObjectCommand, DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, describe, expect, it } from 'vitest'
import { bucketSource } from '../src/sources/objects/bucketSource.ts'
import { objectsSource } from '../src/sources/objects/objectsSource.ts'
import { describeSource } from './conformance/source.ts'
import { accessAt, definitionOf, put, ROWS, sourceAt } from './kit/bucketSources.ts'
import { copiesIn } from './kit/buckets.ts'
import { ANSWERS, startProxy } from './kit/faultProxy.ts'
import { gatewayBinary, startGateway } from './kit/gateway.ts'
import { tagAll } from './kit/manyObjects.ts'
import { scratch } from './kit/scratch.ts'

const HOUR_AGO = new Date(Date.now() - 3_600_000)

describeSource('local files', async () => {
  const folder = scratch('files')
  const pathOf = (name: string): string => join(folder, name === '' ? './' : name)
  return {
    pathOf,
    async put(files) {
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(dirname(pathOf(name)), { recursive: true })
        writeFileSync(pathOf(name), text)
        utimesSync(pathOf(name), HOUR_AGO, HOUR_AGO)
      }
    },
    remove: async name => rmSync(pathOf(name)),
    rename: async (from, to) => renameSync(pathOf(from), pathOf(to)),
    source: (uri, more) => objectsSource(definitionOf(uri === '' ? '.' : uri, more, folder), () => Date.now()),
  }
})

const found = await gatewayBinary()

describe.skipIf('missing' in found)(`a bucket ${'missing' in found ? `(skipped: ${found.missing})` : ''}`, async () => {
  if ('missing' in found) return
  const gateway = await startGateway({ versioning: true })
  afterAll(() => gateway.stop())
  const line = { endpoint: gateway.endpoint, account: gateway }
  const s3 = gateway.client()

  describeSource('objects in a bucket', async () => {
    const bucket = await gateway.makeBucket()
    const uri = (name: string): string => `s3://${bucket}/${name}`
    const of = sourceAt(line)
    return {
      pathOf: uri,
      put: files => put(s3, bucket, files),
      remove: async Key => void (await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key }))),
      async rename(from, Key) {
        await s3.send(new CopyObjectCommand({ Bucket: bucket, Key, CopySource: `${bucket}/${encodeURIComponent(from)}` }))
        await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: from }))
      },
      source: (name, more) => of(definitionOf(uri(name), more)),
    }
  })

  const pin = async (uri: string, more = {}, at = line) => (await sourceAt(at)(definitionOf(uri, more)).pin([])).files

  it('lists more than a page, keys of a thousand bytes, and no folder markers', async () => {
    const bucket = await gateway.makeBucket()
    const long = `${Array.from({ length: 5 }, (_, at) => `${at}`.repeat(200)).join('/')}.csv`
    await put(s3, bucket, { [long]: 'long', 'a/': '', 'a/b/': '', 'a/b/c.csv': 'c' })
    expect((await pin(`s3://${bucket}`)).map(({ path }) => path.length)).toEqual(
      expect.arrayContaining([`s3://${bucket}/${long}`.length, `s3://${bucket}/a/b/c.csv`.length]),
    )
    expect(await pin(`s3://${bucket}`)).toHaveLength(2)
    expect(await pin(`s3://${bucket}/a/**`)).toHaveLength(1)
    // Files of the server's disk are objects.
    const folder = join(gateway.folder, bucket, 'many')
    mkdirSync(folder)
    for (let at = 0; at < 2500; at++) writeFileSync(join(folder, `${at}.ndjson`), `${at % 7}`)
    tagAll(folder)
    const files = await pin(`s3://${bucket}/many/*.ndjson`)
    expect(new Set(files.map(({ path }) => path)).size).toBe(2500)
  })

  it('reads what is no name of a file: a key with dots for folders', async () => {
    const access = accessAt(line, 'bucket')
    const listed = ['a/../b.csv', 'a//b.csv', 'a/./c.csv', 'b/x.csv'].map(key => ({
      key,
      size: 1,
      etag: key,
      modifiedAt: 0,
    }))
    const reader = {
      ...access.reader,
      async *list(prefix: string) {
        yield* listed.filter(({ key }) => key.startsWith(prefix))
      },
    }
    const paths = async (uri: string): Promise<string[]> =>
      (await bucketSource(definitionOf(uri), { ...access, reader }).pin([])).files.map(({ path }) => path).sort()
    expect(await paths('s3://bucket/a')).toEqual(['s3://bucket/a//b.csv'])
    expect(await paths('s3://bucket/a/../b.csv')).toEqual(['s3://bucket/a/../b.csv'])
    expect(await paths('s3://bucket/**/*.csv')).toEqual(['s3://bucket/a//b.csv', 's3://bucket/b/x.csv'])
  })

  describe('of which versions are kept', () => {
    it('reads the current one and tells which, of a cached copy too', async () => {
      const bucket = await gateway.makeBucket(undefined, { versioned: true })
      const write = async (Key: string, Body: string): Promise<string> =>
        (await s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body }))).VersionId!
      await write('a.csv', 'older')
      const current = await write('a.csv', 'newer')
      await write('gone.csv', 'gone')
      await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'gone.csv' }))
      const folder = scratch('copies')
      for (const copies of [copiesIn(folder), copiesIn(folder)]) {
        const source = sourceAt(line, { copies })(definitionOf(`s3://${bucket}/*.csv`))
        const inputs = await source.pin([])
        expect(inputs.files).toHaveLength(1)
        const opened = await source.open(inputs, ROWS)
        expect(opened.files[0]!.versionId).toBe(current)
        await opened.release()
        // A listing does not tell the version: it is known from before.
        const again = await source.pin(opened.files)
        expect(again.files[0]!.versionId).toBe(current)
      }
      const source = sourceAt(line)(definitionOf(`s3://${bucket}/*.csv`))
      const before = await source.pin([])
      const newest = await write('a.csv', 'newest')
      await expect(source.open(before, ROWS)).rejects.toMatchObject({ code: 'transient.input-changed' })
      const opened = await source.open(await source.pin(before.files), ROWS)
      expect(opened.files[0]!.versionId).toBe(newest)
      await opened.release()
    })
  })

  describe('that refuses', () => {
    const refusal = async (work: Promise<unknown>) =>
      work.then(
        () => undefined,
        error => error as { code: string; exitCode: number; message: string; hint: string },
      )

    it('tells listing from reading', async () => {
      const bucket = await gateway.makeBucket()
      await put(s3, bucket, { 'a.csv': 'a' })
      const account = gateway.user()
      const definition = definitionOf(`s3://${bucket}/*.csv`)
      const source = sourceAt({ endpoint: gateway.endpoint, account })(definition)
      const list = await refusal(source.pin([]))
      expect(list).toMatchObject({ code: 'data.unreadable', exitCode: 3 })
      expect(list!.message).toContain('may not be listed')
      expect(list!.hint).toContain('s3:ListBucket')
      await gateway.allow(bucket, account, ['s3:ListBucket'])
      const inputs = await source.pin([])
      const read = await refusal(source.open(inputs, ROWS))
      expect(read).toMatchObject({ code: 'data.unreadable', exitCode: 3 })
      expect(read!.message).toContain(`s3://${bucket}/a.csv may not be read`)
      expect(read!.hint).toContain('s3:GetObject')
      await gateway.allow(bucket, account, ['s3:ListBucket', 's3:GetObject'])
      await (await source.open(inputs, ROWS)).release()
    })

    it('tells a bucket that is not there', async () => {
      expect(await refusal(pin('s3://no-such-bucket-here/*.csv'))).toMatchObject({ code: 'definition.bucket', exitCode: 2 })
    })

    it('tells an archive', async () => {
      const bucket = await gateway.makeBucket()
      await put(s3, bucket, { 'a.csv': 'a', 'b.csv': 'b' })
      const proxy = await startProxy(gateway.endpoint, ({ key }) =>
        key === 'b.csv' ? { kind: 'status', ...ANSWERS.archived } : undefined,
      )
      const source = sourceAt({ ...line, endpoint: proxy.endpoint })(definitionOf(`s3://${bucket}/*.csv`))
      const error = await refusal(source.open(await source.pin([]), ROWS))
      expect(error).toMatchObject({ code: 'data.archived', exitCode: 3 })
      expect(error!.message).toContain('b.csv')
      await proxy.stop()
    })
  })

  it('tells a full disk', async () => {
    const bucket = await gateway.makeBucket()
    await put(s3, bucket, { 'a.csv': 'a' })
    const full = Object.assign(new Error('no space'), { code: 'ENOSPC', path: '/scratch/copy' })
    const copies = { get: () => Promise.reject(new Error('cannot be written', { cause: full })) }
    const source = sourceAt(line, { copies })(definitionOf(`s3://${bucket}/*.csv`))
    await expect(source.open(await source.pin([]), ROWS)).rejects.toMatchObject({ code: 'transient.disk-full', exitCode: 75 })
  })

  it('gives up all files where one fails, and leaves nothing', async () => {
    const bucket = await gateway.makeBucket()
    const contents = Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`${String(at).padStart(3, '0')}.csv`, `${at}`]))
    await put(s3, bucket, contents)
    const proxy = await startProxy(gateway.endpoint, ({ key }) =>
      key === '010.csv' ? { kind: 'status', ...ANSWERS.accessDenied } : { kind: 'latency', ms: 5 },
    )
    const folder = scratch('copies')
    const source = sourceAt({ ...line, endpoint: proxy.endpoint }, { copies: copiesIn(folder) })(definitionOf(`s3://${bucket}`))
    const { files } = await source.pin([])
    files.sort((a, b) => (a.path < b.path ? -1 : 1))
    await expect(source.open({ source: 's', files }, ROWS)).rejects.toMatchObject({ code: 'data.unreadable' })
    expect(proxy.requests.length).toBeLessThan(150)
    const { readdirSync } = await import('node:fs')
    expect(readdirSync(folder).filter(name => name !== 'cache')).toEqual([])
    await proxy.stop()
  })

  describe('listed after the last known key', () => {
    it('asks for what is new, and keeps what is known', async () => {
      const bucket = await gateway.makeBucket()
      const proxy = await startProxy(gateway.endpoint)
      const definition = definitionOf(`s3://${bucket}/in/*/*.csv`, { listing: 'afterLast' })
      const source = sourceAt({ ...line, endpoint: proxy.endpoint })(definition)
      await put(s3, bucket, {
        'in/2026-01-01/a.csv': '1',
        'in/2026-01-02/a.csv': '2',
        'in/2026-01-02/😀.csv': '3',
        'out.csv': '',
      })
      const first = await source.pin([])
      await put(s3, bucket, { 'in/2026-01-02/z.csv': 'too late', 'in/2026-01-03/a.csv': '4', 'in/2026-01-01/a.csv': 'changed' })
      await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'in/2026-01-02/a.csv' }))
      const known = first.files.map(file => ({ ...file, replays: 2, span: null }))
      const second = await source.pin(known)
      expect(proxy.requests.at(-1)!.query.get('start-after')).toBe('in/2026-01-02/😀.csv')
      expect(second.files.filter(({ path }) => !path.includes('01-03'))).toEqual(first.files)
      expect(second.files).toHaveLength(4)
      // What has changed is noticed by who reads it, and by who asks for all.
      await expect(source.open(second, ROWS)).rejects.toMatchObject({ code: 'transient.input-changed' })
      const anew = await source.pin(known, { anew: true })
      expect(anew.files.map(({ path }) => path.slice(`s3://${bucket}/in/`.length)).sort()).toEqual([
        '2026-01-01/a.csv',
        '2026-01-02/z.csv',
        '2026-01-02/😀.csv',
        '2026-01-03/a.csv',
      ])
      await proxy.stop()
    })
  })
})
