/** What every engine must make of rows that lie in a log. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine, TileSet } from '../../src/domain/engine.ts'
import type { Expectation } from '../../src/domain/expectations.ts'
import type { FeatureSet } from '../../src/domain/featureSet.ts'
import { BEFORE_ALL } from '../../src/domain/ranges.ts'
import { gridFloor } from '../../src/domain/time.ts'
import { computeRows, computeTiles, differences, readTiles, writeRows } from '../kit/computing.ts'
import { cases, scratch } from '../kit/scratch.ts'
import { keyedLogDefinition, log, logColumns, logDefinition, looseLogDefinition, rowsOf } from '../oracle/logs.ts'
import { naiveMeasure } from '../oracle/measures.ts'
import type { Row } from '../oracle/naive.ts'
import { isRetraction, naiveFeatureSet } from '../oracle/naive.ts'

const HOUR = 3_600_000_000n
const THROUGH = 20_000n * HOUR

export function describeLogs(name: string, make: (options: { scratchDir: string; threads: number }) => Engine): void {
  describe(`${name} (rows of a log)`, () => {
    let engine: Engine
    const folder = scratch('logs')
    beforeAll(() => {
      engine = make({ scratchDir: folder, threads: 2 })
    })
    afterAll(() => engine.close())
    const options = { columns: logColumns, folder }

    it('go by their position where times are equal, replace one another and take one another back', async () => {
      const seen = { position: 0, rowKey: 0, retracts: 0, landed: 0 }
      await fc.assert(
        fc.asyncProperty(logDefinition, log, fc.infiniteStream(fc.nat(1)), async (set, given, random) => {
          const rows = rowsOf(set, given)
          const files: Row[][] = [[], []]
          for (const row of rows) files[random.next().value!]!.push(row)
          const computed = await computeRows(engine, set, files, { ...options, through: THROUGH })
          const expected = naiveFeatureSet(set, rows, THROUGH)
          expect(computed.rejected.filter(({ refusedByKey }) => !refusedByKey)).toEqual([])
          expect(differences(set, computed.rows, expected)).toEqual([])
          for (const option of ['position', 'rowKey', 'retracts', 'landed'] as const) {
            const source = Object.fromEntries(Object.entries(set.source).filter(([name]) => name !== option))
            const other = naiveFeatureSet({ ...set, source: source as unknown as FeatureSet['source'] }, rows, THROUGH)
            if (differences(set, computed.rows, other).length > 0) seen[option]++
          }
        }),
        { numRuns: cases(50, 200) },
      )
      // What is compared is there.
      expect(Math.min(...Object.values(seen))).toBeGreaterThan(5)
    })

    it('go by their position whatever the batches that they were read in', async () => {
      await fc.assert(
        fc.asyncProperty(looseLogDefinition, log, fc.infiniteStream(fc.nat(2)), async (set, given, random) => {
          const rows = rowsOf(set, given)
          const files: Row[][] = [[], [], []]
          for (const row of rows) files[random.next().value!]!.push(row)
          const tiles: TileSet[] = []
          for (const file of files) tiles.push((await readTiles(engine, set, [await writeRows(file, options)])).read.tiles!)
          const merged = [await engine.mergeTiles(set, tiles.slice(0, 2)), tiles[2]!]
          const expected = naiveFeatureSet(set, rows, THROUGH)
          const due = [{ from: BEFORE_ALL, to: gridFloor(set, THROUGH) + set.every }]
          for (const some of [tiles, merged])
            expect(differences(set, await computeTiles(engine, set, some, due), expected)).toEqual([])
          // A cutoff alone may take a way of its own.
          for (const hour of [0n, 1n, 2n]) {
            const from = gridFloor(set, hour * HOUR)
            const one = await computeTiles(engine, set, tiles, [{ from, to: from + set.every }])
            expect(
              differences(
                set,
                one,
                expected.filter(({ cutoff }) => cutoff === from),
              ),
            ).toEqual([])
          }
        }),
        { numRuns: cases(20, 100) },
      )
    })

    it('are neither read, refused nor measured where they only take others back', async () => {
      const severity = 'stop'
      const expectations: Expectation[] = [
        { kind: 'rowsBetween', severity, min: 0, max: 1 },
        { kind: 'nullShareBelow', severity, column: 'text', limit: 0 },
        { kind: 'uniqueKey', severity, columns: ['shop'] },
        { kind: 'fresherThan', severity, limit: 1n },
        { kind: 'lateShareBelow', severity, limit: 0 },
      ]
      const expected = { until: HOUR, published: [{ from: 0n, to: 2n * HOUR }] }
      await fc.assert(
        fc.asyncProperty(keyedLogDefinition, log, async (generated, given) => {
          const set = { ...generated, expectations }
          const rows = rowsOf(set, given)
          const counted = rows.filter(row => !isRetraction(set, row))
          const accepted = counted.filter(row => set.entity.every(({ name: key }) => row[key] !== null))
          const { read } = await readTiles(engine, set, [await writeRows(rows, options)], { expected })
          expect(read).toMatchObject({ rowsRead: counted.length, rowsRejected: counted.length - accepted.length })
          expect(read.measured!.rows).toBe(accepted.length)
          const naive = expectations.map(one => naiveMeasure(set, accepted, one, expected))
          expect(read.measured!.measures.map(({ value }) => value)).toEqual(naive)
        }),
        { numRuns: cases(20, 80) },
      )
    })
  })
}
