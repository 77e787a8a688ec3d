/**
 * Chance that can be repeated: each test has its own seed, the soak another in each run. A failing test names it, and `QUERN_SEED`
 * brings it back.
 */
import { createHash } from 'node:crypto'
import { expect, onTestFailed } from 'vitest'

export interface Random {
  /** 0 <= x < 1 */
  next: () => number
  /** from <= n <= to */
  whole: (from: number, to: number) => number
  /** True so often. */
  chance: (share: number) => boolean
  pick: <T>(values: readonly T[]) => T
}

/** For use within a test. */
export function seeded(): Random {
  const seed = Number(process.env.QUERN_SEED ?? (process.env.QUERN_SOAK ? Math.floor(Math.random() * 2 ** 31) : ownSeed()))
  onTestFailed(() => console.error(`seed: QUERN_SEED=${seed}`))
  return random(seed)
}

const ownSeed = (): number => createHash('sha256').update(expect.getState().currentTestName!).digest().readUInt32BE() >>> 1

/** The generator `mulberry32`. */
export function random(seed: number): Random {
  let state = seed | 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const whole = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1))
  return { next, whole, chance: share => next() < share, pick: values => values[whole(0, values.length - 1)]! }
}
