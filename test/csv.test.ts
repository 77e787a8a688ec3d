/** CSV by the engine's parser and by quern's own: a row means the same by either, and costs what it should. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RejectedRow } from '../src/domain/rejectedRows.ts'
import type { CsvDialect, PinnedFile } from '../src/domain/source.ts'
import { loadCsv } from '../src/engine/duckdb/csv.ts'
import { countRecords } from '../src/engine/duckdb/csvCount.ts'
import type { CsvRecord } from '../src/engine/duckdb/csvRecords.ts'
import { readRecords } from '../src/engine/duckdb/csvRecords.ts'
import { POSITION } from '../src/engine/duckdb/fileGroups.ts'
import { ROW_LIMIT } from '../src/engine/duckdb/pieces.ts'
import { DuckDBSession } from '../src/engine/duckdb/session.ts'
import { cases, scratch } from './kit/scratch.ts'

const DIALECT: CsvDialect = { delimiter: ',', quote: '"', header: true, nullText: '', encoding: 'utf-8' }

const folder = scratch('csv')
const session = new DuckDBSession({ memory: 2 ** 29, threads: 2, scratchDir: join(folder, 'duckdb') })
let connection: DuckDBConnection
beforeAll(async () => {
  connection = await session.connection()
})
afterAll(() => session.close())

let files = 0

/** The fields of every row with its place, and the rows that were refused, counted from 1. */
interface Loaded {
  rows: unknown[][]
  malformed: RejectedRow[]
}

async function load(content: string | Buffer, dialect = DIALECT): Promise<Loaded> {
  const path = join(folder, `${files++}.csv`)
  writeFileSync(path, content)
  const file: PinnedFile = {
    path,
    hash: path,
    size: content.length,
    modifiedAt: '0',
    format: 'csv',
    compression: 'none',
    partition: {},
  }
  const malformed: RejectedRow[] = []
  await loadCsv(connection, file, dialect, {
    table: 'loaded',
    scratchDir: folder,
    signal: new AbortController().signal,
    onShare: () => undefined,
    onMalformed: async rows => void malformed.push(...rows),
  })
  // With a letter before each text: without it the client drops a mark at its beginning.
  const marked = `'>' || COLUMNS(* EXCLUDE ${POSITION})`
  const reader = await connection.runAndReadAll(`SELECT ${marked}, ${POSITION} FROM loaded ORDER BY ${POSITION}`)
  const rows = reader.getRows().map(row => row.map((cell, at) => (at === row.length - 1 ? Number(cell) : unmarked(cell))))
  return { rows, malformed }
}

const unmarked = (cell: unknown): unknown => (cell === null ? null : String(cell).slice(1))

async function* piecesOf(bytes: Buffer, length: number): AsyncIterable<Buffer> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}

async function recordsOf(content: string | Buffer, dialect = DIALECT, piece = 2 ** 16): Promise<CsvRecord[]> {
  const records: CsvRecord[] = []
  for await (const found of readRecords(piecesOf(Buffer.from(content), piece), dialect)) records.push(...found)
  return records
}

const HEADER = 'time,customer,amount,currency\n'

