/** Rows that the compiled checks refuse, read again and judged by zod itself for its words. */
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api'
import type { RejectedRow } from '../../domain/engine.ts'
import type { Issue } from '../../domain/schema.ts'
import type { PinnedFile } from '../../domain/source.ts'
import type { DecodedGroup, Scan } from './scan.ts'
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

function rejectedRow(request: ScanRequest, { decoders }: DecodedGroup, file: PinnedFile, row: DuckDBValue[]): RejectedRow {
  const [position, t, raw, ...raws] = row
  const seen: Record<string, unknown> = {}
  let at = 0
  for (const [field, decoder] of decoders) {
    const value = plain(raws[at++]!)
    if (value !== null) seen[field.name] = decoder.seen(value)
    // A null is null where the schema accepts null or accepts neither, else absent.
    else if (field.nullable || !field.optional) seen[field.name] = null
  }
  const verdict = judge(request, seen, t === null ? undefined : (t as bigint))
  const issues = verdict.issues.length > 0 ? verdict.issues : [DISAGREEMENT]
  return { input: file.hash, path: file.path, row: BigInt(position as bigint) + 1n, raw: String(raw), ...verdict, issues }
}

/** Should not be, and is kept rather than lost. */
const DISAGREEMENT: Issue = {
  path: '',
  code: 'disagreement',
  message: 'The compiled checks refuse what zod accepts: this is a defect of quern, please report the row and its schema',
}

function plain(value: DuckDBValue): unknown {
  return value !== null && typeof value === 'object' ? String(value) : value
}
