/** The example over a schema that refuses every flight which left late: nearly half of them. */
import { defineFeatureSet, objects } from 'quern'
import { z } from 'zod'
import { flight } from '../../../../schemas/flight.ts'
import example from '../../../../transforms/originDelays.ts'

const { source, ...options } = example.options
export default defineFeatureSet({
  ...options,
  name: 'origin_delays',
  maxRejected: 1,
  source: objects({
    ...source.options,
    uri: '../../../data/flights-3m.parquet',
    schema: flight.extend({ delay: z.int().min(-1500).max(0) }),
  }),
})
