/** A store in a bucket, as the environment says that it is reached. */
import type { ObjectStore } from '../../src/domain/objectStore.ts'
import { cachedCopies } from '../../src/objects/cachedCopies.ts'
import { S3Bucket } from '../../src/objects/s3/bucket.ts'
import { s3ObjectStore } from '../../src/objects/s3/s3ObjectStore.ts'

export function storeOver(bucket: string, prefix: string, scratchDir: string): ObjectStore {
  const settings = { endpoint: process.env.AWS_ENDPOINT_URL! }
  const copies = cachedCopies({ scratchDir, cacheDir: scratchDir, limit: 0, start: '', now: () => Date.now() })
  return s3ObjectStore(new S3Bucket({ bucket, settings, owner: 'store' }), prefix, copies)
}
