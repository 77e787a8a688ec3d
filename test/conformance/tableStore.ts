/** What every table store must do. */
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import type { StagedFile, Table, TableChange, TableColumn, TableStore } from '../../src/domain/tableStore.ts'
import { writeParquet } from '../kit/parquet.ts'
import { scratch } from '../kit/scratch.ts'

const COLUMNS: TableColumn[] = [
  { name: 'id', type: { kind: 'int64' }, nullable: false, comment: 'the key' },
  { name: 'name', type: { kind: 'string' }, nullable: true },
  { name: 'at', type: { kind: 'timestamp' }, nullable: true },
  { name: 'amount', type: { kind: 'decimal', precision: 38, scale: 0 }, nullable: true },
]

/** @param make a store over an empty place; `now` is its clock, in milliseconds, where the store `setsTimes` by it */
export function describeTableStore(name: string, make: (now: () => number) => TableStore, setsTimes = true): void {
  describe(`${name} (table store)`, () => {
    let store: TableStore
    let table: Table
    let clock: number
    beforeEach(() => {
      clock = 1_700_000_000_000
      store = make(() => clock)
      table = store.table('features/orders')
    })

    const staged = async (id: bigint): Promise<StagedFile> => {
      const localPath = join(scratch('staged'), `${id}.parquet`)
      await writeParquet(localPath, { id: 'BIGINT', name: 'VARCHAR' }, [{ id, name: `row ${id}` }])
      const columns = {
        id: { min: id, max: id, nullCount: 0 },
        name: { min: 'a', max: 'é\u{1f600}', nullCount: 0 },
        at: { min: -1n, max: 253_402_300_799_999_999n, nullCount: 0 },
        amount: { nullCount: 1 },
      }
      return { localPath, size: 100, rows: 1, columns }
    }
    const change = async (id: bigint, more: Partial<TableChange> = {}): Promise<TableChange> => {
      const base = await table.snapshot('latest')
      return {
        base,
        operation: 'run',
        ...(base ? {} : { schema: { columns: COLUMNS, description: 'Orders' } }),
        add: [await staged(id)],
        remove: base?.files.map(({ path }) => path) ?? [],
        lineage: { runId: `run ${id}`, rows: 9_223_372_036_854_775_807n },
        isolation: 'plan',
        ...more,
      }
    }

    it('has no table before the first commit', async () => {
      expect(await table.snapshot('latest')).toBeUndefined()
      expect(await table.snapshot({ version: 0 })).toBeUndefined()
      expect(await Array.fromAsync(table.history())).toEqual([])
      expect(await store.tables('features')).toEqual([])
    })

    it('gives back columns, statistics and lineage as they were committed', async () => {
      expect(await table.commit(await change(9_007_199_254_740_993n))).toEqual({ outcome: 'committed', version: 0 })
      const snapshot = (await table.snapshot('latest'))!
      expect(snapshot).toMatchObject({ version: 0, columns: COLUMNS, committedAt: 1_700_000_000_000_000n })
      expect(snapshot.lineage).toEqual({ runId: 'run 9007199254740993', rows: 9_223_372_036_854_775_807n })
      expect(snapshot.files[0]).toMatchObject({
        rows: 1,
        columns: { id: { min: 9_007_199_254_740_993n, max: 9_007_199_254_740_993n, nullCount: 0 }, amount: { nullCount: 1 } },
      })
      expect(await store.tables('features')).toEqual(['orders'])
    })

    it('keeps the partitions and tags of files, past checkpoints and changes of the columns', async () => {
      const COLUMNS_OF_DAYS: TableColumn[] = [...COLUMNS, { name: 'day', type: { kind: 'date' }, nullable: true }]
      const dayOf = (id: bigint): string => `2026-01-${String(id + 1n).padStart(2, '0')}`
      for (let id = 0n; id < 12n; id++) {
        const file = { ...(await staged(id)), partition: { day: dayOf(id) }, tags: { 'quern.id': `of "${id}"` } }
        const schema = { columns: COLUMNS_OF_DAYS, partitionBy: ['day'] }
        const more = { columns: [...COLUMNS_OF_DAYS, { name: 'more', type: { kind: 'string' as const }, nullable: true }] }
        await table.commit(
          await change(id, { add: [file], remove: [], ...(id === 0n ? { schema } : id === 11n ? { schema: more } : {}) }),
        )
      }
      const { files, partitionBy, columns } = (await table.snapshot('latest'))!
      expect(partitionBy).toEqual(['day'])
      expect(columns).toHaveLength(6)
      expect(files.map(({ partition, tags }) => [partition, tags]).sort()).toEqual(
        Array.from({ length: 12 }, (_, id) => [{ day: dayOf(BigInt(id)) }, { 'quern.id': `of "${id}"` }]).sort(),
      )
      await table.commit(await change(12n, { add: [], remove: files.slice(1).map(({ path }) => path) }))
      const left = (await table.snapshot('latest'))!.files
      expect(left.map(({ path, partition }) => [path, partition])).toEqual([[files[0]!.path, files[0]!.partition]])
      expect(await table.filesGone((await table.snapshot('latest'))!)).toEqual([])
    })

    it('keeps every version readable by number, past its checkpoints', async () => {
      const paths: string[] = []
      for (let id = 0n; id < 23n; id++) {
        clock += 1000
        await table.commit(await change(id))
        paths.push((await table.snapshot('latest'))!.files[0]!.path)
      }
      const { tableId } = (await table.snapshot('latest'))!
      for (let version = 0; version < 23; version++) {
        const snapshot = (await table.snapshot({ version }))!
        expect(snapshot).toMatchObject({ tableId, version, columns: COLUMNS })
        expect(snapshot.files.map(({ path }) => path)).toEqual([paths[version]])
        expect(snapshot.files[0]!.columns.id).toEqual({ min: BigInt(version), max: BigInt(version), nullCount: 0 })
        expect(snapshot.lineage).toMatchObject({ runId: `run ${version}` })
      }
      expect(await table.snapshot({ version: 23 })).toBeUndefined()
    })

    it('finds the version that was latest at an instant', async () => {
      for (let id = 0n; id < 3n; id++) {
        await table.commit(await change(id))
        clock += 1000
      }
      const at = async (ms: number): Promise<number | undefined> =>
        (await table.snapshot({ asOf: BigInt(1_700_000_000_000 + ms) * 1000n }))?.version
      expect([await at(-1), await at(0), await at(999), await at(1000), await at(99_999)]).toEqual([undefined, 0, 0, 1, 2])
    })

    it('commits at times that only grow, whatever the clock does', async () => {
      for (let id = 0n; id < 3n; id++) {
        await table.commit(await change(id))
        clock -= 60_000
      }
      const times = (await Array.fromAsync(table.history())).map(({ committedAt }) => committedAt)
      expect(times).toEqual([2n, 1n, 0n].map(ms => 1_700_000_000_000_000n + ms * 1000n))
    })

    it('lets exactly one of eight plans on one version win', async () => {
      await table.commit(await change(0n))
      const plans = await Promise.all(Array.from({ length: 8 }, (_, at) => change(BigInt(at + 1))))
      const outcomes = await Promise.all(plans.map(plan => table.commit(plan)))
      expect(outcomes.filter(({ outcome }) => outcome === 'committed')).toHaveLength(1)
      expect(outcomes.filter(({ outcome }) => outcome === 'conflict')).toHaveLength(7)
      expect((await table.snapshot('latest'))!.version).toBe(1)
    })

    it('lets exactly one of eight writers make the table', async () => {
      const plans = await Promise.all(Array.from({ length: 8 }, (_, at) => change(BigInt(at))))
      const outcomes = await Promise.all(plans.map(plan => table.commit(plan)))
      expect(outcomes.filter(({ outcome }) => outcome === 'committed')).toHaveLength(1)
    })

    it('appends what eight writers append at once, each once', async () => {
      await table.commit(await change(0n))
      const appends = await Promise.all(
        Array.from({ length: 8 }, (_, at) => change(BigInt(at + 1), { isolation: 'append', remove: [], operation: 'append' })),
      )
      const outcomes = await Promise.all(appends.map(append => table.commit(append)))
      expect(outcomes.map(({ outcome }) => outcome)).toEqual(Array(8).fill('committed'))
      const ids = (await table.snapshot('latest'))!.files.map(({ columns }) => columns.id!.min)
      expect(ids.sort()).toEqual([0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n])
    })

    it('answers conflict to an append whose transaction another writer has moved', async () => {
      await table.commit(await change(0n))
      const append = { isolation: 'append' as const, remove: [], transactions: { app: 9_007_199_254_740_993n } }
      const [one, two] = [await change(1n, append), await change(2n, append)]
      expect(await table.commit(one)).toMatchObject({ outcome: 'committed' })
      expect(await table.commit(two)).toMatchObject({ outcome: 'conflict' })
      expect((await table.snapshot('latest'))!.transactions.get('app')).toBe(9_007_199_254_740_993n)
    })

    it('puts the same rows into other files while others append, and answers conflict once one of these files is gone', async () => {
      const append = { isolation: 'append' as const, remove: [], operation: 'append' }
      for (let id = 0n; id < 3n; id++) await table.commit(await change(id, append))
      const [a, b, c] = (await table.snapshot('latest'))!.files.map(({ path }) => path)
      const joined = { ...append, operation: 'compact', dataChange: false }
      const one = await change(10n, { ...joined, remove: [a!, b!] })
      const [two, three] = [await change(11n, { ...joined, remove: [b!, c!] }), await change(12n, { ...joined, remove: [c!] })]
      await table.commit(await change(4n, append))
      expect(await table.commit(one)).toEqual({ outcome: 'committed', version: 4 })
      expect(await table.commit(two)).toMatchObject({ outcome: 'conflict', latest: 4 })
      expect(await table.commit(three)).toEqual({ outcome: 'committed', version: 5 })
      const ids = (await table.snapshot('latest'))!.files.map(({ columns }) => columns.id!.min)
      expect(ids.sort()).toEqual([10n, 12n, 4n])
    })

    it('tells its history, newest first', async () => {
      await table.commit(await change(0n))
      await table.commit(await change(1n, { operation: 'rebuild' }))
      const history = await Array.fromAsync(table.history())
      expect(history.map(({ version, operation }) => [version, operation])).toEqual([
        [1, 'rebuild'],
        [0, 'run'],
      ])
      expect(await Array.fromAsync(table.history(1))).toHaveLength(1)
    })

    it('tells its history from where a clean-up has begun it, however much is asked for', async () => {
      for (let id = 0n; id < 5n; id++) await table.commit(await change(id))
      await table.checkpoint(2)
      await table.remove(await table.logBefore(2))
      const versions = async (limit?: number): Promise<number[]> =>
        (await Array.fromAsync(table.history(limit))).map(({ version }) => version)
      expect(await versions()).toEqual([4, 3, 2])
      for (const limit of [3, 4, 5, 100])
        expect({ limit, versions: await versions(limit) }).toEqual({ limit, versions: [4, 3, 2] })
      expect(await versions(2)).toEqual([4, 3])
      expect(await table.snapshot({ version: 1 })).toBeUndefined()
      expect(await table.snapshot({ asOf: 0n })).toBeUndefined()
    })

    it('gives no name to a version that a clean-up has taken away', async () => {
      for (let id = 0n; id < 3n; id++) await table.commit(await change(id))
      const first = (await table.snapshot({ version: 0 }))!
      expect(await table.filesGone(first)).toEqual([])
      await table.remove(first.files.map(({ path }) => path))
      expect((await table.filesGone(first)).map(({ path }) => path)).toEqual(first.files.map(({ path }) => path))
      expect([await table.isWhole(first), await table.isWhole((await table.snapshot('latest'))!)]).toEqual([false, true])
      expect(await table.moveTag('best', 0, undefined)).toBe('gone')
      expect(await table.tags()).toEqual(new Map())
      expect(await table.moveTag('best', 1, undefined)).toBe('written')
      expect(await table.moveTag('best', 0, 1)).toBe('gone')
      expect(await table.moveTag('best', 9, 1)).toBe('gone')
      expect(await table.tags()).toEqual(new Map([['best', 1]]))
    })

    it('names versions, and lets exactly one of eight move a name', async () => {
      for (let id = 0n; id < 3n; id++) await table.commit(await change(id))
      expect(await table.moveTag('best', 1, undefined)).toBe('written')
      expect(await table.moveTag('best', 2, undefined)).toBe('moved')
      expect(await table.moveTag('best', 2, 0)).toBe('moved')
      const moves = await Promise.all(Array.from({ length: 8 }, (_, at) => table.moveTag('best', at % 3, 1)))
      expect(moves.filter(outcome => outcome === 'written')).toHaveLength(1)
      const version = moves.indexOf('written') % 3
      expect(await table.tags()).toEqual(new Map([['best', version]]))
      expect(await table.moveTag('best', undefined, version)).toBe('written')
      expect(await table.tags()).toEqual(new Map())
      expect(await table.moveTag('best', 0, undefined)).toBe('written')
      expect(await table.tags()).toEqual(new Map([['best', 0]]))
      expect((await table.snapshot('latest'))!.version).toBe(2)
    })

    it('keeps objects beside the table', async () => {
      await table.putObject('inputs/a.json', new TextEncoder().encode('[]'))
      await table.putObject('inputs/a.json', new TextEncoder().encode('[]'))
      expect(new TextDecoder().decode(await table.getObject('inputs/a.json'))).toBe('[]')
      expect(await table.getObject('inputs/b.json')).toBeUndefined()
    })

    it('makes an object that is kept once more as young as a new one', async () => {
      const put = {
        'inputs/a.json': () => table.putObject('inputs/a.json', new TextEncoder().encode('[]')),
        'tiles/a.parquet': async () => table.putObjectFile('tiles/a.parquet', (await staged(1n)).localPath),
      }
      for (const [name, keep] of Object.entries(put)) {
        await keep()
        clock = Date.now() + 1_000_000
        await keep()
        const entry = (await Array.fromAsync(table.contents())).find(object => object.name === `_quern/${name}`)!
        expect(Math.abs(entry.modifiedAt - (setsTimes ? clock : Date.now()))).toBeLessThan(60_000)
      }
    })

    it('mends an object that is damaged when it is kept once more', async () => {
      await table.putObject('inputs/a.json', new TextEncoder().encode('[1'))
      await table.putObject('inputs/a.json', new TextEncoder().encode('[1,2]'))
      expect(new TextDecoder().decode(await table.getObject('inputs/a.json'))).toBe('[1,2]')
    })
  })
}
