/** Archives in fewer files: nobody who reads them sees a difference, whoever lands meanwhile. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { LANDINGS_TAG } from '../src/domain/landingNumbers.ts'
import type { Snapshot } from '../src/domain/tableStore.ts'
import { compactArchive, compactionsId } from '../src/run/compactArchive.ts'
import { landTopic } from '../src/run/landTopic.ts'
import { applyVacuum, planVacuum } from '../src/run/vacuum.ts'
import { verifyVersion } from '../src/run/verifyVersion.ts'
import { archivedRows } from './kit/archives.ts'
import { type InProcess, QUIET } from './kit/inProcess.ts'
import { resolved } from './kit/kafkaSets.ts'
import { seeded } from './kit/random.ts'
import { cases } from './kit/scratch.ts'
import { declared, LANDING, payment, paymentOf, produce, type Shop, shop } from './kit/shop.ts'

const { signal } = QUIET
const table = ({ store }: InProcess) => store.table('archive/payments')
const archive = async (parts: InProcess): Promise<Snapshot> => (await table(parts).snapshot('latest'))!
const compact = (parts: InProcess, more: { largest?: number; enough?: number } = {}) =>
  compactArchive('payments', table(parts), parts, { signal, ...more })
const until = (day: number): bigint => BigInt(Date.UTC(2026, 0, day)) * 1000n

/** A landing of one payment for each date of January. */
async function land({ log, source }: Shop, parts: InProcess, ...days: number[]): Promise<void> {
  for (const day of days) log.put(0, paymentOf(seeded(), { at: `2026-01-${String(day).padStart(2, '0')}T12:00:00Z` }))
  await landTopic(source, parts, LANDING)
}

const filesOf = ({ files }: Snapshot): string[] =>
  files.map(({ partition, tags }) => `${partition.event_date} ${tags[LANDINGS_TAG]}`).sort()

