/** Columns of text. */
import fc from 'fast-check'
import type { Column } from './zodColumn.ts'
import { wants } from './zodColumn.ts'
import type { Sample } from './zodSamples.ts'
import { FRAGMENTS, hostile, near, TIMES, texts } from './zodSamples.ts'

/** A method of `z.string()`, and texts at its edge. */
interface StringCheck {
  source: string
  examples: string[]
}

const quoted = (text: string): string => JSON.stringify(text)

const lengths: fc.Arbitrary<StringCheck> = fc.tuple(fc.constantFrom('min', 'max', 'length'), fc.nat(5)).map(([name, length]) => ({
  source: `.${name}(${length})`,
  examples: ['a', 'é', '😀', 'e\u0301', '\ud83d'].flatMap(unit =>
    [length - 1, length, length + 1].map(times => unit.repeat(Math.max(0, times))),
  ),
}))

const parts: fc.Arbitrary<StringCheck> = fc.oneof(
  fc.constantFrom(...FRAGMENTS, 'a.b', 'x%y').map(text => ({
    source: `.startsWith(${quoted(text)})`,
    examples: [text, `${text}x`, `x${text}`, text.slice(0, -1), text.toUpperCase(), text.normalize('NFC')],
  })),
  fc.constantFrom(...FRAGMENTS, '.b', 'x_y').map(text => ({
    source: `.endsWith(${quoted(text)})`,
    examples: [text, `x${text}`, `${text}x`, `${text}\n`, text.slice(1), text.normalize('NFD')],
  })),
  fc.tuple(fc.constantFrom(...FRAGMENTS, '', 'a.b'), fc.option(fc.integer({ min: -1, max: 4 }))).map(([text, from]) => ({
    source: from === null ? `.includes(${quoted(text)})` : `.includes(${quoted(text)}, { position: ${from} })`,
    examples: ['', 'a', 'ab', 'abc', '😀', 'abcd'].flatMap(before => [before + text, `${before + text}z`, `${before}`]),
  })),
)

/** What the two kinds of regular expressions understand alike, and what they do not. */
const PATTERNS = [
  ...[
    '/^[A-Z]{3}-\\d+$/',
    '/a.b/',
    '/^.$/',
    '/^.$/u',
    '/^.{2,3}$/s',
    '/^.{2}$/su',
    '/a|b/i',
    '/^(?:a|ab)(?:b|)$/',
    '/x*?y/',
    '/^$/',
  ],
  ...[
    '/(?=a)a/',
    '/(?<!a)b/',
    '/(a)\\1/',
    '/(?<x>a)\\k<x>/',
    '/\\ba\\b/',
    '/^\\B.\\B$/',
    '/^\\p{L}+$/u',
    '/\\p{Lu}/u',
    '/^[^a]$/',
    '/^[^a]+$/',
  ],
  ...[
    '/é/',
    '/[à-ü]/',
    '/^\\s+$/',
    '/^\\S+$/',
    '/^\\w+$/i',
    '/^\\W$/',
    '/^\\D*$/',
    '/^[\\w-]+$/',
    '/^[\\s\\S]{1,4}$/',
    '/^[^\\d\\s]+$/',
    '/[a-\\d]/',
  ],
  ...[
    '/\\u{1f600}/u',
    '/\\ud83d\\ude00/',
    '/\\ud83d/',
    '/\\ud83d/u',
    '/^[\\u{10000}-\\u{10ffff}]$/u',
    '/[😀]/',
    '/[😀]/u',
    '/ſ/i',
    '/k/i',
    '/k/iu',
    '/^\\w$/iu',
  ],
  ...[
    '/a$/m',
    '/^b/m',
    '/a$/',
    '/[]/',
    '/[^]/',
    '/^a{0}$/',
    '/a{2,}?/',
    '/a{,2}/',
    '/a{/',
    '/]/',
    '/\\x41\\u0042/',
    '/\\cJ/',
    '/[\\b]/',
    '/\\0/',
    '/\\//',
    '/[/]/',
  ],
  ...[
    '/[\\]\\\\^-]/',
    '/[[]/',
    '/[&&]/',
    '/[a-z&&b]/',
    '/[:alpha:]/',
    '/[[:alpha:]]/',
    '/-?\\d+(\\.\\d+)?/g',
    '/b/y',
    '/ß/i',
    '/İ/i',
    '/σ/i',
    '/[^\\W]/',
    '/\\Ba/',
  ],
  ...[
    '/[[a-z]--b]/v',
    '/\\p{RGI_Emoji}/v',
    '/^\\p{Emoji}$/u',
    '/(?i:a)b/',
    '/(a+)+$/',
    '/^(a?){20}a{3}$/',
    '/a{1001}/',
    "/'/",
    '/%/',
    '/\\$/',
    '/^\\t|\\v|\\f$/',
    '/\\2(a)/',
    '/(?:)/',
  ],
  ...[
    '/^[^\\n]*$/',
    '/^\\r?\\n$/',
    '/^.*$/',
    '/^.*$/s',
    '/\\u2028/',
    '/^[\\0-\\x7f]*$/',
    '/^[ -~]*$/',
    '/\\u00e9/i',
    '/^[a-zé]+$/',
    '/[^😀]/u',
    '/^(?:[^a]|b)$/u',
    '/\\d/u',
    '/\\_/',
    '/\\-/',
  ],
]