describe('a row of CSV means the same whatever stands beside it', () => {
  const rows: [what: string, row: string, meaning: (string | null)[] | 'malformed'][] = [
    ['a blank before a quote', 'x, "ada",7,EUR', ['x', ' "ada"', '7', 'EUR']],
    ['a quote inside a field', 'x,a"d"a,7,EUR', ['x', 'a"d"a', '7', 'EUR']],
    ['blanks around a field', 'x,  ada ,7,EUR', ['x', '  ada ', '7', 'EUR']],
    ['a blank behind a quote', 'x,"ada" ,7,EUR', 'malformed'],
    ['a delimiter at the end', 'x,ada,7,EUR,', 'malformed'],
    ['two of them', 'x,ada,7,EUR,,', 'malformed'],
    ['a quoted empty field too many', 'x,ada,7,EUR,""', 'malformed'],
    ['a field too few', 'x,ada,7', 'malformed'],
    ['only blanks', '   ', 'malformed'],
    ['a carriage return as a field', 'x,\r,7,EUR', ['x', '\r', '7', 'EUR']],
    ['a carriage return inside a field', 'x,a\rb,7,EUR', ['x', 'a\rb', '7', 'EUR']],
    ['a quoted carriage return', 'x,"a\rb",7,EUR', ['x', 'a\rb', '7', 'EUR']],
  ]
  for (const [what, row, meaning] of rows) {
    it(`with ${what}`, async () => {
      for (const beside of ['', 'y,bob,1,EUR\n', 'y,bob,1\n', 'y,"bob"x,1,EUR\n', 'y,"b\nob",1,EUR\n']) {
        const { rows, malformed } = await load(`${HEADER}${row}\n${beside}`)
        const first = rows.find(cells => cells.at(-1) === 0)?.slice(0, -1)
        expect([beside, first]).toEqual([beside, meaning === 'malformed' ? undefined : meaning])
        expect(malformed.some(({ row }) => row === 1n)).toBe(meaning === 'malformed')
      }
    })
  }

  it('with any bytes: the engine parses only what both read alike', async () => {
    const pieces = [
      'a',
      'b c',
      ' ',
      ',',
      ',',
      '\n',
      '\n',
      '\r\n',
      '\r',
      '"',
      '""',
      '"x"',
      '"x,y"',
      '"x\ny"',
      'é',
      '\t',
      '#',
      '\\',
    ]
    const rare = [
      "'",
      '\0',
      'NULL',
      ';',
      '|',
      '"a""b"',
      ',,',
      ' "x"',
      '"x" ',
      '\u2028',
      '\x0b',
      '\ufeff',
      '"\r\n"',
      '"\r"',
      '\xa0',
    ]
    const dialects = fc.record({
      delimiter: fc.constantFrom(',', ',', ';', '\t', ' ', '|'),
      quote: fc.constantFrom('"', '"', "'"),
      header: fc.boolean(),
      nullText: fc.constantFrom('', 'NULL', 'a'),
    })
    const start = fc.constantFrom('h1%h2\n', '\ufeffh1%h2\n', '"h1"%h2\r\n', '\ufeff"h\n1"%h2\n', '\nh1%h2\n')
    // Of whole rows, so that many files are plain, and of anything.
    const field = fc.constantFrom('a', '', 'b c', ' x ', '"x%y"', '"a""b"', '"x\ny"', '""', 'NULL', 'é', '"NULL"', '\t', ' "x"')
    const row = fc.tuple(field, field, fc.constantFrom('\n', '\n', '\r\n')).map(([one, two, end]) => `${one}%${two}${end}`)
    const loose = fc.array(fc.constantFrom(...pieces, ...rare), { maxLength: 6 }).map(parts => parts.join(''))
    const body = fc.tuple(fc.array(row, { maxLength: 5 }), fc.oneof(fc.constant(''), loose), fc.array(row, { maxLength: 2 }))
    let plain = 0
    const runs = cases(300, 3000)
    await fc.assert(
      fc.asyncProperty(start, body, dialects, async (first, [before, odd, after], options) => {
        const dialect = { ...DIALECT, ...options }
        const text = [first, ...before, odd, ...after].join('').replaceAll('%', dialect.delimiter).replaceAll('"', dialect.quote)
        const records = await recordsOf(text, dialect)
        fc.pre(
          records[0]!.problem === undefined && records[0]!.fields.length === 2 && records[0]!.fields[0] !== records[0]!.fields[1],
        )
        if ((await countRecords(piecesOf(Buffer.from(text), 2 ** 16), dialect, 2)) !== undefined) plain++
        const numbered = records.slice(dialect.header ? 1 : 0).map((record, at) => ({ ...record, at }))
        const isGood = ({ problem, fields }: CsvRecord): boolean => problem === undefined && fields.length === 2
        const { rows, malformed } = await load(text, dialect)
        expect({ rows, malformed: malformed.map(({ row }) => Number(row)) }).toEqual({
          rows: numbered.filter(isGood).map(({ fields, at }) => [...fields, at]),
          malformed: numbered.filter(record => !isGood(record)).map(({ at }) => at + 1),
        })
        // However the file comes in pieces.
        expect(await recordsOf(text, dialect, 1)).toEqual(records)
        expect(await countRecords(piecesOf(Buffer.from(text), 1), dialect, 2)).toBe(
          await countRecords(piecesOf(Buffer.from(text), 2 ** 16), dialect, 2),
        )
      }),
      { numRuns: runs },
    )
    expect(plain).toBeGreaterThan(runs / 10)
  })

  it('and plain files are left to the engine', async () => {
    const plain = [
      'x,ada,7,EUR\ny,bob,8,USD\n',
      'x,"ada, ""b""",7,EUR\r\n\r\ny,"b\r\nob",8,"USD"',
      `${'x,ada,7,EUR\n'.repeat(9999)}y,  bob ,,""\n`,
    ]
    for (const body of plain) {
      const header = body.includes('\r') ? HEADER.replace('\n', '\r\n') : HEADER
      const expected = (await recordsOf(header + body)).length
      for (const mark of ['', '\ufeff'])
        expect(await countRecords(piecesOf(Buffer.from(mark + header + body), 1000), DIALECT, 4)).toBe(expected)
    }
  })
})

