/** The zod object decides: on generated schemas and rows, files of each format come out as zod says, value for value. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest'
import { z } from 'zod'
import { DuckDBSession } from '../src/engine/duckdb/session.ts'
import { readSchema } from '../src/validation/readSchema.ts'
import { duckdb } from './kit/parquet.ts'
import { random } from './kit/random.ts'
import { cases, scratch } from './kit/scratch.ts'
import { schemaOf } from './kit/zodColumn.ts'
import { prove, scanned } from './kit/zodProof.ts'
import { schemaCase } from './kit/zodSchemas.ts'

const ROWS = 100
/** Each schema meets rows of its own in a file of each format; where it wants dates, JSON has none. */
const CASES_PER_SCHEMA = 2.6 * ROWS

const folder = scratch('proof')
const session = new DuckDBSession({ memory: 2 ** 29, threads: 1, scratchDir: join(folder, 'duckdb') })
let connection: DuckDBConnection
let writer: DuckDBConnection
beforeAll(async () => {
  connection = await session.connection()
  writer = await duckdb()
})
afterAll(() => session.close())

describe('whatever a schema says of a row', () => {
  it('is done to rows of NDJSON, CSV and Parquet', { timeout: 3_600_000 }, async () => {
    const least = cases(10_000, 100_000, 1_000_000)
    // The same schemas each time; the soak goes on to others.
    const first = Number(process.env.QUERN_SEED ?? (process.env.QUERN_SOAK ? Math.floor(Math.random() * 2 ** 31) : 1))
    let seed = first
    onTestFailed(() => console.error(`seed: QUERN_SEED=${seed} makes the schema that failed the first one`))
    const generated = schemaCase(40)
    let [tried, accepted, unsatisfiable] = [0, 0, 0]
    for (; seed < first + least / CASES_PER_SCHEMA; seed++) {
      const [schema] = fc.sample(generated, { numRuns: 1, seed })
      const read = readSchema(schema!.schema)
      if ('faults' in read) {
        // Two checks that no value can meet are told of when the schema is read.
        expect(read.faults.map(({ message }) => message).join(), schema!.source).toMatch(/^(no value can satisfy it[^,]*,?)+$/)
        unsatisfiable++
        continue
      }
      const options = { connection, writer, folder, random: random(seed), rows: ROWS }
      const proof = await prove(schema!, read.schema, options)
      const differences = proof.differences.slice(0, 5).map(({ format, message }) => `${format}: ${message}`)
      expect(differences, `${proof.differences.length} differences for\n${schema!.source}`).toEqual([])
      tried += proof.cases
      accepted += proof.accepted
    }
    expect(tried).toBeGreaterThanOrEqual(least * 0.9)
    // Of rows that are refused no value is compared.
    expect(accepted / tried).toBeGreaterThan(0.2)
    expect(unsatisfiable / (seed - first)).toBeLessThan(0.25)
  })
})

/** One value of one column, by what writes it: JSON, a field of CSV, or SQL for a Parquet file. */
type Written = { json: string } | { csv: string } | { parquet: string }

let values = 0

/** What a file of that value alone comes to: the column's value, or zod's issues. */
async function outcome(source: string, written: Written): Promise<unknown> {
  const read = readSchema(z.object({ row: z.int(), it: schemaOf(source) }))
  if ('faults' in read) throw new Error(JSON.stringify(read.faults))
  const format = 'json' in written ? 'ndjson' : 'csv' in written ? 'csv' : 'parquet'
  const path = join(folder, `value${values++}.${format}`)
  if ('json' in written) writeFileSync(path, `{"row":0,"it":${written.json}}\n`)
  else if ('csv' in written) writeFileSync(path, `row,it\n0,${written.csv}\n`)
  else await writer.run(`COPY (SELECT 0 AS row, ${written.parquet} AS it) TO '${path}' (FORMAT parquet)`)
  const { accepted, refused, error } = await scanned(read.schema, format, path, { connection, folder })
  return error ?? accepted.get(0)?.[1] ?? (accepted.has(0) ? null : refused.get(0))
}