const patterns: fc.Arbitrary<StringCheck> = fc.constantFrom(...PATTERNS).map(pattern => ({
  source: `.regex(${pattern})`,
  examples: ['ABC-12', 'ab', 'a\nb', 'b', 'aa', 'aab', 'xy', '1.5', '\r\n', 'é', '😀', 'a'.repeat(24)],
}))

const CHANGES = [
  ...[
    '.trim()',
    '.toLowerCase()',
    '.toUpperCase()',
    '.normalize()',
    ".normalize('NFD')",
    ".normalize('NFKC')",
    ".normalize('NFKD')",
  ],
  ...['.slugify()', ".overwrite(text => text.replaceAll('a', 'b'))", '.overwrite(text => text.trim())'],
]
const changes: fc.Arbitrary<StringCheck> = fc.constantFrom(...CHANGES).map(source => ({
  source,
  examples: [
    ' a ',
    '\ufeffa\u2003',
    '\x85a\u180e',
    'ΑΣ',
    'İI',
    'ßS',
    'e\u0301é',
    'ﬁ',
    '\u0345',
    '\u1e9e',
    'A  b_C',
    '\ud83d\ude00',
  ],
}))

const FUNCTIONS = [
  ...['.lowercase()', '.uppercase()', '.nonempty()', ".refine(text => text.length % 2 === 0, { error: 'odd' })"],
  ...[".refine(text => !text.includes('a'), { abort: true })", ".refine(text => text !== 'b', { path: ['inner', 0] })"],
  ".superRefine((text, context) => { if (text.length > 2) context.addIssue({ code: 'custom', path: ['x'], message: 'long' }) })",
  ".check(context => { if (context.value === '') context.issues.push({ code: 'custom', input: '', message: 'empty' }) })",
  '.check(z.minLength(1), z.regex(/^\\S/))',
  '.min(2, { abort: true })',
  ".refine(text => text.length < 3, { when: ({ value }) => value !== 'abc' })",
  ".check(context => { if (context.value === 'a') context.value = 'changed' })",
  ".refine(text => { if (text === 'ab') throw new Error('no ab'); return true })",
]
const functions: fc.Arbitrary<StringCheck> = fc
  .constantFrom(...FUNCTIONS)
  .map(source => ({ source, examples: ['', 'a', 'b', 'ab', 'abc', 'ABC', 'ǅ', 'é', 'É', ' a'] }))

