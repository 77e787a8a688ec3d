/** The actions of a Delta log, as its protocol at reader 1, writer 2 knows them. */

export interface AddAction {
  path: string
  partitionValues: Record<string, string | null>
  size: number
  modificationTime: number
  dataChange: boolean
  stats?: string
  tags?: Record<string, string>
}

export interface RemoveAction {
  path: string
  deletionTimestamp: number
  dataChange: boolean
  extendedFileMetadata?: boolean
  partitionValues?: Record<string, string | null>
  size?: number
}

export interface MetaDataAction {
  id: string
  description?: string
  format: { provider: string; options: Record<string, string> }
  schemaString: string
  partitionColumns: string[]
  createdTime: number
  configuration: Record<string, string>
}

export interface ProtocolAction {
  minReaderVersion: number
  minWriterVersion: number
}

export interface TxnAction {
  appId: string
  version: number | bigint
  lastUpdated?: number
}

export interface CommitInfo {
  timestamp: number
  operation: string
  operationParameters: Record<string, string>
  engineInfo: string
  txnId: string
  quern?: unknown
}

/** One line of a commit: exactly one member is present. */
export interface Action {
  add?: AddAction
  remove?: RemoveAction
  metaData?: MetaDataAction
  protocol?: ProtocolAction
  txn?: TxnAction
  commitInfo?: CommitInfo
}

export const LOG = '_delta_log'
export const CHECKPOINT_INTERVAL = 10

/** `00000000000000000012`. */
export const versionName = (version: number): string => String(version).padStart(20, '0')
