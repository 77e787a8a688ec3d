/** The example's features with windows of a week at most, over a year of files. */
import { count, countDistinct, defineFeatureSet, max, mean, objects, share, stddev } from 'quern'
import example from '../../../../transforms/originDelays.ts'

const { source, ...options } = example.options
export default defineFeatureSet({
  ...options,
  name: 'origin_week',
  source: objects({ ...source.options, uri: '../../../.bench/week/arrived/*.parquet' }),
  features: f => ({
    flights: count().over('1d', '7d'),
    delay_mean: mean(f.delay).over('1d', '7d'),
    delay_max: max(f.delay).over('1d', '7d'),
    delay_stddev: stddev(f.delay).over('1d', '7d'),
    late_share: share(f.delay.gt(15)).over('1d', '7d'),
    destinations: countDistinct(f.destination).over('1d', '7d'),
  }),
})
