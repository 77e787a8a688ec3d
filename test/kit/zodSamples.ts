/** Values to try schemas with: what JSON can say and more, from the plain to the hostile. */
import fc from 'fast-check'

/** A value of a row's column; `undefined` is absence. */
export type Sample = undefined | null | boolean | number | bigint | string | Raw | Sample[] | { [name: string]: Sample }

/** JSON text that no value of JavaScript is written as. */
export class Raw {
  readonly json: string

  constructor(json: string) {
    this.json = json
  }
}

/** The value as JSON. What JSON has no word for is a text. */
export function jsonOf(sample: Sample): string {
  if (sample instanceof Raw) return sample.json
  if (Array.isArray(sample)) return `[${sample.map(item => jsonOf(item ?? null)).join(',')}]`
  switch (typeof sample) {
    case 'number':
      if (Number.isNaN(sample)) return '"NaN"'
      return Number.isFinite(sample) ? (Object.is(sample, -0) ? '-0' : String(sample)) : `${sample < 0 ? '-' : ''}1e400`
    case 'bigint':
      return String(sample)
    case 'object':
      return sample === null ? 'null' : `{${membersOf(sample).join(',')}}`
    default:
      return JSON.stringify(sample ?? null)
  }
}

const membersOf = (sample: { [name: string]: Sample }): string[] =>
  Object.entries(sample).flatMap(([name, member]) => (member === undefined ? [] : [`${JSON.stringify(name)}:${jsonOf(member)}`]))

/** Pieces of text that programs disagree about: case, white space, line ends, surrogates, marks, look-alikes. */
export const FRAGMENTS = [
  ...['a', 'b', 'ab', 'A', 'Z', '0', '7', ' ', '  ', '-', '_', '.', '/', '$', '%', '\\', '"', "'", '`', '<', ',', ';', '#'],
  ...['é', 'e\u0301', 'ü', 'ß', 'İ', 'ı', 'Σ', 'ΑΣ', 'ŉ', 'ﬁ', '\u212a', 'ſ', 'Ǆ', '\u0345', 'ა', '１', '١'],
  ...['\t', '\n', '\r', '\r\n', '\v', '\f', '\0', '\x1f', '\x7f', '\x85', '\xa0', '\xad'],
  ...['\u180e', '\u200b', '\u200d', '\u2003', '\u2028', '\u2029', '\u3000', '\ufeff', '\ufffd', '\uffff'],
  ...['😀', '👨‍👩‍👧', '\u{10ffff}', '𝒜', '🇩🇪', '1️⃣', '\ud83d', '\ude00'],
]

const WORDS = [
  ...['', 'null', 'true', 'false', 'True', 'NaN', 'Infinity', 'undefined', '[object Object]', '{}', '[]', '[1', '__proto__'],
  ...['0', '-0', '1', ' 1 ', '1.0', '01', '.5', '5.', '+1', '1e3', '1E+3', '0x1f', '1_000', '1n', '9007199254740993'],
  ...['1e400', '-1e400', '1e-400', '12345678901234567890123456789012345678', '0.1234567890123456789012345678901234567'],
  ...['A', '1'].map(letter => letter.repeat(3000)),
  `${'ab '.repeat(2000)}😀`,
]

/** The instants that calendars, clocks and formats disagree about. */
export const TIMES = [
  ...['2026-01-31T10:20:30Z', '2026-01-31T10:20:30.123Z', '2026-01-31T10:20:30.123456Z', '2026-01-31T10:20:30.123456789Z'],
  ...['2026-01-31T10:20:30.1234567890Z', '2026-01-31T10:20Z', '2026-01-31 10:20:30+00', '2026-01-31T10:20:30+0130'],
  ...['2026-01-31T10:20:30-23:59', '2026-01-31T10:20:30+24:00', '2026-01-31T10:20:30-00:00', '2026-01-31T10:20:30'],
  ...['2026-01-31 10:20', '2026-01-31', '2024-02-29', '2023-02-29', '1900-02-29T00:00:00Z', '2000-02-29T00:00:00Z'],
  ...['2016-12-31T23:59:60Z', '2026-01-31T24:00:00Z', '2026-01-31T23:60:00Z', '2026-00-10', '2026-13-01', '2026-04-31T00:00Z'],
  ...['1969-12-31T23:59:59.999999Z', '1969-12-31T23:59:59.9999999Z', '1970-01-01T00:00:00Z', '1970-01-01T00:00:00.000001Z'],
  ...['0001-01-01T00:00:00Z', '0000-12-31T23:59:59Z', '0000-01-01T00:00:00Z', '9999-12-31T23:59:59.999999Z'],
  ...['9999-12-31T23:59:59-01:00', '+010000-01-01T00:00:00Z', '-000001-01-01T00:00:00Z', '275760-09-13', '2026-1-1'],
  ...['2026-01-31t10:20:30z', ' 2026-01-31T10:20:30Z', '2026-01-31T10:20:30Z\n', '2026-01-31T10:20:30 Z', 'now', 'infinity'],
  ...['1582-10-10T00:00:00Z', '2026-W05', '20260131T102030Z', '2026-031', '10:20:30', '10:20', '24:00', '10:20:30.5'],
]

