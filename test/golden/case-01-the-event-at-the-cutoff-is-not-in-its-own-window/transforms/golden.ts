import { defineFeatureSet, objects, sum } from 'quern'
import { z } from 'zod'

const events = objects({
  name: 'events',
  uri: 'input.ndjson',
  schema: z.object({ time: z.iso.datetime(), key: z.string(), value: z.int().nullable() }),
  eventTime: 'time',
})

export default defineFeatureSet({
  name: 'golden',
  source: events,
  entity: ['key'],
  every: '1h',
  features: f => ({
    sum: sum(f.value).over('1h'),
  }),
})
