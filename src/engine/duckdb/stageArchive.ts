/** Accepted rows of messages, without those that repeat others, to staged files of one date each. */
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { ARCHIVE_COLUMNS as A } from '../../domain/kafkaSource.ts'
import type { Landed, Landing, LandingMark } from '../../domain/landing.ts'
import { archiveColumns } from '../../domain/landing.ts'
import type { KafkaSource } from '../../domain/source.ts'
import type { StagedFile } from '../../domain/tableStore.ts'
import { formatInstant } from '../../domain/time.ts'
import { sqlType } from './expressionSql.ts'
import { dropRepeats, withoutRepeats } from './repeats.ts'
import { fileList, identifier, literal } from './sql.ts'
import { writeParquet } from './stagedFile.ts'

interface Request {
  source: KafkaSource
  topicId: string
  topicNumber: number
  as: LandingMark
  /** The accepted rows: `c0`, `c1` and so on, `__t`, `__partition`, `__offset`, `__retracts`. Removed afterwards. */
  path: string
  /** On which days their events happened, counted from 1970. */
  days: ReadonlySet<bigint>
  /** As `Landing.finish` has it. */
  archived: Parameters<Landing['finish']>[1]
  scratchDir: string
  signal: AbortSignal
}

/** As many are looked for one by one in all rows; of more each is found at its place in a sorted table. */
const FEW_DAYS = 8

/** In microseconds. */
export const DAY = 86_400_000_000n

export async function stageArchive(connection: DuckDBConnection, request: Request): Promise<Pick<Landed, 'files' | 'rows'>> {
  const { source, path, signal, scratchDir } = request
  const rows = `read_parquet(${fileList([path])}, hive_partitioning = false)`
  const landing = source.landing.dedupe ? await withoutRepeats(connection, request, rows) : rows
  const days = [...request.days].sort((a, b) => (a < b ? -1 : 1))
  const columns = archiveColumns(source).filter(({ name }) => name !== A.date)
  let from = landing
  if (days.length > FEW_DAYS) {
    await connection.run(`CREATE OR REPLACE TEMP TABLE landing AS SELECT * FROM ${from} ORDER BY __t`)
    from = 'landing'
  }
  const files: StagedFile[] = []
  for (const day of days) {
    signal.throwIfAborted()
    const where = days.length > 1 ? ` WHERE __t >= ${day * DAY} AND __t < ${(day + 1n) * DAY}` : ''
    const query = `SELECT ${selected(request).join(', ')} FROM ${from}${where}`
    const file = await writeParquet(connection, query, columns, join(scratchDir, `archive-${randomUUID()}.parquet`))
    // All of a day may repeat what has landed.
    if (file.rows === 0) await rm(file.localPath, { force: true })
    else files.push({ ...file, partition: { [A.date]: formatInstant(day * DAY).slice(0, 'YYYY-MM-DD'.length) } })
  }
  await connection.run('DROP TABLE IF EXISTS landing')
  if (source.landing.dedupe) await dropRepeats(connection)
  await rm(path, { force: true })
  return { files, rows: files.reduce((sum, file) => sum + file.rows, 0) }
}

/** SQL of the archive's columns, but for the date. */
function selected({ source, topicId, topicNumber, as: { number, at: landedAt } }: Request): string[] {
  const { fields } = source.landing.schema
  return [
    ...fields.map(({ name, type }, at) => `c${at}::${sqlType(type)} AS ${identifier(name)}`),
    `make_timestamptz(__t) AS ${identifier(A.eventTime)}`,
    `make_timestamptz((${landedAt})::BIGINT) AS ${identifier(A.landedAt)}`,
    `(${number})::BIGINT AS ${identifier(A.landing)}`,
    `${literal(topicId)} AS ${identifier(A.topicId)}`,
    `(${topicNumber})::INTEGER AS ${identifier(A.topic)}`,
    `__partition AS ${identifier(A.partition)}`,
    `__offset AS ${identifier(A.offset)}`,
    `__retracts AS ${identifier(A.retracts)}`,
  ]
}
