import { describe, expect, it } from 'vitest'
import type { MessagePart } from '../src/domain/kafkaSource.ts'
import { rawBytes, rawText } from '../src/domain/messageDecoder.ts'
import { itemsOf, membersOf } from '../src/messages/members.ts'
import {
  bytesOf,
  damaged,
  decodeAll,
  decodeOne,
  decoderOf,
  message,
  shown,
  someJson,
  someObject,
  someText,
} from './kit/messages.ts'
import { seeded } from './kit/random.ts'

/** What bytes say as JSON; a byte order mark before it is passed over. Undefined where they are not UTF-8 or no JSON. */
const parsedOrUndefined = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return undefined
  }
}
const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value)

describe('a value of JSON', () => {
  it('is the row, byte for byte, without a copy', async () => {
    const one = message('{"a": 9007199254740993, "b": 0.12345678901234567890, "c": 1e400}')
    const decoded = await decodeOne({}, one)
    expect(decoded).toMatchObject({ kind: 'row', retracts: false })
    expect(decoded.kind === 'row' && decoded.json).toBe(one.value)
  })

  it('loses the white space around it, a byte order mark, and line ends between tokens, and nothing else', async () => {
    expect(shown(await decodeOne({}, message(' \r\n{"a":1}\n')))).toBe('{"a":1}')
    expect(shown(await decodeOne({}, message('\ufeff{"a":1}')))).toBe('{"a":1}')
    expect(shown(await decodeOne({}, message('{\n  "a": 12345678901234567890,\r\n  "b": "x\\ny"\n}')))).toBe(
      '{   "a": 12345678901234567890,    "b": "x\\ny" }',
    )
  })

  it.each([
    ['is empty', '', 'malformed: The value is empty'],
    ['is white space', ' \n', 'malformed: The value is empty'],
    ['is no JSON', 'hello', /^malformed: Not JSON: /],
    ['is an array', '[1]', 'malformed: Not a JSON object'],
    ['is null', 'null', 'malformed: Not a JSON object'],
    ['has a line feed within a string', '{"a":"x\ny"}', /^malformed: Not JSON: /],
    ['has a carriage return within a string', '{"a":"x\ry"}', /^malformed: Not JSON: /],
    ['is not UTF-8', Buffer.from([0xff, 0xfe]), 'malformed: Not UTF-8'],
  ])('that %s is refused with what it was', async (_, value, words) => {
    const decoded = await decodeOne({}, message(value))
    expect(shown(decoded)).toMatch(words)
    expect(decoded.kind === 'refused' && Buffer.from(rawBytes(decoded.raw))).toEqual(Buffer.from(bytesOf(value)!))
  })

  it('never spans lines, and says what it said, whatever it is', async () => {
    const random = seeded()
    const decoder = decoderOf()
    for (let at = 0; at < 8000; at++) {
      const text = JSON.stringify(someJson(random), null, random.pick([0, 1, '\t']))
      const value = random.chance(0.5) ? Buffer.from(text) : damaged(random, Buffer.from(text))
      const decoded = decoder.decode(message(value), 0)
      const said = parsedOrUndefined(value)
      if (decoded.kind !== 'row') {
        expect(isObject(said), value.toString()).toBe(false)
        continue
      }
      const row = Buffer.from(decoded.json).toString('utf8')
      expect(row).not.toMatch(/[\n\r]/)
      expect(parsedOrUndefined(decoded.json)).toEqual(said)
    }
  })

  it('has five bytes before it where there is a registry, which is not asked', async () => {
    const options = { registry: { url: 'http://127.0.0.1:1' } }
    const framed = Buffer.concat([Buffer.from([0, 0, 0, 0, 9]), Buffer.from('{"a":1}')])
    expect(shown(await decodeOne(options, message(framed)))).toBe('{"a":1}')
    expect(shown(await decodeOne(options, message('{"a":1}')))).toBe(
      'wire-format: The first byte is 123, where messages of a schema registry have 0',
    )
    expect(shown(await decodeOne(options, message(Buffer.from([0, 1]))))).toMatch(/^wire-format: 2 bytes are too few/)
    expect(shown(await decodeOne(options, message('')))).toMatch(/^wire-format: The bytes are empty/)
  })
})

describe('a value of text', () => {
  it('is the only column', async () => {
    expect(shown(await decodeOne({ value: 'string' }, message('a "b"\n')))).toBe('{"value":"a \\"b\\"\\n"}')
    expect(shown(await decodeOne({ value: 'string' }, message('')))).toBe('{"value":""}')
    expect(shown(await decodeOne({ value: 'string' }, message(Buffer.from([0xc3]))))).toBe('malformed: Not UTF-8')
  })
})

