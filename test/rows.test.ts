/** Rows of JSON: whatever a line holds, the verdict and the values are those of JSON.parse and zod. */
import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { RowReader } from '../src/rows/rowReader.ts'
import type { RowsOptions } from './kit/rows.ts'
import { expectedRow, readRows, schemaOf } from './kit/rows.ts'
import { cases } from './kit/scratch.ts'

const TIMES = [z.iso.datetime(), z.iso.datetime({ offset: true }), z.iso.datetime({ precision: 3 }), z.coerce.date()]

/** One of each way in which a column is read. */
const COLUMNS: Record<string, z.ZodType> = {
  text: z.string(),
  textNull: z.string().nullable(),
  textOptional: z.string().optional(),
  textDefault: z.string().default('d\u00e9f'),
  textBounds: z.string().min(2).max(5),
  textLength: z.string().length(3),
  code: z.string().regex(/^[A-Z]{3}$/),
  sticky: z.string().regex(/b/y),
  global: z.string().regex(/a/g),
  starts: z.string().startsWith('a').endsWith('b').includes('ab'),
  trimmed: z.string().trim().min(1),
  upper: z.string().toUpperCase(),
  normal: z.string().normalize('NFC'),
  email: z.email(),
  uuid: z.uuid(),
  day: z.iso.date(),
  choice: z.enum(['a', 'b', '\u{1f600}', '__proto__']),
  caught: z.string().max(3).catch('caught'),
  number: z.number(),
  bounded: z.number().min(-1.5).lt(1e3),
  numberNull: z.number().nullish(),
  numberDefault: z.number().default(0.1),
  multiple: z.number().multipleOf(0.01),
  literal: z.literal([1, -0, 2.5]),
  float: z.float32(),
  int: z.int(),
  int32: z.int32(),
  uint32: z.uint32(),
  positive: z.int().positive(),
  bigint: z.bigint(),
  int64: z.int64().min(-5n),
  evens: z.bigint().multipleOf(2n),
  uint64: z.uint64(),
  flag: z.boolean(),
  yes: z.literal(true),
  flagCaught: z.boolean().catch(false),
  date: z.coerce.date(),
  dateBounds: z.coerce.date().min(new Date('2000-01-01')).max(new Date('2030-01-01T00:00:00.123Z')).nullable(),
  refined: z.string().refine(text => text.length % 2 === 0),
  refinedShort: z
    .string()
    .max(5)
    .refine(text => text !== 'ab', { abort: true })
    .refine(text => text.length % 2 === 0)
    .nullish(),
  refinedAtTimes: z.string().refine(text => text.length % 2 === 0, { when: ({ value }) => value !== 'a' }),
  refinedInt: z
    .int()
    .min(0)
    .superRefine((value, context) => {
      if (value % 2 === 0) context.addIssue({ code: 'custom', message: 'even' })
    }),
  refinedBigint: z
    .bigint()
    .refine(value => value % 2n === 0n)
    .optional(),
  refinedFlag: z.boolean().refine(value => value),
  refinedTrim: z
    .string()
    .trim()
    .refine(text => text.length % 2 === 0),
  refinedDefault: z
    .string()
    .refine(text => text.length % 2 === 0)
    .default('b'),
  refinedThenChanged: z
    .string()
    .refine(text => text.length % 2 === 0)
    .toUpperCase(),
  changedByCheck: z.string().check(payload => {
    if (payload.value.length > 1) payload.value = 'changed'
  }),
  failing: z.string().refine(text => {
    if (text.length > 1) throw new Error('too long')
    return true
  }),
  transformed: z.string().transform(Number).pipe(z.number()),
  coerced: z.coerce.number(),
  nested: z.object({ a: z.number(), b: z.bigint().optional() }),
  list: z.array(z.string()).max(3),
  any: z.unknown(),
  json: z.json(),
  union: z.union([z.string(), z.number()]),
  refinedDate: z.coerce.date().refine(date => date.getTime() % 2 === 0),
  constructor: z.string().optional(),
  'k\u00e9y "q"': z.int().optional(),
}

