import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decodeOne, message, shown, someObject } from './kit/messages.ts'
import { seeded } from './kit/random.ts'
import type { LocalRegistry } from './kit/schemaRegistry.ts'
import { framed, localRegistry } from './kit/schemaRegistry.ts'

const options = { envelope: 'debezium', key: 'json' } as const
const event = (text: string, key: string | null = null, more: object = {}): Promise<string> =>
  decodeOne({ ...options, ...more }, message(text, { key })).then(shown)

describe("a change event of Debezium's", () => {
  it.each(['c', 'r', 'u'])('of op %s is the row after it', async op => {
    const text = `{"before":{"id":1},"after":{"id": 12345678901234567890, "price":1.10},"source":{"lsn":5},"op":"${op}","ts_ms":1}`
    expect(await event(text)).toBe('{"id": 12345678901234567890, "price":1.10}')
  })

  it('that deletes takes back the row before it, or what its key tells', async () => {
    expect(await event('{"before":{"id":1,"v":2},"after":null,"op":"d"}', '{"id":1}')).toBe('retracts {"id":1,"v":2}')
    expect(await event('{"before":null,"after":null,"op":"d"}', '{"id":1}')).toBe('retracts {"id":1}')
    expect(await event('{"after":null,"op":"d"}', '{"schema":{"type":"struct"},"payload":{"id":1}}')).toBe('retracts {"id":1}')
    expect(await event('{"before":null,"op":"d"}', '"x"', { parts: { key: 'id' } })).toBe('retracts {"id":"x"}')
    expect(await event('{"before":null,"op":"d"}', '"x"')).toMatch(/^tombstone: The key is no object/)
    expect(await event('{"before":null,"op":"d"}')).toMatch(/^tombstone: Neither a key nor a value/)
    expect(await event('{"before":null,"op":"d"}', '{')).toMatch(/^malformed at key: Not JSON/)
  })

  it('has the parts of its message as columns', async () => {
    const parts = { parts: { offset: 'o', key: 'k' } }
    expect(await event('{"op":"c","after":{ }}', '{"id":1}', parts)).toBe('{ "k":{"id":1},"o":7}')
    expect(await event('{"op":"d","before":{"o":1}}', null, parts)).toBe('retracts {"o":1,"k":null,"o":7}')
  })

  it.each([
    ['a truncation', '{"op":"t"}', /^envelope: .*truncated/],
    ['a message of the log', '{"op":"m","message":{}}', /^envelope: .*`m`/],
    ['an op of the future', '{"op":"z"}', /^envelope: Debezium has no op `"z"`; it is one of c, r, u, d, t, m$/],
    ['no op', '{"after":{"id":1}}', /^envelope: No change event of Debezium: it has no `op`/],
    ['no object', '[1]', /^envelope: No change event/],
    ['no row after an insert', '{"op":"c","after":null}', /^envelope: A change with op "c" has no row in `after`/],
    ['a row that is none', '{"op":"u","after":[1]}', /^envelope: /],
    ['a row before that is none', '{"op":"d","before":5}', /^envelope: A change with op "d" has no row in `before`/],
    ['no JSON', '{"op":"c","after":{"a":1}', /^malformed: Not JSON/],
    ['bytes that are no text', Buffer.from([0x7b, 0xff, 0x7d]), /^malformed: Not UTF-8/],
  ])('that is %s is refused', async (_, text, words) => {
    expect(shown(await decodeOne(options, message(text)))).toMatch(words)
  })

  it('followed by a tombstone has said it all', async () => {
    for (const tombstones of ['reject', 'ignore', 'retract'] as const) {
      expect(shown(await decodeOne({ ...options, tombstones }, message(null, { key: '{"id":1}' })))).toBe('nothing: tombstone')
      expect(await event('{"schema":null,"payload":null}', '{"id":1}', { tombstones })).toBe('nothing: tombstone')
    }
  })

  it('is not taken for the wrapper of Connect since it has such members too', async () => {
    const inner = '{"op":"c","after":{"a":2}}'
    expect(await event(`{"schema":null,"payload":${inner},"op":"c","after":{"a":1}}`)).toBe('{"a":1}')
    expect(await event(`{"payload":${inner},"op":"c","after":{"a":1}}`)).toBe('{"a":1}')
  })

  it('is its row, whatever that holds and however it is laid out', async () => {
    const random = seeded()
    for (let at = 0; at < 3000; at++) {
      const [before, after] = [someObject(random), someObject(random)]
      const members = Object.entries({ before, after, op: 'u', source: someObject(random), transaction: null })
      const shuffled = members.sort(() => random.next() - 0.5)
      const plain = Object.fromEntries(shuffled)
      const whole = random.chance(0.5) ? plain : { schema: { type: 'struct', fields: [] }, payload: plain }
      const text = JSON.stringify(whole, null, random.pick([0, 1, '\t']))
      const row = await event(text)
      expect(row).not.toMatch(/[\r\n]/)
      expect(JSON.parse(row)).toEqual(JSON.parse(JSON.stringify(after)))
    }
  })
})

