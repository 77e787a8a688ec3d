/** Rows of JSON: whatever a line holds, the verdict and the values are those of JSON.parse and zod. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { RowSchema } from '../src/domain/schema.ts'
import { RowReader } from '../src/rows/rowReader.ts'
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
  2026-01-05t12:00:00z 2029-12-31T23:59:59.9999999Z 2030-01-01T00:00:00.123456Z 1999-12-31T23:59:59.999999Z 2026-13-01T00:00:00Z
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

const anything = fc.oneof(
  ...[NUMBERS, STRINGS, INSTANTS.map(text => `"${text}"`), RAW_STRINGS, OTHERS].map(texts => fc.constantFrom(...texts)),
  fc.double().map(value => JSON.stringify(value)),
  fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }).map(String),
  fc.string({ unit: 'binary', maxLength: 12 }).map(text => JSON.stringify(text)),
)

/** Values of which a schema accepts most. */
function likely(schema: z.ZodType, name: string): fc.Arbitrary<string> {
  const good = [...NUMBERS, ...STRINGS, ...INSTANTS.map(text => `"${text}"`), ...OTHERS].filter(text => {
    const row = schemaOf(z.object({ time: z.iso.datetime(), [name]: schema }))
    const line = `{"time":"2026-01-05T12:00:00Z",${JSON.stringify(name)}:${text}}`
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

const KINDS = [(shape: z.ZodRawShape) => z.object(shape), (shape: z.ZodRawShape) => z.strictObject(shape)]

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

describe('rows of JSON', () => {
  it('are judged and changed as JSON.parse and zod do', async () => {
    await fc.assert(
      fc.asyncProperty(table, async ({ schema, zone, lines }) => {
        const read = schemaOf(schema)
        const texts = lines.map(textOf).map(text => text.replaceAll('\n', ' '))
        const bytes = Buffer.from(texts.join('\n'))
        const expected = bytes
          .toString()
          .split('\n')
          .map(text => expectedRow(read, text, zone))
        const { kept, rejected } = await readRows(read, bytes, zone === undefined ? {} : { zone })
        const values = expected.flatMap(row => (row && 'values' in row ? [row.values] : []))
        const issues = expected.flatMap((row, at) =>
          row && 'issues' in row ? [{ row: BigInt(at + 1), issues: row.issues }] : [],
        )
        expect(
          rejected.map(row => ({
            row: row.row,
            issues: row.issues.filter(({ code }) => code !== 'no_offset').map(({ path, code }) => ({ path, code })),
          })),
        ).toEqual(issues)
        expect(kept).toEqual(values)
      }),
      { numRuns: cases(230, 2300) },
    )
  })
})

/** How many of the lines are read without zod. */
function fastRows(schema: RowSchema, lines: readonly string[]): number {
  const roles = { zone: undefined, eventTime: { column: 'time', unit: undefined }, knownTime: undefined, keys: [] }
  const reader = new RowReader(schema, roles)
  reader.open(new Map(), () => ({}))
  reader.read(Buffer.from(lines.join('\n')))
  return reader.fastRows
}
