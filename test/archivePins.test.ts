/** What is pinned of an archive: landings by date, each once, however they were pinned before and wherever they lie by now. */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { ReadFile } from '../src/domain/batch.ts'
import { holdsContent, joinLanded, landedHash, landedSet } from '../src/domain/landedPins.ts'
import { holdsAll, landingsText, without } from '../src/domain/landingNumbers.ts'
import { lineageOf } from '../src/domain/lineage.ts'
import type { CutoffRanges } from '../src/domain/ranges.ts'
import { union } from '../src/domain/ranges.ts'
import type { PinnedFile } from '../src/domain/source.ts'
import { compactArchive } from '../src/run/compactArchive.ts'
import { landTopic } from '../src/run/landTopic.ts'
import { recordedFiles } from '../src/run/recordedInputs.ts'
import { replayRejected } from '../src/run/replayRejected.ts'
import { verifyVersion } from '../src/run/verifyVersion.ts'
import type { Archived } from '../src/sources/archive/archivedFiles.ts'
import { holdingOf, pinsOf } from '../src/sources/archive/archivePins.ts'
import { type InProcess, QUIET } from './kit/inProcess.ts'
import { resolved } from './kit/kafkaSets.ts'
import type { Random } from './kit/random.ts'
import { seeded } from './kit/random.ts'
import { cases } from './kit/scratch.ts'
import { declared, LANDING, payment, paymentOf, shop } from './kit/shop.ts'

const ARCHIVE = { name: 'payments', tableId: 'table' }
const DATES = ['2026-01-01', '2026-01-02', '2026-01-03']

const rangesOf = (numbers: Iterable<number>): CutoffRanges =>
  union([...numbers].map(number => ({ from: BigInt(number), to: BigInt(number) + 1n })))
const numbersIn = (landings: CutoffRanges): number[] =>
  landings.flatMap(({ from, to }) => Array.from({ length: Number(to - from) }, (_, at) => Number(from) + at))

function part(date: string, numbers: Iterable<number>, at: number): Archived {
  const file = {
    path: `${date}/${at}`,
    size: 10,
    rows: 1,
    columns: {},
    modifiedAt: at,
    partition: { event_date: date },
    tags: {},
  }
  return { files: [file], date, landings: rangesOf(numbers), others: [] }
}

const pinned = (hash: string): PinnedFile => ({
  ...{ path: `archive/payments/${hash.slice('landed:table/'.length)}`, hash, size: 1, modifiedAt: '1' },
  ...{ format: 'parquet', compression: 'none', partition: {} },
})
const pinOf = (date: string, numbers: Iterable<number>, tableId = 'table'): PinnedFile =>
  pinned(landedHash({ tableId, date, what: landingsText(rangesOf(numbers)) }))

const some = (random: Random, numbers: readonly number[]): number[] => {
  const share = random.pick([0.1, 0.5, 0.9, 1])
  return numbers.filter(() => random.chance(share))
}

/** `numbers` dealt out at random to so many, some of which may get none. */
function dealt(random: Random, numbers: readonly number[], to: number): number[][] {
  const hands: number[][] = Array.from({ length: to }, () => [])
  for (const number of numbers) random.pick(hands).push(number)
  return hands.filter(({ length }) => length > 0)
}

describe('sets of landings', () => {
  it('are compared and taken from one another as number by number', () => {
    const random = seeded()
    for (let round = 0; round < cases(300, 3000); round++) {
      const most = random.whole(1, 30)
      const [a, b] = [0, 0].map(() => some(random, [...Array(most).keys()])) as [number[], number[]]
      expect(holdsAll(rangesOf(a), rangesOf(b))).toBe(b.every(number => a.includes(number)))
      expect(without(rangesOf(a), rangesOf(b))).toEqual(rangesOf(a.filter(number => !b.includes(number))))
    }
  })
})