describe("the schema beside an event of Connect's JSON", () => {
  const struct = (fields: object[], field?: string): object => ({
    type: 'struct',
    optional: true,
    fields,
    ...(field ? { field } : {}),
  })
  const withSchema = (fields: object[], after: string): Promise<string> => {
    const schema = struct([struct(fields, 'before'), struct(fields, 'after'), { type: 'string', field: 'op' }])
    return event(`{"schema":${JSON.stringify(schema)},"payload":{"before":null,"after":${after},"op":"c"}}`)
  }

  it.each([
    ['io.debezium.time.Timestamp', '1767322984567', '"2026-01-02T03:03:04.567"'],
    ['io.debezium.time.MicroTimestamp', '-1', '"1969-12-31T23:59:59.999999"'],
    ['io.debezium.time.NanoTimestamp', '1767322984567891999', '"2026-01-02T03:03:04.567891"'],
    ['io.debezium.time.ZonedTimestamp', '"2026-01-02T03:03:04Z"', '"2026-01-02T03:03:04Z"'],
    ['io.debezium.time.Date', '19782', '"2024-02-29"'],
    ['io.debezium.time.Time', '3723004', '"01:02:03.004"'],
    ['io.debezium.time.MicroTime', '3723000004', '"01:02:03.000004"'],
    ['io.debezium.time.NanoTime', '3723000004999', '"01:02:03.000004"'],
    ['org.apache.kafka.connect.data.Timestamp', '1767322984567', '"2026-01-02T03:03:04.567Z"'],
    ['org.apache.kafka.connect.data.Date', '-1', '"1969-12-31"'],
    ['org.apache.kafka.connect.data.Time', '0', '"00:00:00.000"'],
    ['io.debezium.data.Json', '"{\\"a\\":1}"', '"{\\"a\\":1}"'],
    ['io.debezium.data.VariableScaleDecimal', '{"scale":3,"value":"AYag"}', '100.000'],
    ['of ours', '5', '5'],
    ['constructor', '5', '5'],
  ])('makes %s of a value', async (name, value, json) => {
    const fields = [
      { field: 'a', name, optional: true },
      { field: 'b', type: 'int64' },
    ]
    expect(await withSchema(fields, `{"a":${value},"b":12345678901234567890}`)).toBe(`{"a":${json},"b":12345678901234567890}`)
    expect(await withSchema(fields, '{"b":1,"a":null}')).toBe('{"b":1,"a":null}')
    expect(await withSchema([{ field: 'list', type: 'array', items: { name } }], `{"list":[${value},null]}`)).toBe(
      `{"list":[${json},null]}`,
    )
    expect(await withSchema([struct([{ field: 'in', name }], 'a')], `{"a":{"in":${value}}}`)).toBe(`{"a":{"in":${json}}}`)
  })

  it('makes decimals of their bytes', async () => {
    const decimal = (scale: string) => [
      { field: 'a', name: 'org.apache.kafka.connect.data.Decimal', type: 'bytes', parameters: { scale } },
    ]
    expect(await withSchema(decimal('2'), '{"a":"/4U="}')).toBe('{"a":-1.23}')
    expect(await withSchema(decimal('0'), '{"a":"AA=="}')).toBe('{"a":0}')
    expect(await withSchema(decimal('-2'), '{"a":"BQ=="}')).toBe('{"a":500}')
    expect(await withSchema(decimal('5'), '{"a":"AQ=="}')).toBe('{"a":0.00001}')
    // Connect's `decimal.format` may be numeric.
    expect(await withSchema(decimal('2'), '{"a":1.20}')).toBe('{"a":1.20}')
    expect(await withSchema(decimal('2'), '{"a":"?"}')).toBe('malformed at after.a: `"?"` is no base64')
    expect(await withSchema(decimal('999999999'), '{"a":"AQ=="}')).toMatch(/^malformed at after.a: A decimal of 1 bytes/)
  })

  it('refuses values that are not of it, by the name of their field', async () => {
    const fields = [{ field: 'a', name: 'io.debezium.time.Date' }]
    expect(await withSchema(fields, '{"a":"x"}')).toBe('malformed at after.a: `"x"` is no integer of 64 bits')
    expect(await withSchema(fields, '{"a":1e3}')).toMatch(/^malformed at after.a: /)
    expect(await withSchema(fields, '{"a":2147483647}')).toMatch(/^malformed at after.a: .* outside of the years/)
    // What is no struct is left as it is, and is then no row.
    expect(await withSchema(fields, '5')).toMatch(/^envelope: /)
    expect(await event('{"schema":5,"payload":{"op":"c","after":{"a":1}}}')).toBe('{"a":1}')
  })
})

