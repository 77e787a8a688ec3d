/** Commands that are killed at any instant: no version is ever half there, and the next run ends the work. */
import { readdirSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { lineageOf } from '../src/domain/lineage.ts'
import { formatInstant, parseInstant } from '../src/domain/time.ts'
import { planVacuum } from '../src/run/vacuum.ts'
import { documents } from './kit/cli.ts'
import type { ComputedRow } from './kit/computing.ts'
import { differences } from './kit/computing.ts'
import type { Course } from './kit/killing.ts'
import { killed, measured } from './kit/killing.ts'
import type { OrderProject } from './kit/orderDays.ts'
import { midnight, OrderDays, orderProject } from './kit/orderDays.ts'
import { seeded } from './kit/random.ts'
import { cases } from './kit/scratch.ts'
import { Versions } from './kit/versions.ts'
import type { ExpectedRow } from './oracle/naive.ts'

const DAYS = 30
const HOUR = 3_600_000_000n
const DAY = 24n * HOUR

describe('a chain of runs that are killed', () => {
  it('ends with the table of one full run, and every version on the way is whole', async () => {
    const random = seeded()
    const rounds = cases(30, 200, 1000)
    const chain = await orderProject()
    const clean = await orderProject()
    const days = new OrderDays(random, [chain.cwd, clean.cwd])
    const versions = new Versions(chain)
    let course: Course = { milliseconds: 0, changes: 0 }
    let until = midnight(1)
    let deaths = 0

    for (let day = 1; day <= DAYS; day++) {
      days.arrive(day)
      // Some days nothing is due, on others two cutoffs are.
      if (day <= 2 || day === DAYS || random.chance(0.9)) until = midnight(day + 1) + BigInt(random.whole(0, 23)) * HOUR
      const run = ['run', '--json', '--until', formatInstant(until)]
      const expected = days.expected(chain.set, until)
      let committed = 0
      // The first two show how long a run takes, and what it does in the store.
      const kills = day <= 2 ? 0 : Math.ceil((rounds * (day - 2)) / (DAYS - 2)) - Math.ceil((rounds * (day - 3)) / (DAYS - 2))
      for (let kill = 0; kill < kills; kill++) {
        const outcome = await killed(random, chain.store, course, options => chain.quern(run, options))
        if (outcome.code === null) deaths++
        else expect(outcome.code, outcome.stderr).toBe(0)
        committed += await versions.meet(() => expected)
        await versions.recall([random.whole(0, versions.count - 1)])
      }
      const { outcome, course: whole } = await measured(chain.store, options => chain.quern(run, options))
      if (day <= 2) course = whole
      expect(outcome.code, outcome.stderr).toBe(0)
      const visible = committed > 0
      committed += await versions.meet(() => expected)
      const [line] = documents(outcome)
      expect(line).toMatchObject({
        outcome: visible || committed === 0 ? 'unchanged' : 'committed',
        version: versions.count - 1,
      })
      // However often it was begun, a day's work is one version.
      expect(committed).toBeLessThanOrEqual(1)
      expect(differences(chain.set, await chain.parts.rows(chain.set), expected)).toEqual([])
      expect(scratchIn(chain)).toEqual([])
    }

    expect(deaths).toBeGreaterThan(0)
    await versions.recall()
    expect(await clean.quern(['run', '--until', formatInstant(until)])).toMatchObject({ code: 0 })
    expect(await chain.parts.rows(chain.set)).toEqual(await clean.parts.rows(clean.set))
    expect(await chain.quern(['verify', 'orders_daily'])).toMatchObject({ code: 0 })
    // Each refused row of each file stands once, however often its run was killed.
    expect(documents(await chain.quern(['rejected', 'orders', '--json']))).toHaveLength(days.refused)

    // What the killed left behind is garbage once no run can be under way any more; nothing else goes.
    age(chain)
    expect(await chain.quern(['vacuum', 'orders_daily', '--apply'])).toMatchObject({ code: 0 })
    await versions.meet(() => [])
    await versions.recall()
    expect(unfinishedIn(chain)).toEqual([])
    const left = await planVacuum(chain.parts.store, 'orders_daily', { retain: 30n * DAY, now: chain.parts.now() })
    expect(left.objects).toEqual([])
    await chain.parts.close()
    await clean.parts.close()
  }, 1_200_000)
})

describe('a killed command', () => {
  it('leaves a backfill that goes on behind the last chunk that was committed', async () => {
    const random = seeded()
    const chain = await orderProject({ set: "lateness: '2d'," })
    const { set, parts, table } = chain
    const days = new OrderDays(random, [chain.cwd])
    const versions = new Versions(chain)
    const until = midnight(15)
    for (let day = 1; day <= 14; day++) days.arrive(day)
    await parts.run(set, { until })
    await versions.meet(() => days.expected(set, until))
    const [from, to] = [midnight(2), midnight(16)]
    const backfill = ['backfill', set.name, '--from', formatInstant(from), '--to', formatInstant(to), '--chunk', '3d']
    let course: Course | undefined

    for (let round = 0; round <= cases(1, 5); round++) {
      days.arriveLate(`old-${round}`, 1, 5)
      await parts.run(set, { until })
      await versions.meet(async version => (await parts.rows(set, version - 1)).map(asExpected))
      let truth = days.expected(set, until)
      let first = versions.count
      const reached = async (version: number): Promise<bigint> =>
        parseInstant(lineageOf((await table.snapshot({ version }))!.lineage)!.backfill!.done)!
      // A chunk is there wholly or not at all.
      const meet = (): Promise<number> =>
        versions.meet(async version => {
          const [done, before] = [await reached(version), await parts.rows(set, version - 1)]
          const above = before.filter(({ cutoff }) => cutoff >= done).map(asExpected)
          return [...truth.filter(({ cutoff }) => cutoff < done), ...above]
        })
      for (let kill = 0; course && kill < 4; kill++) {
        const outcome = await killed(random, chain.store, course, options => chain.quern(backfill, options))
        await meet()
        if (outcome.code !== null) break
        if (random.chance(0.8)) continue
        days.arriveLate(`older-${round}-${kill}`, 1, 5)
        truth = days.expected(set, until)
        first = versions.count
      }
      const end = await measured(chain.store, options => chain.quern(backfill, options))
      expect(end.outcome.code, end.outcome.stderr).toBe(0)
      course ??= end.course
      await meet()
      // Each chunk is committed once, however often the command was begun.
      const chunks = await Promise.all(Array.from({ length: versions.count - first }, (_, at) => reached(first + at)))
      expect(chunks).toEqual([...new Set(chunks)].sort((a, b) => (a < b ? -1 : 1)))
      expect(differences(set, await parts.rows(set), truth)).toEqual([])
      expect(lineageOf((await table.snapshot('latest'))!.lineage)!.pending).toEqual([])
    }
    await versions.recall()
    await parts.close()
  })

  it('leaves a compaction or a clean-up that takes away nothing that is needed', async () => {
    const random = seeded()
    const chain = await orderProject()
    const { set, parts } = chain
    const days = new OrderDays(random, [chain.cwd])
    let day = 0
    let courses: { compact: Course; vacuum: Course } | undefined
    const next = async (): Promise<void> => {
      days.arrive(++day)
      await parts.run(set, { until: midnight(day + 1) })
    }
    for (let round = 0; round <= cases(1, 5); round++) {
      // Enough for a checkpoint in each round.
      for (let more = 0; more < 10; more++) await next()
      const truth = days.expected(set, midnight(day + 1))
      const latestIsWhole = async (): Promise<void> => expect(differences(set, await parts.rows(set), truth)).toEqual([])
      const compact = ['compact', set.name]
      for (let kill = 0; courses && kill < 2; kill++) {
        await killed(random, chain.store, courses.compact, options => chain.quern(compact, options))
        await latestIsWhole()
      }
      const compacted = await measured(chain.store, options => chain.quern(compact, options))
      expect(compacted.outcome.code, compacted.outcome.stderr).toBe(0)
      await latestIsWhole()

      age(chain)
      const vacuum = ['vacuum', set.name, '--retain', '0s', '--apply']
      for (let kill = 0; courses && kill < 3; kill++) {
        await killed(random, chain.store, courses.vacuum, options => chain.quern(vacuum, options))
        await latestIsWhole()
      }
      const cleaned = await measured(chain.store, options => chain.quern(vacuum, options))
      expect(cleaned.outcome.code, cleaned.outcome.stderr).toBe(0)
      await latestIsWhole()
      courses ??= { compact: compacted.course, vacuum: cleaned.course }
      const left = await planVacuum(parts.store, set.name, { retain: 0n, now: parts.now() })
      expect(left.objects).toEqual([])
    }
    // Runs go on from what is left.
    await next()
    expect(differences(set, await parts.rows(set), days.expected(set, midnight(day + 1)))).toEqual([])
    await parts.close()
  })
})

const asExpected = ({ values, ...row }: ComputedRow): ExpectedRow => ({
  ...row,
  values: values.map(value => ({ value, within: 0 })),
})

/** Scratch folders of the program's processes. */
const scratchIn = ({ temporary }: OrderProject): string[] => readdirSync(temporary).filter(name => name.startsWith('quern-'))

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))

/** Makes everything in the table so old that no run can be under way that wrote it. */
function age({ store, set }: OrderProject): void {
  const then = new Date('2024-01-01T00:00:00Z')
  for (const file of filesIn(join(store, 'features', set.name))) utimesSync(file, then, then)
}

const unfinishedIn = ({ store, set }: OrderProject): string[] =>
  filesIn(join(store, 'features', set.name)).filter(file => file.includes('/.'))
