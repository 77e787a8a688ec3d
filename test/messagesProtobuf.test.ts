import protobuf from 'protobufjs'
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

const register = (proto: string, references: { name: string; subject: string; version: number }[] = []): number =>
  registry.register('of tests', `syntax = "proto3";\n${proto}`, { type: 'PROTOBUF', references })

/** The short form of the list of message indexes: the first message. */
const first = (id: number, body: Uint8Array): Buffer => framed(id, Buffer.concat([Buffer.from([0]), body]))

const decode = async (bytes: Uint8Array): Promise<string> =>
  shown(await decodeOne({ value: 'protobuf', registry }, message(bytes)))
const decoded = (proto: string, body: Uint8Array | number[]): Promise<string> =>
  decode(first(register(proto), Uint8Array.from(body)))

const whole = (random: Random, bits: number): bigint => {
  const size = (BigInt(random.whole(0, 2 ** 31)) << 33n) | BigInt(random.whole(0, 2 ** 32))
  return (size >> BigInt(random.whole(0, 63))) & ((1n << BigInt(bits)) - 1n)
}
const long = (value: bigint, unsigned: boolean) => {
  const bits = BigInt.asUintN(64, value)
  return new protobuf.util.Long(Number(bits & 0xffff_ffffn) | 0, Number(bits >> 32n) | 0, unsigned)
}

/** A value of a type for protobufjs, and its JSON. */
interface Value {
  value: unknown
  json: string
}

function scalar(random: Random, type: string): Value {
  switch (type) {
    case 'double':
    case 'float': {
      const some = random.pick([0, -0, 1.5, -3.25, 1e21, random.whole(-1e6, 1e6)])
      const value = type === 'float' ? Math.fround(some) : some
      return { value, json: Object.is(value, -0) ? '-0' : JSON.stringify(value) }
    }
    case 'bool': {
      const value = random.chance(0.5)
      return { value, json: String(value) }
    }
    case 'string': {
      const value = someText(random)
      return { value, json: JSON.stringify(value) }
    }
    case 'bytes': {
      const value = Buffer.from(Array.from({ length: random.whole(0, 4) }, () => random.whole(0, 255)))
      return { value, json: `"${value.toString('base64')}"` }
    }
    case 'Color': {
      const value = random.pick([0, 1, 5, 77])
      return { value, json: { 0: '"RED"', 1: '"green_ish"', 5: '"BLUE"' }[value] ?? '77' }
    }
    default: {
      const bits = type.endsWith('64') ? 64 : 32
      const isUnsigned = type === `uint${bits}` || type === `fixed${bits}`
      const value = isUnsigned ? whole(random, bits) : BigInt.asIntN(bits, whole(random, bits))
      return { value: bits === 64 ? long(value, isUnsigned) : Number(value), json: String(value) }
    }
  }
}

const NUMBERS = ['int32', 'int64', 'uint32', 'uint64', 'sint32', 'sint64', 'fixed32', 'fixed64', 'sfixed32', 'sfixed64']
const SCALARS = [...NUMBERS, 'double', 'float', 'bool', 'string', 'bytes', 'Color']
const DEFAULTS: Record<string, string> = { bool: 'false', string: '""', bytes: '""', Color: '"RED"' }

