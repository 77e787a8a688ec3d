/**
 * Rows that the compiled checks refuse, with zod's own words for why. What zod says of a row follows from the columns that have
 * failed: of rows with the same values in these, one meets zod, and speaks for all.
 */
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api'
import type { Issue } from '../../domain/schema.ts'
import type { LocalFile } from '../../domain/source.ts'
import { guarded, TIMEOUT_ISSUE, Timeouts } from '../../validation/guard.ts'
import type { DecodedGroup } from './decodedGroup.ts'
import { decodersOf, seenRow } from './judgeWholeRows.ts'
import type { RejectStage } from './rejectStage.ts'
import { tableAppender } from './rowWriter.ts'
import type { Scan } from './scan.ts'
import { refusedSql } from './scan.ts'
import type { ScanRequest } from './scanRequest.ts'
import { pages } from './tables.ts'
import { judge } from './verdict.ts'

/** Stages every refused row of the files that the engine reads itself. */
export async function stageRejects(connection: DuckDBConnection, { request, groups }: Scan, stage: RejectStage): Promise<void> {
  for (const decoded of groups)
    for (const file of decoded.group.files) await stageFile(connection, { request, decoded, file }, stage)
}

interface Refusal {
  request: ScanRequest
  decoded: DecodedGroup
  file: LocalFile
}

async function stageFile(connection: DuckDBConnection, refusal: Refusal, stage: RejectStage): Promise<void> {
  const { request, decoded, file } = refusal
  const { kinds, rows } = refusedSql(request, decoded, file)
  await connection.run(`CREATE OR REPLACE TEMP TABLE reject_kinds AS SELECT *, row_number() OVER () AS id FROM (${kinds})`)
  await connection.run('CREATE OR REPLACE TEMP TABLE kind_issues (id BIGINT, issue BIGINT)')
  const appender = await tableAppender(connection, 'kind_issues', [{ type: { kind: 'int64' } }, { type: { kind: 'int64' } }])
  const raws = decodersOf(decoded).map((_, at) => `__raw${at}`)
  const timeouts = new Timeouts()
  let found = 0
  for await (const page of pages(connection, 'reject_kinds', ['__rows', '__t', ...raws])) {
    request.signal.throwIfAborted()
    const issues: number[] = []
    guarded(
      page.rows.length,
      at => {
        const [, t, ...values] = page.rows[at]!
        issues[at] = issueOf(refusal, stage, t!, values)
      },
      at => {
        timeouts.add()
        issues[at] = stage.issueId([TIMEOUT_ISSUE], false)
      },
    )
    for (const [at, [rows]] of page.rows.entries()) {
      stage.count(stage.fileId(file), issues[at]!, Number(rows))
      found += Number(rows)
    }
    appender.append({ rows: issues.length, columns: [issues.map((_, at) => page.from + BigInt(at)), issues.map(BigInt)] })
    await stage.makeRoom()
  }
  appender.close()
  if (found === 0) return
  const query = `SELECT ${stage.fileId(file)}::BIGINT AS file, row, raw, issue
    FROM (${rows}) JOIN (SELECT __kind, issue FROM reject_kinds JOIN kind_issues USING (id)) USING (__kind)`
  await stage.addQuery(query, found)
}

function issueOf({ request, decoded }: Refusal, stage: RejectStage, t: DuckDBValue, values: DuckDBValue[]): number {
  const seen = seenRow(decodersOf(decoded), values)
  const { issues, refusedByKey } = judge(request, seen, () => (t === null ? undefined : (t as bigint)))
  return stage.issueId(issues.length > 0 ? issues : [DISAGREEMENT], refusedByKey === true)
}

/** Should not be, and is kept rather than lost. */
const DISAGREEMENT: Issue = {
  path: '',
  code: 'disagreement',
  message: 'The compiled checks refuse what zod accepts: this is a defect of quern, please report the row and its schema',
}
