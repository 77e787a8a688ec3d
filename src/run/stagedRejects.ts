/** Rejected rows that an engine has staged, as rows again. */
import type { Engine } from '../domain/engine.ts'
import type { RejectedRow, StagedRejects } from '../domain/rejectedRows.ts'
import { REJECTED_COLUMNS } from '../domain/rejectedRows.ts'

const SELECT = ['input', 'path', 'row', 'raw', 'issues', 'feature_set']

/** By file and row. For few of them: they are all held at once. */
export async function stagedRejects(engine: Engine, { files }: StagedRejects): Promise<RejectedRow[]> {
  const rows: RejectedRow[] = []
  const paths = files.map(({ localPath }) => localPath)
  for await (const batch of engine.query({ paths, columns: REJECTED_COLUMNS, select: SELECT, orderBy: ['path', 'row'] })) {
    for (let at = 0; at < batch.rows; at++) {
      const [input, path, row, raw, issues, byKey] = batch.columns.map(column => column[at]!)
      const known = { input: String(input), path: String(path), row: row as bigint, raw: String(raw) }
      rows.push({ ...known, issues: JSON.parse(String(issues)), ...(byKey === null ? {} : { refusedByKey: true }) })
    }
  }
  return rows
}
