/** How long what is away is waited for. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Reached } from './credentials.ts'
import { awayError, lastingError } from './errors.ts'

/** Milliseconds. */
export interface Patience {
  /** For a connection. */
  connect: number
  /** For an answer. */
  answer: number
  /** For a cluster that has never answered. */
  contact: number
  /** For one that has. */
  away: number
}

export const PATIENCE: Patience = { connect: 10_000, answer: 30_000, contact: 15_000, away: 60_000 }

export interface Patient {
  reached: Reached
  patience: Patience
  /** Whether the cluster has answered before. */
  worked: boolean
}

/**
 * What `work` answers, which is tried again while there is hope: until it fails for good, or has failed for too long.
 * @param between what to do before the next try
 */
export async function patiently<T>(
  patient: Patient,
  signal: AbortSignal,
  work: () => Promise<T>,
  between: () => void = () => {},
): Promise<T> {
  let start = performance.now()
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted()
    try {
      const answer = await work()
      patient.worked = true
      return answer
    } catch (error) {
      signal.throwIfAborted()
      const { reached, patience, worked } = patient
      const lasting = lastingError(reached, error)
      if (lasting !== undefined) throw lasting
      const waited = performance.now() - start
      if (waited > (worked ? patience.away : patience.contact)) throw awayError(reached, error, waited, worked)
      if (error instanceof PassingError && error.throttled > 0) {
        await pause(error.throttled, undefined, { signal }).catch(() => {})
        start = performance.now()
        continue
      }
      between()
      // Many readers of one broker do not all come back at the same time.
      await pause(Math.min(1000, 50 * 2 ** attempt) * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {})
    }
  }
}

/** Something that is not right, and may be in a moment. */
export class PassingError extends Error {
  /** The broker is well, and holds back for so many milliseconds; 0 where it does not. */
  readonly throttled: number

  constructor(message: string, throttled = 0) {
    super(message)
    this.throttled = throttled
  }
}
