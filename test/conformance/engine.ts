/** What every engine must do. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine, TileSet } from '../../src/domain/engine.ts'
import { BEFORE_ALL } from '../../src/domain/ranges.ts'
import { gridFloor } from '../../src/domain/time.ts'
import type { ComputedRow } from '../kit/computing.ts'
import { computeRows, computeTiles, differences, readTiles, writeRows } from '../kit/computing.ts'
import { cases, scratch } from '../kit/scratch.ts'
import { definition, eventColumns, history, row } from '../oracle/histories.ts'
import type { Row } from '../oracle/naive.ts'
import { naiveFeatureSet } from '../oracle/naive.ts'

const HOUR = 3_600_000_000n

export function describeEngine(name: string, make: (options: { scratchDir: string; threads: number }) => Engine): void {
  describe(`${name} (engine)`, () => {
    let engine: Engine
    let single: Engine
    const folder = scratch('engine')
    beforeAll(() => {
      engine = make({ scratchDir: `${folder}/two`, threads: 2 })
      single = make({ scratchDir: `${folder}/one`, threads: 1 })
    })
    afterAll(async () => {
      await engine.close()
      await single.close()
    })

    const through = fc.constantFrom(20_000n * HOUR, 4n * HOUR, 0n, -41n * HOUR)
    const options = { columns: eventColumns, folder }

    it('agrees with the naive engine on generated definitions and histories', async () => {
      await fc.assert(
        fc.asyncProperty(definition, history, through, async (set, rows, until) => {
          const computed = await computeRows(engine, set, [rows], { ...options, through: until })
          expect(differences(set, computed.rows, naiveFeatureSet(set, rows, until))).toEqual([])
        }),
        { numRuns: cases(100, 450) },
      )
    })

    it('gives the same rows whatever the order of rows, the files and the threads', async () => {
      await fc.assert(
        fc.asyncProperty(definition, history, fc.infiniteStream(fc.nat(1000)), async (set, rows, random) => {
          const shuffled = rows
            .map(one => ({ one, at: random.next().value! }))
            .sort((a, b) => a.at - b.at)
            .map(({ one }) => one)
          const cut = rows.length === 0 ? 0 : random.next().value! % rows.length
          const all = { ...options, through: 20_000n * HOUR }
          const a = await computeRows(engine, set, [rows], all)
          const b = await computeRows(single, set, [shuffled.slice(0, cut), shuffled.slice(cut)], all)
          expect(differences(set, b.rows, exactly(a.rows))).toEqual([])
        }),
        { numRuns: cases(40, 140) },
      )
    })

    it('adds up tiles of files that were read apart, for any stretch of cutoffs', async () => {
      const cuts = fc.array(fc.constantFrom(-41n, -2n, 0n, 1n, 3n, 9n, 9_005n), { maxLength: 3 })
      await fc.assert(
        fc.asyncProperty(definition, history, cuts, fc.infiniteStream(fc.nat(3)), async (set, rows, hours, random) => {
          fc.pre(set.source.rowKey === undefined)
          const files: Row[][] = [[], [], [], []]
          for (const one of rows) files[random.next().value!]!.push(one)
          const tiles: TileSet[] = []
          for (const file of files) tiles.push((await readTiles(engine, set, [await writeRows(file, options)])).read.tiles!)
          const merged = [await engine.mergeTiles(set, tiles.slice(0, 3)), tiles[3]!]
          const edges = [
            BEFORE_ALL,
            ...hours.map(hour => gridFloor(set, hour * HOUR)),
            // Stretches of one cutoff may take a way of their own.
            ...hours.map(hour => gridFloor(set, hour * HOUR) + set.every),
            gridFloor(set, 20_000n * HOUR) + set.every,
          ]
          const sorted = [...new Set(edges)].sort((a, b) => (a < b ? -1 : 1))
          const computed: ComputedRow[] = []
          for (let at = 1; at < sorted.length; at++) {
            const due = [{ from: sorted[at - 1]!, to: sorted[at]! }]
            computed.push(...(await computeTiles(engine, set, at % 2 === 0 ? tiles : merged, due)))
          }
          expect(differences(set, computed, naiveFeatureSet(set, rows, 20_000n * HOUR))).toEqual([])
        }),
        { numRuns: cases(60, 140) },
      )
    })

    it('changes nothing before an event that is added', async () => {
      await fc.assert(
        fc.asyncProperty(definition, history, row, async (set, rows, added) => {
          fc.pre(set.source.rowKey === undefined)
          const until = added.at as bigint
          const before = await computeRows(engine, set, [rows], { ...options, through: until })
          const after = await computeRows(engine, set, [[...rows, added]], { ...options, through: until })
          expect(differences(set, after.rows, exactly(before.rows))).toEqual([])
        }),
        { numRuns: cases(40, 140) },
      )
    })
  })
}

/** Computed rows as expectations: floats may differ in the last digits where rows are merged in another order. */
function exactly(rows: Awaited<ReturnType<typeof computeRows>>['rows']): ReturnType<typeof naiveFeatureSet> {
  return rows.map(({ values, ...rest }) => ({ ...rest, values: values.map(value => ({ value, within: 0 })) }))
}