describe('a change event by a registry', () => {
  let registry: LocalRegistry
  beforeAll(async () => {
    registry = await localRegistry()
  })
  afterAll(() => registry.close())

  it('of Avro is the same, with what Connect says of its types', async () => {
    const row = {
      type: 'record',
      name: 'Value',
      fields: [
        { name: 'id', type: 'long' },
        {
          name: 'at',
          type: ['null', { type: 'long', 'connect.version': 1, 'connect.name': 'io.debezium.time.MicroTimestamp' }],
          default: null,
        },
      ],
    }
    const envelope = {
      type: 'record',
      name: 'Envelope',
      namespace: 'server.table',
      fields: [
        { name: 'before', type: ['null', row], default: null },
        { name: 'after', type: ['null', 'Value'], default: null },
        { name: 'op', type: 'string' },
      ],
    }
    const id = registry.register('rows', envelope)
    const keyId = registry.register('keys', { type: 'record', name: 'Key', fields: [{ name: 'id', type: 'long' }] })
    const read = (body: number[]): Promise<string> =>
      decodeOne(
        { envelope: 'debezium', value: 'avro', key: 'avro', registry },
        message(framed(id, Buffer.from(body)), { key: framed(keyId, Buffer.from([10])) }),
      ).then(shown)
    expect(await read([0, 2, 4, 2, 2, 2, 0x63])).toBe('{"id":2,"at":"1970-01-01T00:00:00.000001"}')
    expect(await read([2, 4, 0, 0, 2, 0x64])).toBe('retracts {"id":2,"at":null}')
    expect(await read([0, 0, 2, 0x64])).toBe('retracts {"id":5}')
    expect(await read([0, 0, 2, 0x74])).toMatch(/^envelope: /)
  })

  it('of Protobuf is the same', async () => {
    const proto = `syntax = "proto3"; message Envelope { Value before = 1; Value after = 2; string op = 3; int64 ts_ms = 4; }
      message Value { int64 id = 1; }`
    const id = registry.register('proto', proto, { type: 'PROTOBUF' })
    const read = (body: number[]): Promise<string> =>
      decodeOne(
        { envelope: 'debezium', value: 'protobuf', key: 'json', registry },
        message(framed(id, Buffer.from([0, ...body])), { key: '{"id":5}' }),
      ).then(shown)
    expect(await read([0x12, 2, 0x08, 3, 0x1a, 1, 0x75])).toBe('{"id":3}')
    expect(await read([0x0a, 2, 0x08, 3, 0x1a, 1, 0x64])).toBe('retracts {"id":3}')
    expect(await read([0x1a, 1, 0x64])).toBe('retracts {"id":5}')
  })
})
