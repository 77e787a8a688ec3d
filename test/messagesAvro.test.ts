import avro from 'avsc'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { formatInstant } from '../src/domain/time.ts'
import { damaged, decodeAll, decodeOne, decoderOf, message, shown, someText } from './kit/messages.ts'
import type { Random } from './kit/random.ts'
import { seeded } from './kit/random.ts'
import type { LocalRegistry } from './kit/schemaRegistry.ts'
import { framed, localRegistry } from './kit/schemaRegistry.ts'

let registry: LocalRegistry
beforeAll(async () => {
  registry = await localRegistry()
})
afterAll(() => registry.close())

/** Of avsc, with every long as a bigint. */
const longs = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(value)
    return bytes
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
})

const encoder = (schema: unknown): avro.Type =>
  avro.Type.forSchema(schema as avro.Schema, {
    wrapUnions: true,
    typeHook: (attributes: unknown) => ((attributes as { type?: unknown })?.type === 'long' ? longs : undefined) as avro.Type,
  })

const encoded = (schema: unknown, value: unknown): Buffer => encoder(schema).toBuffer(value)

async function decoded(schema: object | string, body: Uint8Array): Promise<string> {
  const id = registry.register('of tests', schema)
  return shown(await decodeOne({ value: 'avro', registry }, message(framed(id, body))))
}

const field = (type: unknown): object => ({ type: 'record', name: 'Row', fields: [{ name: 'a', type }] })

/** A schema, and values of it with the JSON that they are. */
interface Kind {
  schema: unknown
  /** Of a union's branch. */
  branch: string
  value: () => { avro: unknown; json: string }
}

const whole64 = (random: Random): bigint => {
  const bits = random.whole(0, 63)
  const size = (BigInt(random.whole(0, 2 ** 31)) << 32n) | BigInt(random.whole(0, 2 ** 32 - 1))
  return BigInt.asIntN(64, random.pick([1n, -1n]) * (size >> BigInt(63 - bits)) + BigInt(random.whole(-1, 1)))
}
const double = (random: Random): number =>
  random.pick([0, -0, 0.1, 1e21, 1e-7, 5e-324, 1.7976931348623157e308, random.next(), random.whole(-1e9, 1e9)])
const number = (value: number): string => (Object.is(value, -0) ? '-0' : JSON.stringify(value))

let names = 0

function kind(random: Random, depth: number): Kind {
  const leaf = (schema: string, value: Kind['value']): Kind => ({ schema, branch: schema, value })
  switch (random.whole(0, depth === 0 ? 8 : 13)) {
    case 0:
      return leaf('null', () => ({ avro: null, json: 'null' }))
    case 1:
      return leaf('boolean', () => {
        const value = random.chance(0.5)
        return { avro: value, json: String(value) }
      })
    case 2:
      return leaf('int', () => {
        const value = Number(BigInt.asIntN(32, whole64(random)))
        return { avro: value, json: String(value) }
      })
    case 3:
    case 4:
      return leaf('long', () => {
        const value = whole64(random)
        return { avro: value, json: String(value) }
      })
    case 5:
      return leaf('double', () => {
        const value = double(random)
        return { avro: value, json: number(value) }
      })
    case 6:
      return leaf('string', () => {
        const value = someText(random)
        return { avro: value, json: JSON.stringify(value) }
      })
    case 7:
      return leaf('bytes', () => {
        const value = Buffer.from(Array.from({ length: random.whole(0, 5) }, () => random.whole(0, 255)))
        return { avro: value, json: `"${value.toString('base64')}"` }
      })
    case 8: {
      const name = `E${names++}`
      const symbols = ['A', 'b', '_c']
      const value = (): { avro: string; json: string } => {
        const symbol = random.pick(symbols)
        return { avro: symbol, json: `"${symbol}"` }
      }
      return { schema: { type: 'enum', name, symbols }, branch: name, value }
    }
    case 9: {
      const item = kind(random, depth - 1)
      const value: Kind['value'] = () => {
        const items = Array.from({ length: random.whole(0, 3) }, item.value)
        return { avro: items.map(one => one.avro), json: `[${items.map(one => one.json).join(',')}]` }
      }
      return { schema: { type: 'array', items: item.schema }, branch: 'array', value }
    }
    case 10: {
      const item = kind(random, depth - 1)
      const value: Kind['value'] = () => {
        const entries = Array.from(
          { length: random.whole(0, 3) },
          (_, at) => [`${someText(random)}-${at}`, item.value()] as const,
        )
        return {
          avro: Object.fromEntries(entries.map(([name, one]) => [name, one.avro])),
          json: `{${entries.map(([name, one]) => `${JSON.stringify(name)}:${one.json}`).join(',')}}`,
        }
      }
      return { schema: { type: 'map', values: item.schema }, branch: 'map', value }
    }
    case 11: {
      const branches = Array.from({ length: random.whole(1, 4) }, () => kind(random, depth - 1))
      // Unions may not hold unions, nor a branch twice.
      const own = branches.filter(
        ({ branch }, at) => branches.findIndex(other => other.branch === branch) === at && !branch.startsWith('u'),
      )
      if (own.length === 0) return kind(random, depth)
      const value: Kind['value'] = () => {
        const branch = random.pick(own)
        const one = branch.value()
        return { avro: branch.branch === 'null' ? null : { [branch.branch]: one.avro }, json: one.json }
      }
      return { schema: own.map(({ schema }) => schema), branch: 'union', value }
    }
    default:
      return record(random, depth)
  }
}

