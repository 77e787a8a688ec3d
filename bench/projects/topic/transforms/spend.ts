/** What countries spend, from the benchmark's topic. */
import { count, defineFeatureSet, kafka, sum } from 'quern'
import { payment } from '../schemas/payment.ts'

export default defineFeatureSet({
  name: 'spend',
  source: kafka({ name: 'payments', topic: process.env.QUERN_BENCH_TOPIC ?? 'payments', schema: payment, eventTime: 'at' }),
  entity: ['country'],
  every: '1d',
  features: f => ({ payments: count().over('1d'), amount: sum(f.amount).over('1d') }),
})
