/** Some columns of a Parquet file as a file of their own: of every writer, codec and encoding, and of damaged footers. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import type { CompactPlan } from '../src/parquet/compact.ts'
import { planCompact } from '../src/parquet/compact.ts'
import { ParquetError } from '../src/parquet/errors.ts'
import type { Footer } from '../src/parquet/footer.ts'
import { columnNames, footerLength, parseFooter, rowCount } from '../src/parquet/footer.ts'
import type { ThriftStruct, ThriftValue } from '../src/parquet/thrift.ts'
import { i32, i64, list, struct, TYPE, text, thriftBytes } from '../src/parquet/thrift.ts'
import { parseThrift } from '../src/parquet/thriftReader.ts'
import { contents, duckdbFiles } from './kit/parquetFiles.ts'
import { python } from './kit/python.ts'
import { random, seeded } from './kit/random.ts'
import { cases, scratch } from './kit/scratch.ts'

const folder = scratch('compact')
const connection = await DuckDBInstance.create(':memory:', { threads: '1' }).then(instance => instance.connect())
const SPARK = fileURLToPath(new URL('./data/spark', import.meta.url))
const PARTS = fileURLToPath(new URL('./integration/parquetParts.py', import.meta.url))
const WRITERS = fileURLToPath(new URL('./integration/parquetWriters.py', import.meta.url))

const parquetIn = (path: string): string[] =>
  readdirSync(path)
    .filter(name => name.endsWith('.parquet'))
    .map(name => join(path, name))

const metadataOf = (bytes: Buffer): Buffer => bytes.subarray(bytes.length - 8 - footerLength(bytes), bytes.length - 8)
const footerOf = (bytes: Buffer): Footer => parseFooter(metadataOf(bytes))

/** As a caller writes it, from the ranges alone. */
function compacted(original: Buffer, { chunks, footer, footerAt, size }: CompactPlan): Buffer {
  const bytes = Buffer.alloc(size, 0xee)
  bytes.write('PAR1')
  for (const { from, length, to } of chunks) original.copy(bytes, to, from, from + length)
  footer.copy(bytes, footerAt)
  return bytes
}

/** That each byte before the footer is written once, from within the data of a file. */
function expectTiled({ chunks, footer, footerAt, size }: CompactPlan, dataEnd: number): void {
  let [read, written] = [4, 4]
  for (const { from, length, to } of chunks) {
    expect(to).toBe(written)
    expect(from).toBeGreaterThanOrEqual(read)
    expect(length).toBeGreaterThan(0)
    written += length
    read = from + length
  }
  expect(read).toBeLessThanOrEqual(dataEnd)
  expect(footerAt).toBe(written)
  expect(size).toBe(footerAt + footer.length)
}

let written = 0
async function contentsOf(bytes: Buffer): Promise<[string, string, string][]> {
  // Never the same path: DuckDB keeps what it has read of a file.
  const path = join(folder, `${written++}.parquet`)
  writeFileSync(path, bytes)
  return contents(connection, path)
}

/** All there are of a few columns; of many, some. */
function subsetsOf(names: readonly string[], pick: () => boolean): string[][] {
  if (names.length <= 6) {
    const numbers = Array.from({ length: 2 ** names.length - 1 }, (_, at) => at + 1)
    return numbers.map(bits => names.filter((_, at) => (bits >> at) & 1))
  }
  const some = Array.from({ length: cases(8, 40) }, () => names.filter(pick)).filter(({ length }) => length > 0)
  return [...names.map(name => [name]), [...names], ...some]
}

async function expectEveryPart(path: string, pick: () => boolean): Promise<number> {
  const original = readFileSync(path)
  const footer = footerOf(original)
  const names = columnNames(footer)
  const whole = await contents(connection, path)
  expect(names).toEqual(whole.map(([name]) => name))
  expect(rowCount(footer)).toBe(Number(whole[0]![2].split('/')[1]))
  const subsets = subsetsOf(names, pick)
  for (const subset of subsets) {
    const plan = planCompact(footer, new Set([...subset, 'no such column']), original.length)!
    expectTiled(plan, original.length - 8 - footer.bytes)
    const bytes = compacted(original, plan)
    if (subset.length < names.length) expect(bytes.length).toBeLessThan(original.length)
    else expect(bytes.length).toBeLessThanOrEqual(original.length)
    const expected = whole.filter(([name]) => subset.includes(name))
    const found = await contentsOf(bytes)
    // The matcher's words only where there is a difference: it takes its time.
    if (JSON.stringify(found) !== JSON.stringify(expected))
      expect({ path, subset, found }).toEqual({ path, subset, found: expected })
    const own = footerOf(bytes)
    expect(rowCount(own)).toBe(rowCount(footer))
    // Of itself it is all there is.
    expect(compacted(bytes, planCompact(own, new Set(columnNames(own)), bytes.length)!).equals(bytes)).toBe(true)
  }
  return subsets.length
}