function record(random: Random, depth: number): Kind {
  const name = `R${names++}`
  const fields = Array.from({ length: random.whole(0, 5) }, (_, at) => ({ name: `f${at}`, of: kind(random, depth - 1) }))
  const value: Kind['value'] = () => {
    const values = fields.map(({ name: own, of }) => ({ own, ...of.value() }))
    return {
      avro: Object.fromEntries(values.map(({ own, avro: one }) => [own, one])),
      json: `{${values.map(({ own, json }) => `"${own}":${json}`).join(',')}}`,
    }
  }
  return {
    schema: { type: 'record', name, fields: fields.map(({ name: own, of }) => ({ name: own, type: of.schema })) },
    branch: name,
    value,
  }
}

describe('a value of Avro', () => {
  it('is, as JSON, what avsc has written, to the last digit', async () => {
    const random = seeded()
    for (let at = 0; at < 300; at++) {
      const { schema, value } = record(random, 3)
      const type = encoder(schema)
      const id = registry.register('generated', schema as object)
      const values = Array.from({ length: 10 }, value)
      const decoder = decoderOf({ value: 'avro', registry })
      const rows = await decodeAll(
        decoder,
        values.map(one => message(framed(id, type.toBuffer(one.avro)))),
      )
      expect(rows.map(shown)).toEqual(values.map(one => one.json))
    }
  })

  it('keeps every long exact', async () => {
    const schema = field('long')
    const id = registry.register('longs', schema)
    const random = seeded()
    const edges = Array.from({ length: 64 }, (_, bit) =>
      [-1n, 0n, 1n].map(by => BigInt.asIntN(64, (1n << BigInt(bit)) + by)),
    ).flat()
    const values = [
      ...edges,
      ...edges.map(value => BigInt.asIntN(64, -value)),
      ...Array.from({ length: 2000 }, () => whole64(random)),
    ]
    const messages = values.map(a => message(framed(id, encoded(schema, { a }))))
    expect((await decodeAll(decoderOf({ value: 'avro', registry }), messages)).map(shown)).toEqual(values.map(a => `{"a":${a}}`))
  })

  const instants = [
    0n,
    -1n,
    1n,
    1_767_322_984_567_891n,
    -62_167_219_200_000_000n,
    253_402_300_799_999_999n,
    9_100_000_000_000_000n,
  ]
  it.each(['timestamp', 'local-timestamp'])('has instants of %s as ISO text', async name => {
    const zone = name === 'timestamp' ? 'Z' : ''
    for (const micros of instants) {
      const text = formatInstant(micros).slice(0, -1)
      const micro = field({ type: 'long', logicalType: `${name}-micros` })
      expect(await decoded(micro, encoded(field('long'), { a: micros }))).toBe(`{"a":"${text}${zone}"}`)
      const millis = micros >= 0n ? micros / 1000n : -((-micros + 999n) / 1000n)
      const milli = field({ type: 'long', logicalType: `${name}-millis` })
      expect(await decoded(milli, encoded(field('long'), { a: millis }))).toBe(`{"a":"${text.slice(0, -3)}${zone}"}`)
      const nano = field({ type: 'long', logicalType: `${name}-nanos` })
      const nanos = micros * 1000n + 999n
      if (BigInt.asIntN(64, nanos) === nanos) {
        expect(await decoded(nano, encoded(field('long'), { a: nanos }))).toBe(`{"a":"${text}${zone}"}`)
      }
    }
    const beyond = field({ type: 'long', logicalType: `${name}-micros` })
    expect(await decoded(beyond, encoded(field('long'), { a: 2n ** 63n - 1n }))).toMatch(
      /^malformed at a: .* outside of the years 0000 to 9999/,
    )
    expect(await decoded(beyond, encoded(field('long'), { a: -(2n ** 63n) }))).toMatch(/^malformed at a/)
  })

  it.each([
    ['a date', { type: 'int', logicalType: 'date' }, 'int', 19_782, '"2024-02-29"'],
    ['a date before 1970', { type: 'int', logicalType: 'date' }, 'int', -1, '"1969-12-31"'],
    ['a date far away', { type: 'int', logicalType: 'date' }, 'int', 2 ** 31 - 1, undefined],
    ['a time in milliseconds', { type: 'int', logicalType: 'time-millis' }, 'int', 86_399_999, '"23:59:59.999"'],
    ['a time beyond the day', { type: 'int', logicalType: 'time-millis' }, 'int', 86_400_000, undefined],
    ['a time in microseconds', { type: 'long', logicalType: 'time-micros' }, 'long', 3_723_000_004n, '"01:02:03.000004"'],
    ['a negative time', { type: 'long', logicalType: 'time-micros' }, 'long', -1n, undefined],
    ['a UUID in text', { type: 'string', logicalType: 'uuid' }, 'string', 'x-y', '"x-y"'],
    ['a logical type of a wrong type', { type: 'string', logicalType: 'date' }, 'string', 'x', '"x"'],
    ['an unknown logical type', { type: 'int', logicalType: 'of ours' }, 'int', 5, '5'],
    ['a float', 'float', 'float', Math.fround(0.1), '0.10000000149011612'],
    ['a fixed', { type: 'fixed', name: 'F', size: 3 }, { type: 'fixed', name: 'F', size: 3 }, Buffer.from([1, 2, 255]), '"AQL/"'],
    [
      'a UUID in bytes',
      { type: 'fixed', name: 'U', size: 16, logicalType: 'uuid' },
      { type: 'fixed', name: 'U', size: 16 },
      Buffer.from('00112233445566778899aabbccddeeff', 'hex'),
      '"00112233-4455-6677-8899-aabbccddeeff"',
    ],
    [
      "Debezium's timestamp",
      { type: 'long', 'connect.name': 'io.debezium.time.MicroTimestamp' },
      'long',
      1_000_001n,
      '"1970-01-01T00:00:01.000001"',
    ],
    ["Debezium's date", { type: 'int', 'connect.name': 'io.debezium.time.Date' }, 'int', 1, '"1970-01-02"'],
  ])('has %s', async (_, schema, plain, value, json) => {
    const text = await decoded(field(schema), encoded(field(plain), { a: value }))
    if (json === undefined) expect(text).toMatch(/^malformed at a: /)
    else expect(text).toBe(`{"a":${json}}`)
  })

  it('has decimals with all their digits', async () => {
    const random = seeded()
    for (let at = 0; at < 500; at++) {
      const scale = random.whole(0, 12)
      const unscaled = random.pick([whole64(random) * 10n ** BigInt(random.whole(0, 20)), BigInt(random.whole(-130, 130))])
      const hex = (BigInt.asUintN(512, unscaled) | (1n << 512n)).toString(16).slice(1)
      // As few bytes as hold the sign.
      const short = unscaled < 0n ? hex.replace(/^(ff)*(?=[89a-f])/, '') : hex.replace(/^(00)*(?=[0-7].)/, '')
      const bytes = Buffer.from(short.length % 2 === 0 ? short : hex, 'hex')
      const digits = String(unscaled)
        .replace('-', '')
        .padStart(scale + 1, '0')
      const point = digits.length - scale
      const text = `${unscaled < 0n ? '-' : ''}${digits.slice(0, point)}${scale === 0 ? '' : `.${digits.slice(point)}`}`
      const schema = { type: 'bytes', logicalType: 'decimal', precision: 100, scale }
      expect(await decoded(field(schema), encoded(field('bytes'), { a: bytes }))).toBe(`{"a":${text}}`)
      const fixed = { type: 'fixed', name: 'D', size: 64 }
      const wide = { ...fixed, logicalType: 'decimal', precision: 100, scale }
      expect(await decoded(field(wide), encoded(field(fixed), { a: Buffer.from(hex, 'hex') }))).toBe(`{"a":${text}}`)
    }
  })

  it('that no JSON can hold is refused by the name of its field', async () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const inner = { type: 'record', name: 'Inner', fields: [{ name: 'b', type: ['null', 'double'] }] }
      const text = await decoded(field(inner), encoded(field(inner), { a: { b: { double: value } } }))
      expect(text).toBe(`malformed at a.b: ${value} is no number of JSON`)
    }
  })

  it('of a recursive type is read, and refused where it is too deep', async () => {
    const schema = { type: 'record', name: 'Node', fields: [{ name: 'next', type: ['null', 'Node'] }] }
    const nested = (depth: number): Buffer => Buffer.from([...Array.from({ length: depth }, () => 2), 0])
    expect(await decoded(schema, nested(2))).toBe('{"next":{"next":{"next":null}}}')
    expect(await decoded(schema, nested(100_000))).toMatch(/^malformed at (next\.)+next: Records are nested more than 200 deep$/)
    expect(await decoded({ type: 'record', name: 'Ever', fields: [{ name: 'a', type: 'Ever' }] }, Buffer.alloc(0))).toMatch(
      /nested more than 200 deep$/,
    )
  })

  it('of another schema than a record is no row', async () => {
    expect(await decoded('"string"', encoded('string', '{"a":1}'))).toBe('malformed: The schema is not of records')
    expect(await decoded(['null', field('int')], Buffer.from([0]))).toBe('malformed: The schema is not of records')
    expect(await decoded(['null', field('int')], Buffer.from([2, 4]))).toBe('{"a":2}')
  })
})

