/** The example's features over a year of files, one a day. */
import { defineFeatureSet, objects } from 'quern'
import example from '../../../../transforms/originDelays.ts'

const { source, ...options } = example.options
export default defineFeatureSet({
  ...options,
  source: objects({ ...source.options, uri: '../../../.bench/year/arrived/*.parquet' }),
})
