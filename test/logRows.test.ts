/** Rows of an archive by example: in the order of their log, and taken back. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { sourceFingerprint } from '../src/definition/resolveFeatureSet.ts'
import type { FeatureSet, LatePolicy } from '../src/domain/featureSet.ts'
import { ARCHIVE_COLUMNS } from '../src/domain/kafkaSource.ts'
import { BEFORE_ALL } from '../src/domain/ranges.ts'
import type { SourceDefinition } from '../src/domain/source.ts'
import { parseInstant } from '../src/domain/time.ts'
import { duckdbEngine } from '../src/engine/duckdb/duckdbEngine.ts'
import type { FeatureSetDeclaration } from '../src/index.ts'
import { count, last, lastRow, objects } from '../src/index.ts'
import type { ComputedRow } from './kit/computing.ts'
import { computeFiles, computeTiles, pinned, readTiles, writeRows } from './kit/computing.ts'
import { inProcess } from './kit/inProcess.ts'
import { scratch } from './kit/scratch.ts'
import { resolved } from './oracle/histories.ts'
import type { Cell, Row } from './oracle/naive.ts'

const { partition, offset, retracts } = ARCHIVE_COLUMNS
const COLUMNS = {
  at: 'TIMESTAMPTZ',
  known: 'TIMESTAMPTZ',
  id: 'VARCHAR',
  customer: 'VARCHAR',
  amount: 'INTEGER',
  [partition]: 'INTEGER',
  [offset]: 'BIGINT',
  [retracts]: 'BOOLEAN',
}
const order = {
  at: z.coerce.date(),
  known: z.coerce.date(),
  id: z.string().min(1),
  customer: z.string(),
  amount: z.int32().positive(),
  [partition]: z.int32(),
  [offset]: z.int64(),
  [retracts]: z.boolean().nullable(),
}

interface Options {
  late?: LatePolicy
  rowKey?: string[]
  schema?: z.ZodObject
}

/** What is archived of orders, hour by hour. */
function ordersHourly({ late = 'restate', rowKey = ['id'], schema = z.object(order) }: Options = {}): FeatureSet {
  const set = resolved({
    kind: 'featureSet',
    options: {
      name: 'orders_hourly',
      every: '1h',
      late,
      entity: ['customer'],
      source: objects({ name: 'orders', uri: 'unused', schema, eventTime: 'at', knownTime: 'known', rowKey } as never),
      features: (f: Record<string, never>) => ({
        n: count().over('3h'),
        amount: last(f.amount as never).over('3h'),
        row: lastRow(f.amount as never).over('3h'),
      }),
    },
  } as unknown as FeatureSetDeclaration)
  return { ...set, source: { ...set.source, position: [partition, offset], retracts } }
}

/** Rows that add up: without a row key there is nothing to take back. */
function addedUp(options: Options = {}): FeatureSet {
  const set = ordersHourly(options)
  const { rowKey: _, retracts: __, ...source } = set.source
  return { ...set, source }
}

const instant = (time: string): bigint => parseInstant(`2026-01-10T${time}Z`)!

/** A row of one order, known when it happened unless said otherwise; the place in the log is partition and offset. */
const row = (at: string, place: [number, number], more: Row = {}): Row => ({
  at: instant(at),
  known: instant(at),
  id: 'o1',
  customer: 'ada',
  amount: 1n,
  [partition]: BigInt(place[0]),
  [offset]: BigInt(place[1]),
  [retracts]: null,
  ...more,
})

/** A row that has nothing but what tells which others it takes back. */
const back = (at: string, place: [number, number], more: Row = {}): Row =>
  row(at, place, { customer: null, amount: null, [retracts]: true, ...more })

const folder = scratch('logRows')
const engine = duckdbEngine({ memory: 2 ** 30, threads: 2, scratchDir: join(folder, 'scratch') })
afterAll(() => engine.close())
const written = { columns: COLUMNS, folder }
const through = instant('23:00:00')

/** `12:00 n=2 last=5 lastRow=5`, for one entity. */
const shown = (rows: readonly ComputedRow[]): string[] =>
  rows.map(({ cutoff, values: [n, amount, lastOne] }) => {
    const time = new Date(Number(cutoff / 1000n)).toISOString().slice(11, 16)
    return `${time} n=${n} last=${amount} lastRow=${lastOne}`
  })

const computed = async (set: FeatureSet, ...files: Row[][]): Promise<string[]> => {
  const inputs = []
  for (const rows of files) inputs.push(await writeRows(rows, written))
  const { rows, rejected } = await computeFiles(engine, set, inputs, { through })
  expect(rejected).toEqual([])
  return shown(rows)
}