const deep = (depth: number, open: string, close: string): string => `${open.repeat(depth)}1${close.repeat(depth)}`

const NUMBERS =
  `0 -0 1 -1 7 2.5 100 0.01 0.07 2.03 0.1 -1.5 999.99 1000 1e2 1E+2 1.0 -0.0 1e400 -1e400 1e-400 5e-324 1.7976931348623157e308
  1.7976931348623159e308 3.5e38 123456789.123456789 0.1234567890123456 9007199254740991 9007199254740992 9007199254740993 -9007199254740993
  123456789012345 1234567890123456 2147483647 2147483648 -2147483648 -2147483649 4294967295 4294967296 999999999999999999 1000000000000000000
  9223372036854775807 9223372036854775808 -9223372036854775807 -9223372036854775808 -9223372036854775809 18446744073709551615
  18446744073709551616 100000000000000000000 1234567890123456789 1e22 1e23 0.30000000000000004 00 01 -01 1. .5 +1 - 1e 1e+ 0x1 NaN Infinity
  -Infinity 1_000 8640000000000000 8640000000000001 1735689600123`.split(/\s+/)
const STRINGS = [
  ...[
    '',
    'a',
    'ab',
    'abc',
    'ABC',
    'abcd',
    'aXb',
    ' a ',
    '\u{1f600}',
    '\u{1f600}\u{1f600}',
    '\u00e9',
    'e\u0301',
    '__proto__',
    'b',
  ],
  ...[
    '\ufeffx',
    '\u2028',
    'a@b.co',
    '8d7f2c2e-1111-4222-8333-123456789abc',
    '2024-02-29',
    '2025-02-29',
    '12',
    'true',
    'null',
    '\u007f',
  ],
  ...['\t', '\n', '\0', '"', '\\', '\ud800', '\udc00', 'x'.repeat(40), 'x'.repeat(70), '\u00e9'.repeat(100)],
].map(text => JSON.stringify(text))
const RAW_STRINGS =
  String.raw`"\u0061" "\u00e9" "\ud83d\ude00" "\ud800" "\udc00\ud800" "\u0000" "\/" "\b\f\n\r\t" "\x" "\u12" "\u12g4" "\" "a"b" 'a' "`.split(
    ' ',
  )
const INSTANTS =
  `2026-01-05T12:00:00Z 2026-01-05T12:00:00.123Z 2026-01-05T12:00:00.123456789Z 2026-01-05T12:00:00+02:00 2026-01-05T12:00Z
  2016-12-31T23:59:60Z 2025-02-29T00:00:00Z 2024-02-29T00:00:00Z 0000-01-01T00:00:00Z 0001-01-01T00:00:00Z 9999-12-31T23:59:59.999999Z
  9999-12-31T23:59:59-01:00 0001-01-01T00:00:00+01:00 1969-12-31T23:59:59.999999Z 2026-01-05T24:00:00Z 2026-01-05 2026-01-05T12:00:00
  2026-01-05t12:00:00z 2026-01-05T12:00:00.000500Z 2029-12-31T23:59:59.9999999Z 2030-01-01T00:00:00.123456Z 1999-12-31T23:59:59.999999Z 2026-13-01T00:00:00Z
  2026-01-05T12:00:00+24:00 2026-01-05T12:00:00.Z 2026-01-05T12:00:00.1234567890Z 12026-01-05T12:00:00Z 2026-01-05T12:0:00Z`.split(
    /\s+/,
  )
