/** An archive in the hands of another program: read by its partitions and statistics, optimized, and appended to. */
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { compactArchive } from '../../src/run/compactArchive.ts'
import { landTopic } from '../../src/run/landTopic.ts'
import { verifyVersion } from '../../src/run/verifyVersion.ts'
import { archivedRows } from '../kit/archives.ts'
import { documents, program } from '../kit/cli.ts'
import { type InProcess, QUIET } from '../kit/inProcess.ts'
import { resolved } from '../kit/kafkaSets.ts'
import { python } from '../kit/python.ts'
import { seeded } from '../kit/random.ts'
import { declared, LANDING, paymentOf, type Shop, shop } from '../kit/shop.ts'

const SCRIPT = fileURLToPath(new URL('./archive.py', import.meta.url))

const found = python()
const why = 'missing' in found ? found.missing : ''

const until = (day: number): bigint => BigInt(Date.UTC(2026, 0, day)) * 1000n
const table = ({ store }: InProcess) => store.table('archive/payments')

async function deltalake(parts: InProcess, ...args: string[]): Promise<Record<string, unknown>> {
  const { interpreter } = found as { interpreter: string }
  const answer = await program(interpreter, [SCRIPT, table(parts).uri, ...args], { cwd: '/' })
  expect(answer.code, answer.stderr).toBe(0)
  return documents(answer)[0]!
}

async function land({ log, source }: Shop, parts: InProcess, ...days: number[]): Promise<void> {
  for (const day of days) log.put(0, paymentOf(seeded(), { at: `2026-01-0${day}T12:00:00Z` }))
  await landTopic(source, parts, LANDING)
}

describe.skipIf(why !== '')(`deltalake ${why && `(skipped: ${why})`}`, () => {
  it('reads an archive, a date of it, its statistics and positions, before and after a compaction', async () => {
    const place = shop({}, 1)
    const parts = place.worker()
    for (const days of [[1, 2], [1], [1, 3]]) await land(place, parts, ...days)
    const rows = await archivedRows(parts, place.source)
    const ofDate = rows
      .filter(({ event_date }) => event_date === '2026-01-01')
      .map(({ id, event_date, _partition, _offset }) => [id, event_date, _partition, Number(_offset)])
    const seen = { partitionColumns: ['event_date'], rows: 5, position: 5, ofDate: ofDate.sort() }
    expect(await deltalake(parts, 'read', '2026-01-01')).toMatchObject({ version: 2, ...seen })
    await compactArchive('payments', table(parts), parts, QUIET)
    const after = await deltalake(parts, 'read', '2026-01-01')
    expect(after).toMatchObject({ version: 3, ...seen })
    expect((after.files as { date: string }[]).sort((a, b) => (a.date < b.date ? -1 : 1))).toEqual([
      { date: '2026-01-01', rows: 3, first: 0, last: 3, from: '2026-01-01T12:00:00Z' },
      { date: '2026-01-02', rows: 1, first: 1, last: 1, from: '2026-01-02T12:00:00Z' },
      { date: '2026-01-03', rows: 1, first: 4, last: 4, from: '2026-01-03T12:00:00Z' },
    ])
    await parts.close()
  })

  it('may optimize an archive: what was read of it stays read, and landings and compactions go on', async () => {
    const place = shop({}, 1)
    const parts = place.worker()
    const { set, source } = place
    await land(place, parts, 1, 2)
    await land(place, parts, 1)
    await parts.run(set, { until: until(4) })
    await land(place, parts, 1, 2)
    expect(await deltalake(parts, 'optimize')).toMatchObject({ removed: 5 })
    // Of the file of a date one landing was not read.
    expect(await parts.run(set, { until: until(4) })).toMatchObject({ outcome: 'committed', rowsRead: 2 })
    expect(await parts.run(set, { until: until(4) })).toMatchObject({ outcome: 'unchanged' })
    expect(await landTopic(source, parts, LANDING)).toMatchObject({ commits: 0 })
    await land(place, parts, 1)
    await land(place, parts, 1)
    expect(await compactArchive('payments', table(parts), parts, QUIET)).toMatchObject({ filesBefore: 4, filesAfter: 3 })
    expect(await deltalake(parts, 'optimize')).toMatchObject({ removed: 2 })
    expect(await parts.run(set, { until: until(4) })).toMatchObject({ rowsRead: 2 })
    const features = parts.store.table('features/spend')
    const snapshot = (await features.snapshot({ version: 0 }))!
    expect(await verifyVersion({ name: 'spend', table: features, snapshot }, set, parts, QUIET)).toMatchObject({
      outcome: 'equal',
    })
    const again = resolved(declared({}, 'payments', 'again')).set
    expect(await parts.run(again, { until: until(4) })).toMatchObject({ rowsRead: 7 })
    expect((await parts.rows(again)).map(({ values }) => values)).toEqual((await parts.rows(set)).map(({ values }) => values))
    await parts.close()
  })

  it('may append rows of no landing, which are read once', async () => {
    const place = shop({}, 1)
    const parts = place.worker()
    const { set } = place
    await land(place, parts, 1)
    await parts.run(set, { until: until(3) })
    await deltalake(parts, 'append', 'c9', '2026-01-01')
    expect(await parts.run(set, { until: until(3) })).toMatchObject({ outcome: 'committed', rowsRead: 1 })
    await land(place, parts, 1)
    await compactArchive('payments', table(parts), parts, QUIET)
    expect(await parts.run(set, { until: until(3) })).toMatchObject({ outcome: 'committed', rowsRead: 1 })
    expect(await parts.run(set, { until: until(3) })).toMatchObject({ outcome: 'unchanged' })
    const rows = await parts.rows(set)
    expect(rows.filter(({ entity }) => entity[0] === 'c9').map(({ values }) => values[0])).toEqual([1n, 0n])
    // Their file is all that names them: joined with others they are told as gone, never counted again.
    await deltalake(parts, 'optimize')
    await expect(parts.run(set, { until: until(3) })).rejects.toMatchObject({ exitCode: 3 })
    await parts.run(set, { until: until(3), full: true, acceptLoss: true })
    expect(await parts.rows(set)).toEqual(rows)
    await parts.close()
  })
})
