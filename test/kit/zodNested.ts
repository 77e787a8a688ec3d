/** Columns of several types, of nested values, and of values that a schema makes of others. */
import fc from 'fast-check'
import type { Column, Shape, TaggedShape } from './zodColumn.ts'
import { ANYTHING, coerced, takesAbsenceOnly, wants } from './zodColumn.ts'
import { scalarColumns } from './zodNumbers.ts'
import type { Sample } from './zodSamples.ts'
import { hostile, INTEGERS, NUMBERS, near, Raw, TIMES, texts } from './zodSamples.ts'
import { stringColumns } from './zodStrings.ts'

const leaves: fc.Arbitrary<Column> = fc.oneof(stringColumns, scalarColumns)

/** A member that may be left out or be null, and what then becomes of it. */
const member: fc.Arbitrary<Column> = fc
  .tuple(leaves, fc.constantFrom('', '', '', '.optional()', '.nullable()', '.nullish()', '.default', '.catch'))
  .map(([column, way]) => {
    const { samples, outputs } = column
    if (way === '') return column
    const source = `${column.source}${way.endsWith(')') ? way : `${way}(${outputs[0]})`}`
    return { ...column, source, samples: fc.oneof({ weight: 4, arbitrary: samples }, fc.constantFrom(undefined, null)) }
  })

const objectOf = (fields: [string, Shape][], rest?: Shape, absent: string[] = []): Shape => ({
  kind: 'object',
  fields: new Map(fields),
  absent: new Set(absent),
  rest,
})

const NAMES = ['a', 'b', 'c d', '__x', 'constructor', '0']

const record = (names: readonly string[], members: readonly fc.Arbitrary<Sample>[]): fc.Arbitrary<Sample> =>
  fc.tuple(...members).map(values => Object.fromEntries(names.map((name, at) => [name, values[at]])))

/** Sometimes something else in one place. */
const upset = (samples: fc.Arbitrary<Sample>): fc.Arbitrary<Sample> =>
  fc.oneof({ weight: 8, arbitrary: samples }, { weight: 1, arbitrary: hostile })

const objects: fc.Arbitrary<Column> = fc
  .tuple(
    fc.array(member, { minLength: 1, maxLength: 3 }),
    fc.constantFrom('object', 'strictObject', 'looseObject', 'catchall', 'refine'),
  )
  .map(([members, way]) => {
    const names = NAMES.slice(0, members.length)
    const body = `{ ${members.map(({ source }, at) => `${JSON.stringify(names[at])}: ${source}`).join(', ')} }`
    const source =
      way === 'catchall'
        ? `z.object(${body}).catchall(z.bigint())`
        : way === 'refine'
          ? `z.object(${body}).refine(object => Object.keys(object).length > 1, { path: ['a'] })`
          : `z.${way}(${body})`
    const own = record(
      names,
      members.map(({ samples }) => samples),
    )
    const more = fc
      .tuple(
        own,
        fc.constantFrom<[string, Sample][]>(['z', 1], ['z', 'x'], ['__proto__', 1], ['toString', null], ['z', 2n ** 60n]),
      )
      .map(([object, extra]) => Object.fromEntries([...Object.entries(object as object), extra]) as Sample)
    return {
      source,
      wants: objectOf(
        members.map(({ wants }, at) => [names[at]!, wants]),
        way === 'catchall' ? wants('bigint') : undefined,
        names.filter((_, at) => takesAbsenceOnly(members[at]!)),
      ),
      samples: upset(fc.oneof({ weight: 4, arbitrary: own }, { weight: 1, arbitrary: more })),
      outputs: [],
    }
  })

const arrays: fc.Arbitrary<Column> = fc
  .tuple(
    member,
    fc.constantFrom(
      '',
      '',
      '.min(1)',
      '.max(2)',
      '.length(2)',
      '.nonempty()',
      '.refine(items => new Set(items).size === items.length)',
    ),
  )
  .map(([item, check]) => ({
    source: `z.array(${item.source})${check}`,
    wants: { kind: 'array', item: item.wants },
    samples: upset(fc.array(item.samples, { maxLength: 3 })),
    outputs: ['[]'],
  }))

const tuples: fc.Arbitrary<Column> = fc
  .tuple(fc.array(member, { minLength: 1, maxLength: 3 }), fc.option(leaves, { freq: 3 }))
  .map(([items, rest]) => ({
    source: `z.tuple([${items.map(({ source }) => source).join(', ')}]${rest ? `, ${rest.source}` : ''})`,
    wants: { kind: 'tuple', items: items.map(item => item.wants), rest: rest?.wants },
    samples: upset(
      fc
        .tuple(fc.tuple(...items.map(({ samples }) => samples)), fc.array(rest?.samples ?? hostile, { maxLength: 1 }), fc.nat(9))
        .map(([values, more, cut]) => (cut === 0 ? values.slice(0, -1) : [...values, ...(rest || cut === 1 ? more : [])])),
    ),
    outputs: [],
  }))

