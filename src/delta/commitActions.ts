/** A change of a table as the actions of one commit. */
import { randomUUID } from 'node:crypto'
import type { Snapshot, StagedFile, TableChange } from '../domain/tableStore.ts'
import type { Action, AddAction, CommitInfo } from './actions.ts'
import { CHECKPOINT_INTERVAL } from './actions.ts'
import { schemaString } from './schema.ts'
import { statsText } from './statistics.ts'

/** Old versions stay: other programs' clean-up keeps what is younger than this. */
const KEPT = 'interval 36500 days'
const CONFIGURATION = {
  'delta.deletedFileRetentionDuration': KEPT,
  'delta.logRetentionDuration': KEPT,
  'delta.checkpointInterval': String(CHECKPOINT_INTERVAL),
}

export function commitInfo(change: TableChange, timestamp: number, txnId: string, engineInfo: string): Action {
  const info: CommitInfo = {
    timestamp,
    operation: 'WRITE',
    operationParameters: { mode: change.remove.length > 0 ? 'Overwrite' : 'Append', operation: change.operation },
    engineInfo,
    txnId,
    quern: change.lineage,
  }
  return { commitInfo: info }
}

export function headActions(change: TableChange, base: Snapshot | undefined, timestamp: number): Action[] {
  if (!change.schema || (base && change.base === undefined)) return []
  const metaData = {
    id: base?.tableId ?? randomUUID(),
    ...(change.schema.description === undefined ? {} : { description: change.schema.description }),
    format: { provider: 'parquet', options: {} },
    schemaString: schemaString(change.schema.columns),
    partitionColumns: change.schema.partitionBy ?? base?.partitionBy ?? [],
    createdTime: timestamp,
    configuration: base?.properties ?? CONFIGURATION,
  }
  return base ? [{ metaData }] : [{ protocol: { minReaderVersion: 1, minWriterVersion: 2 } }, { metaData }]
}

export function txnActions(change: TableChange, timestamp: number): Action[] {
  return Object.entries(change.transactions ?? {}).map(([appId, version]) => ({
    txn: { appId, version, lastUpdated: timestamp },
  }))
}

export function removeActions(change: TableChange, timestamp: number): Action[] {
  const files = new Map(change.base?.files.map(file => [file.path, file]))
  return change.remove.map(path => ({
    remove: {
      path,
      deletionTimestamp: timestamp,
      dataChange: change.dataChange ?? true,
      extendedFileMetadata: true,
      partitionValues: files.get(path)?.partition ?? {},
      size: files.get(path)?.size ?? 0,
    },
  }))
}

export function addAction(
  name: string,
  file: StagedFile,
  { columns, timestamp, dataChange }: { columns: Snapshot['columns']; timestamp: number; dataChange: boolean },
): Action {
  const add: AddAction = {
    path: name,
    partitionValues: file.partition ?? {},
    size: file.size,
    modificationTime: timestamp,
    dataChange,
    stats: statsText(file.rows, columns, file.columns),
    ...(file.tags === undefined ? {} : { tags: file.tags }),
  }
  return { add }
}