describe('pins of an archive', () => {
  it('are what is known and still there, and of each file what is not known, as the slow and obvious way has it', () => {
    const random = seeded()
    for (let round = 0; round < cases(300, 3000); round++) {
      const all = DATES.map(date => ({ date, numbers: some(random, [...Array(random.whole(1, 40)).keys()]) }))
      const parts = all.flatMap(({ date, numbers }) =>
        dealt(random, numbers, random.whole(1, 6)).map((hand, at) => part(date, hand, at)),
      )
      // Old pins and ones that were joined of them overlap; some are of landings that are gone, or of another table.
      const known = all.flatMap(({ date, numbers }) => [
        ...dealt(random, some(random, numbers), random.whole(1, 5)).map(hand => pinOf(date, hand)),
        ...dealt(random, some(random, numbers), random.whole(1, 3)).map(hand => pinOf(date, hand)),
        ...(random.chance(0.3) ? [pinOf(date, [...some(random, numbers), 99]), pinOf(date, [...numbers, 0], 'other')] : []),
      ])
      const there = new Map(all.map(({ date, numbers }) => [`table/${date}`, new Set(numbers)]))
      const found = known.filter(({ hash }) => {
        const { of, landings } = landedSet(hash)!
        return numbersIn(landings).every(number => there.get(of)?.has(number))
      })
      const taken = (date: string, number: number): boolean =>
        found.some(({ hash }) => landedSet(hash)!.of === `table/${date}` && numbersIn(landedSet(hash)!.landings).includes(number))
      const fresh = parts.flatMap(({ date, landings }) => {
        const left = numbersIn(landings).filter(number => !taken(date, number))
        return left.length > 0 ? [pinOf(date, left).hash] : []
      })
      const pins = pinsOf({ ...ARCHIVE, parts }, known)
      expect(pins.map(({ hash }) => hash).sort()).toEqual([...new Set(found.map(({ hash }) => hash)), ...fresh].sort())
      // Each is found in the files that hold any of it, each of these once.
      const holding = holdingOf({ ...ARCHIVE, parts })
      for (const pin of pins) {
        const { of, landings } = landedSet(pin.hash)!
        const wanted = numbersIn(landings)
        const holders = parts.filter(one => `table/${one.date}` === of && numbersIn(one.landings).some(n => wanted.includes(n)))
        expect(
          holding(pin)!
            .files.map(({ path }) => path)
            .sort(),
        ).toEqual(holders.map(({ files }) => files[0]!.path).sort())
        expect(holding(pin)!.isAll).toBe(holders.every(one => numbersIn(one.landings).every(n => wanted.includes(n))))
      }
      for (const pin of known) expect(holding(pin) === undefined).toBe(!found.includes(pin))
    }
  })

  it('are found among a hundred thousand landings of one date', () => {
    const parts = Array.from({ length: 100_000 }, (_, at) => part(DATES[0]!, [2 * at], at))
    const first = pinsOf({ ...ARCHIVE, parts }, [])
    const hashes = (pins: readonly PinnedFile[]): string => pins.map(({ hash }) => hash).join()
    expect(first).toHaveLength(100_000)
    expect(hashes(pinsOf({ ...ARCHIVE, parts }, first)) === hashes(first)).toBe(true)
    const [joined, ...rest] = joinLanded(first.map(file => ({ ...file, span: null })))
    expect(rest).toEqual([])
    expect(hashes(pinsOf({ ...ARCHIVE, parts }, [joined!])) === joined!.hash).toBe(true)
    expect(holdingOf({ ...ARCHIVE, parts })(joined!)!.files).toHaveLength(100_000)
  })

  it('look at no more landings than there are', () => {
    // Numbers count how often they are compared.
    let compared = 0
    const counting = (ranges: CutoffRanges): CutoffRanges =>
      ranges.map(({ from, to }) => ({
        from,
        get to() {
          compared++
          return to
        },
      }))
    const numbers = Array.from({ length: 8640 }, (_, at) => 2 * at)
    const all = counting(rangesOf(numbers))
    for (const number of numbers) expect(without(rangesOf([number]), all)).toEqual([])
    expect(compared).toBeLessThan(8640 * 20)
  })
})

