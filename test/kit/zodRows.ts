/** Rows for a generated schema, as a file of each format and as what zod is to see of them. */
import { writeFileSync } from 'node:fs'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Random } from './random.ts'
import type { Shape } from './zodColumn.ts'
import type { Seen } from './zodOracle.ts'
import { parseExactly, seenInJson, seenInText } from './zodOracle.ts'
import { columnFor, plainColumn } from './zodPhysical.ts'
import type { Sample } from './zodSamples.ts'
import { jsonOf, NUMBERS } from './zodSamples.ts'
import type { SchemaCase } from './zodSchemas.ts'
import { ROW } from './zodSchemas.ts'

/** What a row holds, by column; the row's own number first. */
export type Row = Map<string, Sample>

/** What zod is to see of a row; undefined where it is no row; a line that is no object of JSON is malformed. */
export type SeenRow = Map<string, Seen | null> | 'malformed' | undefined

export interface Wants {
  of: (name: string) => Shape
  /** Whether the schema names the column. */
  isNamed: (name: string) => boolean
}

/** A column that no schema names. */
export const EXTRA = 'more'

/** `count` rows of which many are accepted: most columns hold what their own schema takes. */
export function rowsOf(
  { columns, extra }: SchemaCase,
  count: number,
  random: Random,
  seen: (sample: Sample, wants: Shape) => unknown,
): Row[] {
  const good = columns.map(({ column, schema, pool }) =>
    pool.filter(sample => {
      try {
        return schema.safeParse(sample === undefined ? undefined : seen(sample, column.wants)).success
      } catch {
        return false
      }
    }),
  )
  return Array.from({ length: count }, (_, row) => {
    const wrong = random.chance(0.6) ? -1 : random.chance(0.8) ? random.whole(0, columns.length - 1) : columns.length
    const cells: [string, Sample][] = columns.map(({ name, pool }, at) => {
      const isFree = wrong === at || wrong === columns.length || good[at]!.length === 0
      return [name, random.pick(isFree ? pool : good[at]!)]
    })
    const more: [string, Sample][] =
      extra !== undefined && random.chance(0.3) ? [[EXTRA, random.pick<Sample>([1, 'ab', null, 'a', 2n ** 60n])]] : []
    return new Map<string, Sample>([[ROW, row], ...cells, ...more])
  })
}

// ---- NDJSON

/** Lines that are no row of JSON. */
const MALFORMED = [
  '{',
  '[1]',
  'null',
  '"a"',
  '{"row":1,}',
  "{'row':1}",
  '{"row":01}',
  '{"row":NaN}',
  '{"row":1}{',
  '\ufeff\ufeff{}',
  '{"row":1 "a":2}',
]

export function writeNdjson(path: string, rows: readonly Row[], random: Random): Buffer[] {
  const lines = rows.map((row, at) => {
    if (random.chance(0.02)) return Buffer.from(random.pick(MALFORMED))
    if (random.chance(0.01)) return Buffer.concat([Buffer.from('{"row":1,"a":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')])
    if (random.chance(0.005)) return Buffer.from(random.pick(['', ' ', '\t\r']))
    return Buffer.from((at === 0 && random.chance(0.2) ? '\ufeff' : '') + lineOf(row, random))
  })
  const ends = lines.map((_, at) => (at === lines.length - 1 && random.chance(0.5) ? '' : random.chance(0.2) ? '\r\n' : '\n'))
  writeFileSync(path, Buffer.concat(lines.flatMap((line, at) => [line, Buffer.from(ends[at]!)])))
  return lines
}

