/** An S3 Inventory in place of a listing. */
import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { inventoryRows } from '../src/sources/objects/inventoryRows.ts'
import { definitionOf, put, ROWS, type SourceOptions, sourceAt } from './kit/bucketSources.ts'
import { startProxy } from './kit/faultProxy.ts'
import { gatewayBinary, startGateway } from './kit/gateway.ts'

const md5 = (bytes: Uint8Array | string): string => createHash('md5').update(bytes).digest('hex')
const SCHEMA = 'Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, StorageClass'

const rowsOf = (text: string, size = 7): Promise<string[][]> => {
  async function* parts() {
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
  }
  return Array.fromAsync(inventoryRows(parts()))
}

describe('the rows of an inventory', () => {
  it('are quoted or plain, wherever the bytes are cut', async () => {
    for (const size of [1, 3, 1000]) {
      expect(await rowsOf('"a","é","",""\n"x","y","z","w"\n', size)).toEqual([
        ['a', 'é', '', ''],
        ['x', 'y', 'z', 'w'],
      ])
      expect(await rowsOf('a,"b",,c\r\n"d","e""f",g,\n', size)).toEqual([
        ['a', 'b', '', 'c'],
        ['d', 'e"f', 'g', ''],
      ])
      expect(await rowsOf('"a","b,c"', size)).toEqual([['a', 'b,c']])
      expect(await rowsOf('\n\r\n', size)).toEqual([])
    }
    for (const text of ['"a","b\n', '"a"b,"c"\n', 'a"b,c\n', 'x'.repeat(70_000)])
      await expect(rowsOf(text, 1000)).rejects.toThrow('line')
  })
})

const found = await gatewayBinary()

