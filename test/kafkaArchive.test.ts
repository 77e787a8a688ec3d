/** Columns of an archive come out of the engine as they lie in it, whatever the schema says that judged them once. */
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { resolveFeatureSet } from '../src/definition/resolveFeatureSet.ts'
import { duckdbEngine } from '../src/engine/duckdb/duckdbEngine.ts'
import { count, defineFeatureSet, kafka, last, lastRow, objects, sum } from '../src/index.ts'
import { computeFiles, pinned, readTiles } from './kit/computing.ts'
import { resolved } from './kit/kafkaSets.ts'
import { writeParquet } from './kit/parquet.ts'
import { scratch } from './kit/scratch.ts'
import type { Row } from './oracle/naive.ts'

const folder = scratch('archive')
const engine = duckdbEngine({ memory: 2 ** 30, threads: 2, scratchDir: join(folder, 'engine') })
afterAll(() => engine.close())

const DAY = 86_400_000_000n
const AT = 20_000n * DAY

/** What would refuse or change a value that it meets twice, in every column. */
const schema = z.object({
  id: z.int(),
  flag: z.boolean().refine(flag => flag === undefined),
  small: z.int32().max(3),
  safe: z.int().min(0).default(7),
  big: z.int64().nullable(),
  unsigned: z.uint64(),
  narrow: z.float32().max(0),
  wide: z
    .number()
    .transform(x => x * 2)
    .pipe(z.number()),
  text: z.string().trim().toLowerCase().max(3).catch('caught'),
  code: z.codec(z.string(), z.number(), { decode: Number, encode: String }),
  seen: z.coerce.date().max(new Date(0)),
  written: z.iso.datetime(),
  nested: z.object({ a: z.int() }),
})

const COLUMNS: Record<string, string> = {
  id: 'BIGINT',
  flag: 'BOOLEAN',
  small: 'INTEGER',
  safe: 'BIGINT',
  big: 'BIGINT',
  unsigned: 'DECIMAL(20,0)',
  narrow: 'FLOAT',
  wide: 'DOUBLE',
  text: 'VARCHAR',
  code: 'DOUBLE',
  seen: 'TIMESTAMPTZ',
  written: 'VARCHAR',
  nested: 'VARCHAR',
  _event_time: 'TIMESTAMPTZ',
  _landed_at: 'TIMESTAMPTZ',
  _topic_id: 'VARCHAR',
  _partition: 'INTEGER',
  _offset: 'BIGINT',
  _retracts: 'BOOLEAN',
}
const NAMES = Object.keys(COLUMNS).slice(1, 13)

const own = (offset: bigint): Row => ({
  ...{ _event_time: AT + offset, _landed_at: AT + 5n, _topic_id: 'x', _partition: 0n, _offset: offset, _retracts: false },
})

const ROWS: Row[] = [
  {
    ...{ id: 1n, flag: true, small: -2147483648n, safe: -5n, big: 9223372036854775807n, unsigned: 18446744073709551615n },
    ...{ narrow: 0.1, wide: 1e308, text: '  LONG ', code: 0.1, seen: AT + 123_457n },
    ...{ written: 'no instant', nested: '"not an object"', ...own(0n) },
  },
  {
    ...{ id: 2n, flag: false, small: 4n, safe: 9007199254740993n, big: -9223372036854775808n, unsigned: 0n },
    ...{
      narrow: -3.5,
      wide: -1e-300,
      text: '',
      code: 5e-324,
      seen: -62_135_596_800_000_000n,
      written: '',
      nested: '[]',
      ...own(1n),
    },
  },
  { id: 3n, ...own(2n) },
]

const { set } = resolved(
  defineFeatureSet({
    name: 'all',
    source: kafka({ name: 'all', topic: 'all', schema, eventTime: 'seen' }),
    entity: ['id'],
    every: '1d',
    features: f => Object.fromEntries(NAMES.map(name => [name, lastRow(f[name as 'text']).over('1d')])),
  }),
)

async function written(name: string, columns: Record<string, string>, rows: readonly Row[]) {
  const path = join(folder, `${name}.parquet`)
  await writeParquet(path, columns, rows)
  return pinned(path)
}

/** The last row of each entity, by the names of its columns. */
async function read(file: Awaited<ReturnType<typeof written>>) {
  const { rows, rejected } = await computeFiles(engine, set, [file], { through: AT + DAY })
  const first = rows.filter(({ cutoff }) => cutoff === AT + DAY)
  const values = first.map(({ entity, values }) => ({
    id: entity[0],
    ...Object.fromEntries(values.map((value, at) => [set.columns[at]!.feature, value])),
  }))
  return { values, rejected }
}

const NULLS = Object.fromEntries(NAMES.map(name => [name, null]))

