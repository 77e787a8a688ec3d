/** The same promises on a second server, of other authors. Building it takes minutes: `npm run soak` does. */
import { afterAll, describe } from 'vitest'
import { deltaTableStore } from '../src/delta/deltaTableStore.ts'
import { checkpointWriter } from '../src/engine/duckdb/checkpointWriter.ts'
import { describeObjectStore } from './conformance/objectStore.ts'
import { describeRaces } from './conformance/races.ts'
import { describeTableStore } from './conformance/tableStore.ts'
import { storeAt } from './kit/buckets.ts'
import { startMinio } from './kit/minio.ts'
import { scratch } from './kit/scratch.ts'

describe('MinIO', async () => {
  const minio = await startMinio()
  afterAll(() => minio.stop())

  describeObjectStore('bucket of MinIO', () => storeAt(minio, minio.bucket), false)

  describeTableStore(
    'delta in a bucket of MinIO',
    now => {
      const options = { now, engineInfo: 'test', writeCheckpoint: checkpointWriter(scratch('checkpoint')) }
      return deltaTableStore(storeAt(minio, minio.bucket), options)
    },
    false,
  )

  describeRaces(minio, minio.bucket)
})