describe('rows of one time', () => {
  // The content says the contrary in the second.
  it.each([
    [1n, 2n],
    [2n, 1n],
  ])('are in the order of their offsets, whatever they hold: %i, then %i', async (first, second) => {
    const rows = [row('11:00:00', [0, 7], { amount: first }), row('11:00:00', [0, 9], { amount: second })]
    const expected = ['12:00', '13:00', '14:00'].map(time => `${time} n=2 last=${second} lastRow=${second}`)
    expected.push('15:00 n=0 last=null lastRow=null')
    expect(await computed(addedUp(), rows)).toEqual(expected)
    expect(await computed(addedUp(), rows.toReversed())).toEqual(expected)
    // A batch for each row, in either order, as they are and joined; the cutoffs at once and one by one.
    const set = addedUp()
    const tiles = []
    for (const one of rows.toReversed()) tiles.push((await readTiles(engine, set, [await writeRows([one], written)])).read.tiles!)
    const all = [{ from: BEFORE_ALL, to: through }]
    const noon = [{ from: instant('12:00:00'), to: instant('13:00:00') }]
    for (const sets of [tiles, [...tiles].reverse(), [await engine.mergeTiles(set, tiles)]]) {
      expect(shown(await computeTiles(engine, set, sets, all))).toEqual(expected)
      expect(shown(await computeTiles(engine, set, sets, noon))).toEqual(expected.slice(0, 1))
    }
  })

  it('are in the order of known times before that of their offsets, and of partitions before both', async () => {
    const late = row('11:00:00', [0, 1], { amount: 1n, known: instant('11:30:00') })
    expect(await computed(addedUp(), [late, row('11:00:00', [0, 9], { amount: 9n })])).toContain('12:00 n=2 last=1 lastRow=1')
    const rows = [row('11:00:00', [10, 1], { amount: 1n }), row('11:00:00', [9, 100], { amount: 9n })]
    expect(await computed(addedUp(), rows)).toContain('12:00 n=2 last=1 lastRow=1')
  })

  it('are in the order of their event times first', async () => {
    const rows = [row('11:00:01', [0, 1], { amount: 1n }), row('11:00:00', [0, 9], { amount: 9n })]
    expect(await computed(addedUp(), rows)).toContain('12:00 n=2 last=1 lastRow=1')
  })
})

describe('rows of one row key', () => {
  const known = { known: instant('11:30:00') }

  it('leave the last by position, also where it happened before', async () => {
    const rows = [row('11:10:00', [0, 1], { amount: 1n, ...known }), row('11:00:00', [0, 2], { amount: 2n, ...known })]
    expect(await computed(ordersHourly(), rows)).toContain('12:00 n=1 last=2 lastRow=2')
    expect(await computed(ordersHourly({ late: 'asKnown' }), rows)).toContain('12:00 n=1 last=2 lastRow=2')
  })

  it('leave the last known, also where its position is before', async () => {
    const rows = [row('11:00:00', [0, 2], { amount: 2n }), row('11:00:00', [0, 1], { amount: 1n, ...known })]
    expect(await computed(ordersHourly(), rows)).toContain('12:00 n=1 last=1 lastRow=1')
  })
})

describe('rows whose known times are those of landings', () => {
  const landed = (set: FeatureSet): FeatureSet => ({ ...set, source: { ...set.source, landed: true } })
  const newer = row('11:00:00', [0, 9], { amount: 50n })
  /** Refused at first, and landed behind what came after it. */
  const replayed = row('11:00:00', [0, 4], { amount: 1n, known: instant('12:30:00') })
  const fifty = ['12:00', '13:00', '14:00'].map(time => `${time} n=1 last=50 lastRow=50`)

  it.each(['restate', 'asKnown'] as const)('leave the last by position, %s', async late => {
    const set = landed(ordersHourly({ late }))
    for (const rows of [[newer], [newer, replayed], [replayed, newer]])
      expect(await computed(set, rows)).toEqual([...fifty, '15:00 n=0 last=null lastRow=null'])
    expect(await computed(set, [newer], [replayed])).toEqual(await computed(set, [newer]))
  })

  it('count from when they are known, until any that comes after them is', async () => {
    const at = (time: string): Row => ({ known: instant(time) })
    // Known in another order than that of the log: the second never counts.
    const rows = [
      row('11:00:00', [0, 1], { amount: 1n, ...at('11:10:00') }),
      row('11:00:00', [0, 2], { amount: 2n, ...at('13:10:00') }),
      row('11:00:00', [0, 3], { amount: 3n, ...at('12:10:00') }),
    ]
    const expected = ['12:00 n=1 last=1 lastRow=1', '13:00 n=1 last=3 lastRow=3', '14:00 n=1 last=3 lastRow=3']
    const set = landed(ordersHourly({ late: 'asKnown' }))
    expect((await computed(set, rows)).slice(0, 3)).toEqual(expected)
    expect((await computed(set, rows.toReversed())).slice(0, 3)).toEqual(expected)
  })

  it('are not taken back by what comes before them, however late it lands', async () => {
    for (const late of ['restate', 'asKnown'] as const)
      expect(await computed(landed(ordersHourly({ late })), [newer, back('10:00:00', [0, 4], at1230)])).toContain(fifty[1])
  })
  const at1230 = { known: instant('12:30:00') }

  it('of one event time are in the order of their positions', async () => {
    expect(await computed(landed(addedUp({ late: 'asKnown' })), [newer, replayed])).toContain('13:00 n=2 last=50 lastRow=50')
  })
})

