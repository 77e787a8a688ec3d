/**
 * Rows of a landing that repeat others. A row repeats one that has landed, or lands with it, whose ids are the same and whose event is at
 * most the horizon away; rows of one landing are looked at by event time, and of one time by position. So what repeats a row that did
 * not land itself lands, where it is further away from all that did.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { ARCHIVE_COLUMNS as A } from '../../domain/kafkaSource.ts'
import type { Landing } from '../../domain/landing.ts'
import type { KafkaSource } from '../../domain/source.ts'
import { sqlType } from './expressionSql.ts'
import { fileList, identifier } from './sql.ts'
import { count, firstRow } from './tables.ts'

interface Request {
  source: KafkaSource
  /** As `Landing.finish` has it. */
  archived: Parameters<Landing['finish']>[1]
  signal: AbortSignal
}

/** So many rows are looked at one by one at a time. */
const STEP = 65_536

const PLACE = '__partition, __offset'

/** `rows` but for the repeats. A row with a null among its ids repeats nothing, one that takes back neither. */
export async function withoutRepeats(connection: DuckDBConnection, request: Request, rows: string): Promise<string> {
  const { by } = request.source.landing.dedupe!
  const { fields } = request.source.landing.schema
  const ids = by.map(name => `c${fields.findIndex(field => field.name === name)}`)
  const has = [...ids.map(id => `${id} IS NOT NULL`), 'NOT __retracts'].join(' AND ')
  await connection.run('CREATE OR REPLACE TEMP TABLE repeats (__partition INTEGER, __offset BIGINT)')
  await findArchived(connection, request, { ids, from: `(SELECT * FROM ${rows} WHERE ${has})` })
  await findAmong(connection, request, { ids, from: `(SELECT * FROM ${rows} ANTI JOIN repeats USING (${PLACE}) WHERE ${has})` })
  return `(SELECT * FROM ${rows} ANTI JOIN repeats USING (${PLACE}))`
}

export async function dropRepeats(connection: DuckDBConnection): Promise<void> {
  for (const table of ['repeats', 'near', 'chains']) await connection.run(`DROP TABLE IF EXISTS ${table}`)
}

interface Rows {
  /** The columns whose values tell events apart. */
  ids: readonly string[]
  /** Those that may repeat others. */
  from: string
}

/** Those that repeat what has landed before. */
async function findArchived(
  connection: DuckDBConnection,
  { source: { landing }, archived }: Request,
  { ids, from }: Rows,
): Promise<void> {
  const { by, within } = landing.dedupe!
  const [first, last] = await firstRow(connection, `SELECT min(__t), max(__t) FROM ${from}`)
  const paths = first === null ? [] : await archived((first as bigint) - within, (last as bigint) + within)
  if (paths.length === 0) return
  const typeOf = (name: string): string => sqlType(landing.schema.fields.find(field => field.name === name)!.type)
  const names = by.map((name, at) => `${identifier(name)}::${typeOf(name)} AS id${at}`)
  const equal = ids.map((id, at) => `${id} = id${at}`).join(' AND ')
  await connection.run(`INSERT INTO repeats SELECT ${PLACE} FROM ${from} SEMI JOIN (
      SELECT ${names.join(', ')}, epoch_us(${identifier(A.eventTime)}) AS t
      FROM read_parquet(${fileList(paths)}, union_by_name = true, hive_partitioning = false) WHERE NOT ${identifier(A.retracts)}
    ) known ON ${equal} AND abs(__t - t) <= ${within}`)
}

/** Those that repeat others of their landing. */
async function findAmong(connection: DuckDBConnection, { source, signal }: Request, { ids, from }: Rows): Promise<void> {
  const { within } = source.landing.dedupe!
  const by = ids.join(', ')
  const former = `lag(__t) OVER (PARTITION BY ${by} ORDER BY __t, ${PLACE})`
  await connection.run(`CREATE OR REPLACE TEMP TABLE near AS
    SELECT ${by}, ${PLACE}, __t - former AS apart FROM (SELECT *, ${former} AS former FROM ${from}) WHERE __t - former <= ${within}`)
  // What repeats a row of its own time repeats whatever that one does.
  await connection.run(`INSERT INTO repeats SELECT ${PLACE} FROM near WHERE apart = 0`)
  if ((await count(connection, 'SELECT count(*) FROM near WHERE apart > 0')) === 0) return
  // Of a chain of these each row depends on what has become of those before it.
  await connection.run(`CREATE OR REPLACE TEMP TABLE chains AS
    SELECT row_number() OVER (ORDER BY ${by}, __t, ${PLACE}) AS place, ${former} IS NULL AS begins, __t, ${PLACE}
    FROM (SELECT * FROM ${from} SEMI JOIN (SELECT * FROM near WHERE apart > 0) USING (${by}))`)
  const rows = await count(connection, 'SELECT count(*) FROM chains')
  let landed = 0n
  for (let done = 0; done < rows; done += STEP) {
    signal.throwIfAborted()
    const some = `SELECT begins, __t, ${PLACE} FROM chains WHERE place > ${done} AND place <= ${done + STEP} ORDER BY place`
    const reader = await connection.runAndReadAll(some)
    const appender = await connection.createAppender('repeats', 'main', 'temp')
    for (const [begins, t, partition, offset] of reader.getRows() as [boolean, bigint, number, bigint][]) {
      if (begins || t - landed > within) landed = t
      else {
        appender.appendInteger(partition)
        appender.appendBigInt(offset)
        appender.endRow()
      }
    }
    appender.closeSync()
  }
}
