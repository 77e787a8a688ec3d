/** Columns of numbers, integers, booleans, dates and choices. */
import fc from 'fast-check'
import type { Column, Shape } from './zodColumn.ts'
import { wants } from './zodColumn.ts'
import type { Sample } from './zodSamples.ts'
import { hostile, INTEGERS, NUMBERS, near, Raw, TIMES } from './zodSamples.ts'

const mixed = (aimed: fc.Arbitrary<Sample>, weight = 6): fc.Arbitrary<Sample> =>
  fc.oneof({ weight, arbitrary: aimed }, { weight: 1, arbitrary: hostile })

const sourceOf = (value: number | bigint): string =>
  Object.is(value, -0) ? '-0' : typeof value === 'bigint' ? `${value}n` : String(value)

const BASES = [
  'z.number()',
  'z.number()',
  'z.int()',
  'z.int()',
  'z.int32()',
  'z.uint32()',
  'z.float32()',
  'z.float64()',
  'z.number().int()',
  'z.number().safe()',
  'z.number().finite()',
]
const BOUNDS = [
  0,
  -0,
  1,
  -1,
  0.5,
  1.5,
  0.1,
  10,
  -1e3,
  2 ** 31,
  2 ** 53,
  2 ** 53 - 1,
  -(2 ** 53),
  1e16,
  1e300,
  5e-324,
  Infinity,
  -Infinity,
]
const STEPS = [1, 2, 3, 5, 0.1, 0.01, 0.25, 0.07, 1e-7, 1.5, 1e10, 7.3, -2, 1e-300]

interface NumberCheck {
  source: string
  examples: Sample[]
}

const around = (value: number): number[] => [
  value,
  value - 1,
  value + 1,
  value * (1 + Number.EPSILON),
  value * (1 - Number.EPSILON),
  value + 0.5,
  -value,
]

const numberCheck: fc.Arbitrary<NumberCheck> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom('min', 'max', 'gt', 'lt', 'gte', 'lte'), fc.constantFrom(...BOUNDS))
      .map(([name, value]) => ({ source: `.${name}(${sourceOf(value)})`, examples: around(value) })),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom(...STEPS), fc.constantFrom('multipleOf', 'step')).map(([step, name]) => ({
      source: `.${name}(${step})`,
      examples: [1, 3, 7, 29, 1e5, 123456789, -11, 0.5, 1 / 3, 2 ** 40 + 0.5].flatMap(times => [
        times * step,
        Number((times * step).toPrecision(15)),
        times * step * (1 + 4 * Number.EPSILON),
        times * step * (1 + 16 * Number.EPSILON),
      ]),
    })),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(
        ...['.positive()', '.negative()', '.nonnegative()', '.nonpositive()', '.int()', '.finite()'],
        ...[
          '.refine(value => value % 2 === 0)',
          '.overwrite(value => value * 2)',
          '.overwrite(value => Math.round(value))',
          '.min(5n)',
        ],
      )
      .map(source => ({ source, examples: [0, -0, 1, -1, 2, 4, 5, 4.9, 1e-320] })),
  },
)

const numbers: fc.Arbitrary<Column> = fc
  .tuple(fc.constantFrom(...BASES), fc.array(numberCheck, { maxLength: 2 }))
  .map(([base, checks]) => {
    const aimed = fc.oneof<fc.Arbitrary<Sample>[]>(
      fc.constantFrom<Sample>(0, 1, 2, ...checks.flatMap(({ examples }) => examples)),
      fc.constantFrom<Sample>(...NUMBERS),
      fc.integer({ min: -1000, max: 1000 }),
      fc.double({ noNaN: true }),
      fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }).map(whole => whole / 100),
      fc.maxSafeInteger(),
      fc.constantFrom('1.0', '-0.0', '1e2', '1e19', '9007199254740993', '1e-400').map(text => new Raw(text)),
    )
    const source = `${base}${checks.map(check => check.source).join('')}`
    return {
      source,
      wants: wants('number'),
      samples: mixed(aimed, 12),
      outputs: ['0', '1', '-3', ...(/int|safe/.test(source) ? [] : ['0.5'])],
    }
  })

const bigints: fc.Arbitrary<Column> = fc
  .tuple(
    fc.constantFrom('z.bigint()', 'z.int64()', 'z.uint64()'),
    fc.array(
      fc.constantFrom(
        ...[
          '.min(0n)',
          '.max(100n)',
          '.gt(5n)',
          '.lt(9007199254740993n)',
          '.positive()',
          '.nonnegative()',
          '.negative()',
          '.multipleOf(3n)',
        ],
        ...[
          '.multipleOf(9007199254740993n)',
          '.refine(value => value % 2n === 0n)',
          '.min(-9223372036854775808n)',
          '.max(9223372036854775807n)',
        ],
        ...['.overwrite(value => value + 1n)', '.min(1.5)'],
      ),
      { maxLength: 2 },
    ),
  )
  .map(([base, checks]) => ({
    source: `${base}${checks.join('')}`,
    wants: wants('bigint'),
    samples: mixed(
      fc.oneof<fc.Arbitrary<Sample>[]>(
        fc.constantFrom<Sample>(...INTEGERS, 3n, 6n, 100n, 101n, -3n, 4n),
        fc.bigInt({ min: -(2n ** 64n), max: 2n ** 65n }),
        fc.integer({ min: -10, max: 110 }),
        fc.constantFrom('1.0', '1e2', '1.5', '-0', '1e18', '1e19', '123456789012345678901234567890').map(text => new Raw(text)),
      ),
    ),
    outputs: ['0n', '6n', '9007199254740993n', ...(base === 'z.uint64()' ? [] : ['-1n'])],
  }))

