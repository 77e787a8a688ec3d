/** Rows that a schema, or a feature set's key, refuses: as they are kept for people to look into. */
import type { Issue } from './schema.ts'
import type { StagedFile, TableColumn } from './tableStore.ts'
import type { Instant } from './time.ts'

export interface RejectedRow {
  /** sha256 of the file's bytes, and the row in it counted from 1 (a CSV header does not count). */
  input: string
  path: string
  row: bigint
  /** The row as it was read, as JSON text; for a row that could not be parsed the text itself. */
  raw: string
  issues: Issue[]
  /** The schema accepts the row; the feature set that is computed refuses it, since a column of its key is null. */
  refusedByKey?: boolean
}

const text = (name: string, comment: string): TableColumn => ({ name, type: { kind: 'string' }, nullable: true, comment })

export const REJECTED_COLUMNS: TableColumn[] = [
  text('input', "SHA-256 of the file's bytes"),
  text('path', 'the file as it was called then'),
  { name: 'row', type: { kind: 'int64' }, nullable: true, comment: 'counted from 1' },
  text('raw', 'the row as it was read'),
  text('issues', 'JSON: path, code and message of every issue'),
  text('code', "the first issue's code"),
  text('reason', 'the first issue in words'),
  text('schema_fingerprint', 'of the schema that refused it'),
  text('feature_set', 'the set whose key refused it; null where the schema did'),
  text('run_id', 'the run that found it'),
  { name: 'rejected_at', type: { kind: 'timestamp' }, nullable: true },
  {
    name: 'replays',
    type: { kind: 'int64' },
    nullable: true,
    comment: 'replays that had marked rows of the file when it was read',
  },
]

/** The run that finds them. */
export interface RejectingRun {
  id: string
  startedAt: Instant
}

/** Refused rows in files with the columns of `REJECTED_COLUMNS`. */
export interface StagedRejects {
  files: StagedFile[]
  /** How many there are, by file and by what refuses them. */
  groups: RejectedGroup[]
  /** The commonest first issue and how many rows have it; undefined where there are no rows. */
  commonest: { reason: string; rows: number } | undefined
}

export interface RejectedGroup {
  input: string
  path: string
  byKey: boolean
  rows: number
}

/** The first issue in words. */
export function reasonOf(issues: readonly Issue[]): string {
  const { path, message } = issues[0]!
  return path === '' ? message : `${path}: ${message}`
}