describe('a retraction', () => {
  const rows = [row('09:00:00', [0, 1], { amount: 5n }), back('11:00:00', [0, 2])]

  it('leaves nothing of what it takes back', async () => {
    expect(await computed(ordersHourly(), rows)).toEqual([])
    expect(await computed(ordersHourly(), [rows[1]!], [rows[0]!])).toEqual([])
  })

  it('removes as known what it takes back from the cutoff on at which it is known', async () => {
    expect(await computed(ordersHourly({ late: 'asKnown' }), rows)).toEqual([
      '10:00 n=1 last=5 lastRow=5',
      '11:00 n=0 last=null lastRow=null',
    ])
    const later = back('11:00:00', [0, 2], { known: instant('11:00:00') + 1n })
    expect(await computed(ordersHourly({ late: 'asKnown' }), [rows[0]!, later])).toEqual([
      '10:00 n=1 last=5 lastRow=5',
      '11:00 n=1 last=5 lastRow=5',
      '12:00 n=0 last=null lastRow=null',
    ])
  })

  it('leaves what comes after it, and other row keys', async () => {
    const more = [...rows, row('11:20:00', [0, 3], { amount: 7n }), row('09:30:00', [0, 4], { id: 'o2', amount: 2n })]
    expect(await computed(ordersHourly(), more)).toEqual([
      '10:00 n=1 last=2 lastRow=2',
      '11:00 n=1 last=2 lastRow=2',
      '12:00 n=2 last=7 lastRow=7',
      '13:00 n=1 last=7 lastRow=7',
      '14:00 n=1 last=7 lastRow=7',
      '15:00 n=0 last=null lastRow=null',
    ])
    expect((await computed(ordersHourly({ late: 'asKnown' }), more)).slice(0, 3)).toEqual([
      '10:00 n=2 last=2 lastRow=2',
      '11:00 n=1 last=2 lastRow=2',
      '12:00 n=2 last=7 lastRow=7',
    ])
  })

  it('counts after what it may take back where no time and no position tells', async () => {
    const set = ordersHourly()
    const { position: _, knownTime: __, ...source } = set.source
    expect(await computed({ ...set, source }, [row('09:00:00', [0, 1]), back('09:00:00', [0, 1])])).toEqual([])
  })

  it('may hold what no row could', async () => {
    const set = ordersHourly({ late: 'asKnown', schema: z.object({ ...order, amount: z.float32() }) })
    const given = [row('09:00:00', [0, 1], { amount: 5 }), back('11:00:00', [0, 2], { amount: 1e300 })]
    const file = await writeRows(given, { columns: { ...COLUMNS, amount: 'DOUBLE' }, folder })
    const { rows: values } = await computeFiles(engine, set, [file], { through })
    expect(shown(values)).toEqual(['10:00 n=1 last=5 lastRow=5', '11:00 n=0 last=null lastRow=null'])
  })

  it('is known like any other row', async () => {
    for (const late of ['restate', 'asKnown'] as const) {
      const { read } = await readTiles(engine, ordersHourly({ late }), [await writeRows(rows, written)])
      expect(read.knownThrough).toBe(instant('11:00:00'))
    }
  })

  it('that comes alone takes back what is published', async () => {
    const root = join(folder, 'alone')
    const data = join(root, 'data')
    mkdirSync(data, { recursive: true })
    const set = ordersHourly()
    const of = { ...set, source: { ...set.source, uri: data } }
    const parts = inProcess(root)
    const land = (some: Row[]): Promise<unknown> => writeRows(some, { columns: COLUMNS, folder: data })
    await land([rows[0]!, row('09:10:00', [0, 5], { id: 'o2' })])
    await parts.run(of, { until: through, maxRejected: 0 })
    expect(shown(await parts.rows(of))).toContain('10:00 n=2 last=1 lastRow=1')
    await land([rows[1]!])
    const { rowsRead, rowsRejected } = await parts.run(of, { until: through, maxRejected: 0 })
    expect([rowsRead, rowsRejected]).toEqual([0, 0])
    expect(shown(await parts.rows(of))).toContain('10:00 n=1 last=1 lastRow=1')
    await land([back('12:00:00', [0, 6], { id: 'o2' })])
    await parts.run(of, { until: through, maxRejected: 0 })
    expect(await parts.rows(of)).toEqual([])
    await parts.close()
  })

  describe('may lack all that does not tell which rows it takes back, and when', () => {
    const wholeRow = z.object(order).refine(({ amount }) => amount < 100, 'Too much')
    const byZod = z.object({ ...order, amount: z.int32().refine(amount => amount > 0) })
    const schemas = {
      'column by column': z.object(order),
      'by zod': byZod,
      'as a whole': wholeRow,
      'of nothing else': z.strictObject(order),
    }
    const names = Object.keys(COLUMNS) as (keyof typeof COLUMNS)[]
    const jsonCell = (name: keyof typeof COLUMNS, cell: Cell): unknown => {
      if (typeof cell !== 'bigint') return cell
      return COLUMNS[name] === 'TIMESTAMPTZ' ? new Date(Number(cell / 1000n)) : Number(cell)
    }
    const textOf = {
      ndjson: (given: Row[]) =>
        given.map(one => JSON.stringify(Object.fromEntries(names.map(name => [name, jsonCell(name, one[name]!)])))),
      csv: (given: Row[]) =>
        [names, ...given.map(one => names.map(name => jsonCell(name, one[name]!) ?? ''))].map(cells =>
          cells.map(cell => (cell instanceof Date ? cell.toISOString() : String(cell))).join(','),
        ),
    }
    let files = 0

    for (const [how, schema] of Object.entries(schemas))
      for (const format of ['parquet', 'csv', 'ndjson'] as const)
        it(`of ${format}, judged ${how}`, async () => {
          const set = ordersHourly({ schema })
          const given = [
            row('09:00:00', [0, 1], { amount: 5n }),
            row('09:00:00', [0, 2], { id: 'o2', amount: 6n }),
            back('09:10:00', [0, 3]),
            // What no row may hold is as good as nothing.
            back('09:10:00', [0, 4], { id: 'o3', amount: -1n }),
            // These are refused: what they take back is not told, or they are rows.
            back('09:10:00', [0, 5], { id: '' }),
            row('09:10:00', [0, 6], { amount: null }),
            row('09:10:00', [0, 7], { customer: null }),
          ]
          const path = join(folder, `given-${files++}.${format}`)
          if (format !== 'parquet') writeFileSync(path, `${textOf[format](given).join('\n')}\n`)
          const file = format === 'parquet' ? await writeRows(given, written) : pinned(path, { format })
          const { read, rejected } = await readTiles(engine, set, [file])
          expect(rejected.map(({ issues }) => issues[0]!.path).sort()).toEqual(['amount', 'customer', 'id'])
          expect(read).toMatchObject({ rowsRead: 5, rowsRejected: 3 })
          const { rows: values } = await computeFiles(engine, set, [file], { through })
          expect(shown(values)[0]).toBe('10:00 n=1 last=6 lastRow=6')
        })
  })
})

describe('a definition', () => {
  it('is another one where position or retractions are', () => {
    const { source } = ordersHourly()
    const without = (name: keyof SourceDefinition): SourceDefinition =>
      Object.fromEntries(Object.entries(source).filter(([option]) => option !== name)) as unknown as SourceDefinition
    const prints = [source, without('position'), without('retracts'), { ...source, position: [offset] }].map(sourceFingerprint)
    expect(new Set(prints).size).toBe(4)
  })

  it('must have a row key for what is taken back, and integers for positions', async () => {
    const set = ordersHourly()
    const { rowKey: _, ...source } = set.source
    await expect(readTiles(engine, { ...set, source }, [])).rejects.toThrow(/`_retracts` retracts without a row key/)
    const texts = { ...set, source: { ...set.source, position: ['id'] } }
    await expect(readTiles(engine, texts, [])).rejects.toThrow(/`id` tells a position and is no column of integers/)
  })
})
