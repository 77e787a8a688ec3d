/** What of zod a row may use: every construct is read, with the column that it makes; what has no meaning is refused by name. */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { typeName } from '../src/domain/columnType.ts'
import type { Field } from '../src/domain/schema.ts'
import { readSchema } from '../src/validation/readSchema.ts'
import { schemaOf } from './kit/zodColumn.ts'

const fieldOf = (source: string): Field => {
  const read = readSchema(z.object({ it: schemaOf(source) }))
  if ('faults' in read) throw new Error(`${source}: ${JSON.stringify(read.faults)}`)
  return read.schema.fields[0]!
}

const faultsOf = (schema: z.ZodType): string =>
  ((read): string =>
    'faults' in read ? read.faults.map(({ column, message }) => `${column ?? ''}: ${message}`).join('\n') : '')(
    readSchema(schema),
  )

describe('check refuses by name', () => {
  const meaningless: [what: string, source: string, name: string][] = [
    ['a function', 'z.function()', 'z.function()'],
    ['a promise', 'z.promise(z.string())', 'z.promise()'],
    ['a symbol', 'z.symbol()', 'z.symbol()'],
    ['a map', 'z.map(z.string(), z.number())', 'z.map()'],
    ['a set', 'z.set(z.string())', 'z.set()'],
    ['a file', 'z.file()', 'z.file()'],
    ['nothing at all', 'z.never()', 'z.never()'],
    ['undefined', 'z.undefined()', 'z.undefined()'],
    ['void', 'z.void()', 'z.void()'],
    ['null alone', 'z.null()', 'z.null()'],
    ['a literal of null alone', 'z.literal(null)', 'z.literal()'],
    ['an enum of no values', 'z.enum([])', 'z.enum()'],
    ['a custom type', 'z.custom(() => true)', 'z.custom()'],
    ['an instance of a class', 'z.instanceof(Date)', 'z.custom()'],
    ['a function inside of objects', 'z.object({ a: z.object({ b: z.function() }) })', 'z.function()'],
    ['a map inside of an array', 'z.array(z.map(z.string(), z.string())).optional()', 'z.map()'],
    ['a set inside of a record', 'z.record(z.string(), z.set(z.any()))', 'z.set()'],
    ['a symbol among others', 'z.union([z.string(), z.symbol()])', 'z.symbol()'],
    ['a promise behind a lazy schema', 'z.lazy(() => z.promise(z.string()))', 'z.promise()'],
    ['a function in a tuple', 'z.tuple([z.string()], z.function())', 'z.function()'],
    [
      'a codec that gives out a map',
      "z.codec(z.string(), z.map(z.string(), z.string()), { decode: () => new Map(), encode: () => '' })",
      'z.map()',
    ],
  ]
  it.each(meaningless)('%s', (_, source, name) => {
    const message = faultsOf(z.object({ fine: z.string(), odd: schemaOf(source) }))
    expect(message).toMatch(/^odd: .*(has no meaning in a table|cannot be a column)$/)
    expect(message).toContain(`\`${name}\``)
  })

  it('a transform whose output has no declared type', () => {
    for (const source of [
      'z.string().transform(text => text.length)',
      'z.transform(value => value)',
      'z.preprocess(value => value, z.string().transform(Number))',
    ])
      expect(faultsOf(z.object({ odd: schemaOf(source) }))).toMatch(/^odd: .*cannot be a column$/)
  })

  it('a default that is another each time', () => {
    for (const source of ['z.number().default(() => Math.random())', 'z.string().prefault(() => crypto.randomUUID())'])
      expect(faultsOf(z.object({ odd: schemaOf(source) }))).toBe('odd: its default is another each time')
  })

  it('checks that no value can meet together', () => {
    const sources = [
      'z.string().min(3).max(2)',
      'z.int().gt(1).lt(2)',
      'z.bigint().min(5n).max(4n)',
      "z.string().max(1).startsWith('ab')",
    ]
    for (const source of sources) expect(faultsOf(z.object({ odd: schemaOf(source) }))).toMatch(/^odd: no value can satisfy it: /)
  })

  it('what is no object of columns', () => {
    for (const schema of [
      z.string(),
      z.array(z.object({ a: z.string() })),
      z.record(z.string(), z.string()),
      z.object({ a: z.string() }).transform(row => row),
    ])
      expect(faultsOf(schema)).toBe(': the schema is no zod object')
    expect(faultsOf(z.object({ a: z.string() }).overwrite(row => row))).toContain('as a whole is changed')
    expect(faultsOf(z.object({ a: z.string() }).catchall(z.symbol()))).toContain('`z.symbol()`')
    expect(faultsOf(z.object({ ['__proto__']: z.string() }))).toContain('`__proto__`')
  })
})