const found = python()
const why = 'missing' in found ? found.missing : ''
const pythonFolder = join(folder, 'python')
beforeAll(() => {
  mkdirSync(pythonFolder)
  if ('interpreter' in found) execFileSync(found.interpreter, [WRITERS, pythonFolder])
})

describe('a file of some columns', () => {
  it('holds what DuckDB wrote into them', async () => {
    const chance = seeded()
    for (const path of await duckdbFiles(connection, folder, chance, cases(24, 72))) {
      await expectEveryPart(path, () => chance.chance(0.4))
    }
  })

  it.skipIf(why !== '')(`holds what pyarrow, pandas and Polars wrote into them ${why && `(skipped: ${why})`}`, async () => {
    const chance = seeded()
    const files = parquetIn(pythonFolder)
    expect(files.length).toBeGreaterThan(30)
    for (const file of files) await expectEveryPart(file, () => chance.chance(0.4))
  })

  it('holds what Spark wrote into them', async () => {
    const chance = seeded()
    const files = parquetIn(SPARK)
    expect(files.length).toBe(12)
    for (const file of files) await expectEveryPart(file, () => chance.chance(0.4))
  })

  it.skipIf(why !== '')(`is read by pyarrow and Polars ${why && `(skipped: ${why})`}`, () => {
    const pairs = [...parquetIn(SPARK), ...parquetIn(pythonFolder)].flatMap((original, at) => {
      const bytes = readFileSync(original)
      const footer = footerOf(bytes)
      // A duration is one by ARROW:schema alone, and a plain integer to all but Arrow.
      const names = columnNames(footer).filter(name => name !== 'took')
      const parts = [0, 1].map(odd => names.filter((_, place) => place % 2 === odd)).filter(({ length }) => length > 0)
      return parts.map((columns, odd) => {
        const part = join(folder, `part-${at}-${odd}.parquet`)
        writeFileSync(part, compacted(bytes, planCompact(footer, new Set(columns), bytes.length)!))
        return JSON.stringify({ original, part, columns })
      })
    })
    const { interpreter } = found as { interpreter: string }
    const answer = execFileSync(interpreter, [PARTS], { input: pairs.join('\n'), encoding: 'utf8' })
    expect(answer).toBe('same\n'.repeat(pairs.length))
  })

  it('is none where the file has none of them', async () => {
    const bytes = readFileSync(parquetIn(SPARK)[0]!)
    expect(planCompact(footerOf(bytes), new Set(['none', 'TOWN']), bytes.length)).toBeUndefined()
  })
})

