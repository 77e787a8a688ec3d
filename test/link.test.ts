/** What is cheaper over a line: a whole file, or some of its columns. */
import { describe, expect, it } from 'vitest'
import { Link } from '../src/sources/objects/link.ts'

const MB = 1e6

/** A line that has been measured: answers begin after so long, and bytes come so fast. */
async function measured(latencyMs: number, bytesPerSecond: number): Promise<Link> {
  let now = 0
  const wait = (ms: number): void => {
    now += ms
  }
  const link = new Link(() => now)
  for (let at = 0; at < 40; at++) {
    await link.asked(async () => wait(latencyMs))
    await link.timed(async () => wait(latencyMs + (8 * MB * 1000) / bytesPerSecond), 8 * MB)
  }
  return link
}

const chunks = (count: number, bytes: number): { chunks: { length: number }[] } => ({
  chunks: Array.from({ length: count }, () => ({ length: bytes / count })),
})

describe('a line', () => {
  it('that nobody has measured takes parts of large files and all of small ones', () => {
    const link = new Link(() => 0)
    expect(link.isLookWorthIt(1.2 * MB)).toBe(false)
    expect(link.isLookWorthIt(2 * MB)).toBe(true)
    expect(link.isWorthIt(2 * MB, chunks(20, 1 * MB))).toBe(false)
    expect(link.isWorthIt(13.5 * MB, chunks(22, 5.5 * MB))).toBe(true)
    expect(link.isWorthIt(1000 * MB, chunks(50, 100 * MB))).toBe(true)
  })

  it('takes all where most is wanted', async () => {
    for (const link of [new Link(() => 0), await measured(30, 50 * MB), await measured(5, 1 * MB)])
      expect(link.isWorthIt(100 * MB, chunks(400, 97 * MB))).toBe(false)
  })

  it('with late answers and fast bytes takes all', async () => {
    const link = await measured(200, 500 * MB)
    expect(link.isLookWorthIt(20 * MB)).toBe(false)
    expect(link.isWorthIt(50 * MB, chunks(40, 10 * MB))).toBe(false)
    expect(link.isWorthIt(5000 * MB, chunks(40, 1000 * MB))).toBe(true)
  })

  it('with slow bytes takes parts', async () => {
    const link = await measured(30, 1 * MB)
    expect(link.isWorthIt(2 * MB, chunks(8, 1 * MB))).toBe(true)
    expect(link.isWorthIt(50 * MB, chunks(40, 40 * MB))).toBe(true)
  })

  it('is not judged by small answers', async () => {
    let now = 0
    const wait = (ms: number): void => {
      now += ms
    }
    const link = new Link(() => now)
    for (let at = 0; at < 100; at++) await link.timed(async () => wait(1000), 1000)
    expect(link.isWorthIt(13.5 * MB, chunks(22, 5.5 * MB))).toBe(true)
  })
})