describe('a record is bounded', () => {
  const line = `x,${'ada'.repeat(40)},7,EUR\n`
  const many = line.repeat(Math.ceil((ROW_LIMIT * 1.2) / line.length))

  it('so that a stray quote costs its own line and nothing else', async () => {
    const text = `${HEADER}x,"ada,7,EUR\n${many}y,"b\nob",8,EUR\n`
    expect(await countRecords(piecesOf(Buffer.from(text), 2 ** 18), DIALECT, 4)).toBeUndefined()
    for (const piece of [2 ** 16, 2 ** 22 + 1]) {
      let [count, last] = [0, undefined as CsvRecord | undefined]
      const problems: [number, string, string?][] = []
      for await (const records of readRecords(piecesOf(Buffer.from(text), piece), DIALECT)) {
        for (const record of records) {
          if (record.problem !== undefined) problems.push([count, record.raw, record.problem])
          last = record
          count++
        }
      }
      expect(problems).toEqual([[1, 'x,"ada,7,EUR', 'A quoted field has no end']])
      expect(last?.fields).toEqual(['y', 'b\nob', '8', 'EUR'])
      expect(count).toBe(many.length / line.length + 3)
    }
  })

  it('and stray quotes in every line cost no more time than one', async () => {
    // Each opens a field that all lines after it go on with.
    const lines = Math.ceil((ROW_LIMIT * 2) / 100)
    const text = `${HEADER}${`${'a'.repeat(50)}","${'b'.repeat(46)}\n`.repeat(lines)}`
    let count = 0
    for await (const records of readRecords(piecesOf(Buffer.from(text), 2 ** 16), DIALECT))
      count += records.filter(({ problem }) => problem !== undefined).length
    expect(count).toBe(lines)
  })

  it('and a longer one is one malformed row, whether it is quoted or not', async () => {
    for (const quote of ['', '"']) {
      const long = `x,${quote}${'a'.repeat(ROW_LIMIT)}${quote},7,EUR\n`
      const records = await recordsOf(`${HEADER}${line}${long}${long}${line}`)
      expect(records.map(({ fields, problem, raw }) => problem ?? [fields.length, raw.length])).toEqual([
        [4, HEADER.length - 1],
        [4, line.length - 1],
        'Longer than 16 MiB',
        'Longer than 16 MiB',
        [4, line.length - 1],
      ])
      expect(records[2]!.raw).toBe(long.slice(0, 10_000))
    }
    const just = `x,"${'\n'.repeat(ROW_LIMIT - 11)}",7,EUR`
    expect((await recordsOf(`${just}\n${line}`)).map(({ fields }) => fields.length)).toEqual([4, 4])
  })

  it('and rows of megabytes are loaded a few at a time', async () => {
    const big = 'a'.repeat(3 * 2 ** 20)
    const { rows, malformed } = await load(`${HEADER}${`x,"${big}",7,EUR\n${line}`.repeat(8)}x\n`)
    expect(rows.map(row => String(row[1]).length)).toEqual(Array.from({ length: 8 }, () => [big.length, 120]).flat())
    expect(malformed).toMatchObject([{ row: 17n, raw: 'x' }])
  })
})