const OTHERS = [
  ...[
    'true',
    'false',
    'null',
    'tru',
    'falsy',
    'xalse',
    'nul',
    'nulll',
    '',
    '[]',
    '{}',
    '["a","b"]',
    '[1,2,3,4]',
    '[1,]',
    '[,1]',
    '{"a":1}',
  ],
  ...[
    '{"a":1,"a":2}',
    '{"a":1.5,"b":9007199254740993}',
    '{"a":1,"b":null}',
    '{"__proto__":{"a":1}}',
    '{"a":1,"__proto__":1}',
    '{"a":1,}',
  ],
  ...[
    '{"a" : 1 , "b" : 2 }',
    '{a:1}',
    '{"a":[{"b":[{"c":null}]}]}',
    deep(60, '[', ']'),
    deep(300, '[', ']'),
    deep(3000, '[', ']'),
  ],
  ...[deep(300, '{"a":', '}'), '[1 2]', '[', '}'],
]

const TEXTS = [...NUMBERS, ...STRINGS, ...RAW_STRINGS, ...INSTANTS.map(text => `"${text}"`), ...OTHERS]
const TIME = '"time":"2026-01-05T12:00:00Z"'

const anything = fc.oneof(
  ...[NUMBERS, STRINGS, INSTANTS.map(text => `"${text}"`), RAW_STRINGS, OTHERS].map(texts => fc.constantFrom(...texts)),
  fc.double().map(value => JSON.stringify(value)),
  fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }).map(String),
  fc.string({ unit: 'binary', maxLength: 12 }).map(text => JSON.stringify(text)),
)

/** Values of which a schema accepts most. */
function likely(schema: z.ZodType, name: string): fc.Arbitrary<string> {
  const row = schemaOf(z.object({ time: z.iso.datetime(), [name]: schema }))
  const good = TEXTS.filter(text => {
    const line = `{${TIME},${JSON.stringify(name)}:${text}}`
    return 'values' in (expectedRow(row, line, undefined) ?? {})
  })
  return good.length === 0 ? anything : fc.constantFrom(...good)
}
const LIKELY = new Map(Object.entries(COLUMNS).map(([name, schema]) => [name, likely(schema, name)]))

const SEPARATORS = fc.constantFrom([',', ':'], [', ', ': '], [' ,\t', ' : '], [',', ':'], [',\r', ':'])
const STRANGE = [
  ...[
    '"extra":1',
    '"extra":{"a":[1,"x"]}',
    '"__proto__":{"x":1}',
    '"extra":01',
    '"\\u0074ime":"x"',
    '"x":"\\ud800"',
    '"toString":1',
  ],
  ...['"extra":"\u0001"', '"":null', '"\u00e9\u{1f600}":2', 'extra:1', '"extra"', `"deep":${deep(500, '[', ']')}`],
]

interface Line {
  members: [name: string, value: string][]
  separators: readonly string[]
  strange: string[]
  shuffled: number
  damage: number
}

function textOf({ members, separators, strange, shuffled, damage }: Line): string {
  const [comma, colon] = separators as readonly [string, string]
  const all = [...members.map(([name, value]) => `${JSON.stringify(name)}${colon}${value}`), ...strange]
  // Most lines are like the ones before.
  if (shuffled > 0.8) all.reverse()
  if (shuffled > 0.95) all.push(all[0] ?? '')
  const line = `{${all.join(comma)}}`
  if (damage < 0.9) return line
  const DAMAGES = [
    `\ufeff${line}`,
    `${line}\r`,
    `  ${line}  `,
    '',
    '   ',
    `${line}}`,
    line.slice(0, -1),
    `[${line}]`,
    line.slice(0, line.length / 2),
    'null',
    `${line}\u00a0`,
    '\ufeff',
  ]
  return DAMAGES[Math.floor((damage - 0.9) * 10 * DAMAGES.length)] ?? line
}

const KINDS = [
  (shape: z.ZodRawShape) => z.object(shape),
  (shape: z.ZodRawShape) => z.strictObject(shape),
  (shape: z.ZodRawShape) => z.looseObject(shape).refine(row => isLucky(row)),
  (shape: z.ZodRawShape) => z.object(shape).refine(row => isLucky(row)),
  (shape: z.ZodRawShape) => z.strictObject(shape).refine(row => Object.keys(row).join() < 'p'),
  (shape: z.ZodRawShape) =>
    z.object(shape).refine(row => isLucky(row), { when: ({ value }) => Object.keys(value as object).length > 2 }),
  (shape: z.ZodRawShape) => z.object(shape).catchall(z.number()),
]