/** A file with one message of fields of every kind, and messages of it. */
function generated(random: Random) {
  const fields = Array.from({ length: random.whole(1, 8) }, (_, at) => ({
    name: random.pick([`some_field_${at}`, `camelCase${at}`, `UPPER_${at}`]),
    type: random.pick([...SCALARS, 'Inner']),
    label: random.pick(['', '', 'optional', 'repeated', 'map', 'oneof']),
    key: random.pick(['string', 'int32', 'int64', 'uint64', 'bool']),
    id: random.pick([at + 1, 1000 + at, 536_870_000 + at]),
  }))
  const lines = fields.map(({ name, type, label, key, id }) => {
    if (label === 'map') return `map<${key}, ${type}> ${name} = ${id};`
    if (label === 'oneof') return `oneof choice_${name} { ${type} ${name} = ${id}; bool other_${name} = ${id + 10_000}; }`
    return `${label} ${type} ${name} = ${id};`
  })
  const proto = `package some.where;
    message Row { ${lines.join('\n')} }
    enum Color { RED = 0; green_ish = 1; BLUE = 5; }
    message Inner { int64 big_one = 1; repeated Inner more = 2; }`
  const one = (type: string, depth = 2): Value => {
    if (type !== 'Inner') return scalar(random, type)
    const [big, more] = [
      scalar(random, 'int64'),
      Array.from({ length: depth === 0 ? 0 : random.whole(0, 2) }, () => one('Inner', depth - 1)),
    ]
    return {
      value: { big_one: big.value, more: more.map(({ value }) => value) },
      json: `{"big_one":${big.json},"more":[${more.map(({ json }) => json).join()}]}`,
    }
  }
  const row = (): Value => {
    const value: Record<string, unknown> = {}
    const members: string[] = []
    for (const { name, type, label, key } of fields) {
      const member = (json: string): number => members.push(`"${name}":${json}`)
      if (label === 'repeated') {
        const items = Array.from({ length: random.whole(0, 3) }, () => one(type))
        value[name] = items.map(item => item.value)
        member(`[${items.map(({ json }) => json).join()}]`)
      } else if (label === 'map') {
        const keys = new Map(Array.from({ length: random.whole(0, 2) }, () => scalar(random, key)).map(of => [of.json, of.value]))
        // JavaScript has integers first among an object's members.
        const [only] = keys
        const item = one(type)
        value[name] = only
          ? { [key.endsWith('64') ? protobuf.util.longToHash(only[1] as never) : String(only[1])]: item.value }
          : {}
        member(only ? `{${only[0].startsWith('"') ? only[0] : `"${only[0]}"`}:${item.json}}` : '{}')
      } else if (random.chance(0.3)) {
        // Left out: what has a default that is no absence has it.
        if (label === '' && type !== 'Inner') member(DEFAULTS[type] ?? '0')
      } else {
        const item = one(type)
        value[name] = item.value
        member(item.json)
      }
    }
    return { value, json: `{${members.join()}}` }
  }
  const type = protobuf.parse(`syntax = "proto3";\n${proto}`, { keepCase: true }).root.lookupType('some.where.Row')
  return { proto, type, row }
}