/** A format's source with examples of it; each is tried with one mistake, too. */
const FORMATS: [sources: string[], examples: string[]][] = [
  [
    [
      'z.email()',
      'z.string().email()',
      'z.email({ pattern: z.regexes.html5Email })',
      'z.email({ pattern: z.regexes.unicodeEmail })',
    ],
    ['a@b.cd', 'first.last+tag@sub.example.org', "o'x@example.com", 'ü@example.com', 'a..b@c.de', '.a@c.de'],
  ],
  [
    ['z.uuid()', "z.uuid({ version: 'v4' })", 'z.uuidv7()', 'z.guid()', 'z.string().uuid()'],
    [
      '00000000-0000-0000-0000-000000000000',
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
      '3fa85f64-5717-4562-b3fc-2c963f66afa6',
      '018f4d2e-7b3a-7c11-8a4b-0123456789ab',
      '3fa85f64-5717-9562-b3fc-2c963f66afa6',
    ],
  ],
  [
    [
      'z.url()',
      'z.string().url()',
      'z.url({ protocol: /^https?$/ })',
      'z.url({ hostname: /^example\\.com$/ })',
      'z.url({ normalize: true })',
      'z.httpUrl()',
    ],
    [
      'https://example.com',
      'http://EXAMPLE.com/a b',
      ' https://example.com/x ',
      'ftp://example.com',
      'mailto:a@b.c',
      'http:example.com',
      'https://exa\nmple.com',
      'javascript:alert(1)',
      'http://[::1]/',
      'https://ü.de',
    ],
  ],
  [
    ['z.iso.date()', 'z.string().date()'],
    ['2024-02-29', '2023-02-29', '0000-01-01', '9999-12-31', '2026-1-1'],
  ],
  [
    ['z.iso.time()', 'z.iso.time({ precision: 3 })', 'z.iso.time({ precision: -1 })', 'z.iso.time({ precision: 0 })'],
    ['10:20', '10:20:30', '10:20:30.123', '24:00:00', '23:59:60', '10:20:30.1234567'],
  ],
  [
    [
      'z.iso.datetime()',
      'z.iso.datetime({ offset: true })',
      'z.iso.datetime({ local: true })',
      'z.iso.datetime({ local: true, offset: true })',
      'z.iso.datetime({ precision: 3 })',
      'z.iso.datetime({ precision: -1 })',
      'z.string().datetime()',
    ],
    TIMES,
  ],
  [['z.iso.duration()'], ['P1Y2M3DT4H5M6S', 'P1W', 'PT0.5S', 'PT36H', 'P', 'PT', 'P1YT', 'P1W2D', 'PT1,5S', '-P1D']],
  [
    ['z.ipv4()', 'z.ipv6()', 'z.union([z.ipv4(), z.ipv6()])'],
    [
      '127.0.0.1',
      '255.255.255.255',
      '01.2.3.4',
      '256.1.1.1',
      '::',
      '::1',
      'fe80::1%eth0',
      '::ffff:1.2.3.4',
      '2001:db8:0:0:0:0:0:1',
      '1::2::3',
      '::@1',
    ],
  ],
  [
    ['z.cidrv4()', 'z.cidrv6()'],
    ['10.0.0.0/8', '10.0.0.0/33', '10.0.0.0/08', '::/0', '2001:db8::/128', '::1/129', '::1/0128'],
  ],
  [
    ['z.base64()', 'z.base64url()'],
    ['', 'YQ==', 'YWI=', 'YWJj', 'YQ', 'YR==', 'YQ=', '_-8=', '_-8', 'YWJj\n', 'Y Q=='],
  ],
  [['z.emoji()'], ['😀', '👨‍👩‍👧', '🇩🇪', '1️⃣', '1', '#', '😀a', '']],
  [
    ['z.nanoid()', 'z.nanoid({ length: 5 })'],
    ['V1StGXR8_Z5jdHi6B-myT', 'abcde', 'ab de'],
  ],
  [
    ['z.cuid()', 'z.cuid2()', 'z.ulid()', 'z.xid()', 'z.ksuid()'],
    [
      'cjld2cjxh0000qzrmn831i7rn',
      'tz4a98xxat96iws9zmbrgj3a',
      '01ARZ3NDEKTSV4RRFFQ69G5FAV',
      '9m4e2mr0ui3e8a215n4g',
      '0ujtsYcgvSTl8PAuAdqWYSMnLOv',
      '81ARZ3NDEKTSV4RRFFQ69G5FAV',
    ],
  ],
  [
    ['z.jwt()', "z.jwt({ alg: 'HS256' })"],
    ['eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.x', 'eyJhbGciOiJub25lIn0.e30.', 'a.b.c', '..', 'e30.e30.x'],
  ],
  [
    [
      'z.e164()',
      'z.mac()',
      "z.mac({ delimiter: '-' })",
      'z.hex()',
      'z.hostname()',
      "z.hash('md5')",
      'z.currencyCode()',
      'z.iban()',
      'z.creditCard()',
    ],
    [
      '+4915112345678',
      '+0123456',
      '00:1a:2b:3c:4d:5e',
      '00-1A-2B-3C-4D-5E',
      'deadBEEF',
      'd41d8cd98f00b204e9800998ecf8427e',
      'example.com',
      '-a.b',
      'EUR',
      'XYZ',
      'DE89370400440532013000',
      '4242 4242 4242 4242',
    ],
  ],
  [
    ["z.stringFormat('even', text => text.length % 2 === 0)", "z.stringFormat('ab', /^ab/)"],
    ['ab', 'abc', ''],
  ],
]