describe.skipIf('missing' in found)(`an inventory ${'missing' in found ? `(skipped: ${found.missing})` : ''}`, async () => {
  if ('missing' in found) return
  const gateway = await startGateway()
  afterAll(() => gateway.stop())
  const line = { endpoint: gateway.endpoint, account: gateway }
  const s3 = gateway.client()
  const bucket = await gateway.makeBucket()
  const other = await gateway.makeBucket()

  interface Row {
    key: string
    text?: string
    latest?: boolean
    deleted?: boolean
  }
  const lineOf = ({ key, text = key, latest = true, deleted = false }: Row): string =>
    [
      bucket,
      encodeURIComponent(key).replaceAll('%2F', '/').replaceAll('%20', '+'),
      'v',
      latest,
      deleted,
      ...(deleted ? ['', '2026-01-01T00:00:00.000Z', ''] : [Buffer.byteLength(text), '2026-01-01T00:00:00.000Z', md5(text)]),
      'STANDARD',
    ]
      .map(field => `"${field}"`)
      .join(',')
  let made = 0
  /** Answers the manifest's uri. */
  const inventory = async (
    files: Row[][],
    more: object = {},
    spoil: (bytes: Buffer) => Buffer = bytes => bytes,
    folder = `i${made++}`,
  ): Promise<string> => {
    const listed = []
    for (const [at, rows] of files.entries()) {
      const bytes = gzipSync(rows.map(row => `${lineOf(row)}\n`).join(''))
      const key = `${folder}/data/${at}.csv.gz`
      await put(s3, other, { [key]: spoil(bytes) })
      listed.push({ key, size: bytes.length, MD5checksum: md5(bytes) })
    }
    const manifest = {
      sourceBucket: bucket,
      destinationBucket: `arn:aws:s3:::${other}`,
      version: '2016-11-30',
      fileFormat: 'CSV',
      fileSchema: SCHEMA,
      files: listed,
      ...more,
    }
    await put(s3, other, { [`${folder}/manifest.json`]: JSON.stringify(manifest) })
    return `s3://${other}/${folder}/manifest.json`
  }
  const sourceOf = (uri: string, manifest: string, more: SourceOptions = {}, at = line) =>
    sourceAt(at)(definitionOf(`s3://${bucket}/${uri}`, { inventory: manifest, ...more }))
  const keys = async (uri: string, manifest: string): Promise<string[]> =>
    (await sourceOf(uri, manifest).pin([])).files.map(({ path }) => path.slice(`s3://${bucket}/`.length)).sort()

  it('tells the objects without a listing of the bucket, and they are read as they are', async () => {
    const odd = [
      'in/sp ace+plus.csv',
      'in/100%.csv',
      'in/日本.csv',
      'in/it\'s & "that".csv',
      'in/day=2026-01-01/a.csv',
      'in/_hidden.csv',
      'in/a/',
      'out/b.csv',
      'in/no.txt',
    ]
    await put(s3, bucket, Object.fromEntries(odd.filter(key => !key.endsWith('/')).map(key => [key, key])))
    const manifest = await inventory([
      odd.slice(0, 4).map(key => ({ key })),
      [
        ...odd.slice(4).map(key => ({ key })),
        { key: 'in/100%.csv', text: 'before', latest: false },
        { key: 'in/gone.csv', deleted: true },
        { key: 'in/former.csv', latest: false },
      ],
    ])
    const proxy = await startProxy(gateway.endpoint)
    const source = sourceOf('in/**/*.csv', manifest, {}, { ...line, endpoint: proxy.endpoint })
    const inputs = await source.pin([])
    expect(inputs.files.map(({ path }) => path.slice(`s3://${bucket}/`.length)).sort()).toEqual([...odd.slice(0, 5)].sort())
    expect(proxy.requests.filter(request => request.bucket === bucket)).toEqual([])
    // The same as a listing tells.
    const listed = await sourceAt(line)(definitionOf(`s3://${bucket}/in/**/*.csv`)).pin([])
    expect(inputs.files.map(({ modifiedAt: _, ...file }) => file)).toEqual(listed.files.map(({ modifiedAt: _, ...file }) => file))
    const opened = await source.open(inputs, ROWS)
    expect(opened.files.find(({ path }) => path.includes('day='))?.partition).toEqual({ day: '2026-01-01' })
    await opened.release()
    expect(await keys('in', manifest)).toEqual([...odd.slice(0, 5)].sort())
    expect(await keys('in/100%.csv', manifest)).toEqual(['in/100%.csv'])
    await expect(keys('nothing/*.csv', manifest)).rejects.toMatchObject({ code: 'data.no-match' })
    await proxy.stop()
  })

  it('with stars is the last', async () => {
    for (const [day, key] of [
      ['2026-01-01T01-00Z', 'a.csv'],
      ['2026-01-02T01-00Z', 'b.csv'],
    ] as const)
      await inventory([[{ key }]], {}, undefined, `daily/${day}`)
    expect(await keys('*.csv', `s3://${other}/daily/20*/manifest.json`)).toEqual(['b.csv'])
  })

  it('that is older than the bucket says so where an object is another or none', async () => {
    const manifest = await inventory([[{ key: 'old/a.csv', text: 'then' }]])
    await put(s3, bucket, { 'old/a.csv': 'now' })
    const source = sourceOf('old/*.csv', manifest)
    await expect(source.open(await source.pin([]), ROWS)).rejects.toMatchObject({
      code: 'data.inventory',
      exitCode: 3,
      hint: expect.stringContaining('next inventory'),
    })
  })

  it('that is missing, damaged or of another kind is refused in words that help', async () => {
    const refusal = async (manifest: string): Promise<{ message: string; hint: string }> => {
      const error = await keys('**', manifest).then(
        () => undefined,
        error => error,
      )
      expect(error).toMatchObject({ code: 'data.inventory', exitCode: 3 })
      return error
    }
    const rows = [[{ key: 'a.csv' }]]
    const raw = async (text: string): Promise<string> => {
      await put(s3, other, { 'raw/manifest.json': text })
      return `s3://${other}/raw/manifest.json`
    }
    expect((await refusal(`s3://${other}/none/manifest.json`)).message).toContain('there is no such manifest')
    expect((await refusal(await raw('{"sourceBu'))).message).toContain('no JSON')
    expect((await refusal(await raw(''))).message).toContain('no JSON')
    expect((await refusal(await raw('[]'))).message).toContain('sourceBucket')
    expect((await refusal(await inventory(rows, { sourceBucket: 'another' }))).message).toContain('is of the bucket `another`')
    for (const fileFormat of ['Parquet', 'ORC']) {
      const { message, hint } = await refusal(await inventory(rows, { fileFormat }))
      expect(message).toContain(fileFormat)
      expect(hint).toContain('CSV')
    }
    expect((await refusal(await inventory(rows, { fileSchema: 'Bucket, Key, Size' }))).message).toContain('lacks the column ETag')
    expect((await refusal(await inventory(rows, { fileSchema: 'Bucket, Key, VersionId, Size, ETag' }))).message).toContain(
      'IsLatest',
    )
    expect((await refusal(await inventory(rows, { fileSchema: 'Bucket, Key, Size, ETag' }))).message).toContain(
      '9 fields in place of 4',
    )
    expect((await refusal(await inventory(rows, { files: 'many' }))).message).toContain('`files`')
    expect((await refusal(await inventory(rows, { files: [{ key: 'x' }] }))).message).toContain('damaged')
    expect((await refusal(await inventory(rows, { files: [{ key: 'x', size: 1 }] }))).message).toContain('is gone')
    expect((await refusal(await inventory(rows, {}, bytes => Buffer.concat([bytes, bytes])))).message).toContain(
      'bytes in place of',
    )
    const flipped = (bytes: Buffer): Buffer => bytes.map((byte, at) => (at === 20 ? byte ^ 0xff : byte)) as Buffer
    expect((await refusal(await inventory(rows, {}, flipped))).message).toContain('checksums differ')
    const key = 'cut.csv.gz'
    const bytes = gzipSync(`${lineOf({ key: 'a.csv' })}\n`.repeat(1000))
    for (const [spoilt, what] of [
      [bytes.subarray(0, bytes.length >> 1), 'damaged'],
      [Buffer.from('no gzip'), 'damaged'],
      [gzipSync('"a"\n'), '1 fields in place of 9'],
    ] as const) {
      await put(s3, other, { [key]: spoilt })
      const { message } = await refusal(await inventory(rows, { files: [{ key, size: spoilt.length }] }))
      expect(message).toContain(what)
      expect(message).toContain(key)
    }
  })

  it('and other options of buckets are refused where they have no meaning', () => {
    const faults = (uri: string, more: object) => () => definitionOf(uri, more as SourceOptions)
    expect(faults('data/*.csv', { listing: 'afterLast' })).toThrow('listing: is for objects in a bucket')
    expect(faults('data/*.csv', { inventory: 's3://b/manifest.json' })).toThrow('inventory: is for objects in a bucket')
    expect(faults('s3://bucket/*.csv', { listing: 'newest' })).toThrow('listing: `newest` is no way to list')
    expect(faults('s3://bucket/*.csv', { inventory: 'manifest.json' })).toThrow(
      'inventory: `manifest.json` is no object in a bucket',
    )
    expect(faults('s3://bucket/*.csv', { inventory: 's3://b/folder/' })).toThrow('is no object in a bucket')
    expect(faults('s3://bucket/*.csv', { inventory: 7 })).toThrow('is no object in a bucket')
    expect(faults('s3://bucket/*.csv', { inventory: 's3://b/manifest.json', listing: 'afterLast' })).toThrow(
      'takes the place of listings',
    )
    expect(definitionOf('s3://bucket/*.csv', { listing: 'all' }).listing).toBe('all')
  })
})
