import { z } from 'zod'
export const flight = z.object({
  date: z.date(),
  origin: z.string().length(3),
  destination: z.string().length(3),
  delay: z.int().min(-1500).max(3000), // minutes
  distance: z.int().nonnegative(), // miles
})
