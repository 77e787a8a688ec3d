/** Lines to the tests' S3 server on which things go wrong, and tables at their end. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { deltaTableStore } from '../../src/delta/deltaTableStore.ts'
import type { ObjectStore } from '../../src/domain/objectStore.ts'
import type { StagedFile, Table, TableChange } from '../../src/domain/tableStore.ts'
import { checkpointWriter } from '../../src/engine/duckdb/checkpointWriter.ts'
import type { BucketOptions } from '../../src/objects/s3/bucket.ts'
import { s3ObjectStore } from '../../src/objects/s3/s3ObjectStore.ts'
import { bucketAt, copiesIn } from './buckets.ts'
import type { Fault, FaultProxy, Link, ProxyRequest } from './faultProxy.ts'
import { startProxy } from './faultProxy.ts'
import type { Gateway } from './gateway.ts'
import { scratch } from './scratch.ts'

export type FaultOf = (request: ProxyRequest) => Fault | undefined

const lines: FaultProxy[] = []
afterAll(async () => void (await Promise.all(lines.splice(0).map(line => line.stop()))))

/** A proxy of one test alone, which ends with the file: tests that run at the same time do not know whose hooks are whose. */
export async function lineTo(gateway: Gateway, faultOf?: FaultOf, link?: Link): Promise<FaultProxy> {
  const proxy = await startProxy(gateway.endpoint, faultOf, link)
  lines.push(proxy)
  return proxy
}

export interface Place {
  bucket: string
  prefix: string
}

export function storeOver(
  gateway: Gateway,
  line: { endpoint: string },
  { bucket, prefix }: Place,
  more: Partial<BucketOptions> = {},
): ObjectStore {
  return s3ObjectStore(bucketAt({ endpoint: line.endpoint, account: gateway }, bucket, more), prefix, copiesIn())
}

/** The first so many requests that are like that. */
export function first(count: number, fault: Fault, isSo: (request: ProxyRequest) => boolean): FaultOf {
  let met = 0
  return request => (isSo(request) && met++ < count ? fault : undefined)
}

export const isCommit = ({ method, key }: ProxyRequest): boolean => method === 'PUT' && /_delta_log\/\d{20}\.json$/.test(key)
export const isGet = ({ method, query }: ProxyRequest): boolean => method === 'GET' && query.get('list-type') === null
export const isLogListing = ({ query }: ProxyRequest): boolean => /_delta_log\/$/.test(query.get('prefix') ?? '')

const writeCheckpoint = checkpointWriter(scratch('checkpoint'))

export const tableIn = (objects: ObjectStore): Table =>
  deltaTableStore(objects, { now: () => Date.now(), engineInfo: 'test', writeCheckpoint }).table('features/orders')

/** A change that adds one file with the row `id`, on top of what is the latest as `table` sees it. */
export async function changeOf(table: Table, id: bigint, more: Partial<TableChange> = {}): Promise<TableChange> {
  const base = await table.snapshot('latest')
  return {
    base,
    operation: 'run',
    ...(base ? {} : { schema: { columns: [{ name: 'id', type: { kind: 'int64' }, nullable: false }] } }),
    add: [staged(id)],
    remove: [],
    lineage: { id },
    isolation: 'plan',
    ...more,
  }
}

function staged(id: bigint): StagedFile {
  const localPath = join(scratch('staged'), 'file')
  writeFileSync(localPath, `file ${id}`)
  return { localPath, size: 8, rows: 1, columns: { id: { min: id, max: id, nullCount: 0 } } }
}

/** Of the latest version, ascending. */
export async function idsIn(table: Table): Promise<bigint[]> {
  const files = (await table.snapshot('latest'))?.files ?? []
  return files.map(({ columns }) => columns.id!.min as bigint).sort((a, b) => Number(a - b))
}

/** What each version was committed for, oldest first: raises where the log has a gap. */
export async function committedIds(table: Table): Promise<bigint[]> {
  const commits = await Array.fromAsync(table.history())
  return commits.map(({ lineage }) => BigInt((lineage as { id: number | bigint }).id)).reverse()
}
