/** A chain of runs over inputs that come, change and go: it ends where one full run would. */
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FeatureSet } from '../src/domain/featureSet.ts'
import { lineageOf } from '../src/domain/lineage.ts'
import type { ListedStale } from '../src/domain/plan.ts'
import { gridFloor } from '../src/domain/time.ts'
import { backfill } from '../src/run/backfill.ts'
import { verifyVersion } from '../src/run/verifyVersion.ts'
import { differences } from './kit/computing.ts'
import { inProcess, QUIET } from './kit/inProcess.ts'
import { objectsOf } from './kit/objectsOf.ts'
import { writeParquet } from './kit/parquet.ts'
import { cases, scratch } from './kit/scratch.ts'
import { definition, eventColumns, history } from './oracle/histories.ts'
import type { ExpectedRow, Row } from './oracle/naive.ts'
import { naiveFeatureSet, naiveRow } from './oracle/naive.ts'

const HOUR = 3_600_000_000n

/** When runs happen: each publishes what is due then. */
const moments = fc.uniqueArray(fc.constantFrom(-41n, -38n, 0n, 1n, 2n, 5n, 9n, 16n, 9_004n, 9_010n), {
  minLength: 1,
  maxLength: 5,
})

/** A step between two runs: what becomes of a file. */
interface Step {
  file: number
  rows: Row[]
}

const folder = scratch('chain')
let chains = 0

function projectOf(set: FeatureSet): { set: FeatureSet; data: string; root: string } {
  const root = join(folder, `chain-${chains++}`)
  const data = join(root, 'data')
  mkdirSync(data, { recursive: true })
  return { set: { ...set, source: { ...objectsOf(set), uri: data, allowEmpty: true } }, data, root }
}

/** Whoever wants to prove old versions keeps old files: a folder of them, and the set that reads it. */
function copiesOf(set: FeatureSet, root: string): { set: FeatureSet; copy: (path: string) => void } {
  const copies = join(root, 'copies')
  mkdirSync(copies)
  let copied = 0
  return {
    set: { ...set, source: { ...objectsOf(set), uri: copies } },
    copy: path => cpSync(path, join(copies, `${copied++}.parquet`)),
  }
}

/** Whether a row can be anything but a closing row. */
function holdsSomething(set: FeatureSet, { values }: ExpectedRow): boolean {
  const finite = set.columns.flatMap(({ window, aggregation }, at) =>
    window.length === 'lifetime' ? [] : [{ overNothing: aggregation.name.startsWith('count') ? 0n : null, ...values[at]! }],
  )
  return finite.length === 0 || finite.some(({ value, overNothing }) => value !== overNothing)
}

