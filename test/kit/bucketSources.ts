/** Sources over objects in buckets of the tests' own server. */
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { z } from 'zod'
import type { ObjectsOptions } from '../../src/definition/declarations.ts'
import { resolveSource } from '../../src/definition/resolveSource.ts'
import type { RowObject } from '../../src/definition/rowTypes.ts'
import type { LocalCopies } from '../../src/domain/localCopies.ts'
import type { ObjectsSource, OpenOptions, Source } from '../../src/domain/source.ts'
import { objects } from '../../src/index.ts'
import { limiter } from '../../src/objects/limiter.ts'
import { s3ObjectReader } from '../../src/objects/s3/s3ObjectReader.ts'
import { bucketSource } from '../../src/sources/objects/bucketSource.ts'
import type { BucketAccess } from '../../src/sources/objects/fetching.ts'
import { Link } from '../../src/sources/objects/link.ts'
import { objectsSource } from '../../src/sources/objects/objectsSource.ts'
import { isInBucket, placeOf } from '../../src/sources/objects/wantedKeys.ts'
import type { Line } from './buckets.ts'
import { bucketAt, copiesIn } from './buckets.ts'
import { objectsOf } from './objectsOf.ts'

export interface AccessOptions {
  copies?: LocalCopies
  link?: Link
}

/** The way to a bucket over a line. */
export function accessAt(
  line: Line,
  bucket: string,
  { copies = copiesIn(), link = new Link(() => performance.now()) }: AccessOptions = {},
): BucketAccess {
  const readerOf = (of: string): BucketAccess['reader'] => s3ObjectReader(bucketAt(line, of, { owner: 'source' }))
  return { reader: readerOf(bucket), readerOf, link, copies, room: Number.POSITIVE_INFINITY, store: undefined }
}

export type SourceOptions = Partial<Omit<ObjectsOptions<RowObject>, 'uri' | 'eventTime'>> & { eventTime?: unknown }

export function definitionOf(uri: string, more: SourceOptions = {}, folder = '/'): ObjectsSource {
  const declaration = objects({
    name: 's',
    uri,
    schema: z.object({ t: z.coerce.date(), date: z.string().optional(), day: z.string().optional() }),
    eventTime: 't',
    ...more,
  } as never)
  const source = resolveSource(declaration, folder, (part, { message }) => {
    throw new Error(`${part}: ${message}`)
  })!
  return objectsOf({ source })
}

/** Where its uri says: in a bucket at the end of the line, or in the file system. */
export function sourceAt(line: Line, options: AccessOptions = {}): (definition: ObjectsSource) => Source {
  const made = new Map<string, BucketAccess>()
  return definition => {
    if (!isInBucket(definition)) return objectsSource(definition, () => Date.now())
    const { bucket } = placeOf(definition.uri)
    const access = made.get(bucket) ?? accessAt(line, bucket, options)
    made.set(bucket, access)
    return bucketSource(definition, access)
  }
}

export type Contents = Record<string, string | Uint8Array>

export async function put(client: S3Client, Bucket: string, contents: Contents): Promise<void> {
  const limited = limiter(16)
  await Promise.all(
    Object.entries(contents).map(([Key, Body]) =>
      limited(() => client.send(new PutObjectCommand({ Bucket, Key, Body: Buffer.from(Body) }))),
    ),
  )
}

export const ROWS: OpenOptions = { what: 'rows', signal: new AbortController().signal }