/** Type of the column, `json` for text of JSON; and what zod itself judges, if anything. */
const columns: [source: string, type: string, byZod?: true][] = [
  ['z.string().min(1).max(5).length(3)', 'string'],
  ["z.string().startsWith('a').endsWith('b').includes('c')", 'string'],
  ['z.string().regex(/^[A-Z]{3}$/)', 'string'],
  ['z.string().trim().toLowerCase()', 'string'],
  ['z.email()', 'string'],
  ['z.uuid()', 'string'],
  ['z.iso.date()', 'string'],
  ['z.iso.time()', 'string'],
  ['z.iso.datetime({ offset: true })', 'string'],
  ['z.ipv4()', 'string'],
  ['z.url()', 'string', true],
  ['z.ipv6()', 'string', true],
  ['z.base64()', 'string', true],
  ['z.jwt()', 'string', true],
  ["z.templateLiteral(['id-', z.number()])", 'string', true],
  ['z.number().min(0).multipleOf(0.1)', 'double'],
  ['z.float64()', 'double'],
  ['z.float32()', 'float'],
  ['z.int()', 'int64'],
  ['z.number().int()', 'int64'],
  ['z.int32()', 'int32'],
  ['z.uint32()', 'int64'],
  ['z.bigint().multipleOf(3n)', 'int64'],
  ['z.int64()', 'int64'],
  ['z.uint64()', 'decimal(20,0)'],
  ['z.boolean()', 'boolean'],
  ['z.date().min(new Date(0))', 'timestamp'],
  ['z.coerce.date()', 'timestamp'],
  ["z.enum(['a', 'b'])", 'string'],
  ['z.enum({ A: 0, B: 1 })', 'double'],
  ["z.literal('a')", 'string'],
  ['z.literal([1, 2])', 'double'],
  ['z.literal([1n, 2n])', 'int64'],
  ['z.literal(true)', 'boolean'],
  ["z.literal(['a', 1])", 'json', true],
  ['z.union([z.string().min(1), z.iso.date()])', 'string', true],
  ['z.union([z.int32(), z.int()])', 'int64', true],
  ['z.union([z.string(), z.number()])', 'json', true],
  ['z.number().or(z.null())', 'double'],
  ['z.object({ a: z.string() })', 'json', true],
  ['z.array(z.number())', 'json', true],
  ['z.tuple([z.string(), z.number()])', 'json', true],
  ['z.record(z.string(), z.number())', 'json', true],
  ["z.discriminatedUnion('k', [z.object({ k: z.literal('a') })])", 'json', true],
  ['z.json()', 'json', true],
  ['z.any()', 'json', true],
  ['z.unknown()', 'json', true],
  ['z.int().nullable().optional()', 'int64'],
  ["z.string().default('x')", 'string'],
  ["z.string().prefault('x')", 'string'],
  ["z.string().catch('x')", 'string'],
  ["z.string().readonly().brand('x').describe('x')", 'string'],
  ['z.string().optional().nonoptional()', 'string'],
  ['z.lazy(() => z.int32())', 'int32'],
  ['z.string().refine(() => true)', 'string', true],
  ['z.lazy(() => z.string()).refine(() => true)', 'string', true],
  ['z.number().pipe(z.int())', 'int64'],
  ['z.number().pipe(z.int()).refine(() => true)', 'int64', true],
  ['z.coerce.string()', 'string', true],
  ['z.coerce.number()', 'double', true],
  ['z.coerce.bigint()', 'int64', true],
  ['z.coerce.boolean()', 'boolean', true],
  ['z.stringbool()', 'boolean', true],
  ['z.string().transform(Number).pipe(z.int())', 'int64', true],
  ['z.preprocess(value => value, z.int32())', 'int32', true],
  ['z.codec(z.string(), z.date(), { decode: text => new Date(text), encode: String })', 'timestamp', true],
  ['z.success(z.string())', 'boolean', true],
]

it.each(columns)('%s makes a column of %s', (source, type, byZod) => {
  const field = fieldOf(source)
  expect([field.isJson ? 'json' : typeName(field.type), field.byZod !== undefined]).toEqual([type, byZod === true])
})