describe('a chain of runs', () => {
  it('ends with the table of one full run, whatever came late, changed or went', async () => {
    const steps = fc.array(fc.record({ file: fc.nat(3), rows: history }), { minLength: 1, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(definition, moments, fc.array(steps, { minLength: 1, maxLength: 6 }), async (generated, hours, all) => {
        fc.pre(generated.late === 'restate')
        const { set, data, root } = projectOf(generated)
        const parts = inProcess(root)
        const files = new Map<number, Row[]>()
        const untils = [...hours.sort((a, b) => (a < b ? -1 : 1)).map(hour => hour * HOUR), 20_000n * HOUR]
        for (const [at, until] of untils.entries()) {
          for (const { file, rows } of (all[at] ?? []) as Step[]) {
            files.set(file, rows)
            await writeParquet(join(data, `${file}.parquet`), eventColumns, rows)
          }
          await parts.run(set, { until })
          const expected = naiveFeatureSet(set, [...files.values()].flat(), until - set.delay)
          expect(differences(set, await parts.rows(set), expected)).toEqual([])
        }
        await parts.close()
        rmSync(root, { recursive: true })
      }),
      { numRuns: cases(25, 100) },
    )
  })

  it('counts what is known late from then on, and changes nothing that is published', async () => {
    await fc.assert(
      fc.asyncProperty(definition, moments, history, async (generated, hours, rows) => {
        fc.pre(generated.late === 'asKnown')
        const { set, data, root } = projectOf(generated)
        const parts = inProcess(root)
        const untils = [...hours.sort((a, b) => (a < b ? -1 : 1)).map(hour => hour * HOUR), 20_000n * HOUR]
        const there: Row[] = []
        for (const [at, until] of untils.entries()) {
          const since = at === 0 ? undefined : untils[at - 1]!
          const known = rows.filter(({ known: k }) => (k as bigint) <= until && (since === undefined || (k as bigint) > since))
          there.push(...known)
          await writeParquet(join(data, `${at}.parquet`), eventColumns, known)
          const before = await parts.rows(set)
          const result = await parts.run(set, { until })
          const after = await parts.rows(set)
          expect(differences(set, after, naiveFeatureSet(set, there, until - set.delay))).toEqual([])
          const kept = before.map(({ values, ...row }) => ({ ...row, values: values.map(value => ({ value, within: 0 })) }))
          const last =
            before.at(-1) === undefined ? undefined : before.reduce((a, b) => (a > b.cutoff ? a : b.cutoff), before[0]!.cutoff)
          expect(
            differences(
              set,
              after.filter(({ cutoff }) => last !== undefined && cutoff <= last),
              kept,
            ),
          ).toEqual([])
          if (result.outcome === 'committed') {
            const table = parts.store.table(`features/${set.name}`)
            const snapshot = (await table.snapshot('latest'))!
            expect(await verifyVersion({ name: set.name, table, snapshot }, set, parts, QUIET)).toMatchObject({
              outcome: 'equal',
            })
          }
        }
        await parts.close()
        rmSync(root, { recursive: true })
      }),
      { numRuns: cases(20, 80) },
    )
  })

  it('closes what is taken back: rows of a file that changed count no more from the next cutoff on', async () => {
    const step = fc.array(fc.record({ file: fc.nat(2), rows: history }), { maxLength: 2 })
    await fc.assert(
      fc.asyncProperty(definition, moments, fc.array(step, { minLength: 2, maxLength: 6 }), async (generated, hours, steps) => {
        fc.pre(generated.late === 'asKnown')
        const { set, data, root } = projectOf(generated)
        const parts = inProcess(root)
        const untils = [...hours.sort((a, b) => (a < b ? -1 : 1)).map(hour => hour * HOUR), 20_000n * HOUR]
        const files = new Map<number, Row[]>()
        const { set: ofCopies, copy } = copiesOf(set, root)
        const expected: ExpectedRow[] = []
        let published: bigint | undefined
        for (const [at, until] of untils.entries()) {
          for (const { file, rows } of steps[at] ?? []) {
            files.set(file, rows)
            await writeParquet(join(data, `${file}.parquet`), eventColumns, rows)
            copy(join(data, `${file}.parquet`))
          }
          const result = await parts.run(set, { until })
          if (result.outcome !== 'committed') continue
          const there = [...files.values()].flat()
          const through = gridFloor(set, until - set.delay)
          const due = naiveFeatureSet(set, there, through).filter(({ cutoff }) => published === undefined || cutoff > published)
          if (published !== undefined) {
            const next = published + set.every
            const open = expected.filter(row => row.cutoff === published && holdsSomething(set, row))
            for (const { entity } of open) {
              const goesOn = due.some(row => row.cutoff === next && row.entity.join() === entity.join())
              if (next <= through && !goesOn) due.push(naiveRow(set, there, entity, next))
            }
          }
          expected.push(...due)
          published = through
          expect(differences(set, await parts.rows(set), expected)).toEqual([])
          const table = parts.store.table(`features/${set.name}`)
          const snapshot = (await table.snapshot('latest'))!
          const proof = await verifyVersion({ name: set.name, table, snapshot }, ofCopies, parts, QUIET)
          expect(proof).toMatchObject({ outcome: 'equal' })
        }
        await parts.close()
        rmSync(root, { recursive: true })
      }),
      { numRuns: cases(15, 80) },
    )
  })

  it('leaves what is later than `lateness` to a backfill, says so, and can be proved at any time', async () => {
    const lateness = fc.constantFrom(0n, HOUR, 3n * HOUR, 40n * HOUR)
    const steps = fc.array(fc.array(fc.record({ file: fc.nat(2), rows: history }), { maxLength: 2 }), {
      minLength: 1,
      maxLength: 5,
    })
    await fc.assert(
      fc.asyncProperty(definition, moments, steps, lateness, async (generated, hours, all, bound) => {
        fc.pre(generated.late === 'restate')
        const { set, data, root } = projectOf({ ...generated, lateness: bound })
        const parts = inProcess(root)
        const table = parts.store.table(`features/${set.name}`)
        const untils = [...hours.sort((a, b) => (a < b ? -1 : 1)).map(hour => hour * HOUR), 20_000n * HOUR]
        const files = new Map<number, Row[]>()
        const { set: ofCopies, copy } = copiesOf(set, root)
        let pending: ListedStale[] = []
        for (const [at, until] of untils.entries()) {
          for (const { file, rows } of (all[at] ?? []) as Step[]) {
            files.set(file, rows)
            await writeParquet(join(data, `${file}.parquet`), eventColumns, rows)
            copy(join(data, `${file}.parquet`))
          }
          const there = [...files.values()].flat()
          const result = await parts.run(set, { until })
          pending = result.pending
          if (result.outcome === 'committed') {
            const snapshot = (await table.snapshot('latest'))!
            expect(await verifyVersion({ name: set.name, table, snapshot }, ofCopies, parts, QUIET)).toMatchObject({
              outcome: 'equal',
            })
          }
          // What differs from the truth is listed.
          const expected = naiveFeatureSet(set, there, until - set.delay)
          const isListed = (cutoff: bigint): boolean => result.pending.some(({ from, to }) => from <= cutoff && cutoff <= to)
          const rows = (await parts.rows(set)).filter(({ cutoff }) => !isListed(cutoff))
          expect(
            differences(
              set,
              rows,
              expected.filter(({ cutoff }) => !isListed(cutoff)),
            ),
          ).toEqual([])
        }
        for (const { backfill: range } of pending) {
          const options = { ...range!, chunk: (range!.to - range!.from) / 2n, maxRejected: 1, acceptLoss: false, ...QUIET }
          for await (const _ of backfill(set, parts, options));
        }
        const there = [...files.values()].flat()
        expect(differences(set, await parts.rows(set), naiveFeatureSet(set, there, untils.at(-1)! - set.delay))).toEqual([])
        const snapshot = await table.snapshot('latest')
        if (snapshot) {
          expect(lineageOf(snapshot.lineage)!.pending).toEqual([])
          expect(await verifyVersion({ name: set.name, table, snapshot }, ofCopies, parts, QUIET)).toMatchObject({
            outcome: 'equal',
          })
        }
        await parts.close()
        rmSync(root, { recursive: true })
      }),
      { numRuns: cases(15, 70) },
    )
  })
})