describe('parts of a message', () => {
  const all: Record<MessagePart, string> = { key: 'k', headers: 'h', timestamp: 't', partition: 'p', offset: 'o' }

  it('are columns at the end of the row', async () => {
    const headers = [
      ['a', Buffer.from('1')],
      ['b', null],
      ['a', Buffer.from('ü')],
      ['__proto__', Buffer.from([0xff])],
    ] as const
    const one = message('{"a":1}', { key: 'x"y', headers, offset: 9223372036854775807n })
    expect(shown(await decodeOne({ parts: all }, one))).toBe(
      '{"a":1,"k":"x\\"y","h":{"a":"ü","b":null,"__proto__":"\ufffd"},"t":"2026-01-02T03:03:04.567Z","p":3,"o":9223372036854775807}',
    )
  })

  it.each([
    ['{}', '{"o":7}'],
    ['{ }', '{ "o":7}'],
    ['{\n}\n', '{ "o":7}'],
    ['{"o":1} \n', '{"o":1,"o":7}'],
    ['{"a":{} }', '{"a":{} ,"o":7}'],
  ])('join %j', async (value, row) => {
    expect(shown(await decodeOne({ parts: { offset: 'o' } }, message(value)))).toBe(row)
  })

  it('tell a time of four-digit years, and else null', async () => {
    const decoder = decoderOf({ parts: { timestamp: 't' } })
    const random = seeded()
    const [first, last] = [-62_167_219_200_000n, 253_402_300_799_999n]
    const known = [0n, -2n, first, last, 951_782_400_000n, 4_107_542_399_999n]
    const some = Array.from({ length: 5000 }, () => first + (BigInt(random.whole(0, 2 ** 30)) * (last - first)) / 2n ** 30n)
    for (const timestamp of [...known, ...some]) {
      const time = new Date(Number(timestamp)).toISOString()
      expect(shown(decoder.decode(message('{}', { timestamp }), 0))).toBe(`{"t":"${time}"}`)
    }
    for (const timestamp of [-1n, first - 1n, last + 1n, 2n ** 63n - 1n, -(2n ** 63n)]) {
      expect(shown(decoder.decode(message('{}', { timestamp }), 0))).toBe('{"t":null}')
    }
  })

  it('take the key by its own format, or refuse the message', async () => {
    const options = { parts: { key: 'k' }, key: 'json' } as const
    expect(shown(await decodeOne(options, message('{}', { key: ' {"id":\n12345678901234567890}' })))).toBe(
      '{"k":{"id": 12345678901234567890}}',
    )
    expect(shown(await decodeOne(options, message('{}', { key: null })))).toBe('{"k":null}')
    expect(shown(await decodeOne(options, message('{}', { key: '1,"a":2' })))).toMatch(/^malformed at k: Not JSON: /)
    expect(shown(await decodeOne(options, message('{}', { key: '' })))).toMatch(/^malformed at k: Not JSON: /)
    const bytes = message('{}', { key: Buffer.from([0x80]) })
    expect(shown(await decodeOne({ parts: { key: 'k' } }, bytes))).toBe('malformed at k: Not UTF-8')
    // Nobody asks for it.
    expect(shown(await decodeOne({ key: 'json' }, message('{}', { key: '}' })))).toBe('{}')
  })

  it('win over members of the value, make nothing well-formed that is not, and forge nothing', async () => {
    const random = seeded()
    const names = ['k', 'offset', '', ' ', ',', ':', '}', ']', '"', '__proto__', ':1,', ',"a":', 'é', '\n', ':"']
    let rows = 0
    let bad = 0
    for (let at = 0; at < 12_000; at++) {
      const [key, offset, partition] = [random.pick(names), random.pick(names), random.pick(names)]
      const text = JSON.stringify(random.chance(0.7) ? someObject(random) : someJson(random), null, random.pick([0, 1]))
      const whole = random.chance(0.3)
        ? `${text}${random.pick(['}', ' }', '"}', '\\}', '{}', ':}', ',}', '[}', '{"}', '"{}', '1}', ' '])}`
        : text
      const value = random.chance(0.5) ? Buffer.from(whole) : damaged(random, Buffer.from(whole))
      const keyText = someText(random)
      const one = message(value, { key: keyText, offset: BigInt(random.whole(0, 99)) })
      const decoded = decoderOf({ parts: { key, offset, partition } }).decode(one, 5)
      const said = parsedOrUndefined(value)
      const row = decoded.kind === 'row' ? parsedOrUndefined(decoded.json) : undefined
      if (!isObject(said)) {
        bad++
        expect(row, `${value} with ${[key, offset, partition]}`).toBeUndefined()
        continue
      }
      rows++
      const due = new Map<string, unknown>(Object.entries(said))
      for (const [name, part] of [
        [key, keyText],
        [partition, 5],
        [offset, Number(one.offset)],
      ] as const)
        due.set(name, part)
      expect(new Map(Object.entries(row as object)), value.toString()).toEqual(due)
    }
    expect(Math.min(rows, bad)).toBeGreaterThan(2000)
  })

  it('of columns whose names could go on behind a string do not do so where the value has left one open', () => {
    for (const name of [',', ':', ' ', '}', ']', ':1,', '', 'a', '"', '\\']) {
      const decoder = decoderOf({ parts: { partition: name, offset: ':' } })
      for (const value of ['{"a":"}', '{"a}', '{"a":"{}', '{"a":1,"}', '{"}', '{"a":["}', '{"a":"\\}']) {
        const decoded = decoder.decode(message(value), 1)
        if (decoded.kind !== 'row') continue
        expect(parsedOrUndefined(decoded.json)).toBeUndefined()
        // The first quote of the members ends the string, and what may stand behind a string does not follow.
        expect(
          Buffer.from(decoded.json)
            .toString('utf8')
            .slice(value.length - 1),
        ).toMatch(/^,?"[^ ,:}\]]/)
      }
    }
  })

  it('join rows of every size, each in its own place', async () => {
    const decoder = decoderOf({ parts: { offset: 'o', key: 'k' } })
    const sizes = [0, 1, 100, 200_000, 10, 300_000, 5, 262_144]
    const messages = sizes.map((size, at) =>
      message(`{"a":"${'x'.repeat(size)}"}`, { offset: BigInt(at), key: '漢'.repeat(size % 1000) }),
    )
    const rows = await decodeAll(decoder, messages)
    rows.forEach((row, at) => {
      expect(shown(row)).toBe(`{"a":"${'x'.repeat(sizes[at]!)}","k":"${'漢'.repeat(sizes[at]! % 1000)}","o":${at}}`)
    })
  })
})

describe('a message without a value', () => {
  it('is refused, unless it is declared what it stands for', async () => {
    expect(shown(await decodeOne({}, message(null, { key: 'x' })))).toBe('tombstone: A message without a value')
    expect(shown(await decodeOne({ tombstones: 'ignore' }, message(null)))).toBe('nothing: tombstone')
    // An empty value is a value.
    expect(shown(await decodeOne({ tombstones: 'ignore' }, message('')))).toBe('malformed: The value is empty')
  })

  it('takes back the rows of its key', async () => {
    const retract = { tombstones: 'retract' } as const
    const text = { ...retract, parts: { key: 'id', offset: 'o' } }
    expect(shown(await decodeOne(text, message(null, { key: 'x' })))).toBe('retracts {"id":"x","o":7}')
    const json = { ...retract, key: 'json' } as const
    expect(shown(await decodeOne(json, message(null, { key: '{"id":12345678901234567890}' })))).toBe(
      'retracts {"id":12345678901234567890}',
    )
    expect(shown(await decodeOne({ ...json, parts: { offset: 'o' } }, message(null, { key: '{ }' })))).toBe('retracts { "o":7}')
    expect(shown(await decodeOne({ ...json, parts: { key: 'id' } }, message(null, { key: '5' })))).toBe('retracts {"id":5}')
    expect(shown(await decodeOne(json, message(null, { key: '5' })))).toMatch(/^tombstone: The key is no object/)
    expect(shown(await decodeOne(text, message(null)))).toMatch(/^tombstone: Neither a key nor a value/)
  })
})

describe('members of a JSON text', () => {
  it('are those that JSON.parse finds, as they are written', () => {
    const random = seeded()
    for (let at = 0; at < 5000; at++) {
      const value = someObject(random)
      const text = JSON.stringify(value, null, random.pick([0, 2, '\t']))
      const members = [...membersOf(text)].map(([name, member]) => [name, JSON.parse(member)])
      expect(new Map(members as [string, unknown][])).toEqual(new Map(Object.entries(JSON.parse(text))))
      const items = Object.values(value)
      expect(itemsOf(JSON.stringify(items, null, random.pick([0, 1]))).map(item => JSON.parse(item))).toEqual(
        JSON.parse(JSON.stringify(items)),
      )
    }
    expect([...membersOf('{"a":1,"\\u0061":1.50,"b":-0,"\\\\":"\\\\","\\"":"\\""}')]).toEqual([
      ['a', '1.50'],
      ['b', '-0'],
      ['\\', '"\\\\"'],
      ['"', '"\\""'],
    ])
  })
})

describe('the text of refused bytes', () => {
  it('names just these', () => {
    const random = seeded()
    const some = (): Buffer => {
      const text = Buffer.from(random.chance(0.2) ? `base64:${someText(random)}` : someText(random))
      return random.chance(0.5) ? text : damaged(random, text)
    }
    for (let at = 0; at < 5000; at++) {
      const bytes = some()
      expect(Buffer.from(rawBytes(rawText(bytes)))).toEqual(bytes)
    }
    expect(rawText(Buffer.from('{"a":1}'))).toBe('{"a":1}')
    expect(rawText(Buffer.from([0, 1, 0xff]))).toBe('base64:AAH/')
  })
})
