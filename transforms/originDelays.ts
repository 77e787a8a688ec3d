import { count, countDistinct, defineFeatureSet, max, mean, objects, share, stddev } from 'quern'
import { flight } from '../schemas/flight.ts'

const flights = objects({
  name: 'flights',
  uri: 'data/flights-*.parquet',
  schema: flight,
  eventTime: 'date',
  zone: 'UTC', // of timestamps that carry no offset; without it such a column is refused
})

export default defineFeatureSet({
  name: 'origin_delays',
  description: 'How late flights leave an airport',
  source: flights,
  entity: ['origin'],
  every: '1d',
  features: f => ({
    flights: count().over('1d', '7d', '30d'), // columns flights_1d, flights_7d, flights_30d
    delay_mean: mean(f.delay).over('1d', '7d', '30d'), // number | null
    delay_max: max(f.delay).over('1d', '7d', '30d'),
    delay_stddev: stddev(f.delay).over('1d', '7d', '30d'),
    late_share: share(f.delay.gt(15)).over('1d', '7d', '30d'),
    destinations: countDistinct(f.destination).over('1d', '7d', '30d'),
  }),
})
