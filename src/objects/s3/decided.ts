/** Writes under a condition, and waiting for others. */
import { isPrecondition, isUndecided } from './errors.ts'

/** How often a write that met another is sent again. */
const UNDECIDED_ATTEMPTS = 12

/** Sends a conditional write until it has won or lost: that two have met says neither. */
export async function decided(write: () => Promise<void>): Promise<'written' | 'exists'> {
  for (let attempt = 1; ; attempt++) {
    try {
      await write()
      return 'written'
    } catch (error) {
      if (isPrecondition(error)) return 'exists'
      if (!isUndecided(error) || attempt === UNDECIDED_ATTEMPTS) throw error
      await pause(attempt)
    }
  }
}

/** Longer each time, and never the same for two. */
export const pause = (attempt: number): Promise<void> =>
  new Promise(resolve => setTimeout(resolve, Math.random() * Math.min(20 * 2 ** attempt, 5000)))
