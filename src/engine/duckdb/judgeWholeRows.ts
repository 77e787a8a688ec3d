/** What a schema says of a row as a whole: zod judges each row whose columns have passed. */
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api'
import type { Field } from '../../domain/schema.ts'
import { guarded } from '../../validation/guard.ts'
import type { Decoder } from './decode.ts'
import type { DecodedGroup } from './decodedGroup.ts'
import { fromSql, seenOf, sentSql } from './decodedGroup.ts'
import { POSITION } from './fileGroups.ts'
import { tableAppender } from './rowWriter.ts'
import type { ScanRequest } from './scanRequest.ts'

/** Fills `decoded.refused`. `valid` is the condition under which the columns have passed. */
export async function judgeWholeRows(
  connection: DuckDBConnection,
  request: ScanRequest,
  decoded: DecodedGroup,
  { at, valid }: { at: number; valid: string },
): Promise<void> {
  const decoders = decodersOf(decoded)
  const raws = decoders.map(([, decoder]) => sentSql(decoder, decoder.raw))
  const files: bigint[] = []
  const positions: bigint[] = []
  for (const [place, file] of decoded.group.files.entries()) {
    const result = await connection.stream(
      `SELECT ${[POSITION, ...raws].join(', ')} FROM ${fromSql(decoded, file)} WHERE ${valid}`,
    )
    for (;;) {
      request.signal.throwIfAborted()
      const chunk = await result.fetchChunk()
      if (!chunk || chunk.rowCount === 0) break
      const rows = chunk.getRows()
      const refuse = (at: number): void => {
        files.push(BigInt(place))
        positions.push(BigInt(rows[at]![0] as bigint))
      }
      guarded(
        rows.length,
        at => {
          if (!request.source.schema.validate(seenRow(decoders, rows[at]!.slice(1))).ok) refuse(at)
        },
        refuse,
      )
    }
  }
  if (positions.length === 0) return
  const table = `refused_${at}`
  await connection.run(`CREATE OR REPLACE TEMP TABLE ${table} (file BIGINT, position BIGINT)`)
  const appender = await tableAppender(connection, table, [{ type: { kind: 'int64' } }, { type: { kind: 'int64' } }])
  appender.append({ rows: positions.length, columns: [files, positions] })
  appender.close()
  decoded.refused = table
}

export const decodersOf = ({ decoders, extras }: DecodedGroup): (readonly [Field, Decoder])[] => [...decoders, ...extras]

/** A row as zod sees it, of all decoders' raw values in their order, as `sentSql` sends them. */
export function seenRow(decoders: readonly (readonly [Field, Decoder])[], raws: readonly DuckDBValue[]): Record<string, unknown> {
  const seen: [string, unknown][] = []
  for (const [at, [field, decoder]] of decoders.entries()) {
    const raw = raws[at]!
    if (raw !== null) seen.push([field.name, seenOf(decoder, raw)])
    // A null is null where the schema accepts null or accepts neither, else absent.
    else if (field.nullable || !field.optional) seen.push([field.name, null])
  }
  // Nothing is inherited: zod would take a column called `constructor` for present.
  return Object.assign(Object.create(null), Object.fromEntries(seen))
}
