/** Landings where the engine reads them: in the files that hold them, or a copy where these hold more, or are several. */
import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Query } from '../src/domain/engine.ts'
import { landedHash, pinOfLanded } from '../src/domain/landedPins.ts'
import type { PinnedFile, Source } from '../src/domain/source.ts'
import type { Snapshot } from '../src/domain/tableStore.ts'
import { compactArchive } from '../src/run/compactArchive.ts'
import { landTopic } from '../src/run/landTopic.ts'
import { replaysId, replaysWithin } from '../src/run/replayedTable.ts'
import { runFeatureSet } from '../src/run/runFeatureSet.ts'
import { archiveSource } from '../src/sources/archive/archiveSource.ts'
import { type InProcess, QUIET } from './kit/inProcess.ts'
import { resolved } from './kit/kafkaSets.ts'
import { seeded } from './kit/random.ts'
import { declared, LANDING, payment, paymentOf, type Shop, shop } from './kit/shop.ts'

const { signal } = QUIET
const DATE = '2026-01-01'
const until = BigInt(Date.UTC(2026, 0, 3)) * 1000n
const table = ({ store }: InProcess) => store.table('archive/payments')
const archive = async (parts: InProcess): Promise<Snapshot> => (await table(parts).snapshot('latest'))!

async function land({ log, source }: Shop, parts: InProcess, landings: number): Promise<void> {
  for (; landings > 0; landings--) {
    log.put(0, paymentOf(seeded(), { at: `${DATE}T12:00:00Z` }))
    await landTopic(source, parts, LANDING)
  }
}

/** The archive as a source, and the queries that it has made copies by. */
function counted({ source }: Shop, parts: InProcess): { of: Source; copies: Query[] } {
  const copies: Query[] = []
  const { engine } = parts
  const stageQuery: InProcess['engine']['stageQuery'] = query => {
    copies.push(query)
    return engine.stageQuery(query)
  }
  return { of: archiveSource(source, table(parts), { query: query => engine.query(query), stageQuery }), copies }
}

const pinOf = ({ tableId }: Snapshot, what: string): PinnedFile =>
  pinOfLanded('payments', landedHash({ tableId, date: DATE, what }))!

async function landingsIn(parts: InProcess, path: string): Promise<unknown[]> {
  const query = { paths: [path], columns: (await archive(parts)).columns.filter(({ name }) => name === '_landing') }
  const found: unknown[] = []
  for await (const { columns } of parts.engine.query(query)) found.push(...columns[0]!)
  return found
}

