/** A payment of the benchmark's topic, as quern and its peer judge it. */
import { z } from 'zod'

export const payment = z.object({
  id: z.string().min(1),
  customer: z.string(),
  at: z.iso.datetime(),
  amount: z.int().nonnegative(),
  currency: z.string().length(3),
  country: z.enum(['DE', 'FR', 'IT', 'ES']),
  channel: z.string(),
  note: z.string().max(100),
})
