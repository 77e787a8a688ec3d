/** A version as its readers see it, from the state of the log. */
import type { Snapshot, TableFile } from '../domain/tableStore.ts'
import type { AddAction } from './actions.ts'
import type { LogState } from './logState.ts'
import { parseSchema } from './schema.ts'
import { parseStats, rowsOf } from './statistics.ts'

export function snapshotOf(state: LogState): Snapshot {
  const columns = parseSchema(state.metaData!.schemaString)
  return {
    tableId: state.metaData!.id,
    version: state.version,
    committedAt: BigInt(state.commitInfo?.timestamp ?? 0) * 1000n,
    columns,
    partitionBy: state.metaData!.partitionColumns ?? [],
    description: state.metaData!.description,
    properties: state.metaData!.configuration ?? {},
    files: [...state.adds.values()].map(add => tableFile(add, columns)),
    transactions: new Map([...state.transactions.values()].map(txn => [txn.appId, BigInt(txn.version)])),
    lineage: state.commitInfo?.quern,
  }
}

/** Most files of a version are never asked for their statistics. */
function tableFile(add: AddAction, columns: Snapshot['columns']): TableFile {
  let statistics: TableFile['columns'] | undefined
  return {
    path: add.path,
    size: add.size,
    get rows() {
      return rowsOf(add.stats)
    },
    get columns() {
      statistics ??= parseStats(add.stats, columns)
      return statistics
    },
    modifiedAt: add.modificationTime,
    partition: add.partitionValues ?? {},
    tags: add.tags ?? {},
  }
}
