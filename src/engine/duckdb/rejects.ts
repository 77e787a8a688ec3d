/** Rows that the compiled checks refuse, read again and judged by zod itself for its words. */
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api'
import type { RejectedRow } from '../../domain/engine.ts'
import type { Issue } from '../../domain/schema.ts'
import type { PinnedFile } from '../../domain/source.ts'
import type { DecodedGroup } from './decodedGroup.ts'
import { decodersOf, seenRow } from './judgeWholeRows.ts'
import type { Scan } from './scan.ts'
import { refusedSql } from './scan.ts'
import type { ScanRequest } from './scanRequest.ts'
import { judge } from './verdict.ts'

/** Hands every refused row of the scan to its `onRejected`, a chunk at a time. */
export async function readRejected(connection: DuckDBConnection, { request, groups }: Scan): Promise<void> {
  for (const decoded of groups) {
    for (const file of decoded.group.files) {
      const result = await connection.stream(refusedSql(request, decoded, file))
      for (;;) {
        request.signal.throwIfAborted()
        const chunk = await result.fetchChunk()
        if (!chunk || chunk.rowCount === 0) break
        await request.onRejected(chunk.getRows().map(row => rejectedRow(request, decoded, file, row)))
      }
    }
  }
}

function rejectedRow(request: ScanRequest, decoded: DecodedGroup, file: PinnedFile, row: DuckDBValue[]): RejectedRow {
  const [position, t, raw, ...raws] = row
  const seen = seenRow(decodersOf(decoded), raws)
  const { issues, refusedByKey } = judge(request, seen, () => (t === null ? undefined : (t as bigint)))
  return {
    input: file.hash,
    path: file.path,
    row: BigInt(position as bigint) + 1n,
    raw: String(raw),
    issues: issues.length > 0 ? issues : [DISAGREEMENT],
    ...(refusedByKey ? { refusedByKey } : {}),
  }
}

/** Should not be, and is kept rather than lost. */
const DISAGREEMENT: Issue = {
  path: '',
  code: 'disagreement',
  message: 'The compiled checks refuse what zod accepts: this is a defect of quern, please report the row and its schema',
}