describe('rows of an archive', () => {
  it('are what they are, whatever the schema would make of them', async () => {
    const { values, rejected } = await read(await written('all', COLUMNS, ROWS))
    expect(rejected).toEqual([])
    expect(values).toEqual([
      {
        ...{ id: 1n, flag: true, small: -2147483648, safe: -5n, big: 9223372036854775807n, unsigned: '18446744073709551615' },
        ...{ narrow: Math.fround(0.1), wide: 1e308, text: '  LONG ', code: 0.1, seen: AT + 123_457n },
        ...{ written: 'no instant', nested: '"not an object"' },
      },
      {
        ...{ id: 2n, flag: false, small: 4, safe: 9007199254740993n, big: -9223372036854775808n, unsigned: '0' },
        ...{ narrow: -3.5, wide: -1e-300, text: '', code: 5e-324, seen: -62_135_596_800_000_000n, written: '', nested: '[]' },
      },
      { id: 3n, ...NULLS },
    ])
  })

  it('keep what is no number, as files do where the schema allows it', async () => {
    const odd = z.object({ id: z.int(), at: z.coerce.date(), x: z.union([z.number(), z.nan()]) })
    const options = { name: 'odd', schema: odd, eventTime: 'at' } as const
    const setOver = (source: ReturnType<typeof kafka<typeof odd>> | ReturnType<typeof objects<typeof odd>>) =>
      defineFeatureSet({
        name: 'odd',
        source,
        entity: ['id'],
        every: '1d',
        features: f => ({
          rows: count().over('1d'),
          present: count(f.x).over('1d'),
          above: count().where(f.x.gt(1e308)).over('1d'),
          same: count().where(f.x.eq(f.x)).over('1d'),
        }),
      })
    const columns = { id: 'BIGINT', at: 'TIMESTAMPTZ', x: 'DOUBLE' }
    const given = [1, Number.NaN, null].map((x, at): Row => ({ id: BigInt(at), at: AT, x }))
    const archive = await written(
      'odd',
      { ...columns, _event_time: 'TIMESTAMPTZ' },
      given.map(row => ({ ...row, _event_time: AT })),
    )
    const landed = await computeFiles(engine, resolved(setOver(kafka({ ...options, topic: 'odd' }))).set, [archive], {
      through: AT + DAY,
    })
    expect(landed.rejected).toEqual([])
    const files = resolveFeatureSet(setOver(objects({ ...options, schema: odd, uri: 'x.parquet' })) as never, {
      place: '',
      projectDir: '/',
    })
    if ('faults' in files) throw new Error(JSON.stringify(files.faults))
    const plain = await computeFiles(engine, files.set, [await written('plain', columns, given.slice(0, 2))], {
      through: AT + DAY,
    })
    const atFirst = landed.rows.filter(({ cutoff }) => cutoff === AT + DAY)
    expect(atFirst.slice(0, 2)).toEqual(plain.rows.filter(({ cutoff }) => cutoff === AT + DAY))
    expect(atFirst.map(({ values }) => values)).toEqual([
      [1n, 1n, 0n, 1n],
      [1n, 1n, 1n, 1n],
      [1n, 0n, 0n, 0n],
    ])
  })

  it('are null in a column that a file lacks', async () => {
    const { text: _, wide: __, ...columns } = COLUMNS
    const { values, rejected } = await read(await written('lacking', columns, ROWS))
    expect(rejected).toEqual([])
    expect(values[0]).toMatchObject({ id: 1n, text: null, wide: null, big: 9223372036854775807n })
  })

  it('are widened where the schema was since they landed', async () => {
    const columns = { ...COLUMNS, id: 'INTEGER', safe: 'INTEGER', unsigned: 'BIGINT', wide: 'BIGINT', code: 'FLOAT' }
    const row = { id: 1n, safe: 5n, unsigned: 6n, wide: 7n, code: 0.5, ...own(0n) }
    const { values } = await read(await written('narrow', columns, [row]))
    expect(values).toEqual([{ id: 1n, ...NULLS, safe: 5n, unsigned: '6', wide: 7, code: 0.5 }])
  })

  it('end a run where a column is of another type than the schema has by now', async () => {
    const file = await written('other', { ...COLUMNS, safe: 'VARCHAR' }, [{ id: 1n, safe: 'x', ...own(0n) }])
    await expect(read(file)).rejects.toMatchObject({
      code: 'data.type',
      message: expect.stringContaining('column `safe` is VARCHAR, which cannot hold'),
    })
  })

  it('without a key are refused for the set that needs it', async () => {
    const { values, rejected } = await read(await written('keyless', COLUMNS, [...ROWS, { text: 'x', ...own(3n) }]))
    expect(values.map(({ id }) => id)).toEqual([1n, 2n, 3n])
    expect(rejected).toMatchObject([{ row: 4n, refusedByKey: true, issues: [{ path: 'id', code: 'null_key' }] }])
  })

  it('became known when they landed, where a set asks for that', async () => {
    const late = resolved(
      defineFeatureSet({
        name: 'late',
        source: kafka({ name: 'all', topic: 'all', schema, eventTime: 'seen' }),
        entity: ['id'],
        every: '1d',
        late: 'asKnown',
        features: f => ({ big: last(f.big).over('2d'), safe: sum(f.safe).over('2d') }),
      }),
    ).set
    expect(late.source.knownTime).toBe('_landed_at')
    const rows = [{ ...ROWS[0]!, _landed_at: AT + DAY + 1n }]
    const file = await written('late', COLUMNS, rows)
    const { read: result } = await readTiles(engine, late, [file])
    expect(result.knownThrough).toBe(AT + DAY + 1n)
    const computed = await computeFiles(engine, late, [file], { through: AT + 2n * DAY })
    expect(computed.rows.map(({ cutoff }) => cutoff)).toEqual([AT + 2n * DAY])
  })
})