describe('a compaction of an archive', () => {
  it('joins the files of each date, and says whose landings they hold', async () => {
    const place = shop({}, 2)
    const parts = place.worker()
    for (const days of [[1, 2], [1], [1, 3], [2]]) await land(place, parts, ...days)
    const rows = await archivedRows(parts, place.source)
    expect(filesOf(await archive(parts))).toEqual([
      ...['2026-01-01 1', '2026-01-01 2', '2026-01-01 3'],
      ...['2026-01-02 1', '2026-01-02 4', '2026-01-03 3'],
    ])
    expect(await compact(parts)).toEqual({ outcome: 'committed', version: 4, filesBefore: 6, filesAfter: 3 })
    const after = await archive(parts)
    expect(filesOf(after)).toEqual(['2026-01-01 1-3', '2026-01-02 1,4', '2026-01-03 3'])
    expect(after.transactions.get(compactionsId('payments'))).toBe(1n)
    expect(after.lineage).toMatchObject({ compaction: 1, files: { from: 5, to: 2 } })
    expect(await archivedRows(parts, place.source)).toEqual(rows)
    for (const { columns } of after.files)
      expect(columns).toMatchObject({ _landing: { nullCount: 0 }, _offset: { nullCount: 0 }, _event_time: { nullCount: 0 } })
    expect(await compact(parts)).toEqual({ outcome: 'unchanged', version: 4, filesBefore: 3, filesAfter: 3 })
    await land(place, parts, 1)
    expect(await compact(parts)).toMatchObject({ outcome: 'committed', version: 6 })
    expect(filesOf(await archive(parts))).toContain('2026-01-01 1-3,5')
    await parts.close()
  })

  it('writes rows by landing, partition and offset, and no file much larger than is asked for', async () => {
    const place = shop({}, 3)
    const parts = place.worker()
    const random = seeded()
    for (let landing = 0; landing < 6; landing++) {
      produce(place.log, random, 3, { accepted: [], refused: [] })
      await landTopic(place.source, parts, LANDING)
    }
    const before = await archive(parts)
    const largest = 3 * Math.max(...before.files.map(({ size }) => size))
    await compact(parts, { largest, enough: 1 })
    const after = await archive(parts)
    const dates = new Set(before.files.map(({ partition }) => partition.event_date)).size
    expect(after.files.length).toBeGreaterThan(dates)
    expect(after.files.length).toBeLessThan(before.files.length / 2)
    // A commit for each file, since each is enough.
    expect(after.version - before.version).toBe(after.files.filter(({ tags }) => /\D/.test(tags[LANDINGS_TAG]!)).length)
    for (const file of after.files) {
      const places: bigint[][] = []
      const query = { paths: await table(parts).localPaths([file]), columns: after.columns }
      for await (const { rows, columns } of parts.engine.query({ ...query, select: ['_landing', '_partition', '_offset'] }))
        for (let at = 0; at < rows; at++) places.push(columns.map(column => BigInt(column[at] as bigint)))
      const key = (place: bigint[]): bigint => place[0]! * 10n ** 12n + place[1]! * 10n ** 9n + place[2]!
      expect(places).toEqual([...places].sort((a, b) => (key(a) < key(b) ? -1 : 1)))
    }
    await compact(parts)
    expect((await archive(parts)).files).toHaveLength(dates)
    await parts.close()
  })

  it('takes up a column that the schema has got between the landings', async () => {
    const place = shop({}, 1)
    const parts = place.worker()
    await land(place, parts, 1)
    const wider = resolved(declared({ schema: payment.extend({ note: z.string().optional() }) }))
    place.log.put(0, paymentOf(seeded(), { at: '2026-01-01T13:00:00Z', note: 'x' }))
    await landTopic(wider.source, parts, LANDING)
    await compact(parts)
    expect((await archive(parts)).files).toHaveLength(1)
    expect((await archivedRows(parts, place.source)).map(({ note }) => note)).toEqual([null, 'x'])
    await parts.close()
  })

  /** A compaction in the middle of which something else happens. */
  const compactDuring = (parts: InProcess, what: () => Promise<unknown>) => {
    let happens: Promise<unknown> | undefined
    const stageQuery: InProcess['engine']['stageQuery'] = async query => {
      happens ??= what()
      await happens
      return parts.engine.stageQuery(query)
    }
    return compactArchive('payments', table(parts), { ...parts, engine: { ...parts.engine, stageQuery } }, { signal })
  }

  it('is committed over landings that come meanwhile', async () => {
    const place = shop({}, 1)
    const parts = place.worker()
    for (let landing = 0; landing < 3; landing++) await land(place, parts, 1, 2)
    const landings = async (): Promise<void> => {
      await land(place, parts, 1)
      await land(place, parts, 2)
    }
    expect(await compactDuring(parts, landings)).toEqual({ outcome: 'committed', version: 5, filesBefore: 6, filesAfter: 2 })
    expect(filesOf(await archive(parts))).toEqual(['2026-01-01 1-3', '2026-01-01 4', '2026-01-02 1-3', '2026-01-02 5'])
    expect(await archivedRows(parts, place.source)).toHaveLength(8)
    await parts.close()
  })

  it('is given up for another that was first, and for another program that has removed one of the files', async () => {
    const place = shop({}, 1)
    const [parts, other] = [place.worker('a'), place.worker('b')]
    for (let landing = 0; landing < 3; landing++) await land(place, parts, 1)
    expect(await compactDuring(parts, () => compact(other))).toMatchObject({ outcome: 'unchanged' })
    expect((await archive(parts)).transactions.get(compactionsId('payments'))).toBe(1n)
    expect(await archivedRows(parts, place.source)).toHaveLength(3)
    for (let landing = 0; landing < 2; landing++) await land(place, parts, 1)
    const remove = async (): Promise<void> => {
      const base = await archive(other)
      const { path } = base.files[0]!
      await table(other).commit({ base, operation: 'delete', add: [], remove: [path], lineage: {}, isolation: 'plan' })
    }
    const before = (await archive(parts)).files
    expect(await compactDuring(parts, remove)).toMatchObject({ outcome: 'committed' })
    const left = before.slice(1).reduce((rows, file) => rows + file.rows, 0)
    expect(await archivedRows(parts, place.source)).toHaveLength(left)
    for (const worker of [parts, other]) await worker.close()
  })
})

