import { describe, expect, it } from 'vitest'
import { stateText } from '../src/cli/followOutput.ts'
import { progressText } from '../src/cli/progress.ts'
import type { Lag } from '../src/run/backlog.ts'

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

describe('the line of a topic that is followed', () => {
  const state = { rate: undefined, freshness: undefined, rejected: 0, fault: undefined }
  const lag = (messages: number, seconds?: number): Lag => ({ messages, seconds, partitions: new Map() })

  it('shows what it knows', () => {
    expect(stateText('payments', { ...state, lag: lag(0, 0) })).toBe('payments: following, lag 0')
    expect(stateText('payments', { ...state, lag: lag(1) })).toBe('payments: following, lag 1 message')
    expect(stateText('payments', { lag: lag(1234, 12), rate: 84_999.7, freshness: 3.14, rejected: 0, fault: undefined })).toBe(
      'payments: following, lag 1,234 messages (12.0 s), 85,000 rows/s, freshness 3.1 s',
    )
    expect(stateText('payments', { ...state, lag: lag(5, 7200), freshness: 864_000, rejected: 1200 })).toBe(
      'payments: following, lag 5 messages (2 h), 1,200 rejected, freshness 10 days',
    )
  })

  it('says nothing of the lag while nobody can tell', () => {
    expect(stateText('payments', { ...state, lag: lag(0, 0), fault: 'transient.kafka' })).toBe(
      'payments: waiting until it goes well again (transient.kafka)',
    )
  })
})
