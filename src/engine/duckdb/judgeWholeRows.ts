/** What a schema says of a row as a whole: zod judges each row whose columns have passed. */

import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api'
import type { Field } from '../../domain/schema.ts'
import { Int32Column, Int64Column } from '../../rows/columnBuilder.ts'
import { ParquetRows } from '../../rows/parquetRows.ts'
import { guarded, Timeouts } from '../../validation/guard.ts'
import type { Decoder } from './decode.ts'
import type { DecodedGroup } from './decodedGroup.ts'
import { fromSql, seenOf, sentSql } from './decodedGroup.ts'
import { POSITION } from './fileGroups.ts'
import type { ScanRequest } from './scanRequest.ts'
import { fileList } from './sql.ts'

/** Fills `decoded.refused`. `valid` is the condition under which the columns have passed. */
export async function judgeWholeRows(
  connection: DuckDBConnection,
  request: ScanRequest,
  decoded: DecodedGroup,
  valid: string,
): Promise<void> {
  const decoders = decodersOf(decoded)
  const raws = decoders.map(([, decoder]) => sentSql(decoder, decoder.raw))
  // There may be any number of them.
  const refused = await ParquetRows.create(join(request.scratchDir, `refused-${randomUUID()}.parquet`), {
    file: { type: { kind: 'int32' }, builder: new Int32Column() },
    position: { type: { kind: 'int64' }, builder: new Int64Column() },
  })
  const timeouts = new Timeouts()
  for (const [place, file] of decoded.group.files.entries()) {
    const result = await connection.stream(
      `SELECT ${[POSITION, ...raws].join(', ')} FROM ${fromSql(decoded, file)} WHERE ${valid}`,
    )
    for (;;) {
      request.signal.throwIfAborted()
      const chunk = await result.fetchChunk()
      if (!chunk || chunk.rowCount === 0) break
      const rows = chunk.getRows()
      const isRefused: boolean[] = []
      guarded(
        rows.length,
        at => {
          isRefused[at] = request.source.schema.output(seenRow(decoders, rows[at]!.slice(1))) === undefined
        },
        at => {
          timeouts.add()
          isRefused[at] = true
        },
      )
      for (const [at, [position]] of rows.entries()) {
        if (!isRefused[at]) continue
        refused.builders.file.put(place)
        refused.builders.position.append(BigInt(position as bigint))
      }
      await refused.flush()
    }
  }
  if ((await refused.finish()) > 0) decoded.refused = `read_parquet(${fileList([refused.path])})`
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