const table = fc
  .record({
    names: fc.uniqueArray(fc.constantFrom(...Object.keys(COLUMNS)), { minLength: 1, maxLength: 6 }),
    time: fc.constantFrom(...TIMES),
    kind: fc.constantFrom(...KINDS, KINDS[0]!, KINDS[0]!),
    zone: fc.constantFrom(undefined, 'Europe/Berlin'),
    hostile: fc.constantFrom(0, 0, 0.02, 0.3),
  })
  .chain(({ names, time, kind, zone, hostile }) => {
    const schema = kind({ time, ...Object.fromEntries(names.map(name => [name, COLUMNS[name]!])) })
    const rarely = { probability: hostile, leaveOut: hostile / 2 }
    const value = (usual: fc.Arbitrary<string>): fc.Arbitrary<string | undefined> =>
      fc
        .tuple(fc.double({ min: 0, max: 1, noNaN: true }), usual, anything)
        .map(([chance, one, other]) => (chance < rarely.leaveOut ? undefined : chance > 1 - rarely.probability ? other : one))
    const members = fc.tuple(
      value(fc.constantFrom(...INSTANTS.slice(0, 3).map(text => `"${text}"`))).map(text => ['time', text] as const),
      ...names.map(name => value(LIKELY.get(name)!).map(text => [name, text] as const)),
    )
    const line = fc.record({
      members: members.map(all => all.filter((member): member is [string, string] => member[1] !== undefined)),
      separators: SEPARATORS,
      strange: fc.array(fc.constantFrom(...STRANGE), { maxLength: hostile > 0 ? 1 : 0 }),
      shuffled: fc.double({ min: 0, max: hostile === 0 ? 0.9 : 1, noNaN: true }),
      damage: fc.double({ min: 0, max: hostile === 0 ? 0.5 : 1, noNaN: true }),
    })
    return fc.record({
      schema: fc.constant(schema),
      zone: fc.constant(zone),
      lines: fc.array(line, { minLength: 30, maxLength: 60 }),
    })
  })

/** Reads the lines, and compares with what they are by JSON.parse and zod alone. */
async function compare(object: z.ZodType, lines: readonly (string | Buffer)[], zone?: string): Promise<void> {
  const schema = schemaOf(object)
  const expected = lines.map(line => {
    if (typeof line === 'string') return expectedRow(schema, line, zone)
    return isUtf8(line) ? expectedRow(schema, String(line), zone) : { issues: [{ path: '', code: 'malformed' }] }
  })
  const bytes = Buffer.concat(lines.flatMap(line => [Buffer.from(line), Buffer.from('\n')]))
  const { kept, rejected } = await readRows(schema, bytes, zone === undefined ? {} : { zone })
  const issues = rejected.map(row => ({
    row: row.row,
    issues: row.issues.filter(({ code }) => code !== 'no_offset').map(({ path, code }) => ({ path, code })),
  }))
  expect(issues).toEqual(
    expected.flatMap((row, at) => (row && 'issues' in row ? [{ row: BigInt(at + 1), issues: row.issues }] : [])),
  )
  expect(kept).toEqual(expected.flatMap(row => (row && 'values' in row ? [row.values] : [])))
}