describe('a message of Protobuf', () => {
  it('is, as JSON, what protobufjs has written, to the last digit', async () => {
    const random = seeded()
    for (let at = 0; at < 120; at++) {
      const { proto, type, row } = generated(random)
      const id = register(proto)
      const rows = Array.from({ length: 8 }, row)
      const messages = rows.map(({ value }) => message(first(id, type.encode(value as object).finish())))
      expect((await decodeAll(decoderOf({ value: 'protobuf', registry }), messages)).map(shown), proto).toEqual(
        rows.map(({ json }) => json),
      )
    }
  })

  it('keeps every integer exact', async () => {
    for (const type of ['int64', 'uint64', 'sint64', 'fixed64', 'sfixed64']) {
      const isUnsigned = type === 'uint64' || type === 'fixed64'
      const proto = `message A { ${type} a = 1; map<${type}, ${type}> m = 2; }`
      const coder = protobuf.parse(`syntax = "proto3"; ${proto}`).root.lookupType('A')
      const id = register(proto)
      const edges = Array.from({ length: 64 }, (_, bit) => [-1n, 0n, 1n].map(by => (1n << BigInt(bit)) + by)).flat()
      const values = edges.map(edge => (isUnsigned ? BigInt.asUintN(64, edge) : BigInt.asIntN(64, edge)))
      const all = [...values, ...(isUnsigned ? [] : values.map(value => BigInt.asIntN(64, -value)))]
      const messages = all.map(value => {
        const of = long(value, isUnsigned)
        return message(first(id, coder.encode({ a: of, m: { [protobuf.util.longToHash(of)]: of } }).finish()))
      })
      expect((await decodeAll(decoderOf({ value: 'protobuf', registry }), messages)).map(shown)).toEqual(
        all.map(value => `{"a":${value},"m":{"${value}":${value}}}`),
      )
    }
  })

  it('has the types of Google and Confluent as Protobuf has them in JSON', async () => {
    const names = ['timestamp', 'duration', 'wrappers', 'struct', 'field_mask', 'any', 'empty'].map(
      name => `google/protobuf/${name}.proto`,
    )
    const fields = `google.protobuf.Timestamp at = 1; google.protobuf.Duration took = 2; google.protobuf.Int64Value n = 3;
      google.protobuf.StringValue s = 4; google.protobuf.Struct free = 5; google.protobuf.FieldMask mask = 6;
      google.protobuf.Any any = 7; google.protobuf.Empty empty = 8; google.protobuf.BoolValue unset = 9;
      confluent.type.Decimal price = 10 [(confluent.field_meta).doc = "how much"]; google.protobuf.BytesValue b = 11;`
    const others = ['google/protobuf/descriptor.proto', 'confluent/type/decimal.proto', 'confluent/meta.proto']
    const proto = `${[...names, ...others].map(name => `import "${name}";`).join('\n')} message A { ${fields} }`
    const root = new protobuf.Root()
    for (const name of names) root.addJSON(protobuf.common.get(name)!.nested!)
    const decimal =
      'syntax = "proto3"; package confluent.type; message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }'
    protobuf.parse(decimal, root)
    protobuf.parse(`syntax = "proto3"; message A { ${fields} }`, root, { keepCase: true })
    const free = {
      x: { stringValue: 'a"b' },
      y: {
        listValue: { values: [{ numberValue: -0.5 }, { boolValue: false }, { nullValue: 0 }, { structValue: { fields: {} } }] },
      },
    }
    const value = {
      at: { seconds: -1, nanos: 999_999_999 },
      took: { seconds: -1, nanos: -20_000_000 },
      n: { value: long(2n ** 63n - 1n, false) },
      s: { value: '' },
      free: { fields: free },
      mask: { paths: ['a', 'b.c'] },
      any: { type_url: 't', value: Buffer.alloc(1) },
      empty: {},
      price: { value: Buffer.from([0xff, 0x85]), scale: 2 },
      b: { value: Buffer.from([0xff]) },
    }
    expect(await decoded(proto, root.lookupType('A').encode(value).finish())).toBe(
      `{"at":"1969-12-31T23:59:59.999999Z","took":"-1.020s","n":9223372036854775807,"s":"",${'"free":{"x":"a\\"b","y":[-0.5,false,null,{}]},'}"mask":"a,b.c","any":{"type_url":"t","value":"AA=="},"empty":{},"price":-1.23,"b":"/w=="}`,
    )
  })

  it('has instants floored to microseconds, and refuses what no ISO text can say', async () => {
    const proto = 'import "google/protobuf/timestamp.proto"; message A { google.protobuf.Timestamp at = 1; }'
    const id = register(proto)
    const of = (seconds: bigint, nanos: number): Buffer => {
      const inner = protobuf.Writer.create().uint32(8).int64(long(seconds, false)).uint32(16).int32(nanos).finish()
      return first(id, protobuf.Writer.create().uint32(10).bytes(inner).finish())
    }
    const random = seeded()
    for (let at = 0; at < 300; at++) {
      const seconds = -62_135_596_800n + (BigInt(random.whole(0, 2 ** 30)) * 315_537_897_599n) / 2n ** 30n
      const nanos = random.pick([0, 999, 1000, 999_999_999, random.whole(0, 999_999_999)])
      const instant = formatInstant(seconds * 1_000_000n + BigInt(Math.floor(nanos / 1000)))
      expect(await decode(of(seconds, nanos))).toBe(`{"at":"${instant}"}`)
    }
    expect(await decode(of(253_402_300_800n, 0))).toMatch(/^malformed at at: .* outside of the years/)
    expect(await decode(of(2n ** 63n - 1n, 0))).toMatch(/^malformed at at: .* outside of the years/)
  })

  it('is the one that its indexes name', async () => {
    const proto = `message A { int32 a = 1; message In { int32 in_a = 1; } }
      enum E { X = 0; }
      message B { int32 b = 1; message First { int32 x = 1; } message Second { int32 y = 1; message Deep { int32 z = 1; } } }`
    const id = register(proto)
    const of = (...indexes: number[]): Promise<string> => decode(framed(id, Buffer.from([...indexes, 0x08, 0x05])))
    expect(await of(0)).toBe('{"a":5}')
    expect(await of(2, 0)).toBe('{"a":5}')
    expect(await of(2, 2)).toBe('{"b":5}')
    expect(await of(4, 0, 0)).toBe('{"in_a":5}')
    expect(await of(4, 2, 2)).toBe('{"y":5}')
    expect(await of(6, 2, 2, 0)).toBe('{"z":5}')
    expect(await of(2, 4)).toBe('wire-format: The schema has no message 2, counted from 0')
    expect(await of(2, 1)).toBe('wire-format: The schema has no message -1, counted from 0')
    expect(await of(4, 0, 2)).toBe('wire-format: The schema has no message 0.1, counted from 0')
    expect(await decode(framed(id, Buffer.from([2])))).toMatch(/^wire-format: The bytes end within the list/)
    expect(await decode(framed(id, Buffer.from([0x80, 0x80, 0x01])))).toMatch(/^wire-format: 8192 is no count of message indexes/)
    expect(await decode(framed(id, Buffer.from([0x81])))).toMatch(/^wire-format: /)
    expect(await decode(framed(id, Buffer.alloc(0)))).toMatch(/^wire-format: The bytes end within the list/)
  })

  it('of proto2 has what it has, and must have what is required', async () => {
    const text = 'syntax = "proto2"; message A { required int32 must = 1; optional int32 may = 2 [default = 7]; }'
    const id = registry.register('two', text, { type: 'PROTOBUF' })
    expect(await decode(first(id, Buffer.from([0x08, 0x01])))).toBe('{"must":1}')
    expect(await decode(first(id, Buffer.from([0x10, 0x01])))).toMatch(/^malformed: Not a message `A`: missing required 'must'/)
  })

  it('refuses numbers that no JSON can hold, by the name of their field', async () => {
    const proto = 'message A { B inner = 1; } message B { repeated double d = 1; }'
    const bytes = [0x0a, 0x0a, 0x0a, 0x08, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f]
    expect(await decoded(proto, bytes)).toBe('malformed at inner.d: NaN is no number of JSON')
  })

  it('keeps names that JavaScript has its own use for', async () => {
    const proto = 'message A { map<string, int32> constructor = 1; string toJSON = 2; optional int32 hasOwnProperty = 3; }'
    const entry = [0x0a, 0x0d, 0x0a, 0x09, ...Buffer.from('__proto__'), 0x10, 0x05]
    expect(await decoded(proto, entry)).toBe('{"constructor":{"__proto__":5},"toJSON":""}')
  })
})