describe('feature sets over a compacted archive', () => {
  it('see nothing new, and versions from before are proven from it', async () => {
    const place = shop({}, 1)
    const parts = place.worker()
    const { set } = place
    await land(place, parts, 1, 2)
    await land(place, parts, 1, 2, 3)
    expect(await parts.run(set, { until: until(4) })).toMatchObject({ outcome: 'committed', rowsRead: 5 })
    const rows = await parts.rows(set)
    await compact(parts)
    expect(await parts.run(set, { until: until(4) })).toMatchObject({ outcome: 'unchanged' })
    const features = parts.store.table('features/spend')
    const snapshot = (await features.snapshot({ version: 0 }))!
    expect(await verifyVersion({ name: 'spend', table: features, snapshot }, set, parts, QUIET)).toMatchObject({
      outcome: 'equal',
    })
    await parts.run(set, { until: until(4), full: true })
    expect(await parts.rows(set)).toEqual(rows)
    const other = resolved(declared({}, 'payments', 'again')).set
    expect(await parts.run(other, { until: until(4) })).toMatchObject({ outcome: 'committed', rowsRead: 5 })
    expect((await parts.rows(other)).map(({ values }) => values)).toEqual(rows.map(({ values }) => values))
    await parts.close()
  })

  it('read of a date only the landings that they have not read, whatever file these lie in by now', async () => {
    const place = shop({}, 1)
    const parts = place.worker()
    const { set } = place
    await land(place, parts, 1, 2)
    await parts.run(set, { until: until(3) })
    await land(place, parts, 1)
    await land(place, parts, 1, 1)
    await compact(parts)
    expect(filesOf(await archive(parts))).toEqual(['2026-01-01 1-3', '2026-01-02 1'])
    expect(await parts.run(set, { until: until(3) })).toMatchObject({ outcome: 'committed', rowsRead: 3 })
    // Both of what it has read lie within one file now, and a third landing comes to them.
    await land(place, parts, 1)
    await compact(parts)
    await compact(parts)
    expect(await parts.run(set, { until: until(3) })).toMatchObject({ outcome: 'committed', rowsRead: 1 })
    const rows = await parts.rows(set)
    await parts.run(set, { until: until(3), full: true })
    expect(await parts.rows(set)).toEqual(rows)
    await parts.close()
  })

  it('read rows once that another program has spread over files, each with some of every landing', async () => {
    const place = shop({}, 1)
    const parts = place.worker()
    const { set } = place
    for (const days of [
      [1, 1],
      [1, 1, 1],
    ])
      await land(place, parts, ...days)
    await parts.run(set, { until: until(3) })
    for (const days of [[1, 1], [2]]) await land(place, parts, ...days)
    const base = await archive(parts)
    const ofDate = base.files.filter(({ partition }) => partition.event_date === '2026-01-01')
    const columns = base.columns.filter(({ name }) => name !== 'event_date')
    const paths = await table(parts).localPaths(ofDate)
    const add = [0, 1].map(async rest => ({
      ...(await parts.engine.stageQuery({ paths, columns, where: `_offset % 2 = ${rest}` })),
      partition: { event_date: '2026-01-01' },
    }))
    const remove = ofDate.map(({ path }) => path)
    const change = { operation: 'spread', dataChange: false, lineage: {}, isolation: 'plan' as const }
    await table(parts).commit({ base, add: await Promise.all(add), remove, ...change })
    expect(await parts.run(set, { until: until(3) })).toMatchObject({ outcome: 'committed', rowsRead: 3 })
    expect(await parts.run(set, { until: until(3) })).toMatchObject({ outcome: 'unchanged' })
    const rows = await parts.rows(set)
    const other = resolved(declared({}, 'payments', 'again')).set
    expect(await parts.run(other, { until: until(3) })).toMatchObject({ rowsRead: 8 })
    expect((await parts.rows(other)).map(({ values }) => values)).toEqual(rows.map(({ values }) => values))
    await parts.close()
  })

  it('are those of all events at once, however landings, late dates, compactions and runs follow one another', async () => {
    const random = seeded()
    for (let round = 0; round < cases(3, 12); round++) {
      const place = shop({}, 2)
      const parts = place.worker()
      const { log, set, source } = place
      for (let step = 0; step < 12; step++) {
        const what = random.next()
        if (what < 0.45) {
          produce(log, random, 2, { accepted: [], refused: [] })
          await landTopic(source, parts, { ...LANDING, most: { messages: random.whole(5, 60), bytes: 2 ** 20 } })
        } else if (what < 0.75) {
          if (await table(parts).snapshot('latest'))
            await compact(parts, { largest: random.pick([8000, 2 ** 27]), enough: random.pick([1, 2 ** 30]) })
        } else await parts.run(set, { until: until(random.whole(2, 11)) })
      }
      await parts.run(set, { until: until(11) })
      const chained = await parts.rows(set)
      expect(chained.length).toBeGreaterThan(0)
      await parts.run(set, { until: until(11), full: true })
      expect(await parts.rows(set)).toEqual(chained)
      await parts.close()
    }
  })
})

