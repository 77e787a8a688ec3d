/** What landings and replays have in common: rows that are appended to an archive, under the next number, where no other landing was first. */

import { ARCHIVE_COLUMNS as A } from '../domain/kafkaSource.ts'
import type { Landed } from '../domain/landing.ts'
import { LANDINGS_TAG } from '../domain/landingNumbers.ts'
import type { KafkaSource } from '../domain/source.ts'
import type { Snapshot, Table, TableFile } from '../domain/tableStore.ts'
import type { Instant } from '../domain/time.ts'
import type { archiveSchema } from './archiveSchema.ts'
import { landingsId, topicNumberId } from './landedPositions.ts'
import type { Parts } from './parts.ts'

interface ArchiveCommit {
  table: Table
  archive: Snapshot | undefined
  topicId: string
  topicNumber: bigint
  schema: ReturnType<typeof archiveSchema>
  operation: 'land' | 'replay'
  /** Of the landing. */
  number: bigint
  runId: string
  landed: Pick<Landed, 'files' | 'rows' | 'repeats'>
  /** Beside the landing's number and the topic's. */
  transactions: Record<string, bigint>
  /** Beside what each such commit records. */
  lineage: object
}

/** The number of the next landing. */
export const nextLanding = (source: string, archive: Snapshot | undefined): bigint =>
  (archive?.transactions.get(landingsId(source)) ?? 0n) + 1n

/** The version; undefined where another run was first. */
export async function commitToArchive(
  { name, landing }: KafkaSource,
  { versions, code }: Pick<Parts, 'versions' | 'code'>,
  { table, archive, topicId, topicNumber, schema, operation, number, runId, landed, transactions, lineage }: ArchiveCommit,
): Promise<number | undefined> {
  const tags = { [LANDINGS_TAG]: String(number) }
  const committed = await table.commit({
    base: archive,
    operation,
    ...(schema ? { schema } : {}),
    add: landed.files.map(file => ({ ...file, tags })),
    remove: [],
    transactions: { [landingsId(name)]: number, [topicNumberId(name, topicId)]: topicNumber, ...transactions },
    lineage: {
      runId,
      landing: number,
      topic: landing.topic,
      topicId,
      ...lineage,
      rows: landed.rows,
      repeats: landed.repeats,
      schema: landing.schema.fingerprint,
      versions,
      code,
    },
    isolation: 'append',
  })
  return committed.outcome === 'committed' ? committed.version : undefined
}

/** Local paths of the archive's files with events in a span, both ends included. */
export async function archivedBetween(
  { table, archive }: Pick<ArchiveCommit, 'table' | 'archive'>,
  first: Instant,
  last: Instant,
): Promise<string[]> {
  const isNear = ({ columns }: TableFile): boolean => {
    const { min, max } = columns[A.eventTime] ?? {}
    return typeof min !== 'bigint' || typeof max !== 'bigint' || (min <= last && max >= first)
  }
  return table.localPaths(archive?.files.filter(isNear) ?? [])
}