function lineOf(row: Row, random: Random): string {
  const members = [...row].filter(([, sample]) => sample !== undefined)
  if (random.chance(0.2)) members.sort(() => random.next() - 0.5)
  // The last of several of one name counts.
  if (random.chance(0.05)) members.unshift([random.pick(members)[0], random.pick<Sample>([null, 'other', 5, {}, []])])
  if (random.chance(0.03))
    members.push([random.pick(['__proto__', 'hasOwnProperty', 'ROW', '']), random.pick<Sample>([null, 1, { a: 1 }])])
  const blank = random.chance(0.1) ? ' ' : ''
  const name = (text: string): string =>
    random.chance(0.03)
      ? `"${[...text].map(unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`
      : JSON.stringify(text)
  return `{${blank}${members.map(([key, sample]) => `${name(key)}${blank}:${blank}${jsonOf(sample)}`).join(`${blank},${blank}`)}${blank}}`
}

export function seenOfLine(line: Buffer, { of, isNamed }: Wants): SeenRow {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(line)
  } catch {
    return 'malformed'
  }
  if (text.trim() === '') return undefined
  let parsed: unknown
  try {
    parsed = parseExactly(text.replace(/^\ufeff/, ''))
  } catch {
    return 'malformed'
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return 'malformed'
  return new Map(
    Object.entries(parsed).map(([name, value]) => [name, value === null && isNamed(name) ? null : seenInJson(of(name), value)]),
  )
}

// ---- CSV

export interface Table {
  names: string[]
  seen: Map<string, Seen | null>[]
}

export function writeCsv(path: string, names: readonly string[], rows: readonly Row[], random: Random, { of }: Wants): SeenRow[] {
  const field = (text: string): string => `"${text.replaceAll('"', '""')}"`
  const seen: SeenRow[] = []
  const lines = rows.map(row => {
    const cells = names.map(name => textOf(row.get(name)))
    seen.push(new Map(names.map((name, at) => [name, cells[at] === null ? null : seenInText(of(name), cells[at]!)])))
    return cells
      .map(cell => (cell === null ? '' : cell === '' || /[",\r\n]|^\ufeff/.test(cell) || random.chance(0.1) ? field(cell) : cell))
      .join(',')
  })
  const end = random.chance(0.3) ? '\r\n' : '\n'
  writeFileSync(path, `${random.chance(0.2) ? '\ufeff' : ''}${names.map(field).join(',')}${end}${lines.join(end)}${end}`)
  return seen
}

function textOf(sample: Sample): string | null {
  if (sample === null || sample === undefined) return null
  if (typeof sample === 'string') return sample.toWellFormed()
  return typeof sample === 'object' ? jsonOf(sample) : Object.is(sample, -0) ? '-0' : String(sample)
}

// ---- Parquet

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`
let tables = 0

export async function writeParquet(
  connection: DuckDBConnection,
  path: string,
  names: readonly string[],
  rows: readonly Row[],
  random: Random,
  { of }: Wants,
): Promise<{ seen: SeenRow[]; types: string[] }> {
  const columns = names.map(name =>
    name === ROW ? plainColumn(random.pick(['BIGINT', 'INTEGER', 'DOUBLE', 'UBIGINT'])) : columnFor(of(name), random),
  )
  const seen: SeenRow[] = []
  const values = rows.map(row => {
    const cells = names.map((name, at) => {
      const sample = row.get(name)
      // Some of the type's own edges, whatever the schema is.
      const tried = random.chance(0.1) && name !== ROW ? random.pick<Sample>([...NUMBERS, 'a', []]) : sample
      return columns[at]!.cell(sample === null || sample === undefined ? sample : tried, random.whole(0, 99))
    })
    seen.push(new Map(names.map((name, at) => [name, cells[at]?.seen(of(name)) ?? null])))
    return `(${cells.map(cell => cell?.sql ?? 'NULL').join(', ')})`
  })
  const table = `proof_${tables++}`
  await connection.run(
    `CREATE TEMP TABLE ${table} (${names.map((name, at) => `${quoted(name)} ${columns[at]!.type}`).join(', ')})`,
  )
  await connection.run(`INSERT INTO ${table} VALUES ${values.join(', ')}`)
  await connection.run(`COPY ${table} TO '${path}' (FORMAT parquet)`)
  await connection.run(`DROP TABLE ${table}`)
  return { seen, types: columns.map(({ type }) => type) }
}