const keys: [source: string, examples: string[]][] = [
  ['z.string()', ['a', 'b', '', '__proto__', '1']],
  ['z.string().regex(/^[a-z]$/)', ['a', 'b', 'A', 'ab']],
  ["z.enum(['a', 'b'])", ['a', 'b', 'c']],
  ['z.string().toUpperCase()', ['a', 'A', 'ß']],
  ['z.int()', ['1', '2', '1.5', 'a']],
]
const records: fc.Arbitrary<Column> = fc
  .tuple(fc.constantFrom('record', 'record', 'partialRecord', 'looseRecord'), fc.constantFrom(...keys), leaves)
  .map(([name, [key, examples], value]) => ({
    source: `z.${name}(${key}, ${value.source})`,
    wants: objectOf([], value.wants),
    samples: upset(
      fc
        .array(fc.tuple(fc.constantFrom(...examples), value.samples), { maxLength: 3 })
        .map(entries => Object.fromEntries(entries) as Sample),
    ),
    outputs: [],
  }))

const unionOf = (options: readonly Shape[]): Shape => ({ kind: 'union', options: [...options] })

const unions: fc.Arbitrary<Column> = fc.oneof(
  fc.tuple(fc.array(leaves, { minLength: 2, maxLength: 3 }), fc.constantFrom('union', 'union', 'xor')).map(([options, name]) => ({
    source: `z.${name}([${options.map(({ source }) => source).join(', ')}])`,
    wants: unionOf(options.map(option => option.wants)),
    samples: upset(fc.oneof(...options.map(({ samples }) => samples))),
    outputs: options[0]!.outputs,
  })),
  fc.tuple(leaves, leaves, fc.constantFrom('', ', unionFallback: true')).map(([one, other]) => ({
    source: `z.discriminatedUnion('kind', [z.object({ kind: z.literal('a'), value: ${one.source} }), z.strictObject({ kind: z.enum(['b', 'c']), value: ${other.source} })])`,
    wants: {
      ...unionOf([
        objectOf([
          ['kind', wants('string')],
          ['value', one.wants],
        ]),
        objectOf([
          ['kind', wants('string')],
          ['value', other.wants],
        ]),
      ]),
      tag: { member: 'kind', options: { a: 0, b: 1, c: 1 } },
    } as TaggedShape,
    samples: upset(record(['kind', 'value'], [fc.constantFrom('a', 'b', 'c', 'd'), fc.oneof(one.samples, other.samples)])),
    outputs: [],
  })),
  leaves.map(one => ({
    source: `${one.source}.or(z.null())`,
    wants: one.wants,
    samples: fc.oneof({ weight: 4, arbitrary: one.samples }, fc.constant(null)),
    outputs: one.outputs,
  })),
  leaves.map(one => ({
    source: `z.intersection(z.object({ a: ${one.source} }), z.looseObject({ b: z.string().optional() }))`,
    wants: objectOf(
      [
        ['a', one.wants],
        ['b', wants('string')],
      ],
      undefined,
      ['b'],
    ),
    samples: upset(record(['a', 'b'], [one.samples, fc.constantFrom(undefined, 'x', 1)])),
    outputs: [],
  })),
)

/** Anything that JSON says. */
const JSON_SHAPE = unionOf([wants('string'), wants('number'), wants('boolean')]) as Shape & { kind: 'union' }
JSON_SHAPE.options.push({ kind: 'array', item: JSON_SHAPE }, objectOf([], JSON_SHAPE))
const anything: fc.Arbitrary<Column> = fc
  .constantFrom('z.json()', 'z.any()', 'z.unknown()', 'z.any().refine(value => value !== 1)')
  .map(source => ({
    source,
    wants: source === 'z.json()' ? JSON_SHAPE : ANYTHING,
    samples: hostile,
    outputs: ['1', "'a'", 'null'],
  }))