describe('rows of JSON are judged and changed as JSON.parse and zod do', () => {
  it.each(Object.entries(COLUMNS))('whatever stands in a column: %s', async (name, schema) => {
    const key = JSON.stringify(name)
    const lines = TEXTS.flatMap(text => [`{${TIME},${key}:${text}}`, `{${key}: ${text} ,${TIME}}`, `{${TIME}}`])
    const object = z.object({ time: z.iso.datetime(), [name]: schema })
    await compare(object, lines)
    await compare(
      object.refine(row => isLucky(row)),
      lines,
    )
  })

  it('whichever of several objects a row is', async () => {
    const time = z.iso.datetime()
    const object = z.union([
      z.object({ time, a: z.int() }),
      z.object({ time, a: z.string().min(2), b: z.coerce.date().nullish() }),
    ])
    const values = ['1', '"x"', '"xy"', 'null', '1.5', '"2026-01-05T12:00:00.000001Z"', '"2026-01-05"', '9007199254740993']
    const lines = values.flatMap(a => [`{${TIME},"a":${a}}`, ...values.map(b => `{${TIME},"a":${a},"b":${b}}`)])
    await compare(object, lines)
    await compare(object, lines, 'UTC')
  })

  it.each(TIMES)('whatever stands in the event time', async time => {
    const lines = TEXTS.flatMap(text => [`{"time":${text}}`, `{"a":1,"time": ${text} }`])
    await compare(z.object({ time }), lines)
    await compare(z.object({ time }), lines, 'Europe/Berlin')
  })

  it.each(KINDS)('whatever else a line holds', async kind => {
    const good = `{${TIME},"a":1,"b":"x"}`
    const lines: (string | Buffer)[] = [
      ...STRANGE.flatMap(strange => [`{${strange},${TIME},"a":1,"b":"x"}`, `{${TIME},"a":1,"b":"x", ${strange}}`, good]),
      ...[
        `{"a":1,"a":2,${TIME},"b":"x"}`,
        `{${TIME},"a":1,"b":"x",${TIME}}`,
        `{${TIME},"a":1,"b":"x","b":"y"}`,
        `{"a":1,"b":"x"}`,
      ],
      ...[`{"b":"x","a":1,${TIME}}`, `{ ${TIME} , "a" : 1 , "b" : "x" }`, `\t{${TIME},"a":1,"b":"x"}\r`, `${good} `, `${good},`],
      ...[
        `${good}${good}`,
        `${good}x`,
        `${good}\u00a0`,
        `\ufeff${good}`,
        `\ufeff\ufeff${good}`,
        '\ufeff',
        '',
        '  \t\r',
        '\u00a0',
        '{}',
        '[]',
      ],
      ...[
        'null',
        '1',
        '"x"',
        '{',
        '}',
        `[${good}]`,
        good.slice(0, -1),
        good.slice(0, 20),
        `{${TIME},"a":1,"b":"x",}`,
        `{,${TIME}}`,
      ],
      ...[
        `{${TIME},"a":1,,"b":"x"}`,
        `{${TIME} "a":1,"b":"x"}`,
        `{${TIME},"a" 1,"b":"x"}`,
        `{${TIME},"a":1 "b":"x"}`,
        `{${TIME},a:1}`,
      ],
      ...[`{${TIME},"a":1,"b":"x"}//`, `{${TIME},"a":1,"B":"x"}`, `{${TIME},"A":1,"b":"x"}`, `{${TIME},"a":1,"b":"x" "c":1}`],
      ...[
        `{${TIME},"a":1,"b":"${'y'.repeat(100_000)}"}`,
        `{${' '.repeat(3000)}${TIME},"a":1,"b":"x"}`,
        `{${TIME},"\\u0061":1,"b":"x"}`,
      ],
      ...[
        `{${TIME},"a":1,"b":"\u0001"}`,
        `{${TIME},"a":1,"b":"\u001f"}`,
        `{${TIME},"a":1,"b":"ab\u0000cd"}`,
        `{${TIME},"a\u0000":1}`,
      ],
      // Invalid UTF-8: cut short, overlong, surrogates, beyond U+10FFFF.
      ...[[0xc3], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xff]].map(bytes =>
        Buffer.concat([Buffer.from(`{${TIME},"a":1,"b":"`), Buffer.from(bytes), Buffer.from('"}')]),
      ),
      good,
    ]
    await compare(kind({ time: z.iso.datetime(), a: z.int(), b: z.string() }), lines)
    // Without what is no UTF-8 at all, every line is looked at with its neighbours.
    await compare(
      kind({ time: z.iso.datetime(), a: z.int(), b: z.string() }),
      lines.filter(line => typeof line === 'string'),
    )
  })

  it('no other byte stands for a digit', async () => {
    const instant = '2026-01-31T12:00:00Z'
    const texts = [...instant].flatMap((sign, at) =>
      /\d/.test(sign) ? ['/', ':', '\x7f'].map(other => instant.slice(0, at) + other + instant.slice(at + 1)) : [],
    )
    await compare(
      z.object({ time: z.iso.datetime(), a: z.coerce.date() }),
      texts.map(text => `{"time":"${instant}","a":"${text}"}`),
    )
  })

  it('in any order and company', async () => {
    await fc.assert(
      fc.asyncProperty(table, ({ schema, zone, lines }) =>
        compare(
          schema,
          lines.map(textOf).map(text => text.replaceAll('\n', ' ').toWellFormed()),
          zone,
        ),
      ),
      { numRuns: cases(230, 2300, 10_000), ...(process.env.QUERN_SOAK ? {} : { seed: 1 }) },
    )
  }, 3_600_000)
})

