/** Rows that the compiled checks refuse, read again and judged by zod itself for its words. */
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api'
import type { RejectedRow } from '../../domain/engine.ts'
import { InvariantError } from '../../domain/errors.ts'
import type { Issue } from '../../domain/schema.ts'
import type { PinnedFile } from '../../domain/source.ts'
import { EARLIEST_INSTANT, LATEST_INSTANT } from '../../domain/time.ts'
import type { DecodedGroup, Scan, ScanRequest } from './scan.ts'
import { refusedSql } from './scan.ts'

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
  const [position, t, ...raws] = row
  const seen: Record<string, unknown> = {}
  const raw: Record<string, unknown> = {}
  let at = 0
  for (const [field, decoder] of decoders) {
    const value = plain(raws[at++]!)
    if (value !== null) seen[field.name] = decoder.seen(value)
    // A null is null where the schema accepts null or accepts neither, else absent.
    else if (field.nullable || !field.optional) seen[field.name] = null
    raw[field.name] = value === null ? null : seen[field.name]
  }
  const verdict = judge(request, seen, t === null ? undefined : (t as bigint))
  if (verdict.issues.length === 0) {
    throw new InvariantError(
      'defect.verdict',
      `${file.path}, row ${BigInt(position as bigint) + 1n}: the compiled checks refuse what zod accepts: ${rawText(raw)}`,
    )
  }
  return { input: file.hash, path: file.path, row: BigInt(position as bigint) + 1n, raw: rawText(raw), ...verdict }
}

function plain(value: DuckDBValue): unknown {
  return value !== null && typeof value === 'object' ? String(value) : value
}

/** zod's issues, then those of event time and key, which the schema knows nothing of. */
export function judge(
  { source, keys, setName }: ScanRequest,
  seen: Record<string, unknown>,
  t: bigint | undefined,
): { issues: Issue[]; refusedByKey?: boolean } {
  const verdict = source.schema.validate(seen)
  if (!verdict.ok) return { issues: verdict.issues }
  const time = source.eventTime.column
  if (t === undefined) return { issues: [{ path: time, code: 'no_event_time', message: 'Event time is null or no instant' }] }
  if (t < EARLIEST_INSTANT || t > LATEST_INSTANT) {
    return { issues: [{ path: time, code: 'event_time_range', message: 'Event time lies outside the years 1 to 9999' }] }
  }
  const known = source.knownTime
  if (known !== undefined && (seen[known] ?? null) === null) {
    return { issues: [{ path: known, code: 'no_known_time', message: 'Known time is null' }] }
  }
  const nulls = keys.filter(key => (seen[key] ?? null) === null)
  if (nulls.length === 0) return { issues: [] }
  return {
    issues: nulls.map(key => ({ path: key, code: 'null_key', message: `Null in the entity key of feature set ${setName}` })),
    refusedByKey: true,
  }
}

/** JSON with 64-bit integers in exact digits and numbers that JSON lacks as text. */
export function rawText(row: Record<string, unknown>): string {
  const members = Object.entries(row).map(([name, value]) => `${JSON.stringify(name)}:${jsonValue(value)}`)
  return `{${members.join(',')}}`
}

function jsonValue(value: unknown): string {
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number' && !Number.isFinite(value)) return JSON.stringify(String(value))
  if (value instanceof Date && Number.isNaN(value.getTime())) return '"Invalid Date"'
  return JSON.stringify(value) ?? 'null'
}
