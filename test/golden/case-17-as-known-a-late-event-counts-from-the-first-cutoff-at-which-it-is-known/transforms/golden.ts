import { count, defineFeatureSet, objects, sum } from 'quern'
import { z } from 'zod'

const events = objects({
  name: 'events',
  uri: 'data/*.ndjson',
  schema: z.object({ time: z.iso.datetime(), known: z.iso.datetime(), key: z.string(), value: z.int() }),
  eventTime: 'time',
  knownTime: 'known',
})

export default defineFeatureSet({
  name: 'golden',
  source: events,
  entity: ['key'],
  every: '15m',
  features: f => ({
    events: count().over('1h'),
    sum: sum(f.value).over('1h'),
  }),
})
