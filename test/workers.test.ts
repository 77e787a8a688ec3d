/** Workers that start at once, on different sets or the same one: all end well, and each cutoff is published once. */
import { describe, expect, it } from 'vitest'
import type { FeatureSet } from '../src/domain/featureSet.ts'
import { lineageOf } from '../src/domain/lineage.ts'
import type { CutoffRanges } from '../src/domain/ranges.ts'
import { intersect, parseRanges, subtract } from '../src/domain/ranges.ts'
import { formatInstant } from '../src/domain/time.ts'
import type { Outcome } from './kit/cli.ts'
import { documents } from './kit/cli.ts'
import { differences } from './kit/computing.ts'
import type { OrderProject } from './kit/orderDays.ts'
import { midnight, OrderDays, orderProject } from './kit/orderDays.ts'
import { seeded } from './kit/random.ts'
import { cases } from './kit/scratch.ts'

const WORKERS = 8

const runUntil = (until: bigint, ...names: string[]): string[] => ['run', ...names, '--json', '--until', formatInstant(until)]

const atOnce = (commands: readonly string[][], { quern }: OrderProject): Promise<Outcome[]> =>
  Promise.all(commands.map(command => quern(command)))

function allEndWell(outcomes: readonly Outcome[]): void {
  for (const { code, stderr } of outcomes) expect(code, stderr).toBe(0)
}

/** For each version the cutoffs that it was the first to publish, oldest first; none is ever taken back. */
async function firstPublished({ parts }: OrderProject, set: FeatureSet): Promise<CutoffRanges[]> {
  const commits = await Array.fromAsync(parts.store.table(`features/${set.name}`).history())
  let before: CutoffRanges = []
  return commits.reverse().map(({ lineage }) => {
    const published = parseRanges(lineageOf(lineage)!.published)
    expect(subtract(before, published)).toEqual([])
    const first = subtract(published, before)
    before = published
    return first
  })
}

async function holdsWhatItShould(project: OrderProject, set: FeatureSet, days: OrderDays, until: bigint): Promise<void> {
  expect(differences(set, await project.parts.rows(set), days.expected(set, until))).toEqual([])
}

describe('eight workers at once', () => {
  it('publish eight feature sets, each day of each once', async () => {
    const rounds = cases(1, 3)
    const names = Array.from({ length: WORKERS }, (_, at) => `orders_${at}`)
    const project = await orderProject({ names })
    const days = new OrderDays(seeded(), [project.cwd])
    for (let day = 1; day <= rounds; day++) {
      days.arrive(day)
      const until = midnight(day + 1)
      const commands = names.map(name => runUntil(until, name))
      const outcomes = await atOnce(commands, project)
      allEndWell(outcomes)
      expect(outcomes.map(outcome => documents(outcome)[0])).toMatchObject(
        names.map(name => ({ name, outcome: 'committed', version: day - 1 })),
      )
    }
    for (const set of project.sets) {
      await holdsWhatItShould(project, set, days, midnight(rounds + 1))
      expect((await firstPublished(project, set)).map(({ length }) => length)).toEqual(Array(rounds).fill(1))
    }
    // Eight that read the same files keep each refused row once.
    expect(documents(await project.quern(['rejected', 'orders', '--json']))).toHaveLength(days.refused)
    await project.parts.close()
  })

  it('publish one feature set once: one commits, and the others answer unchanged', async () => {
    const rounds = cases(2, 4)
    const project = await orderProject()
    const { set, table } = project
    const days = new OrderDays(seeded(), [project.cwd])
    for (let day = 1; day <= rounds; day++) {
      days.arrive(day)
      const until = midnight(day + 1)
      const outcomes = await atOnce(Array(WORKERS).fill(runUntil(until)), project)
      allEndWell(outcomes)
      const said = outcomes.map(outcome => documents(outcome)[0]!)
      expect(said.map(({ outcome }) => outcome).sort()).toEqual(['committed', ...Array(WORKERS - 1).fill('unchanged')])
      expect(said.map(({ version }) => version)).toEqual(Array(WORKERS).fill(day - 1))
      await holdsWhatItShould(project, set, days, until)
    }
    expect((await table.snapshot('latest'))!.version).toBe(rounds - 1)
    expect((await firstPublished(project, set)).map(({ length }) => length)).toEqual(Array(rounds).fill(1))
    expect(documents(await project.quern(['rejected', 'orders', '--json']))).toHaveLength(days.refused)
    await project.parts.close()
  })

  it('that go to different instants publish each cutoff once, and none takes one back', async () => {
    const project = await orderProject()
    const { set } = project
    const days = new OrderDays(seeded(), [project.cwd])
    for (let day = 1; day <= WORKERS; day++) days.arrive(day)
    const outcomes = await atOnce(
      Array.from({ length: WORKERS }, (_, at) => runUntil(midnight(at + 2))),
      project,
    )
    allEndWell(outcomes)
    await holdsWhatItShould(project, set, days, midnight(WORKERS + 1))
    const published = await firstPublished(project, set)
    const committed = outcomes.map(outcome => documents(outcome)[0]!).filter(({ outcome }) => outcome === 'committed')
    expect(committed.map(({ version }) => version).sort()).toEqual([...published.keys()])
    expect(published.every((ranges, at) => published.slice(at + 1).every(later => intersect(ranges, later).length === 0))).toBe(
      true,
    )
    await project.parts.close()
  })
})

describe('a scheduled run', () => {
  it('goes on beside a backfill, and neither undoes the other', async () => {
    const project = await orderProject({ set: "lateness: '1d'," })
    const { set, parts, table } = project
    const days = new OrderDays(seeded(), [project.cwd])
    for (let day = 1; day <= 10; day++) days.arrive(day)
    await parts.run(set, { until: midnight(11) })
    days.arriveLate('old', 1, 2)
    await parts.run(set, { until: midnight(11) })
    days.arrive(11)
    const [from, to] = [formatInstant(midnight(2)), formatInstant(midnight(12))]
    const backfill = ['backfill', set.name, '--from', from, '--to', to, '--chunk', '2d']
    // Late rows that no scheduled run reaches are the backfill's.
    const outcomes = await atOnce([backfill, runUntil(midnight(12)), runUntil(midnight(12)), backfill], project)
    allEndWell(outcomes)
    // What arrived with day 11 for earlier days may still be listed: it came while the range was computed.
    expect((await project.quern(backfill)).code).toBe(0)
    await holdsWhatItShould(project, set, days, midnight(12))
    expect(lineageOf((await table.snapshot('latest'))!.lineage)!.pending).toEqual([])
    expect(await project.quern(['verify', set.name])).toMatchObject({ code: 0 })
    await parts.close()
  })

  it('goes on beside compaction, and neither loses a row of the other', async () => {
    const project = await orderProject()
    const { set, parts } = project
    const days = new OrderDays(seeded(), [project.cwd])
    for (let day = 1; day <= 8; day++) {
      days.arrive(day)
      await parts.run(set, { until: midnight(day + 1) })
    }
    for (let day = 9; day <= 10; day++) {
      days.arrive(day)
      const until = midnight(day + 1)
      const compact = ['compact', set.name]
      const outcomes = await atOnce([compact, runUntil(until), compact, runUntil(until)], project)
      allEndWell(outcomes)
      await holdsWhatItShould(project, set, days, until)
    }
    const published = await firstPublished(project, set)
    expect(published.filter(({ length }) => length > 0)).toHaveLength(10)
    expect(await project.quern(['verify', set.name])).toMatchObject({ code: 0 })
    await parts.close()
  })
})
