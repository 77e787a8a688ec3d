import { count, defineFeatureSet, objects, sum } from 'quern'
import { z } from 'zod'

const events = objects({
  name: 'events',
  uri: 'data/*.ndjson',
  schema: z.object({ time: z.iso.datetime(), key: z.string(), value: z.int() }),
  eventTime: 'time',
})

export default defineFeatureSet({
  name: 'golden',
  source: events,
  entity: ['key'],
  every: '1h',
  features: f => ({
    events: count().over('2h'),
    sum: sum(f.value).over('2h'),
  }),
})
