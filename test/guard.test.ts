/** What takes too long is cut short and named, and the rest goes on. */
import { describe, expect, it } from 'vitest'
import { guarded, Timeouts } from '../src/validation/guard.ts'

const HOSTILE = `${'a'.repeat(50)}!`
const LIMIT = 50

/** Which of the texts match, null for those that took too long. */
function judged(texts: readonly string[], pattern: RegExp): (boolean | null)[] {
  const verdicts: (boolean | null)[] = []
  guarded(
    texts.length,
    at => {
      verdicts[at] = pattern.test(texts[at]!)
    },
    at => {
      verdicts[at] = null
    },
    LIMIT,
  )
  return verdicts
}

describe('a bound on evaluations', () => {
  it('stops a regular expression that would go on for ever, and goes on after it', () => {
    expect(judged(['aa', HOSTILE, 'b', HOSTILE, HOSTILE, 'a'], /^(a+)+$/)).toEqual([true, null, false, null, null, true])
  })

  it('stops a loop', () => {
    const timedOut: number[] = []
    guarded(
      2,
      at => {
        while (at === 0);
      },
      at => timedOut.push(at),
      LIMIT,
    )
    expect(timedOut).toEqual([0])
  })

  it('tries what it has cut short once more alone: the others may have taken the time', () => {
    const timedOut: number[] = []
    const attempts = [0, 0, 0]
    guarded(
      3,
      at => {
        attempts[at]!++
        while (at === 1 && attempts[1] === 1);
      },
      at => timedOut.push(at),
      LIMIT,
    )
    expect([timedOut, attempts]).toEqual([[], [1, 2, 1]])
  })

  it('is given up where too many evaluations take too long', () => {
    const timeouts = new Timeouts()
    for (let i = 0; i < 30; i++) timeouts.add()
    expect(() => timeouts.add()).toThrow('More than 30 rows took longer than 1000 ms')
  })

  it('throws what an evaluation throws', () => {
    const fails = (): void => {
      throw new TypeError('of the evaluation')
    }
    expect(() => guarded(1, fails, () => undefined)).toThrow(new TypeError('of the evaluation'))
  })
})
