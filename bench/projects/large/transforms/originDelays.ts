/** The example's features over the larger file that the benchmark makes. */
import { defineFeatureSet, objects } from 'quern'
import example from '../../../../transforms/originDelays.ts'

const { source, ...options } = example.options
export default defineFeatureSet({
  ...options,
  source: objects({ ...source.options, uri: '../../../.bench/large/data/*.parquet' }),
})