const formats: fc.Arbitrary<Column> = fc
  .constantFrom(...FORMATS)
  .chain(([sources, examples]) => fc.record({ source: fc.constantFrom(...sources), examples: fc.constant(examples) }))
  .map(({ source, examples }) => column(source, examples))

const TEMPLATES: [source: string, examples: string[]][] = [
  ["z.templateLiteral(['id-', z.number()])", ['id-1', 'id-1.5', 'id--2', 'id-1e5', 'id-']],
  ["z.templateLiteral([z.enum(['a', 'b.']), ':', z.string().max(2)])", ['a:', 'b.:xy', 'bx:y', 'a:xyz', 'a:😀']],
  ['z.templateLiteral([z.literal(1), z.boolean(), z.null()])', ['1truenull', '1falsenull', '1trueNULL', '1true']],
]

const checked: fc.Arbitrary<Column> = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: lengths },
      { weight: 2, arbitrary: parts },
      { weight: 3, arbitrary: patterns },
      { weight: 2, arbitrary: changes },
      { weight: 2, arbitrary: functions },
      { weight: 1, arbitrary: fc.constantFrom(...FORMATS).map(([, examples]) => ({ source: '.email()', examples })) },
    ),
    { maxLength: 3 },
  )
  .map(checks =>
    column(
      `z.string()${checks.map(({ source }) => source).join('')}`,
      checks.flatMap(({ examples }) => examples),
    ),
  )

function column(source: string, examples: readonly string[]): Column {
  const samples: fc.Arbitrary<Sample> = fc.oneof(
    { weight: 5, arbitrary: near(['a', ...examples]) },
    { weight: 3, arbitrary: texts },
    { weight: 1, arbitrary: hostile },
  )
  return { source, wants: wants('string'), samples, outputs: [`'a'`, `''`, `' Ab '`, ...examples.slice(0, 2).map(quoted)] }
}

export const stringColumns: fc.Arbitrary<Column> = fc.oneof(
  { weight: 5, arbitrary: checked },
  { weight: 3, arbitrary: formats },
  { weight: 1, arbitrary: fc.constantFrom(...TEMPLATES).map(([source, examples]) => column(source, examples)) },
)
