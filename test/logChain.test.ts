/** A chain of runs over an archive that grows: it ends where one full run would, whatever takes back what. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FeatureSet } from '../src/domain/featureSet.ts'
import { verifyVersion } from '../src/run/verifyVersion.ts'
import { differences } from './kit/computing.ts'
import type { InProcess } from './kit/inProcess.ts'
import { inProcess, QUIET } from './kit/inProcess.ts'
import { writeParquet } from './kit/parquet.ts'
import { cases, scratch } from './kit/scratch.ts'
import { log, logColumns, logDefinition, rowsOf } from './oracle/logs.ts'
import type { Row } from './oracle/naive.ts'
import { isRetraction, naiveFeatureSet } from './oracle/naive.ts'

const HOUR = 3_600_000_000n
const moments = fc
  .uniqueArray(fc.constantFrom(-1n, 0n, 1n, 2n, 9n), { minLength: 1, maxLength: 3 })
  .map(hours => [...hours.sort((a, b) => (a < b ? -1 : 1)), 20_000n].map(hour => hour * HOUR))

const folder = scratch('logChain')
let chains = 0

interface Project extends InProcess {
  set: FeatureSet
  /** Adds a file to what the source reads. */
  land: (rows: readonly Row[]) => Promise<void>
}

async function within(generated: FeatureSet, work: (project: Project) => Promise<void>): Promise<void> {
  const root = join(folder, `chain-${chains++}`)
  const data = join(root, 'data')
  mkdirSync(data, { recursive: true })
  const parts = inProcess(root)
  let files = 0
  const land = (rows: readonly Row[]): Promise<void> => writeParquet(join(data, `${files++}.parquet`), logColumns, rows)
  const set = { ...generated, source: { ...generated.source, uri: data, allowEmpty: true } }
  await work({ ...parts, set, land })
  await parts.close()
  rmSync(root, { recursive: true })
}

async function expectProof({ set, ...parts }: Project): Promise<void> {
  const table = parts.store.table(`features/${set.name}`)
  const snapshot = (await table.snapshot('latest'))!
  const proof = await verifyVersion({ name: set.name, table, snapshot }, set, parts, QUIET)
  expect(proof).toMatchObject({ outcome: 'equal' })
}

describe('a chain of runs over a log', () => {
  it('ends with the table of one full run, whatever lands late and takes back what', async () => {
    await fc.assert(
      fc.asyncProperty(logDefinition, moments, log, fc.infiniteStream(fc.nat(3)), async (generated, untils, given, random) => {
        fc.pre(generated.late === 'restate')
        await within(generated, async project => {
          const { set } = project
          const rows = rowsOf(set, given).map(row => ({ row, run: random.next().value! % untils.length }))
          // What takes rows back may land with nothing else.
          const isApart = random.next().value! < 2
          const there: Row[] = []
          for (const [at, until] of untils.entries()) {
            const landed = rows.filter(({ run }) => run === at).map(({ row }) => row)
            there.push(...landed)
            const parts = isApart ? [true, false].map(which => landed.filter(row => isRetraction(set, row) === which)) : [landed]
            for (const [part, some] of parts.entries()) {
              if (isApart && some.length === 0) continue
              await project.land(some)
              if (part === 0 && isApart) await project.run(set, { until })
            }
            await project.run(set, { until })
            const expected = naiveFeatureSet(set, there, until - set.delay)
            expect(differences(set, await project.rows(set), expected)).toEqual([])
          }
        })
      }),
      { numRuns: cases(12, 60) },
    )
  })

  it('counts as known what takes back and is taken back, and changes nothing that is published', async () => {
    await fc.assert(
      fc.asyncProperty(logDefinition, moments, log, async (generated, untils, given) => {
        fc.pre(generated.late === 'asKnown')
        await within(generated, async project => {
          const { set } = project
          const rows = rowsOf(set, given)
          const isKnown = ({ known }: Row, until: bigint): boolean => (known as bigint) <= until
          for (const [at, until] of untils.entries()) {
            const before = untils[at - 1]
            await project.land(rows.filter(row => isKnown(row, until) && (before === undefined || !isKnown(row, before))))
            const published = await project.rows(set)
            const result = await project.run(set, { until })
            const now = await project.rows(set)
            const known = rows.filter(row => isKnown(row, until))
            expect(differences(set, now, naiveFeatureSet(set, known, until - set.delay))).toEqual([])
            const texts = new Set(now.map(row => row.entity.concat(row.cutoff, row.values).join()))
            expect(published.filter(row => !texts.has(row.entity.concat(row.cutoff, row.values).join()))).toEqual([])
            if (result.outcome === 'committed') await expectProof(project)
          }
        })
      }),
      { numRuns: cases(12, 60) },
    )
  })
})