describe('where the column is not what zod sees, which is chosen', () => {
  const chosen: [what: string, source: string, written: Written, outcome: unknown][] = [
    ['an integer past 2^53 is no number: JSON', 'z.number()', { json: '9007199254740993' }, ['it: invalid_type']],
    ['an integer past 2^53 is no number: Parquet', 'z.number()', { parquet: '9007199254740993::BIGINT' }, ['it: invalid_type']],
    ['an integer past 2^53 is a bigint: JSON', 'z.bigint()', { json: '9007199254740993' }, 9007199254740993n],
    ['an integer past 2^53 is a bigint: CSV', 'z.bigint()', { csv: '9007199254740993' }, 9007199254740993n],
    ['an integer past 2^53 is a bigint: Parquet', 'z.bigint()', { parquet: '9007199254740993::BIGINT' }, 9007199254740993n],
    ['a double past 2^53 is a number', 'z.number()', { json: '9007199254740993.0' }, 9007199254740992],
    ['a safe integer of 64 bits is a number', 'z.number()', { parquet: '9007199254740991::BIGINT' }, 9007199254740991],
    ['a bigint past 64 bits: JSON', 'z.bigint()', { json: '9223372036854775808' }, ['it: int64_range']],
    ['a bigint past 64 bits: CSV', 'z.bigint()', { csv: '9223372036854775808' }, ['it: int64_range']],
    ['a bigint past 64 bits: Parquet', 'z.bigint()', { parquet: '9223372036854775808::UBIGINT' }, ['it: int64_range']],
    ['all 64 bits without a sign', 'z.uint64()', { parquet: '18446744073709551615::UBIGINT' }, '18446744073709551615'],
    ['microseconds of a date: CSV', 'z.date()', { csv: '2026-01-31T10:20:30.123456Z' }, 1769854830123456n],
    ['microseconds of a date: JSON', 'z.coerce.date()', { json: '"2026-01-31T10:20:30.123456Z"' }, 1769854830123456n],
    [
      'microseconds of a date that zod judges',
      'z.date().refine(() => true)',
      { parquet: "TIMESTAMPTZ '2026-01-31 10:20:30.123456Z'" },
      1769854830123456n,
    ],
    ['nanoseconds of a date are floored', 'z.date()', { parquet: "TIMESTAMP_NS '1969-12-31 23:59:59.999999999'" }, -1n],
    [
      'a bound of milliseconds holds for the millisecond that zod sees',
      "z.date().max(new Date('2026-01-31T10:20:30.123Z'))",
      { csv: '2026-01-31T10:20:30.123999Z' },
      1769854830123999n,
    ],
    [
      'all digits of a decimal as text',
      'z.string()',
      { parquet: "'1234567890123456789012345678.0123456789'::DECIMAL(38,10)" },
      '1234567890123456789012345678.0123456789',
    ],
    ['a decimal as the nearest number', 'z.number()', { parquet: "'0.1000000000'::DECIMAL(38,10)" }, 0.1],
    ['a 32-bit float is rounded to it', 'z.float32()', { json: '0.1' }, Math.fround(0.1)],
    ['half of a character', 'z.string()', { json: '"a\\ud83d"' }, 'a\ufffd'],
    ['half of a character within JSON', 'z.json()', { json: '["a\\ud83d"]' }, '["a\\ud83d"]'],
    ['the sign of a zero where columns judge', 'z.number()', { json: '-0' }, -0],
    ['a null where the schema takes absence and no null', "z.string().default('x')", { json: 'null' }, 'x'],
    ['a null where the schema takes null', "z.string().nullable().default('x')", { json: 'null' }, null],
    [
      'a null member that a coercion takes',
      'z.object({ a: z.coerce.number().default(5), b: z.string().optional() })',
      { parquet: "{'a': NULL, 'b': NULL}::STRUCT(a INTEGER, b VARCHAR)" },
      '{"a":0}',
    ],
    [
      'a null member that a catch takes',
      "z.object({ a: z.string().optional().catch('x') })",
      { parquet: "{'a': NULL}::STRUCT(a VARCHAR)" },
      '{"a":"x"}',
    ],
    ['an empty field', "z.string().default('x')", { csv: '' }, 'x'],
    ['a quoted empty field', "z.string().default('x')", { csv: '""' }, ''],
    ['big integers within JSON', 'z.array(z.bigint())', { json: '[9007199254740993,1]' }, '[9007199254740993,1]'],
  ]
  it.each(chosen)('%s', async (_, source, written, expected) => {
    expect(await outcome(source, written)).toEqual(expected)
  })
})