describe('what is written', () => {
  /** What the file holds is told from what it should: an error of the reader tells as well. */
  const differs = async (bytes: Buffer, expected: unknown): Promise<boolean> => {
    try {
      return JSON.stringify(await contentsOf(bytes)) !== JSON.stringify(expected)
    } catch {
      return true
    }
  }

  it('is compared so that a chunk of zeros, or one from beside its place, is seen', async () => {
    for (const path of parquetIn(SPARK)) {
      const original = readFileSync(path)
      const footer = footerOf(original)
      const names = columnNames(footer)
      const plan = planCompact(footer, new Set(names.filter((_, at) => at % 2 === 0)), original.length)!
      const bytes = compacted(original, plan)
      const expected = await contentsOf(bytes)
      expect(await differs(bytes, expected)).toBe(false)
      for (const { to, length } of plan.chunks) {
        expect(await differs(Buffer.from(bytes).fill(0, to, to + length), expected)).toBe(true)
      }
      for (const chunk of plan.chunks) {
        const chunks = plan.chunks.map(each => (each === chunk ? { ...each, from: each.from + 1 } : each))
        expect(await differs(compacted(original, { ...plan, chunks }), expected)).toBe(true)
      }
    }
  })

  it('tells of its own columns alone, and of nothing that was left behind', () => {
    const chunk: ThriftStruct = [4, 5, 6, 7, 99].map(id => [id, i64(id)])
    const meta: ThriftStruct = [11, 14, 15, 99].map(id => [id, i64(id === 11 ? 0 : id)])
    const group: ThriftStruct = [4, 5, 6, 7, 99].map(id => [id, id === 7 ? { i16: 0 } : i64(id)])
    const orders = [struct([1, struct()]), struct([2, struct()])]
    const bytes = fileOf({ chunk, meta, group, file: [7, 99].map(id => [id, list(orders)]) })
    const plan = planCompact(footerOf(bytes), new Set(['b']), bytes.length)!
    expect(plan.chunks).toEqual([{ from: 12, length: 8, to: 4 }])
    const path = list([text('b')])
    const moved = struct(
      [1, i32(2)],
      [2, list([i32(0)])],
      [3, path],
      [4, i32(0)],
      [5, i64(1)],
      [6, i64(8)],
      [7, i64(8)],
      [9, i64(4)],
      [11, i64(0)],
    )
    const chunks = list([struct([2, i64(4)], [3, moved])])
    expect(parseThrift(metadataOf(compacted(bytes, plan)))).toEqual([
      [1, i32(1)],
      [2, list([struct([4, text('root')], [5, i32(1)]), struct([1, i32(2)], [4, text('b')])])],
      [3, i64(1)],
      [4, list([struct([1, chunks], [2, i64(8)], [3, i64(1)], [5, i64(4)], [6, i64(8)], [7, { i16: 0 }])])],
      [6, text('quern')],
      [7, list([orders[1]!])],
    ])
  })

  it('has no key that describes columns which are gone', () => {
    const pair = (key: string): ThriftValue => struct([1, text(key)], [2, text('value')])
    const bytes = fileOf({ pairs: ['ARROW:schema', 'geo', 'pandas', 'note'].map(pair) })
    const plan = planCompact(footerOf(bytes), new Set(['a']), bytes.length)!
    const { fields } = footerOf(compacted(bytes, plan))
    expect(fields.find(([id]) => id === 5)![1]).toEqual({ list: ['geo', 'note'].map(pair), of: TYPE.struct })
  })
})

/** A file of two columns of 8 bytes, whose footer differs from a sound one as told. */
function fileOf({
  pairs = [],
  chunk = [],
  group = [],
  meta = [],
  file = [],
  writer = 'quern',
}: {
  pairs?: ThriftValue[]
  chunk?: ThriftStruct
  group?: ThriftStruct
  meta?: ThriftStruct
  file?: ThriftStruct
  writer?: string
} = {}): Buffer {
  const column = (name: string, at: number): ThriftValue => {
    const sound: ThriftStruct = [
      [1, i32(2)],
      [2, list([i32(0)])],
      [3, list([text(name)])],
      [4, i32(0)],
      [5, i64(1)],
      [6, i64(8)],
      [7, i64(8)],
      [9, i64(at)],
    ]
    const changed = sound.map(([id, value]) => meta.find(field => field[0] === id) ?? ([id, value] as const))
    const added = meta.filter(([id]) => !sound.some(field => field[0] === id))
    return struct([2, i64(at)], [3, struct(...changed, ...added)], ...chunk)
  }
  const metadata = thriftBytes([
    [1, i32(1)],
    [2, list([struct([4, text('root')], [5, i32(2)]), ...['a', 'b'].map(name => struct([1, i32(2)], [4, text(name)]))])],
    [3, i64(1)],
    [4, list([struct([1, list([column('a', 4), column('b', 12)])], [2, i64(16)], [3, i64(1)], ...group)])],
    [5, list(pairs)],
    [6, text(writer)],
    ...file,
  ])
  const length = Buffer.alloc(4)
  length.writeUInt32LE(metadata.length)
  return Buffer.concat([Buffer.from('PAR1'), Buffer.alloc(16, 7), metadata, length, Buffer.from('PAR1')])
}

function faultOf(run: () => unknown): string {
  try {
    run()
    return 'none'
  } catch (error) {
    return error instanceof ParquetError ? error.fault : String(error)
  }
}

