/** Stores in buckets of the tests' own server. */
import { join } from 'node:path'
import type { LocalCopies } from '../../src/domain/localCopies.ts'
import type { ObjectStore } from '../../src/domain/objectStore.ts'
import { cachedCopies } from '../../src/objects/cachedCopies.ts'
import type { BucketOptions } from '../../src/objects/s3/bucket.ts'
import { S3Bucket } from '../../src/objects/s3/bucket.ts'
import type { Patience } from '../../src/objects/s3/client.ts'
import { s3ObjectStore } from '../../src/objects/s3/s3ObjectStore.ts'
import type { Account } from './gateway.ts'
import { scratch } from './scratch.ts'

/** What tests wait for. */
export const HASTY: Patience = { connect: 1000, answer: 3000, attempts: 4 }

export interface Line {
  /** The server's, or that of a proxy in front of it. */
  endpoint: string
  account: Account
}

export const bucketAt = (
  { endpoint, account: { accessKeyId, secretAccessKey } }: Line,
  bucket: string,
  more: Partial<BucketOptions> = {},
): S3Bucket =>
  new S3Bucket({
    bucket,
    settings: { endpoint },
    owner: 'store',
    patience: HASTY,
    credentials: { accessKeyId, secretAccessKey },
    ...more,
  })

/** Copies in a folder of the test's own. */
export function copiesIn(folder = scratch('copies'), limit = 2 ** 30): LocalCopies {
  return cachedCopies({ scratchDir: folder, cacheDir: join(folder, 'cache'), limit, start: '', now: () => Date.now() })
}

/** What a process needs to reach the line. */
export const envOf = ({ endpoint, account }: Line): Record<string, string> => ({
  AWS_ENDPOINT_URL: endpoint,
  AWS_ACCESS_KEY_ID: account.accessKeyId,
  AWS_SECRET_ACCESS_KEY: account.secretAccessKey,
  AWS_REGION: 'us-east-1',
})

let prefixes = 0

/** An empty place of the bucket. */
export function storeAt(line: Line, bucket: string, prefix = `place-${prefixes++}/`): ObjectStore {
  return s3ObjectStore(bucketAt(line, bucket), prefix, copiesIn())
}
