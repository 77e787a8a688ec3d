/** The example's features over objects in the benchmark's bucket. */
import { defineFeatureSet, objects } from 'quern'
import example from '../../../../transforms/originDelays.ts'

const { source, ...options } = example.options
export default defineFeatureSet({
  ...options,
  source: objects({ ...source.options, uri: process.env.QUERN_BENCH_OBJECTS ?? 's3://flights/large/*.parquet' }),
})
