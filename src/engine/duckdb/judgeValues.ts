/**
 * What SQL cannot judge of a column zod judges: each distinct value once, before the scan, which then joins what zod said. A
 * schema's functions are taken to depend on nothing but the value.
 */
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api'
import type { Value } from '../../domain/columnType.ts'
import type { Field, Parsed } from '../../domain/schema.ts'
import { guarded, Timeouts } from '../../validation/guard.ts'
import type { Decoder } from './decode.ts'
import type { DecodedGroup } from './decodedGroup.ts'
import { seenOf, sentSql } from './decodedGroup.ts'
import { sqlType } from './expressionSql.ts'
import { uncertainSql } from './fieldSql.ts'
import { tableAppender } from './rowWriter.ts'
import { identifier } from './sql.ts'
import { count, pages } from './tables.ts'

/** Fills `decoded.judged`. `at` is the group's own number. */
export async function judgeValues(connection: DuckDBConnection, decoded: DecodedGroup, at: number): Promise<void> {
  const columns = [...decoded.decoders, ...decoded.extras]
  for (const [place, [field, decoder]] of columns.entries()) {
    const uncertain = uncertainSql(field, decoder)
    if (uncertain === undefined) continue
    const names = {
      table: `judged_${at}_${place}`,
      raw: identifier(`quern: raw ${place}`),
      ok: identifier(`quern: ok ${place}`),
      value: identifier(`quern: value ${place}`),
    }
    const values = `values_${at}_${place}`
    await connection.run(`CREATE OR REPLACE TEMP TABLE ${values} AS
      SELECT raw, row_number() OVER () AS id FROM (
        SELECT DISTINCT ${decoder.raw} AS raw FROM ${decoded.group.from()} WHERE ${decoder.raw} IS NOT NULL AND (${uncertain}))`)
    const isEverywhere = uncertain === 'true'
    if (!isEverywhere && (await count(connection, `SELECT count(*) FROM ${values}`)) === 0) continue
    await judge(connection, field, decoder, values)
    await connection.run(`CREATE OR REPLACE TEMP TABLE ${names.table} AS
      SELECT raw AS ${names.raw}, ok AS ${names.ok}, value AS ${names.value} FROM ${values} JOIN verdicts USING (id)`)
    await connection.run(`DROP TABLE ${values}; DROP TABLE verdicts`)
    decoded.judged.set(field, names)
  }
}

/** The table `verdicts`: what zod says of each value. */
async function judge(connection: DuckDBConnection, field: Field, decoder: Decoder, values: string): Promise<void> {
  await connection.run(`CREATE OR REPLACE TEMP TABLE verdicts (id BIGINT, ok BOOLEAN, value ${sqlType(field.type)})`)
  const appender = await tableAppender(connection, 'verdicts', [
    { type: { kind: 'int64' } },
    { type: { kind: 'boolean' } },
    { type: field.type },
  ])
  const timeouts = new Timeouts()
  for await (const { from, rows } of pages(connection, values, [sentSql(decoder, 'raw')])) {
    const verdicts: Parsed[] = rows.map(() => REFUSED)
    guarded(
      rows.length,
      at => {
        verdicts[at] = parsed(field, decoder, rows[at]![0]!)
      },
      // Refused; the row's own verdict tells why.
      () => timeouts.add(),
    )
    const stored = verdicts.map((verdict): Value => (verdict.ok ? verdict.value : null))
    appender.append({
      rows: rows.length,
      columns: [rows.map((_, at) => from + BigInt(at)), verdicts.map(({ ok }) => ok), stored],
    })
  }
  appender.close()
}

const REFUSED: Parsed = { ok: false }

/** A function of the schema that fails refuses the value; the row's own verdict tells how. */
function parsed(field: Field, decoder: Decoder, sent: DuckDBValue): Parsed {
  try {
    const seen = seenOf(decoder, sent)
    const verdict = field.parse(seen)
    if (!verdict.ok || !(seen instanceof Date) || !(verdict.output instanceof Date)) return verdict
    // A date that comes out as it went in keeps what is finer than its milliseconds.
    if (verdict.output.getTime() !== seen.getTime()) return verdict
    const instant = decoder.instant?.(decoder.isText ? String(sent).slice(1) : sent)
    return instant === undefined ? verdict : { ...verdict, value: instant }
  } catch {
    return REFUSED
  }
}