describe('a clean-up of an archive', () => {
  const clean = async (parts: InProcess, retain: bigint) => {
    const options = { retain, now: parts.now(), folder: 'archive' as const, signal }
    return applyVacuum(parts.store, 'payments', await planVacuum(parts.store, 'payments', options), options)
  }

  it('removes what compactions have replaced, and nothing that the latest version or a younger one holds', async () => {
    const place = shop({}, 1)
    const parts = place.worker()
    const { set, log, source, folder } = place
    for (let landing = 0; landing < 3; landing++) await land(place, parts, 1)
    const replaced = (await archive(parts)).files.map(({ path }) => path)
    await parts.run(set, { until: until(2) })
    await compact(parts)
    await land(place, parts, 1)
    expect(await clean(parts, 86_400_000_000n)).toEqual([])
    const deleted = await clean(parts, 0n)
    expect(
      deleted
        .filter(({ why }) => why === 'version')
        .map(({ name }) => name)
        .sort(),
    ).toEqual([...replaced].sort())
    for (const { path } of (await archive(parts)).files)
      expect(existsSync(join(folder, 'store/archive/payments', path))).toBe(true)
    expect(await archivedRows(parts, source)).toHaveLength(4)
    // Positions outlive the commits that told of them.
    expect(deleted.filter(({ why }) => why === 'log').length).toBeGreaterThan(3)
    expect(await landTopic(source, parts, LANDING)).toMatchObject({ commits: 0 })
    log.put(0, paymentOf(seeded(), { at: '2026-01-01T12:00:00Z' }))
    expect(await landTopic(source, parts, LANDING)).toMatchObject({ rows: 1 })
    expect(await parts.run(set, { until: until(2) })).toMatchObject({ rowsRead: 2 })
    await parts.close()
  })

  it('keeps on record what was lost of the topic', async () => {
    const place = shop({}, 1)
    const parts = place.worker()
    const { log, source } = place
    await land(place, parts, 1)
    for (let n = 0; n < 3; n++) log.put(0, paymentOf(seeded()))
    log.removeBefore(0, 3n)
    await landTopic(source, parts, { ...LANDING, acceptLoss: true })
    await land(place, parts, 1)
    await clean(parts, 0n)
    await clean(parts, 0n)
    expect(await table(parts).snapshot({ version: 1 })).toBeUndefined()
    const kept = await table(parts).getObject('losses/00000000000000000001.json')
    expect(JSON.parse(Buffer.from(kept!).toString())).toMatchObject({
      topic: 'shop.payments',
      gaps: [{ partition: 0, from: 1, to: 3 }],
    })
    await parts.close()
  })
})
