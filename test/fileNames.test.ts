import { matchesGlob } from 'node:path'
import { expect, it } from 'vitest'
import { matcherOf } from '../src/sources/objects/fileNames.ts'
import { seeded } from './kit/random.ts'
import { cases } from './kit/scratch.ts'

it('a pattern matches what the platform says that it matches', () => {
  const chance = seeded()
  const text = (parts: readonly string[], most: number): string =>
    Array.from({ length: chance.whole(1, most) }, () => chance.pick(parts)).join('')
  const path = (parts: readonly string[], whole: readonly string[]): string =>
    Array.from({ length: chance.whole(1, 4) }, () => (chance.chance(0.3) ? chance.pick(whole) : text(parts, 4))).join('/')
  let matched = 0
  for (let at = 0; at < cases(5000, 20_000, 1_000_000); at++) {
    const pattern = path(
      ['a', 'b', 'é', '.c', '+', '$', '^', '|', ' ', '*', '*', '?', '-', '!', '@', '😀'],
      ['**', '*', '*.csv', 'a'],
    )
    const name = path(['a', 'b', 'é', 'a.c', '+', '$', '^', '|', ' ', '-', '!', '@', '😀'], ['a', 'b.csv'])
    const expected = matchesGlob(name, pattern)
    if (expected) matched++
    expect([pattern, name, matcherOf(pattern)(name)]).toEqual([pattern, name, expected])
  }
  expect(matched).toBeGreaterThan(100)
})