export const NUMBERS: number[] = [
  ...[0, -0, 1, -1, 0.5, -0.5, 0.1, 0.3, 1.5, 2, 3, 7, 100, 1e3, 1e15, 1e16, 1e21, 1e22, 1e300],
  ...[2 ** 31, 2 ** 31 - 1, -(2 ** 31), -(2 ** 31) - 1, 2 ** 32, 2 ** 32 - 1, 2 ** 53, 2 ** 53 - 1, 2 ** 53 + 2],
  ...[-(2 ** 53), -(2 ** 53) + 1, 2 ** 62, 2 ** 63, -(2 ** 63), 2 ** 64, 2 ** 63 - 1024],
  ...[Number.MAX_VALUE, -Number.MAX_VALUE, Number.MIN_VALUE, Number.EPSILON, Infinity, -Infinity, NaN],
  ...[3.4028234663852886e38, 3.5e38, 1e-45, 1e-46, 16777217, 0.1 + 0.2, 1 - Number.EPSILON / 2],
]

export const INTEGERS: bigint[] = [
  ...[0n, 1n, -1n, 5n, 10n, 255n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 62n],
  ...[2n ** 63n - 1n, 2n ** 63n, -(2n ** 63n), -(2n ** 63n) - 1n, 2n ** 64n - 1n, 2n ** 64n, 10n ** 37n, 10n ** 38n - 1n],
]

/** Numbers as JSON may write them. */
const RAW_NUMBERS = [
  '1e400',
  '-1e400',
  '1e-400',
  '1.0',
  '-0.0',
  '1e2',
  '1E+2',
  '100e-2',
  '9007199254740993',
  '9007199254740993.0',
  '1e19',
]

export const texts: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.array(fc.constantFrom(...FRAGMENTS), { maxLength: 5 }).map(parts => parts.join('')) },
  { weight: 1, arbitrary: fc.constantFrom(...WORDS) },
  { weight: 1, arbitrary: fc.constantFrom(...TIMES) },
  {
    weight: 1,
    arbitrary: fc.array(fc.integer({ min: 0, max: 0x10ffff }), { maxLength: 6 }).map(points => String.fromCodePoint(...points)),
  },
)

/** An example, or something that one keystroke makes of it. */
export const near = (examples: readonly string[]): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...examples) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.constantFrom(...examples), fc.nat(), fc.constantFrom(...FRAGMENTS), fc.nat(4))
        .map(([example, place, fragment, way]) => mistyped(example, place % (example.length + 1), fragment, way)),
    },
  )

function mistyped(text: string, at: number, fragment: string, way: number): string {
  switch (way) {
    case 0:
      return text.slice(0, at) + fragment + text.slice(at)
    case 1:
      return text.slice(0, at) + text.slice(at + 1)
    case 2:
      return text.slice(0, at) + fragment + text.slice(at + 1)
    case 3:
      return at % 2 === 0 ? text.toUpperCase() : text.toLowerCase()
    default:
      return at % 2 === 0 ? `${text}\n` : ` ${text}`
  }
}

const deep = (depth: number): Sample => (depth === 0 ? 1 : depth % 2 === 0 ? [deep(depth - 1)] : { a: deep(depth - 1) })

/** Of any type. */
export const hostile: fc.Arbitrary<Sample> = fc.oneof<fc.Arbitrary<Sample>[]>(
  fc.constantFrom<Sample>(null, undefined, true, false, '', [], {}, [null], [1], ['a'], { a: 1 }),
  texts,
  fc.constantFrom<Sample>(...NUMBERS),
  fc.constantFrom<Sample>(...INTEGERS),
  fc.constantFrom(...RAW_NUMBERS).map(text => new Raw(text)),
  fc.constantFrom<Sample>(
    deep(60),
    new Raw('{"a":1,"a":"b"}'),
    new Raw('{"__proto__":{"a":1},"b":"c"}'),
    new Raw('{"constructor":1,"toString":null}'),
    new Raw('"\\u0061\\u0000\\ud83d\\ude00\\ud83d"'),
    Array.from({ length: 200 }, (_, at) => at),
  ),
)
