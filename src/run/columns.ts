/** A feature set's table. */
import { featureText } from '../domain/expressionText.ts'
import type { FeatureSet } from '../domain/featureSet.ts'
import type { TableColumn } from '../domain/tableStore.ts'

export function tableColumns(set: FeatureSet): TableColumn[] {
  return [
    ...set.entity.map(({ name, type }) => ({ name, type, nullable: false, comment: 'entity key' })),
    { name: 'cutoff', type: { kind: 'timestamp' }, nullable: false, comment: 'events before this instant count' },
    ...set.columns.map(column => ({ name: column.name, type: column.type, nullable: true, comment: featureText(column) })),
  ]
}

/** The entity's key and the cutoff: the columns up to it. */
export function keysOf(columns: readonly TableColumn[]): string[] {
  return columns.slice(0, columns.findIndex(({ name }) => name === 'cutoff') + 1).map(({ name }) => name)
}
