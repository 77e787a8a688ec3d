/** Checkpoints: a version's whole state as one Parquet file, so that opening a table does not replay its history. */
import type { Action } from './actions.ts'
import { stringify } from './exactJson.ts'
import type { LogState } from './logState.ts'

/** Writes NDJSON lines of the given columns (name -> type in the engine's SQL) as an uncompressed or snappy Parquet file. */
export type CheckpointWriter = (lines: string[], columns: Record<string, string>) => Promise<string>

const MAP = 'MAP(VARCHAR, VARCHAR)'

/** The classic checkpoint's columns. */
export const CHECKPOINT_COLUMNS: Record<string, string> = {
  txn: 'STRUCT("appId" VARCHAR, "version" BIGINT, "lastUpdated" BIGINT)',
  add: `STRUCT("path" VARCHAR, "partitionValues" ${MAP}, "size" BIGINT, "modificationTime" BIGINT, "dataChange" BOOLEAN, "stats" VARCHAR, "tags" ${MAP})`,
  remove: `STRUCT("path" VARCHAR, "deletionTimestamp" BIGINT, "dataChange" BOOLEAN, "extendedFileMetadata" BOOLEAN, "partitionValues" ${MAP}, "size" BIGINT)`,
  metaData: `STRUCT("id" VARCHAR, "name" VARCHAR, "description" VARCHAR, "format" STRUCT("provider" VARCHAR, "options" ${MAP}), "schemaString" VARCHAR, "partitionColumns" VARCHAR[], "configuration" ${MAP}, "createdTime" BIGINT)`,
  protocol: 'STRUCT("minReaderVersion" INTEGER, "minWriterVersion" INTEGER)',
}

export function checkpointLines(state: LogState): string[] {
  return state.actions().map(action => stringify(action))
}

/** The actions of a checkpoint's parts, at local paths. */
export async function readCheckpoint(paths: readonly string[]): Promise<Action[]> {
  const { asyncBufferFromFile, parquetReadObjects } = await import('hyparquet/src/node.js').then(async node => ({
    asyncBufferFromFile: node.asyncBufferFromFile,
    parquetReadObjects: (await import('hyparquet')).parquetReadObjects,
  }))
  const actions: Action[] = []
  for (const path of paths) {
    const rows = await parquetReadObjects({ file: await asyncBufferFromFile(path) })
    for (const row of rows) actions.push(actionOf(row))
  }
  return actions
}

/** Longs come as bigints and absent members as null; actions hold numbers where these are exact, and no nulls. */
function actionOf(row: Record<string, unknown>): Action {
  return cleaned(row) as Action
}

function cleaned(value: unknown): unknown {
  if (typeof value === 'bigint') return value >= -(2n ** 53n) && value <= 2n ** 53n ? Number(value) : value
  if (Array.isArray(value)) return value.map(cleaned)
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  const members = Object.entries(value).filter(([, member]) => member !== null && member !== undefined)
  return Object.fromEntries(members.map(([name, member]) => [name, cleaned(member)]))
}