/** Of two thirds of rows, whatever they differ in. */
function isLucky(row: object): boolean {
  let hash = 7
  for (const character of textOfAll(row)) hash = (Math.imul(hash, 31) + character.codePointAt(0)!) | 0
  return hash % 3 !== 0
}

const textOfAll = (row: object): string =>
  JSON.stringify(row, (_, value) => (typeof value === 'bigint' ? `${value}n` : Object.is(value, -0) ? 'minus' : value))

/** How many of the lines are read without zod. */
function fastRows(object: z.ZodType, lines: readonly string[], keys: readonly string[] = []): number {
  const roles = { zone: undefined, eventTime: { column: 'time', unit: undefined }, knownTime: undefined, keys }
  const reader = new RowReader(schemaOf(object), roles)
  reader.open(new Map(), () => ({}))
  reader.read(Buffer.from(lines.join('\n')))
  return reader.fastRows
}

describe('a row is read without zod', () => {
  const VALUES: Record<string, string[]> = {
    text: ['""', '"a"', '"\u{1f600}"', '"\\n\\u00e9\\ud83d\\ude00"', `"${'x'.repeat(100)}"`],
    textNull: ['null', '"a"'],
    textOptional: ['null'],
    textDefault: ['null', '"a"'],
    textBounds: ['"ab"', '"\u{1f600}\u{1f600}"'],
    code: ['"EUR"', '"EUR"'],
    global: ['"ba"', '"ba"'],
    trimmed: ['" a "', '" a "', '"\u00a0b"'],
    upper: ['"\u00df"'],
    choice: ['"a"', '"\u{1f600}"'],
    number: ['0', '-0', '1.5', '-12.25', '1e3', '0.1234567890123456', '123456789012345678e-3', '5e-324'],
    multiple: ['0.07', '2.03'],
    literal: ['2.5'],
    float: ['0.1'],
    int: ['9007199254740991', '-9007199254740991', '-0', '1.0', '1e2'],
    int32: ['-2147483648', '2147483647'],
    uint32: ['4294967295'],
    bigint: ['9223372036854775807', '-9223372036854775807', '1234567890123456', '-1'],
    int64: ['9223372036854775807', '-5'],
    uint64: ['18446744073709551615'],
    flag: ['true', 'false'],
    date: ['"2026-01-05T12:00:00.123456Z"', '"2026-01-05 12:00+02"', '1735689600123'],
    dateBounds: ['"2026-01-05T12:00:00Z"', 'null'],
    refined: ['"ab"'],
    refinedShort: ['"cd"', 'null', '"\u00e9\u00e9"'],
    refinedInt: ['1', '3e0'],
    refinedBigint: ['2', '9007199254740994', 'null'],
    refinedFlag: ['true'],
    nested: ['{"a":1,"b":9007199254740993}'],
    any: ['[1,{"a":null}]'],
  }

  it.each(Object.entries(VALUES))('of %s', (name, values) => {
    const lines = values.map(value => `{${TIME},"${name}":${value}}`)
    expect(fastRows(z.object({ time: z.iso.datetime(), [name]: COLUMNS[name]! }), lines)).toBe(values.length)
  })

  const SCHEMA = z.object({ time: z.coerce.date(), a: z.int().optional(), b: z.string().default('x') })

  it('in whatever order and spacing, with columns left out and others added', () => {
    const lines = [
      ...[`{${TIME},"a":1,"b":"x"}`, `{"b": "x", ${TIME}, "a": 1}`, `{ ${TIME} }\r`, `{"c":[1,{"d":"\\n"}],${TIME},"":2}`],
      ...['{"a":1,"time":"2026-01-05T12:00:00.5+01:00"}', `\t{"b":"y","a":2,${TIME}}`, `{"toString":1,${TIME}}`],
    ]
    expect(fastRows(SCHEMA, lines)).toBe(lines.length)
  })

  it('only where that is certain', () => {
    const lines = [
      ...[
        `{${TIME},"a":1,"a":1}`,
        `{${TIME},"\\u0061":1}`,
        `{${TIME},"__proto__":1}`,
        `{${TIME},"a":"1"}`,
        `{${TIME},"b":"\\ud800"}`,
      ],
      ...[
        `{${TIME},"b":"\\u0000"}`,
        `{${TIME},"a":9007199254740993}`,
        '{"time":"0000-01-01T00:00:00Z"}',
        `{${TIME},"a":01}`,
        `{"a":1}`,
      ],
    ]
    expect(fastRows(SCHEMA, lines)).toBe(0)
    expect(fastRows(SCHEMA, [`{${TIME},"a":null}`], ['a'])).toBe(0)
    expect(fastRows(SCHEMA.strict(), [`{${TIME},"c":1}`, `{${TIME},"a":1}`])).toBe(1)
    const whole = SCHEMA.refine(({ a }) => a === 1)
    expect(fastRows(whole, [`{${TIME},"a":1}`, `{${TIME},"a":2}`, `{${TIME},"a":1,"c":1}`])).toBe(2)
    // A function that changes the row that it is asked of leaves it to the judge.
    const changed = z.object({ time: z.iso.datetime(), a: z.int() }).refine(row => {
      if (row.a === 2) row.a = 3
      return true
    })
    expect(fastRows(changed, [`{${TIME},"a":1}`, `{${TIME},"a":2}`])).toBe(1)
    // What the row is judged by is not all in its columns.
    expect(
      fastRows(
        SCHEMA.loose().refine(({ c }) => c !== 2),
        [`{${TIME},"a":1}`, `{${TIME},"c":1}`, `{${TIME},"c":2}`],
      ),
    ).toBe(1)
  })

  it('is tried less where most rows need zod, and again later', () => {
    const bad = Array.from({ length: 100_000 }, () => `{${TIME},"a":"1"}`)
    const good = Array.from({ length: 150_000 }, () => `{${TIME},"a":1}`)
    const fast = fastRows(SCHEMA, [...bad, ...good])
    expect(fast).toBeGreaterThan(80_000)
    expect(fast).toBeLessThan(150_000)
  })
})