describe('a file that cannot be taken apart', () => {
  const planned = (bytes: Buffer, size = bytes.length): unknown => planCompact(footerOf(bytes), new Set(['a', 'b']), size)

  it('is refused by its end', () => {
    const sound = fileOf()
    expect(faultOf(() => planned(sound))).toBe('none')
    const end = (magic: string, length: number): Buffer => {
      const bytes = Buffer.alloc(12)
      bytes.writeUInt32LE(length, 4)
      bytes.write(magic, 8)
      return bytes
    }
    expect(faultOf(() => footerLength(Buffer.alloc(0)))).toBe('empty')
    expect(faultOf(() => footerLength(Buffer.from('PAR1PAR1')))).toBe('empty')
    expect(faultOf(() => footerLength(end('PARE', 4)))).toBe('encrypted')
    expect(faultOf(() => footerLength(end('1RAP', 4)))).toBe('foreign')
    expect(faultOf(() => footerLength(Buffer.alloc(64)))).toBe('foreign')
    expect(faultOf(() => footerLength(end('PAR1', 0)))).toBe('damaged')
    expect(faultOf(() => footerLength(end('PAR1', 100), 100))).toBe('damaged')
    expect(footerLength(end('PAR1', 100), 112)).toBe(100)
  })

  it.each<[string, string, Parameters<typeof fileOf>[0]]>([
    ['encrypted columns', 'encrypted', { chunk: [[8, struct()]] }],
    ['encrypted metadata of columns', 'encrypted', { chunk: [[9, text('?')]] }],
    ['an encryption', 'encrypted', { file: [[8, struct()]] }],
    ['values in another file', 'elsewhere', { chunk: [[1, text('other.parquet')]] }],
    ['a writer that counts wrongly', 'unsure', { writer: 'parquet-mr version 1.2.8 (build 1)' }],
    ['a writer that does not any more', 'none', { writer: 'parquet-mr version 1.2.9' }],
    ['a newer one', 'none', { writer: 'parquet-mr version 1.20.1' }],
    ['one that is like it', 'none', { writer: 'parquet-mr compatible Photon version 0.2' }],
    ['bytes before the data', 'damaged', { meta: [[11, i64(3)]] }],
    ['bytes in the footer', 'damaged', { meta: [[7, i64(16)]] }],
    ['bytes in common', 'damaged', { meta: [[9, i64(4)]] }],
    ['values without bytes', 'damaged', { meta: [[7, i64(0)]] }],
    [
      'no bytes and no values',
      'none',
      {
        meta: [
          [5, i64(0)],
          [7, i64(0)],
        ],
      },
    ],
    ['a place that is negative', 'damaged', { meta: [[9, i64(-4)]] }],
    ['a place beyond its end', 'damaged', { meta: [[10, i64(30)]] }],
    ['the values of another', 'damaged', { meta: [[3, list([text('c')])]] }],
    ['a place of 0', 'none', { meta: [[11, i64(0)]] }],
    ['too few orders', 'damaged', { file: [[7, list([struct()])]] }],
    ['a place that is a text', 'damaged', { meta: [[9, text('x')]] }],
    ['a field that is there twice', 'damaged', { file: [[3, i64(2)]] }],
  ])('is refused, or not, for %s: %s', (_, fault, changes) => {
    const bytes = fileOf(changes)
    expect(faultOf(() => planned(bytes))).toBe(fault)
  })

  it('is told from a shorter one', () => {
    const sound = fileOf()
    expect(faultOf(() => planned(sound, sound.length - 1))).toBe('damaged')
    expect(faultOf(() => planned(sound, 3))).toBe('damaged')
  })
})

describe('a damaged footer', () => {
  const files = parquetIn(SPARK).map(path => readFileSync(path))

  /** A clear error, or a plan within the file. */
  const expectClear = (metadata: Buffer, wanted: readonly string[], size: number): string => {
    let plan: CompactPlan | undefined
    const fault = faultOf(() => {
      plan = planCompact(parseFooter(metadata), new Set(wanted), size)
    })
    expect(['none', 'damaged', 'encrypted', 'elsewhere', 'unsure']).toContain(fault)
    if (plan !== undefined) expectTiled(plan, size - 8 - metadata.length)
    return fault
  }

  it('is refused wherever it is cut', () => {
    const bytes = files[0]!
    const metadata = metadataOf(bytes)
    for (let length = 0; length < metadata.length; length++) {
      expect(faultOf(() => parseFooter(metadata.subarray(0, length)))).toBe('damaged')
    }
    expect(faultOf(() => parseFooter(Buffer.concat([metadata, Buffer.alloc(1)])))).toBe('damaged')
  })

  it('is refused, or its plan lies within the file, whatever bytes differ', () => {
    const faults = new Set<string>()
    const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(fc.constantFrom(...files), flips, (bytes, changes) => {
        const metadata = Buffer.from(metadataOf(bytes))
        for (const [at, bits] of changes) metadata[at % metadata.length]! ^= bits
        faults.add(expectClear(metadata, columnNames(footerOf(bytes)).slice(1, 4), bytes.length))
      }),
      { numRuns: cases(5000, 20_000) },
    )
    expect([...faults]).toEqual(expect.arrayContaining(['none', 'damaged']))
  })

  it('may be any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
        expectClear(Buffer.from(bytes), ['a'], 1000)
      }),
      { numRuns: cases(5000, 20_000) },
    )
  })

  it('is refused at once where it claims to be long or deep', () => {
    const long = (type: number): Buffer => Buffer.from([0x10 | TYPE.list, 0xf0 | type, 0xff, 0xff, 0xff, 0xff, 0x0f])
    for (const type of [TYPE.true, TYPE.i8, TYPE.i64, TYPE.binary, TYPE.struct]) {
      expect(() => parseThrift(long(type))).toThrow('its metadata has a length beyond its end')
    }
    expect(() => parseThrift(Buffer.from([0x1b, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x88]))).toThrow('a length beyond its end')
    expect(() => parseThrift(Buffer.from([0x18, 0xff, 0xff, 0xff, 0xff, 0x7f]))).toThrow('beyond 32 bits')
    expect(() => parseThrift(Buffer.from([0x15, ...Array(20).fill(0x80)]))).toThrow('without an end')
    expect(() => parseThrift(Buffer.from([0x16, ...Array(20).fill(0xff)]))).toThrow('beyond 64 bits')
    for (const nested of [0x10 | TYPE.struct, 0x10 | TYPE.list]) {
      expect(() => parseThrift(Buffer.alloc(1_000_000, nested))).toThrow('nests too deep')
    }
    expect(() => parseThrift(Buffer.concat([Buffer.from([0x19]), Buffer.alloc(1_000_000, 0x19)]))).toThrow('nests too deep')
  })
})