describe('landings of an archive', () => {
  it('are read where they lie where a file holds just these, and else from a copy, of each file once', async () => {
    const place = shop({}, 1)
    const parts = place.worker()
    await land(place, parts, 3)
    const { of, copies } = counted(place, parts)
    const now = await archive(parts)
    const opened = async (what: string) => {
      copies.length = 0
      return of.open({ source: 'payments', files: [pinOf(now, what)] }, { what: 'rows', signal })
    }
    expect(await landingsIn(parts, (await opened('2')).files[0]!.localPath!)).toEqual([2n])
    expect(copies).toEqual([])
    const both = await opened('1-2')
    expect(await landingsIn(parts, both.files[0]!.localPath!)).toEqual([1n, 2n])
    expect(copies.map(({ paths, where }) => ({ files: new Set(paths).size, of: paths.length, where }))).toEqual([
      { files: 2, of: 2, where: undefined },
    ])
    await both.release()
    expect(existsSync(both.files[0]!.localPath!)).toBe(false)
    await compactArchive('payments', table(parts), parts, { signal })
    expect(await landingsIn(parts, (await opened('1-3')).files[0]!.localPath!)).toEqual([1n, 2n, 3n])
    expect(copies).toEqual([])
    const some = await opened('1,3')
    expect(await landingsIn(parts, some.files[0]!.localPath!)).toEqual([1n, 3n])
    expect(copies).toHaveLength(1)
    await some.release()
    await parts.close()
  })

  it('have of several files the columns of all', async () => {
    const place = shop({}, 1)
    const parts = place.worker()
    await land(place, parts, 1)
    const wider = resolved(declared({ schema: payment.extend({ note: z.string().optional() }) }))
    place.log.put(0, paymentOf(seeded(), { at: `${DATE}T13:00:00Z`, note: 'x' }))
    await landTopic(wider.source, parts, LANDING)
    const { of } = counted(place, parts)
    const inputs = { source: 'payments', files: [pinOf(await archive(parts), '1-2')] }
    const local = await of.open(inputs, { what: 'columns', signal })
    const [inspected] = await parts.engine.inspect(place.source, local)
    expect(inspected!.columns.map(({ name }) => name)).toContain('note')
    await local.release()
    await parts.close()
  })

  it('may be thousands that lie apart, among rows of one file that another program has written', async () => {
    const place = shop({}, 1)
    const parts = place.worker()
    await land(place, parts, 1)
    const base = await archive(parts)
    const columns = base.columns.filter(({ name }) => name !== 'event_date')
    const numbers = Array.from({ length: 12_000 }, (_, at) => BigInt(at + 1))
    const writer = await parts.engine.writeRows(columns)
    const values = columns.map(({ name }) => numbers.map(number => (name === '_landing' ? number : null)))
    await writer.write({ rows: numbers.length, columns: values })
    const add = (await writer.finish()).map(file => ({ ...file, partition: { event_date: DATE } }))
    const remove = base.files.map(({ path }) => path)
    await table(parts).commit({ base, operation: 'rewrite', add, remove, lineage: {}, isolation: 'plan' })
    // Every other one, and long stretches with gaps between.
    const wanted = numbers.filter(number => (number < 6000n ? number % 2n === 0n : number % 150n > 0n))
    const what = wanted.join(',')
    const known = pinOf(base, what)
    const { of } = counted(place, parts)
    const pins = (await of.pin([known])).files
    expect(pins).toHaveLength(2)
    expect(pins).toContain(known)
    const local = await of.open({ source: 'payments', files: [known] }, { what: 'rows', signal })
    const found = (await landingsIn(parts, local.files[0]!.localPath!)) as bigint[]
    expect(found.join()).toBe(wanted.join())
    await local.release()
    await parts.close()
  })

  it('are read from each file once where all is computed anew, whatever was recorded', async () => {
    const place = shop({}, 1)
    const parts = place.worker()
    const { set } = place
    const { of, copies } = counted(place, parts)
    const run = (full: boolean) =>
      runFeatureSet(set, { ...parts, sourceOf: () => of }, { full, until, maxRejected: 1, acceptLoss: false, ...QUIET })
    for (let landing = 0; landing < 4; landing++) {
      await land(place, parts, 1)
      await run(false)
    }
    await compactArchive('payments', table(parts), parts, { signal })
    await land(place, parts, 1)
    copies.length = 0
    expect(await run(true)).toMatchObject({ outcome: 'committed', rowsRead: 5 })
    expect(copies).toEqual([])
    await parts.close()
  })

  it('that are gone are told by whoever computes anew', async () => {
    const place = shop({}, 1)
    const parts = place.worker()
    await land(place, parts, 2)
    await parts.run(place.set, { until })
    const base = await archive(parts)
    const remove = [base.files[0]!.path]
    await table(parts).commit({ base, operation: 'delete', add: [], remove, lineage: {}, isolation: 'plan' })
    await expect(parts.run(place.set, { until, full: true })).rejects.toMatchObject({ code: 'data.lost' })
    expect(await parts.run(place.set, { until, full: true, acceptLoss: true })).toMatchObject({ rowsRead: 1 })
    await parts.close()
  })
})

describe('replays', () => {
  it('count for all landings that were joined with those they have marked', () => {
    const id = (date: string, what: string): string => replaysId('payments', landedHash({ tableId: 'table', date, what }))
    const snapshot = {
      transactions: new Map([
        [id(DATE, '3'), 1n],
        [id(DATE, '5-6'), 2n],
        [id('2026-01-02', '4'), 1n],
        [replaysId('payments', 'ab'), 3n],
      ]),
    } as unknown as Snapshot
    const replays = replaysWithin(snapshot, 'payments')
    const of = (what: string): number => replays(landedHash({ tableId: 'table', date: DATE, what }))
    expect(['3', '1-6', '1-5', '4', '5-6'].map(of)).toEqual([1, 3, 1, 0, 2])
    expect(replays('ab')).toBe(3)
    expect(replaysWithin(undefined, 'payments')('ab')).toBe(0)
  })
})
