/** What every engine must measure of a batch, beside what plain loops count. */
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import type { Engine, ExpectedBatch } from '../../src/domain/engine.ts'
import type { Expectation } from '../../src/domain/expectations.ts'
import { BEFORE_ALL, union } from '../../src/domain/ranges.ts'
import { gridFloor } from '../../src/domain/time.ts'
import { readTiles, writeRows } from '../kit/computing.ts'
import { cases, scratch } from '../kit/scratch.ts'
import { definition, event, eventColumns, history } from '../oracle/histories.ts'
import { naiveMeasure } from '../oracle/measures.ts'

const HOUR = 3_600_000_000n
const severity = 'stop'
const column = fc.constantFrom(...Object.keys(event.shape))
const expectation: fc.Arbitrary<Expectation> = fc.oneof(
  fc.constant<Expectation>({ kind: 'rowsBetween', severity, min: 0, max: 1 }),
  column.map((name): Expectation => ({ kind: 'nullShareBelow', severity, column: name, limit: 0 })),
  fc
    .uniqueArray(column, { minLength: 1, maxLength: 3 })
    .map((columns): Expectation => ({ kind: 'uniqueKey', severity, columns })),
  fc.constant<Expectation>({ kind: 'fresherThan', severity, limit: 1n }),
  fc.constant<Expectation>({ kind: 'lateShareBelow', severity, limit: 0 }),
)
const hour = fc.constantFrom(-41n, -40n, -2n, 0n, 1n, 3n, 9n, 9_005n)

export function describeMeasures(name: string, make: (options: { scratchDir: string; threads: number }) => Engine): void {
  describe(`${name} (measures of a batch)`, () => {
    const folder = scratch('measures')
    const engine = make({ scratchDir: folder, threads: 2 })
    afterAll(() => engine.close())

    it('are what plain loops count over the accepted rows, whatever the files and the row key', async () => {
      let [repeated, late, refused] = [0, 0, 0]
      await fc.assert(
        fc.asyncProperty(
          definition,
          history,
          fc.array(expectation, { minLength: 1, maxLength: 6 }),
          fc.record({ until: hour, nudge: fc.constantFrom(-1n, 0n, 1n), cuts: fc.array(hour, { maxLength: 4 }) }),
          fc.infiniteStream(fc.nat(5)),
          async (generated, given, expectations, { until, nudge, cuts }, random) => {
            const set = { ...generated, expectations }
            // Some rows are refused by the schema, and some by the key.
            const rows = given.map(row => (random.next().value === 0 ? { ...row, user: null } : row))
            const accepted = rows.filter(row => row.user !== null && set.entity.every(({ name }) => row[name] !== null))
            const edges = cuts.map(at => gridFloor(set, at * HOUR)).sort((a, b) => (a < b ? -1 : 1))
            const from = (at: number): bigint => (at === 0 ? BEFORE_ALL : edges[at - 1]!)
            const published = union(edges.filter((_, at) => at % 2 === 0).map((to, at) => ({ from: from(at * 2), to })))
            const expected: ExpectedBatch = { until: until * HOUR + nudge, published }
            const cut = rows.length === 0 ? 0 : random.next().value! % rows.length
            const files = [await writeRows(rows.slice(0, cut), { columns: eventColumns, folder })]
            files.push(await writeRows(rows.slice(cut), { columns: eventColumns, folder }))
            const { read } = await readTiles(engine, set, files, { expected })
            expect(read.measured!.rows).toBe(accepted.length)
            const naive = expectations.map(one => naiveMeasure(set, accepted, one, expected))
            expect(read.measured!.measures.map(({ value }) => value)).toEqual(naive)
            expectations.forEach(({ kind }, at) => {
              if (kind === 'uniqueKey' && naive[at]! > 0n) repeated++
              if (kind === 'lateShareBelow' && naive[at]! > 0n) late++
            })
            refused += rows.length - accepted.length
          },
        ),
        { numRuns: cases(80, 150) },
      )
      // What is compared is there.
      expect(Math.min(repeated, late, refused)).toBeGreaterThan(5)
    })

    it('are not taken where nothing is to be measured', async () => {
      const [set] = fc.sample(definition, 1)
      expect((await readTiles(engine, set!, [])).read).not.toHaveProperty('measured')
    })
  })
}