describe('beside the schema', () => {
  const SCHEMA = z.object({ n: z.int(), x: z.number().nullable(), key: z.string().nullable(), seen: z.coerce.date().nullable() })
  const rows = (lines: readonly string[], options: RowsOptions): ReturnType<typeof readRows> =>
    readRows(schemaOf(SCHEMA), lines.join('\n'), options)
  const line = (n: unknown, x: unknown, key: unknown, seen: unknown): string => `{"n":${n},"x":${x},"key":${key},"seen":${seen}}`

  it('an integer is a time in its unit, exactly', async () => {
    const lines = [line(1735689600, 1, '"a"', 'null'), line(-1, 1, '"a"', 'null'), line(253402300800, 1, '"a"', 'null')]
    const { times, rejected } = await rows([...lines, line(9007199254, 1, '"a"', 'null')], {
      eventTime: { column: 'n', unit: 's' },
    })
    expect(times.map(({ t }) => t)).toEqual([1735689600000000n, -1000000n, 9007199254000000n])
    expect(rejected).toMatchObject([{ row: 3n, issues: [{ path: 'n', code: 'event_time_range' }] }])
    const wide = await rows([line(9007199254740991, 1, '"a"', 'null')], { eventTime: { column: 'n', unit: 'us' } })
    expect(wide.times).toEqual([{ t: 9007199254740991n, known: null }])
  })

  it('a number is a time in its unit, floored', async () => {
    const lines = [line(1, 1.9999999, '"a"', 'null'), line(1, -0.0000001, '"a"', 'null'), line(1, 'null', '"a"', 'null')]
    const { times, rejected } = await rows(lines, { eventTime: { column: 'x', unit: 's' } })
    expect(times.map(({ t }) => t)).toEqual([1999999n, -1n])
    expect(rejected).toMatchObject([{ row: 3n, issues: [{ path: 'x', code: 'no_event_time' }] }])
  })

  it('the known time must be there, and a key', async () => {
    const lines = [
      line(1, 1, '"a"', '"2026-01-05T12:00:00.000001Z"'),
      line(2, 1, '"a"', 'null'),
      line(3, 1, 'null', '"2026-01-05T12:00:00Z"'),
    ]
    const { kept, times, rejected } = await rows(lines, {
      eventTime: { column: 'n', unit: 's' },
      knownTime: 'seen',
      keys: ['key'],
    })
    expect(times[0]).toEqual({ t: 1000000n, known: 1767614400000001n })
    // A row that only the key refuses is kept as well.
    expect(kept.map(([n]) => n)).toEqual([1n, 3n])
    expect(rejected).toMatchObject([
      { row: 2n, issues: [{ code: 'no_known_time' }] },
      { row: 3n, issues: [{ code: 'null_key' }], refusedByKey: true },
    ])
  })

  it("a folder's name decides, whatever the row says", async () => {
    const lines = [line(1, 1, '"a"', 'null'), '{"x":1,"key":"b","seen":null}', line('"no"', 2, '"c"', 'null')]
    const options = { eventTime: { column: 'x', unit: 's' as const } }
    const { kept, rejected } = await rows(lines, { ...options, partition: { n: '7', other: 'y' } })
    expect([kept.map(row => [row[0], row[2]]), rejected]).toEqual([
      [
        [7n, 'a'],
        [7n, 'b'],
        [7n, 'c'],
      ],
      [],
    ])
    const wrong = await rows(lines, { ...options, partition: { n: 'x' } })
    expect([wrong.kept.length, wrong.rejected.length]).toEqual([0, 3])
  })
})

it('a row whose judgement does not end is refused, and its neighbours are not', async () => {
  const schema = z.object({ time: z.iso.datetime(), text: z.string().regex(/^(a+)+$/) })
  const line = (text: string): string => `{${TIME},"text":"${text}"}`
  const lines = [line('a'), line('b'), line(`${'a'.repeat(60)}!`), line('aa'), line('c')]
  const { kept, rejected } = await readRows(schemaOf(schema), lines.join('\n'))
  expect(kept.map(([, text]) => text)).toEqual(['a', 'aa'])
  expect(rejected.map(({ row, issues }) => [row, issues[0]!.code])).toEqual([
    [2n, 'invalid_format'],
    [3n, 'timeout'],
    [5n, 'invalid_format'],
  ])
})
