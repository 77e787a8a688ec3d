/** What countries spend, from the benchmark's topic. */
import { count, defineFeatureSet, kafka, sum } from 'quern'
import { z } from 'zod'

const payment = z.object({
  id: z.string().min(1),
  customer: z.string(),
  at: z.iso.datetime(),
  amount: z.int().nonnegative(),
  currency: z.string().length(3),
  country: z.enum(['DE', 'FR', 'IT', 'ES']),
  channel: z.string(),
  note: z.string().max(100),
})

export default defineFeatureSet({
  name: 'spend',
  source: kafka({ name: 'payments', topic: process.env.QUERN_BENCH_TOPIC ?? 'payments', schema: payment, eventTime: 'at' }),
  entity: ['country'],
  every: '1d',
  features: f => ({ payments: count().over('1d'), amount: sum(f.amount).over('1d') }),
})
