/**
 * An S3 Inventory in place of a listing: a manifest names gzip CSV files, which name the objects of a bucket as they were when it was
 * made. Read as a stream, a file at a time.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { byKey } from '../../domain/keyOrder.ts'
import type { ListedObject, ObjectReader } from '../../domain/objectReader.ts'
import { ChangedObjectError } from '../../domain/objectReader.ts'
import type { ObjectsSource } from '../../domain/source.ts'
import type { BucketAccess } from './fetching.ts'
import { matcherOf } from './fileNames.ts'
import { inventoryRows, objectsIn } from './inventoryRows.ts'
import type { InventoryFile, Manifest } from './manifest.ts'
import { damagedInventory, missingInventory, readManifest } from './manifest.ts'
import { placeOf } from './wantedKeys.ts'

type Access = Pick<BucketAccess, 'readerOf' | 'copies'>

/** The current objects of the source's bucket, in the order of the inventory. */
export async function* inventoryOf(
  source: Pick<ObjectsSource, 'name' | 'uri'> & { inventory?: string },
  access: Access,
  signal: AbortSignal = NEVER,
): AsyncIterable<ListedObject> {
  const place = placeOf(source.inventory!)
  const reader = access.readerOf(place.bucket)
  const found = await manifestAt(reader, place.rest, signal)
  if (!found) throw missingInventory(source.name, source.inventory!, 'there is no such manifest')
  const uri = reader.uriOf(found.key)
  // There are no ranges of nothing.
  const bytes = found.size === 0 ? Buffer.alloc(0) : await reader.bytes(found, { from: 0, to: found.size }, signal)
  const manifest = readManifest(bytes, { name: source.name, uri, bucket: placeOf(source.uri).bucket })
  for (const file of manifest.files) yield* objectsOf(source.name, { uri, manifest, file, reader }, access, signal)
}

const NEVER = new AbortController().signal

/** The object of this key, or of those that a pattern means the last: folders of inventories are called by their dates. */
async function manifestAt(reader: ObjectReader, rest: string, signal: AbortSignal): Promise<ListedObject | undefined> {
  const wildcard = rest.search(/[*?[{]/)
  if (wildcard < 0) return objectAt(reader, rest, signal)
  const matches = matcherOf(rest)
  let last: ListedObject | undefined
  for await (const object of reader.list(rest.slice(0, wildcard), { signal }))
    if (matches(object.key) && (last === undefined || byKey(object.key, last.key) > 0)) last = object
  return last
}

/** What is stored under a key: the first of all that begin with it. */
async function objectAt(reader: ObjectReader, key: string, signal: AbortSignal): Promise<ListedObject | undefined> {
  for await (const object of reader.list(key, { signal })) return object.key === key ? object : undefined
  return undefined
}

interface Part {
  /** Of the manifest. */
  uri: string
  manifest: Manifest
  file: InventoryFile
  reader: ObjectReader
}

async function* objectsOf(
  name: string,
  { uri, manifest, file, reader }: Part,
  { copies }: Access,
  signal: AbortSignal,
): AsyncIterable<ListedObject> {
  const of = reader.uriOf(file.key)
  const object = await objectAt(reader, file.key, signal)
  if (!object) throw missingInventory(name, uri, `its file ${of} is gone`)
  if (object.size !== file.size)
    throw damagedInventory(name, uri, `its file ${of} has ${object.size} bytes in place of ${file.size}`)
  const path = await copies
    .get(JSON.stringify([of, object.etag, object.size, 'inventory']), async to => {
      await reader.read(object, [{ from: 0, to: object.size, at: 0 }], to, signal)
    })
    .catch(error => {
      throw error instanceof ChangedObjectError ? missingInventory(name, uri, `its file ${of} is gone`) : error
    })
  try {
    if (file.md5 !== undefined && (await md5Of(path)) !== file.md5)
      throw damagedInventory(name, uri, `its file ${of} is not the one that the manifest names: the checksums differ`)
    yield* objectsIn(inventoryRows(unzipped(path)), manifest.columns, what => damagedInventory(name, of, what))
  } finally {
    await rm(path, { force: true })
  }
}

/** Of a file as it lies; it is read twice, which costs less than to begin with what turns out to be damaged. */
async function md5Of(path: string): Promise<string> {
  const hash = createHash('md5')
  for await (const part of createReadStream(path)) hash.update(part as Buffer)
  return hash.digest('hex')
}

function unzipped(path: string): AsyncIterable<Buffer> {
  // What fails is raised to who reads, and who stops early closes both.
  return pipeline(createReadStream(path), createGunzip(), () => undefined)
}
