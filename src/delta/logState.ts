/** What a log's actions add up to: the state of a table at one version. */
import { DataError } from '../domain/errors.ts'
import type { Action, AddAction, CommitInfo, MetaDataAction, ProtocolAction, RemoveAction, TxnAction } from './actions.ts'

export class LogState {
  version = -1
  protocol: ProtocolAction | undefined
  metaData: MetaDataAction | undefined
  commitInfo: CommitInfo | undefined
  readonly adds = new Map<string, AddAction>()
  readonly removes = new Map<string, RemoveAction>()
  readonly transactions = new Map<string, TxnAction>()

  /** Applies one commit's actions, or a checkpoint's. */
  apply(actions: readonly Action[], version: number, table: string): void {
    this.commitInfo = undefined
    for (const { add, remove, metaData, protocol, txn, commitInfo } of actions) {
      if (add) {
        this.adds.set(add.path, add)
        this.removes.delete(add.path)
      }
      if (remove) {
        this.adds.delete(remove.path)
        this.removes.set(remove.path, remove)
      }
      if (metaData) this.metaData = metaData
      if (protocol) this.protocol = requireReadable(protocol, table)
      if (txn) this.transactions.set(txn.appId, txn)
      if (commitInfo) this.commitInfo = commitInfo
    }
    this.version = version
  }

  /** The state as the fewest actions that lead to it. */
  actions(): Action[] {
    return [
      { protocol: this.protocol! },
      { metaData: this.metaData! },
      ...[...this.transactions.values()].map(txn => ({ txn })),
      ...[...this.removes.values()].map(remove => ({ remove })),
      ...[...this.adds.values()].map(add => ({ add })),
    ]
  }
}

function requireReadable(protocol: ProtocolAction, table: string): ProtocolAction {
  if (protocol.minReaderVersion <= 1) return protocol
  const features = (protocol as ProtocolAction & { readerFeatures?: string[] }).readerFeatures ?? []
  throw new DataError(
    'data.table-protocol',
    `${table} needs a reader of version ${protocol.minReaderVersion}${features.length > 0 ? ` with ${features.join(', ')}` : ''}; quern reads version 1`,
    { hint: 'Another program has upgraded this table. Restore it from a copy, or rebuild it under another name.' },
  )
}
