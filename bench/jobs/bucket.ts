/** Objects in a bucket: fetching beside a plain download of the same bytes, columns beside all of a file, and what an object costs. */
import { createWriteStream, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { S3Client } from '@aws-sdk/client-s3'
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { z } from 'zod'
import type { ObjectsSource } from '../../src/domain/source.ts'
import { DuckDBSession } from '../../src/engine/duckdb/session.ts'
import { cachedCopies } from '../../src/objects/cachedCopies.ts'
import { S3Bucket } from '../../src/objects/s3/bucket.ts'
import { s3ObjectReader } from '../../src/objects/s3/s3ObjectReader.ts'
import { bucketSource } from '../../src/sources/objects/bucketSource.ts'
import { Link } from '../../src/sources/objects/link.ts'
import { readSchema } from '../../src/validation/readSchema.ts'
import { startProxy } from '../../test/kit/faultProxy.ts'
import type { Gateway } from '../../test/kit/gateway.ts'
import { startGateway } from '../../test/kit/gateway.ts'
import type { Cost } from '../measure.ts'
import { medianOf } from '../measure.ts'
import { report, verdict } from '../report.ts'
import { FLIGHTS, project, quern, WORK } from '../setting.ts'
import { costOf } from './checkColumns.ts'

const FILES = 12
const SMALL = 10_000
const BUCKET = 'flights'
const FOLDER = join(WORK, 'bucket')
const SIGNAL = new AbortController().signal

const flight = z.object({
  date: z.date(),
  origin: z.string(),
  destination: z.string(),
  delay: z.int(),
  distance: z.int(),
})

export async function bucket(rounds: number): Promise<void> {
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(FOLDER, { recursive: true })
  const gateway = await startGateway()
  try {
    const client = gateway.client(gateway, { maxAttempts: 3 })
    await gateway.makeBucket(BUCKET)
    const body = readFileSync(FLIGHTS)
    for (let at = 0; at < FILES; at++) await put(client, `large/flights-${at}.parquet`, body)
    await downloads(rounds, gateway, client)
    await columns(gateway)
    await runs(gateway)
    await inParallel(SMALL, at => put(client, `small/${String(at).padStart(5, '0')}.ndjson`, smallBody(at)))
    await smallObjects(gateway)
  } finally {
    await gateway.stop()
    rmSync(FOLDER, { recursive: true, force: true })
  }
}

async function put(client: S3Client, Key: string, Body: Buffer): Promise<void> {
  await client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body }))
}

/** Peer: each object streamed to a file, as the SDK's guide has it, eight at a time; then the same query. */
async function downloads(rounds: number, gateway: Gateway, client: S3Client): Promise<void> {
  const session = new DuckDBSession({ memory: 2 ** 31, threads: 2, scratchDir: join(FOLDER, 'session') })
  const counted = (paths: readonly string[]): Promise<unknown> =>
    session.use(async connection =>
      (
        await connection.runAndReadAll(
          `SELECT count(*), sum(delay) FROM read_parquet([${paths.map(path => `'${path}'`).join(', ')}])`,
        )
      ).getRows(),
    )
  const plain = async (): Promise<void> => {
    const paths = Array.from({ length: FILES }, (_, at) => join(FOLDER, `plain-${at}`))
    await inParallel(FILES, async at => {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key: `large/flights-${at}.parquet` }))
      await pipeline(Body as Readable, createWriteStream(paths[at]!))
    })
    await counted(paths)
    for (const path of paths) rmSync(path)
  }
  const ours = async (): Promise<void> => {
    const source = sourceOver(gateway.endpoint, gateway, flight, 'large/*.parquet')
    const { files, release } = await source.open(await source.pin([]), { what: 'rows', signal: SIGNAL })
    await counted(files.map(({ localPath }) => localPath!))
    await release()
  }
  const costs = await turns(rounds, { 'plain download, then DuckDB': plain, 'the source, then DuckDB': ours })
  await session.close()
  report(`bucket: ${FILES} objects of 13.5 MB to DuckDB`, costs)
  const [peer, own] = Object.values(costs) as [Cost, Cost]
  verdict('wall time beside a plain parallel download', own.wallSeconds / peer.wallSeconds, 1.25)
}