describe('bytes that are no message', () => {
  it('are refused where they end early, nest too deep or are not UTF-8', async () => {
    const proto = 'message A { string a = 1; A inner = 2; }'
    expect(await decoded(proto, [0x0a, 0x05, 0x61])).toMatch(/^malformed: Not a message `A`: index out of range/)
    expect(await decoded(proto, [0x0a, 0x01, 0xff])).toMatch(/^malformed: Not a message `A`: /)
    expect(await decoded(proto, [0x0f])).toMatch(/^malformed: Not a message `A`: /)
    let deep: Buffer = Buffer.alloc(0)
    for (let at = 0; at < 200; at++) deep = Buffer.from(protobuf.Writer.create().uint32(18).bytes(deep).finish())
    expect(await decoded(proto, deep)).toMatch(/^malformed: Not a message `A`: max depth exceeded/)
    // What the schema does not know is passed over.
    expect(await decoded(proto, [0x78, 0x05])).toBe('{"a":""}')
  })

  it('raise nothing, whatever they are, and what is a row is a JSON object', async () => {
    const random = seeded()
    let refused = 0
    for (let at = 0; at < 60; at++) {
      const { proto, type, row } = generated(random)
      const id = register(proto)
      const messages = Array.from({ length: 40 }, () =>
        message(damaged(random, first(id, type.encode(row().value as object).finish()))),
      )
      for (const one of await decodeAll(decoderOf({ value: 'protobuf', registry, parts: { offset: 'o' } }), messages)) {
        if (one.kind === 'row') expect(JSON.parse(Buffer.from(one.json).toString('utf8'))).toMatchObject({ o: 7 })
        else refused++
      }
    }
    expect(refused).toBeGreaterThan(1000)
  })
})

describe('a file', () => {
  it('may import others, and these others', async () => {
    registry.register('units', 'syntax = "proto3"; package u; enum Unit { KG = 0; T = 1; }', { type: 'PROTOBUF' })
    const units = [{ name: 'lib/units.proto', subject: 'units', version: 1 }]
    registry.register(
      'weight',
      'syntax = "proto3"; package w; import "lib/units.proto"; message Before {} message Weight { u.Unit unit = 1; }',
      {
        type: 'PROTOBUF',
        references: units,
      },
    )
    const id = register('package w; import public "weight.proto"; message Row { Weight weight = 1; w.Weight other = 2; }', [
      { name: 'weight.proto', subject: 'weight', version: 1 },
    ])
    // Of the same package are other files' messages too; the indexes are of this file.
    expect(await decode(first(id, Buffer.from([0x0a, 0x02, 0x08, 0x01])))).toBe('{"weight":{"unit":"T"}}')
    expect(await decode(framed(id, Buffer.from([2, 2])))).toBe('wire-format: The schema has no message 1, counted from 0')
  })

  it.each([
    ['is none', 'message {', /cannot be read: illegal/],
    [
      'imports what is not there',
      'import "x/y.proto"; message A { }',
      /it imports "x\/y.proto", which is not among its references/,
    ],
    ['names a type that is not there', 'message A { Nowhere a = 1; }', /cannot be read: .*Nowhere/],
  ])('that %s refuses its messages with the reason', async (_, proto, words) => {
    const text = await decoded(proto, [])
    expect(text).toMatch(/^unreadable-schema: The schema \d+ of the registry/)
    expect(text).toMatch(words)
  })
})
