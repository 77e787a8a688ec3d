import { describe, expect, it } from 'vitest'
import { progressText } from '../src/cli/progress.ts'

describe('the progress line', () => {
  it('shows a bar, rows, the rate and what remains', () => {
    const text = progressText({ stage: 'read', unit: 'rows', done: 1_500_000, total: 3_000_000 }, 2, 1_000_000)
    expect(text).toBe('read ████████████░░░░░░░░░░░░ 50%  1,500,000 of 3,000,000 rows, 500,000 rows/s, 3 s left')
  })

  it('says what it knows where the end is unknown', () => {
    expect(progressText({ stage: 'read', unit: 'rows', done: 2048, total: null }, 0, 0)).toBe('read 2,048 rows')
    expect(progressText({ stage: 'compute', unit: 'rows', done: 0, total: null }, 1, 0)).toBe('compute')
    expect(progressText({ stage: 'read', unit: 'bytes', done: 5e6, total: 1e7 }, 1, 5e6)).toMatch(
      /50% {2}5\.00 MB of 10\.0 MB, 5\.00 MB\/s, 1 s left/,
    )
  })
})
