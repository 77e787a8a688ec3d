/** The table of refused rows. */
import type { TableColumn } from '../domain/tableStore.ts'

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