describe('what a column of the table is too narrow for', () => {
  const wide: [what: string, source: string, parquet: string, outcome: unknown][] = [
    ['is no value that a bound accepts: 32 bits', 'z.int32().negative()', '(-3000000000)::BIGINT', ['it: too_small']],
    ['is no value that a bound accepts: unsigned', 'z.int32().positive()', '4294967295::UINTEGER', ['it: too_big']],
    ['is no value that a bound accepts: a double', 'z.int32().positive()', '3e9::DOUBLE', ['it: too_big']],
    [
      'is no value that a bound accepts: a decimal',
      'z.bigint().gt(5n)',
      "'36178392415656378569'::DECIMAL(38,0)",
      ['it: int64_range'],
    ],
    ['is caught where zod catches it', 'z.int32().negative().catch(-1)', '(-3000000000)::BIGINT', -1],
  ]
  it.each(wide)('%s', async (_, source, parquet, expected) => {
    expect(await outcome(source, { parquet })).toEqual(expected)
  })
})

describe('hostile values of JSON', () => {
  const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`
  const hostile: [what: string, source: string, json: string, outcome: unknown][] = [
    ['a number past all doubles', 'z.number()', '1e400', ['it: invalid_type']],
    ['the last of members with one name', 'z.object({ a: z.string() })', '{"a":1,"a":"x"}', '{"a":"x"}'],
    ['a member called __proto__', 'z.object({ a: z.string().optional() })', '{"__proto__":{"a":"x"}}', '{}'],
    ['a member called __proto__ of a strict object', 'z.strictObject({})', '{"__proto__":1}', ['it: unrecognized_keys']],
    ['a NUL', "z.string().startsWith('\\0')", '"\\u0000a"', '\0a'],
    ['a mark of byte order', 'z.string().refine(text => text.length === 2)', '"\ufeffa"', '\ufeffa'],
    ['a megabyte', 'z.string().min(1_000_000)', `"${'é'.repeat(1_000_000)}"`, 'é'.repeat(1_000_000)],
    ['a text one character too long', 'z.string().max(999_999)', `"${'é'.repeat(1_000_000)}"`, ['it: too_big']],
    ['values nested 100 deep', 'z.json()', nested(100), nested(100)],
    ['text in other spellings', 'z.string()', '"\\u0061\\ud83d\\ude00\\/"', 'a😀/'],
  ]
  it.each(hostile)('%s', async (_, source, json, expected) => {
    expect(await outcome(source, { json })).toEqual(expected)
  })

  it('values nested so deep that zod gives up are refused, and nothing else', async () => {
    for (const source of ['z.json()', 'z.any()', 'z.lazy(() => z.array(z.any()))', 'z.string()']) {
      const deep = await outcome(source, { json: nested(20_000) })
      if (Array.isArray(deep)) expect(deep.join()).toMatch(/^(it)?: (exception|unstorable|invalid_type|malformed|invalid_union)/)
      else expect(deep).toBe(nested(20_000))
    }
  })
})
