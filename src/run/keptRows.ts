/** Rows of messages that a topic keeps no more, as they were kept when they were refused. */
import type { Engine } from '../domain/engine.ts'
import type { LandingRow } from '../domain/landing.ts'
import { REJECTED_COLUMNS } from '../domain/rejectedRows.ts'
import type { KafkaSource } from '../domain/source.ts'
import type { Stored } from './refusedRows.ts'

/** Issues of messages of which no row could be made: what was kept of these is no row. */
const NO_ROW = new Set(['malformed', 'wire-format', 'unknown-schema', 'unreadable-schema', 'envelope', 'tombstone'])

/**
 * In the order of their offsets; those of which no whole row was kept are left out. So are all where a message may take rows back: of what
 * was kept cannot be told whether it does.
 */
export async function keptRows(
  { landing }: KafkaSource,
  engine: Engine,
  { table, snapshot }: Stored,
  { input, offsets }: { input: string; offsets: readonly bigint[] },
): Promise<LandingRow[]> {
  if (landing.format.envelope || landing.tombstones === 'retract') return []
  const wanted = new Set(offsets)
  const query = {
    paths: await table.localPaths(snapshot.files),
    columns: REJECTED_COLUMNS,
    select: ['row', 'code', 'raw'],
    where: `input = '${input}'`,
    // Where several schemas have refused one row, the last says what it is.
    orderBy: ['row', 'rejected_at'],
  }
  const rows = new Map<bigint, LandingRow>()
  for await (const { rows: count, columns } of engine.query(query)) {
    for (let at = 0; at < count; at++) {
      const [row, code, raw] = columns.map(column => column[at]!)
      const offset = BigInt(row as bigint)
      if (!wanted.has(offset)) continue
      if (NO_ROW.has(String(code)) || !isWhole(String(raw), Object.values(landing.parts))) rows.delete(offset)
      else rows.set(offset, { offset, timestamp: -1n, json: Buffer.from(String(raw)), retracts: false })
    }
  }
  return [...rows.values()]
}

/** A text that was cut is no JSON; a row from before a part of the message was asked for lacks its column. */
function isWhole(raw: string, columns: readonly string[]): boolean {
  if (/[\n\r]/.test(raw)) return false
  try {
    const row: unknown = JSON.parse(raw)
    return typeof row === 'object' && row !== null && columns.every(name => Object.hasOwn(row, name))
  } catch {
    return false
  }
}