const booleans: fc.Arbitrary<Column> = fc.constantFrom('z.boolean()', 'z.boolean().refine(value => value)').map(source => ({
  source,
  wants: wants('boolean'),
  samples: mixed(fc.constantFrom<Sample>(true, false, true, false, 'true', 'false', 'TRUE', 't', 1, 0)),
  outputs: ['true', 'false'],
}))

const DATE_CHECKS = [
  ...[
    "min(new Date('2026-01-31T10:20:30.123Z'))",
    "max(new Date('2026-01-31T10:20:30.123Z'))",
    "min(new Date('1969-12-31T23:59:59.999Z'))",
  ],
  ...[
    "check(z.gt(new Date('2026-01-31T10:20:30.122Z')))",
    "check(z.lt(new Date('2026-01-31T10:20:30.123Z')))",
    "max(new Date('9999-01-01'))",
  ],
  ...['refine(date => date.getTime() % 2 === 0)', "min(new Date('0001-01-01'))", 'min(new Date(8.64e15))'],
]

const dates: fc.Arbitrary<Column> = fc
  .tuple(fc.constantFrom('z.date()', 'z.coerce.date()'), fc.array(fc.constantFrom(...DATE_CHECKS), { maxLength: 2 }))
  .map(([base, checks]) => ({
    source: [base, ...checks].join('.'),
    wants: base === 'z.date()' ? wants('date') : { kind: 'date', coerce: true },
    samples: mixed(
      fc.oneof<fc.Arbitrary<Sample>[]>(
        near(TIMES),
        fc.constantFrom(...TIMES),
        fc
          .date({ noInvalidDate: true, min: new Date('0001-01-01'), max: new Date('9999-12-31') })
          .map(date => date.toISOString()),
        fc.constantFrom<Sample>(0, -1, 1.9, -1.9, 8.64e15, -8.64e15, 8.64e15 + 2, 253402300800000, true),
      ),
      12,
    ),
    outputs: ["new Date('2001-02-03T04:05:06.789Z')", "new Date('2101-02-03T04:05:06.789Z')"],
  }))

const CHOICES: [source: string, shape: Shape, examples: Sample[], outputs: string[]][] = [
  ["z.enum(['a', 'b', '', 'é'])", wants('string'), ['a', 'b', '', 'é', 'e\u0301', 'A', 'a ', 'c'], ["'a'"]],
  ["z.enum({ up: 'U', down: 'D' })", wants('string'), ['U', 'D', 'up', 'u'], ["'U'"]],
  ['z.enum({ A: 0, B: 1.5, 0: "A" })', wants('number'), [0, -0, 1.5, 1, 'A', '0'], ['0']],
  ["z.enum({ A: 'a', B: 7 })", { kind: 'union', options: [wants('string'), wants('number')] }, ['a', 7, '7', 'A', 8], ["'a'"]],
  ["z.enum(['a', 'b', 'c']).exclude(['a'])", wants('string'), ['a', 'b', 'c'], ["'b'"]],
  ["z.literal('x')", wants('string'), ['x', 'X', 'x\0', ''], ["'x'"]],
  ["z.literal(['x', \"it's\", '😀', '\\0'])", wants('string'), ['x', "it's", '😀', '\0', '\ud83d'], ["'x'"]],
  ['z.literal(5)', wants('number'), [5, new Raw('5.0'), '5', 5n, 5.000000000000001], ['5']],
  ['z.literal([0, -1, 0.1, 9007199254740993])', wants('number'), [0, -0, -1, 0.1, 9007199254740992, 9007199254740993n], ['0']],
  ['z.literal([1n, -9007199254740993n])', wants('bigint'), [1n, 1, -9007199254740993n, -9007199254740992n, '1'], ['1n']],
  ['z.literal(true)', wants('boolean'), [true, false, 'true', 1], ['true']],
  [
    "z.literal(['a', 1, true, null])",
    { kind: 'union', options: [wants('string'), wants('number'), wants('boolean')] },
    ['a', 1, true, null, false, '1', 'true'],
    ["'a'"],
  ],
  ["z.literal(['a', null])", wants('string'), ['a', null, 'null', ''], ["'a'"]],
]

const choices: fc.Arbitrary<Column> = fc.constantFrom(...CHOICES).map(([source, shape, examples, outputs]) => ({
  source,
  wants: shape,
  samples: mixed(fc.constantFrom<Sample>(...examples)),
  outputs,
}))

export const scalarColumns: fc.Arbitrary<Column> = fc.oneof(
  { weight: 5, arbitrary: numbers },
  { weight: 3, arbitrary: bigints },
  { weight: 1, arbitrary: booleans },
  { weight: 3, arbitrary: dates },
  { weight: 2, arbitrary: choices },
)
