/** What a feature set expects of a batch, measured over its accepted rows. */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { ExpectedBatch } from '../../domain/engine.ts'
import type { BatchMeasures, Expectation, Measure } from '../../domain/expectations.ts'
import type { CutoffRange } from '../../domain/ranges.ts'
import type { Scan } from './scan.ts'
import type { Shape } from './shape.ts'
import { literal } from './sql.ts'
import { firstRow } from './tables.ts'
import { cutoffAt, cutoffIndices } from './windowShape.ts'

/** One pass over the columns that are asked for, for all that is counted row by row; and a grouping for each key. */
export async function measureBatch(
  connection: DuckDBConnection,
  shape: Shape,
  { scan, accepted }: { scan: Scan; accepted: number },
  expected: ExpectedBatch,
): Promise<BatchMeasures> {
  const { expectations } = shape.set
  const batch = batchSql(shape, scan, accepted)
  const values = expectations.map(expectation => `(${measureSql(shape, expectation, expected)})::BIGINT`)
  const [rows, ...found] = await firstRow(connection, `SELECT ${['count(*)', ...values].join(', ')} FROM ${batch}`)
  const measures: Measure[] = []
  for (const [at, expectation] of expectations.entries()) {
    if (expectation.kind === 'uniqueKey') measures.push(await repeatedRows(connection, shape, batch, expectation.columns))
    else measures.push({ value: found[at] as bigint | null })
  }
  return { rows: Number(rows), measures }
}

/** The batch's rows as they came: repeated row keys were dropped since, and `valid` holds all. What takes rows back is none. */
function batchSql({ set, retraction }: Shape, scan: Scan, accepted: number): string {
  if (retraction !== undefined) return `(SELECT * FROM valid WHERE NOT ${retraction} AND ${scan.keyed})`
  const all = set.source.rowKey ? 'valid' : scan.relation
  if (scan.rows === accepted) return set.source.rowKey ? all : scan.unjudged
  return `(SELECT * FROM ${all} WHERE ${scan.keyed})`
}

function measureSql(shape: Shape, expectation: Expectation, { until, published }: ExpectedBatch): string {
  switch (expectation.kind) {
    case 'rowsBetween':
      return 'count(*)'
    case 'nullShareBelow':
      return `count(*) FILTER (WHERE ${shape.rows.sql(expectation.column)} IS NULL)`
    case 'lateShareBelow': {
      const late = published.map(range => lateSql(shape, range))
      return `count(*) FILTER (WHERE ${late.join(' OR ') || 'false'})`
    }
    case 'fresherThan':
      // What is dated later says nothing of how old the others are.
      return `coalesce(${until} - max(__t) FILTER (WHERE __t <= ${until}), CASE WHEN count(*) > 0 THEN 0 END)`
    case 'uniqueKey':
      // Told by a grouping of its own.
      return 'NULL'
  }
}

/** The first cutoff after the event, which counts it first, was published. */
function lateSql({ set }: Shape, range: CutoffRange): string {
  const [first, last] = cutoffIndices(set, range)
  return `(__t >= ${cutoffAt(set, first - 1n)} AND __t < ${cutoffAt(set, last)})`
}

/** The rows that repeat a key, the first of each aside, and the key that most rows have: of several the least. */
async function repeatedRows(
  connection: DuckDBConnection,
  shape: Shape,
  batch: string,
  columns: readonly string[],
): Promise<Measure> {
  const keys = columns.map(name => shape.rows.sql(name))
  const present = keys.map(key => `${key} IS NOT NULL`).join(' AND ')
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE repeated AS
      SELECT ${keys.join(', ')}, count(*) AS n FROM ${batch} WHERE ${present} GROUP BY ${keys.join(', ')} HAVING n > 1`,
  )
  const [value] = await firstRow(connection, 'SELECT coalesce(sum(n - 1), 0)::BIGINT FROM repeated')
  if (value === 0n) return { value }
  const texts = columns.map((name, at) => `${literal(`${name} `)} || ${keys[at]}::VARCHAR`)
  const [text, n] = await firstRow(
    connection,
    `SELECT concat_ws(', ', ${texts.join(', ')}), n FROM repeated ORDER BY n DESC, ${keys.join(', ')} LIMIT 1`,
  )
  return { value: value as bigint, example: `${String(text)} in ${n} rows` }
}