describe('landings that were read together', () => {
  const read = (date: string, numbers: number[], more: Partial<ReadFile> = {}): ReadFile => ({
    ...pinOf(date, numbers),
    span: null,
    ...more,
  })

  it('become one of each date, of all that is known of them; other files stay', () => {
    const file: ReadFile = { ...pinned('ab'.repeat(32)), path: 'a.csv', format: 'csv', span: null }
    const byFile = { ...read(DATES[0]!, [1]), hash: 'landed:table/2026-01-01/event_date=2026-01-01/part-1.parquet' }
    const events = (first: string, last: string) => ({ events: { first, last } })
    const joined = joinLanded([
      read(DATES[0]!, [1, 2], { span: { first: 5n, last: 6n }, size: 3, modifiedAt: '7', ...events('b', 'c') }),
      file,
      read(DATES[1]!, [1]),
      byFile,
      read(DATES[0]!, [4], { span: { first: 1n, last: 2n }, size: 4, replays: 2, ...events('a', 'b') }),
      read(DATES[0]!, [3], { replays: 1, ...events('b', 'd') }),
    ])
    expect(joined).toEqual([
      {
        ...pinOf(DATES[0]!, [1, 2, 3, 4]),
        ...{ size: 8, modifiedAt: '7', replays: 3, span: { first: 1n, last: 6n }, ...events('a', 'd') },
      },
      file,
      read(DATES[1]!, [1]),
      byFile,
    ])
    expect(joinLanded([...joined, read(DATES[0]!, [9])])[0]).not.toHaveProperty('events')
  })

  it('hold the contents that they were joined of', () => {
    const hash = (...numbers: number[]): string => pinOf(DATES[0]!, numbers).hash
    expect(holdsContent(hash(1, 2, 3), hash(1, 3))).toBe(true)
    expect(holdsContent(hash(1, 3), hash(2))).toBe(false)
    expect(holdsContent(hash(1, 3), pinOf(DATES[1]!, [1]).hash)).toBe(false)
    expect(holdsContent('ab', 'ab')).toBe(true)
    expect(holdsContent('ab', hash(1))).toBe(false)
  })
})

const day = (at: number): bigint => BigInt(Date.UTC(2026, 0, at)) * 1000n

async function inputsOf(parts: InProcess, version?: number): Promise<PinnedFile[]> {
  const table = parts.store.table('features/spend')
  return recordedFiles(table, lineageOf((await table.snapshot(version === undefined ? 'latest' : { version }))!.lineage)!)
}

describe('a chain of runs over many landings', () => {
  const chain = async (landings: number, more: object): Promise<void> => {
    const random = seeded()
    const place = shop(more, 1)
    const parts = place.worker()
    const { set, log, source } = place
    const table = parts.store.table('archive/payments')
    for (let landing = 0; landing < landings; landing++) {
      for (const date of [1, 2, 3])
        if (random.chance(0.8)) log.put(0, paymentOf(random, { at: `2026-01-0${date}T0${random.whole(0, 9)}:00:00Z` }))
      await landTopic(source, parts, LANDING)
      if (random.chance(0.15)) await compactArchive('payments', table, parts, { signal: QUIET.signal })
      if (random.chance(0.4)) await parts.run(set, { until: day(5) })
    }
    await parts.run(set, { until: day(5) })
    expect((await inputsOf(parts)).length).toBeLessThan(40)
    const chained = await parts.rows(set)
    const features = parts.store.table('features/spend')
    const { version } = (await features.snapshot('latest'))!
    for (let at = random.whole(0, 3); at <= version; at += cases(8, 1)) {
      const resolved = { name: 'spend', table: features, snapshot: (await features.snapshot({ version: at }))! }
      expect(await verifyVersion(resolved, set, parts, QUIET)).toMatchObject({ outcome: 'equal' })
    }
    const other = resolved(declared(more, 'payments', 'again')).set
    await parts.run(other, { until: day(5) })
    expect((await parts.rows(other)).map(({ values }) => values)).toEqual(chained.map(({ values }) => values))
    await parts.run(set, { until: day(5), full: true })
    expect(await parts.rows(set)).toEqual(chained)
    expect(await inputsOf(parts)).toHaveLength(3)
    expect(await parts.run(set, { until: day(5) })).toMatchObject({ outcome: 'unchanged', rowsRead: 0 })
    await parts.close()
  }

  it('records few inputs, and every version is proven from them', () => chain(60, {}))
  it('does so where rows replace one another', () => chain(14, { rowKey: ['id'] }))
})

describe('rows that a key has refused', () => {
  it('are judged again in the landing that held them, when it was joined with others', async () => {
    const place = shop({ schema: payment.extend({ customer: z.string().nullable() }) }, 1)
    const parts = place.worker()
    const { set, log, source } = place
    for (let landing = 0; landing < 3; landing++) {
      log.put(0, paymentOf(seeded(), { at: '2026-01-01T12:00:00Z' }))
      if (landing < 2) log.put(0, paymentOf(seeded(), { at: '2026-01-01T12:00:00Z', customer: null }))
      await landTopic(source, parts, LANDING)
    }
    await parts.run(set, { until: day(3) })
    expect((await inputsOf(parts)).map(({ path }) => path)).toEqual(['archive/payments/2026-01-01/1-3'])
    const options = { ...QUIET, maxRejected: 1 }
    const before = await replayRejected([set], parts, options)
    expect(before).toMatchObject({ groups: [{ rows: 2, passing: 0, failing: [{ rows: 2 }], unseen: [] }] })
    await parts.close()
  })
})