const everything = fc.oneof(texts, hostile, fc.constantFrom<Sample>(...NUMBERS, ...INTEGERS), near(TIMES))
const wholeNumbers = fc.oneof(
  fc.constantFrom<Sample>(
    '',
    ' 1 ',
    '12',
    '-3',
    '1.5',
    '0x10',
    '1e3',
    '9007199254740993',
    'abc',
    1,
    1.5,
    true,
    false,
    null,
    [],
    [5],
  ),
  fc.constantFrom<Sample>(...INTEGERS),
)
/** Their own sources are what they are: what SQL has for each may not be taken for it. */
const OTHERS: [source: string, shape: Shape, samples: fc.Arbitrary<Sample>, outputs: string[]][] = [
  ['z.coerce.string()', coerced('string'), everything, ["'a'"]],
  ['z.coerce.string().min(2)', coerced('string'), everything, ["'ab'"]],
  ['z.coerce.number()', coerced('number'), fc.oneof(wholeNumbers, everything), ['1']],
  ['z.coerce.number().int().max(100)', coerced('number'), wholeNumbers, ['1']],
  ['z.coerce.boolean()', coerced('boolean'), everything, ['true']],
  ['z.coerce.bigint()', coerced('bigint'), wholeNumbers, ['1n']],
  ['z.stringbool()', wants('string'), near(['true', 'false', 'yes', 'No', 'on', 'OFF', '1', '0', 'enabled', 'y']), ['true']],
  ["z.stringbool({ truthy: ['ja'], falsy: ['nein'], case: 'sensitive' })", wants('string'), near(['ja', 'nein', 'JA']), ['true']],
  ['z.string().transform(text => text.length).pipe(z.number().max(3))', wants('string'), texts, ['1']],
  ['z.string().transform(Number).pipe(z.number())', wants('string'), fc.oneof(wholeNumbers, texts), ['1']],
  ['z.string().trim().pipe(z.string().min(2))', wants('string'), texts, ["'ab'"]],
  [
    'z.number().transform(value => BigInt(Math.trunc(value))).pipe(z.bigint())',
    wants('number'),
    fc.constantFrom<Sample>(...NUMBERS),
    ['1n'],
  ],
  ['z.number().pipe(z.int())', wants('number'), fc.constantFrom<Sample>(...NUMBERS), ['1']],
  ["z.preprocess(value => (value === '' ? null : value), z.string().nullable())", ANYTHING, everything, ["'a'"]],
  ["z.preprocess(value => value ?? 'none', z.string())", ANYTHING, everything, ["'a'"]],
  ['z.preprocess(value => (typeof value === "string" ? Number(value) : value), z.number())', ANYTHING, wholeNumbers, ['1']],
  [
    'z.codec(z.string(), z.date(), { decode: text => new Date(text), encode: date => date.toISOString() })',
    wants('string'),
    near(TIMES.filter(time => time.endsWith('Z'))),
    ["new Date('2001-02-03T04:05:06.789Z')"],
  ],
  ['z.codec(z.string(), z.int(), { decode: Number, encode: String })', wants('string'), fc.oneof(wholeNumbers, texts), ['1']],
  [
    'z.codec(z.iso.datetime(), z.date(), { decode: text => new Date(text), encode: date => date.toISOString() })',
    wants('string'),
    near(TIMES),
    ["new Date('2001-02-03T04:05:06.789Z')"],
  ],
  [
    'z.codec(z.number(), z.bigint(), { decode: value => BigInt(value), encode: Number })',
    wants('number'),
    fc.constantFrom<Sample>(...NUMBERS),
    ['1n'],
  ],
  ['z.codec(z.string(), z.boolean(), { decode: text => text === "x", encode: String })', wants('string'), texts, ['true']],
  ['z.lazy(() => z.string().min(1))', wants('string'), texts, ["'a'"]],
  ['z.lazy(() => z.number().multipleOf(0.5)).optional()', wants('number'), fc.constantFrom<Sample>(...NUMBERS, undefined), ['1']],
  ['z.nan()', wants('number'), fc.constantFrom<Sample>(...NUMBERS), []],
  ['z.success(z.string().min(2))', wants('string'), texts, []],
  ['z.string().transform(text => [text]).pipe(z.array(z.string()))', wants('string'), texts, ['[]']],
  ['z.array(z.coerce.date())', { kind: 'array', item: coerced('date') }, fc.array(near(TIMES), { maxLength: 2 }), ['[]']],
  [
    'z.object({ at: z.coerce.date(), id: z.bigint() })',
    objectOf([
      ['at', coerced('date')],
      ['id', wants('bigint')],
    ]),
    record(['at', 'id'], [near(TIMES), fc.constantFrom<Sample>(...INTEGERS, new Raw('1.0'))]),
    [],
  ],
]

const others: fc.Arbitrary<Column> = fc
  .constantFrom(...OTHERS)
  .map(([source, shape, samples, outputs]) => ({ source, wants: shape, samples: upset(samples), outputs }))

export const otherColumns: fc.Arbitrary<Column> = fc.oneof(
  { weight: 4, arbitrary: others },
  { weight: 3, arbitrary: unions },
  { weight: 2, arbitrary: objects },
  { weight: 1, arbitrary: arrays },
  { weight: 1, arbitrary: tuples },
  { weight: 1, arbitrary: records },
  { weight: 1, arbitrary: anything },
)
