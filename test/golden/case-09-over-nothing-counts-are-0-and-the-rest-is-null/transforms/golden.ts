import { count, defineFeatureSet, last, lastRow, mean, min, objects, sum } from 'quern'
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
    rows: count().over('1h'),
    count: count(f.value).over('1h'),
    sum: sum(f.value).over('1h'),
    mean: mean(f.value).over('1h'),
    min: min(f.value).over('1h'),
    last: last(f.value).over('1h'),
    last_row: lastRow(f.value).over('1h'),
  }),
})