/** Over a line of 20 ms and 50 MB/s, so that the bytes of other columns cost something. */
async function columns(gateway: Gateway): Promise<void> {
  const proxy = await startProxy(gateway.endpoint, () => undefined, { latencyMs: 20, bytesPerSecond: 50e6 })
  const two = flight.pick({ date: true, delay: true })
  const source = sourceOver(proxy.endpoint, gateway, two, 'large/flights-0.parquet')
  const inputs = await source.pin([])
  const before = proxy.requests.length
  const { release } = await source.open(inputs, { what: 'rows', signal: SIGNAL })
  await release()
  const fetched = proxy.requests.slice(before)
  const bytes = fetched.reduce((sum, { sent }) => sum + sent, 0)
  console.log(
    `\nbucket: two of the five columns of an object of ${inputs.files[0]!.size} bytes: ${bytes} bytes in ${fetched.length} requests`,
  )
  verdict('bytes beside those of the object', bytes / inputs.files[0]!.size, 0.45)
  await proxy.stop()
}

/** What a whole run holds in memory, by the size of its input. */
async function runs(gateway: Gateway): Promise<void> {
  const { accessKeyId, secretAccessKey, endpoint } = gateway
  const env = {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    QUERN_MEMORY: '512MiB',
    QUERN_CACHE: '0',
  }
  const costs: Record<string, Cost> = {}
  for (const [name, pattern] of [
    ['1 object, 13.5 MB', 'flights-0'],
    [`${FILES} objects, 162 MB`, 'flights-*'],
  ] as const) {
    const store = join(FOLDER, 'store')
    rmSync(store, { recursive: true, force: true })
    costs[name] = quern(['run'], {
      cwd: project('bucket'),
      store,
      env: { ...env, QUERN_BENCH_OBJECTS: `s3://${BUCKET}/large/${pattern}.parquet` },
    })
  }
  report('bucket: a run within QUERN_MEMORY=512MiB', costs)
  for (const [name, { peakMegabytes }] of Object.entries(costs))
    verdict(`${name}: peak memory beside 512 MiB and 150 MB`, peakMegabytes / (2 ** 29 / 1e6 + 150), 1)
}

const event = z.object({ time: z.coerce.date(), customer: z.string(), amount: z.int() })

const smallBody = (at: number): Buffer =>
  Buffer.from(`{"time":"2026-01-01T00:00:00Z","customer":"c${at % 100}","amount":${at}}\n`)

async function smallObjects(gateway: Gateway): Promise<void> {
  const source = sourceOver(gateway.endpoint, gateway, event, 'small/')
  const cost = await costOf(async () => {
    const { files, release } = await source.open(await source.pin([]), { what: 'rows', signal: SIGNAL })
    if (files.length !== SMALL) throw new Error(`${files.length} files`)
    await release()
  })
  report(`bucket: ${SMALL} small objects listed and fetched`, { all: cost })
  verdict('milliseconds of CPU for each', (cost.cpuSeconds * 1000) / SMALL, 2)
}

function sourceOver(endpoint: string, { accessKeyId, secretAccessKey }: Gateway, schema: z.ZodObject, keys: string) {
  const read = readSchema(schema)
  if ('faults' in read) throw new Error(JSON.stringify(read.faults))
  const [time] = Object.keys(schema.shape)
  const definition: ObjectsSource = {
    kind: 'objects',
    name: 'events',
    uri: `s3://${BUCKET}/${keys}`,
    projectDir: FOLDER,
    schema: read.schema,
    eventTime: { column: time! },
    zone: 'UTC',
    allowEmpty: false,
    csv: { delimiter: ',', quote: '"', header: true, nullText: '', encoding: 'utf-8' },
  }
  const credentials = { accessKeyId, secretAccessKey }
  const readerOf = (of: string) =>
    s3ObjectReader(new S3Bucket({ bucket: of, settings: { endpoint }, owner: 'source', credentials }))
  const copies = cachedCopies({ scratchDir: FOLDER, cacheDir: FOLDER, limit: 0, start: '', now: () => performance.now() })
  const link = new Link(() => performance.now())
  return bucketSource(definition, {
    reader: readerOf(BUCKET),
    readerOf,
    copies,
    link,
    room: Number.POSITIVE_INFINITY,
    store: undefined,
  })
}

async function inParallel(count: number, work: (at: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    for (let at = next++; at < count; at = next++) await work(at)
  }
  await Promise.all(Array.from({ length: 8 }, worker))
}

async function turns(rounds: number, contenders: Record<string, () => Promise<void>>): Promise<Record<string, Cost>> {
  const costs: Record<string, Cost[]> = {}
  for (let round = 0; round <= rounds; round++)
    for (const [name, work] of Object.entries(contenders)) {
      const cost = await costOf(work)
      // The first round warms up.
      if (round > 0) costs[name] = [...(costs[name] ?? []), cost]
    }
  return Object.fromEntries(Object.entries(costs).map(([name, all]) => [name, medianOf(all)]))
}