describe('a message of Thrift', () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length }).map(some => Buffer.from(some))
  const integer = (bits: number) => fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 })
  const scalars: Record<string, fc.Arbitrary<ThriftValue>> = {
    [TYPE.true]: fc.boolean().map(flag => ({ flag })),
    [TYPE.i8]: integer(8).map(i8 => ({ i8 })),
    [TYPE.i16]: integer(16).map(i16 => ({ i16 })),
    [TYPE.i32]: integer(32).map(i32 => ({ i32 })),
    [TYPE.i64]: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(i64 => ({ i64 })),
    [TYPE.double]: bytes(8).map(double => ({ double })),
    [TYPE.binary]: fc
      .nat(200)
      .chain(bytes)
      .map(binary => ({ binary })),
  }

  /** Values of a type that lists and maps say, at most so deep. */
  const valuesOf = (type: number, depth: number): fc.Arbitrary<ThriftValue> => {
    if (type === TYPE.struct) return structs(depth).map(fields => ({ struct: fields }))
    if (type === TYPE.list) return items(depth).map(([of, some]) => ({ list: some, of }))
    if (type === TYPE.set) return items(depth).map(([of, some]) => ({ set: some, of }))
    if (type === TYPE.map) {
      return fc.tuple(types(depth - 1), types(depth - 1)).chain(of => {
        const entry = fc.tuple(valuesOf(of[0], depth - 1), valuesOf(of[1], depth - 1))
        return fc.array(entry, { maxLength: 4 }).map(map => ({ map, of: map.length === 0 ? ([0, 0] as const) : of }))
      })
    }
    return scalars[type]!
  }
  const types = (depth: number): fc.Arbitrary<number> =>
    fc.constantFrom(...Object.keys(scalars).map(Number), ...(depth > 0 ? [TYPE.list, TYPE.set, TYPE.map, TYPE.struct] : []))
  const items = (depth: number): fc.Arbitrary<[number, ThriftValue[]]> =>
    types(depth - 1).chain(of => fc.tuple(fc.constant(of as number), fc.array(valuesOf(of, depth - 1), { maxLength: 20 })))
  const structs = (depth: number): fc.Arbitrary<ThriftStruct> =>
    fc.array(
      fc.tuple(
        integer(16),
        types(depth).chain(type => valuesOf(type, depth)),
      ),
      { maxLength: 6 },
    )

  it('is the same, written and read', () => {
    fc.assert(
      fc.property(structs(3), fields => {
        const written = thriftBytes(fields)
        expect(parseThrift(written)).toEqual(fields)
        for (const packed of [0, 1, 2, 3]) expect(thriftBytes(parseThrift(written, packed)).equals(written)).toBe(true)
      }),
      { numRuns: cases(500, 3000) },
    )
  })

  it('is the same, read and written, in the footers of all writers', async () => {
    const own = await duckdbFiles(connection, scratch('footers'), random(1), 12)
    for (const path of [...own, ...parquetIn(SPARK), ...(why === '' ? parquetIn(pythonFolder) : [])]) {
      const metadata = metadataOf(readFileSync(path))
      expect(thriftBytes(parseThrift(metadata)).equals(metadata)).toBe(true)
      expect(thriftBytes(parseFooter(metadata).fields).equals(metadata)).toBe(true)
    }
  })
})
