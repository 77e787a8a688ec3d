/** The refused rows of one content, as the table holds them. */
import type { Engine } from '../domain/engine.ts'
import { REJECTED_COLUMNS } from '../domain/rejectedRows.ts'
import type { Snapshot, Table } from '../domain/tableStore.ts'

/** Why, where and by whom a row was refused: one object for all rows of which the same is to be said, since there may be millions. */
export interface Refusal {
  code: string
  reason: string
  path: string
  /** The set whose key refused it; null where the schema did. */
  featureSet: string | null
  /** The schemas that refused it, each with the number of replays that had marked rows of the file when it was read. */
  by: { schema: string; replays: number }[]
}

/** Ascending by row. `refusals[i]` is that of `rows[i]`, counted from 1. */
export interface RefusedRows {
  rows: number[]
  refusals: Refusal[]
}

export interface Stored {
  table: Table
  snapshot: Snapshot
}

/** The contents that have refused rows, in the order of their paths. */
export async function refusedInputs(engine: Engine, { table, snapshot }: Stored): Promise<string[]> {
  const query = {
    paths: await table.localPaths(snapshot.files),
    columns: REJECTED_COLUMNS,
    select: ['input'],
    latest: { keys: ['input'], order: 'rejected_at' },
    orderBy: ['path', 'input'],
  }
  const inputs: string[] = []
  for await (const { columns } of engine.query(query)) for (const value of columns[0]!) inputs.push(String(value))
  return inputs
}

/**
 * A row that several schemas have refused is there once, with the words of the last. Several sets' keys may refuse one row, each on
 * its own.
 */
export async function refusedRowsOf(engine: Engine, { table, snapshot }: Stored, input: string): Promise<RefusedRows> {
  const query = {
    paths: await table.localPaths(snapshot.files),
    columns: REJECTED_COLUMNS,
    select: ['row', 'code', 'reason', 'path', 'feature_set', 'schema_fingerprint', 'replays'],
    where: `input = '${input}'`,
    orderBy: ['row', 'feature_set', 'replays', 'rejected_at'],
  }
  const all: RefusedRows = { rows: [], refusals: [] }
  const known = new Map<string, Refusal>()
  for await (const { rows, columns } of engine.query(query)) {
    for (let at = 0; at < rows; at++) {
      const [row, code, reason, path, featureSet, schema, replays] = columns.map(column => column[at]!)
      const last = all.refusals.at(-1)
      const isSame = all.rows.at(-1) === Number(row) && last!.featureSet === featureSet
      if (isSame) {
        all.rows.pop()
        all.refusals.pop()
      }
      const by = [...(isSame ? last!.by : []), { schema: String(schema), replays: Number(replays ?? 0) }]
      const refusal = {
        code: String(code),
        reason: String(reason),
        path: String(path),
        featureSet: featureSet as string | null,
        by,
      }
      const key = JSON.stringify(refusal)
      if (!known.has(key)) known.set(key, refusal)
      all.rows.push(Number(row))
      all.refusals.push(known.get(key)!)
    }
  }
  return all
}

/** The places of a row in `rows`. */
export function placesOf({ rows }: RefusedRows, row: number): number[] {
  let [low, high] = [0, rows.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (rows[middle]! < row) low = middle + 1
    else high = middle
  }
  const places: number[] = []
  for (let at = low; rows[at] === row; at++) places.push(at)
  return places
}