describe('bytes that are no value of their schema', () => {
  it.each([
    ['end early', field('string'), [6, 0x61], 'malformed at a: The bytes end within the value'],
    ['go on', field('int'), [2, 0], 'malformed: 1 bytes follow the end of the value'],
    ['name no branch', field(['null', 'int']), [4], 'malformed at a: The union has no branch 2'],
    ['name no symbol', field({ type: 'enum', name: 'E', symbols: ['A'] }), [1], 'malformed at a: The enum has no symbol -1'],
    ['have no boolean', field('boolean'), [2], 'malformed at a: The byte 2 is no boolean'],
    ['have a length below zero', field('bytes'), [1], 'malformed at a: The bytes end within the value'],
    [
      'have an int of 33 bits',
      field('int'),
      [0x80, 0x80, 0x80, 0x80, 0x20],
      'malformed at a: 4294967296 takes more than 32 bits',
    ],
    ['have a long of 65 bits', field('long'), [...Array(9).fill(0xff), 0x02], 'malformed at a: A number takes more than 64 bits'],
    ['have a long without an end', field('long'), Array(20).fill(0x80), 'malformed at a: A number takes more than 64 bits'],
    ['are not UTF-8', field('string'), [2, 0xff], 'malformed at a: Not UTF-8'],
    [
      'claim 2^40 nulls',
      field({ type: 'array', items: 'null' }),
      [0x80, 0x80, 0x80, 0x80, 0x80, 0x40, 0],
      /^malformed at a: More than 65536 items take no bytes/,
    ],
    [
      'claim 2^40 longs',
      field({ type: 'array', items: 'long' }),
      [0x80, 0x80, 0x80, 0x80, 0x80, 0x40, 0],
      /^malformed at a: The bytes end/,
    ],
  ])('since they %s are refused', async (_, schema, bytes, words) => {
    expect(await decoded(schema, Buffer.from(bytes))).toMatch(words)
  })

  it('raise nothing, whatever they are, and what is a row is a JSON object', async () => {
    const random = seeded()
    const refused = { count: 0 }
    for (let at = 0; at < 150; at++) {
      const { schema, value } = record(random, 3)
      const type = encoder(schema)
      const id = registry.register('damaged', schema as object)
      const messages = Array.from({ length: 40 }, () => message(damaged(random, framed(id, type.toBuffer(value().avro)))))
      for (const row of await decodeAll(decoderOf({ value: 'avro', registry, parts: { offset: 'o' } }), messages)) {
        if (row.kind === 'row') expect(JSON.parse(Buffer.from(row.json).toString('utf8'))).toMatchObject({ o: 7 })
        else refused.count++
      }
    }
    expect(refused.count).toBeGreaterThan(2000)
  })
})

describe('a schema', () => {
  it('may refer to others, and these to others', async () => {
    const city = { type: 'record', name: 'City', namespace: 'geo', fields: [{ name: 'name', type: 'string' }] }
    const address = {
      type: 'record',
      name: 'Address',
      namespace: 'geo',
      fields: [
        { name: 'city', type: 'City' },
        { name: 'old', type: ['null', 'geo.City'] },
      ],
    }
    registry.register('city/of all', city)
    const cityReference = { name: 'geo.City', subject: 'city/of all', version: 1 }
    registry.register('address', address, { references: [cityReference] })
    const row = {
      type: 'record',
      name: 'Row',
      fields: [
        { name: 'home', type: 'geo.Address' },
        { name: 'born', type: 'geo.City' },
      ],
    }
    const references = [{ name: 'geo.Address', subject: 'address', version: 1 }, cityReference]
    const id = registry.register('rows', row, { references })
    const body = Buffer.from([2, 0x41, 0, 2, 0x42])
    const text = shown(await decodeOne({ value: 'avro', registry }, message(framed(id, body))))
    expect(text).toBe('{"home":{"city":{"name":"A"},"old":null},"born":{"name":"B"}}')
  })

  it('whose reference leads nowhere refuses its messages', async () => {
    const references = [{ name: 'X', subject: 'nothing', version: 4 }]
    const id = registry.register('lost', field('X'), { references })
    expect(shown(await decodeOne({ value: 'avro', registry }, message(framed(id, Buffer.alloc(1)))))).toBe(
      `unknown-schema: The schema ${id} refers to version 4 of \`nothing\`, which the registry does not have`,
    )
  })

  it('with defaults that are not of its types is read all the same', async () => {
    const schema = {
      type: 'record',
      name: 'R',
      doc: 'x',
      fields: [{ name: 'default', type: ['int', 'null'], default: null, order: 'ignore' }],
    }
    expect(await decoded(schema, Buffer.from([0, 2]))).toBe('{"default":1}')
  })

  it.each([
    ['is no JSON', '{"type":', /cannot be read: /],
    ['is of an unknown type', '{"type":"thing"}', /cannot be read: unknown type/],
    ['names what is not there', field('Nowhere'), /cannot be read: undefined type name: Nowhere/],
    ['has no fields', { type: 'record', name: 'R' }, /cannot be read: /],
  ])('that %s refuses its messages with the reason', async (_, schema, words) => {
    const text = await decoded(schema, Buffer.from([0]))
    expect(text).toMatch(/^unreadable-schema: The schema \d+ of the registry/)
    expect(text).toMatch(words)
  })

  it('of another format refuses its messages', async () => {
    const id = registry.register('proto', 'syntax = "proto3"; message A {}', { type: 'PROTOBUF' })
    expect(shown(await decodeOne({ value: 'avro', registry }, message(framed(id, Buffer.alloc(1)))))).toBe(
      `unreadable-schema: The schema ${id} is of the type PROTOBUF; messages of this source are AVRO`,
    )
  })

  it('is of the key alike, whose members tell what a tombstone takes back', async () => {
    const id = registry.register('keys', { type: 'record', name: 'Key', fields: [{ name: 'id', type: 'long' }] })
    const options = { value: 'avro', key: 'avro', registry, tombstones: 'retract', parts: { offset: 'o' } } as const
    const key = framed(id, Buffer.from([8]))
    expect(shown(await decodeOne(options, message(null, { key })))).toBe('retracts {"id":4,"o":7}')
    expect(shown(await decodeOne(options, message(null, { key: Buffer.from([0, 0, 0]) })))).toMatch(
      /^wire-format at key: 3 bytes/,
    )
    const whole = { ...options, parts: { key: 'k' } }
    expect(shown(await decodeOne(whole, message(framed(id, Buffer.from([2])), { key })))).toBe('{"id":1,"k":{"id":4}}')
  })
})
