/** Table columns as Delta's schema text, and back. */
import type { ColumnType } from '../domain/columnType.ts'
import { DataError } from '../domain/errors.ts'
import type { TableColumn } from '../domain/tableStore.ts'

const NAMES: Record<Exclude<ColumnType['kind'], 'decimal'>, string> = {
  boolean: 'boolean',
  int32: 'integer',
  int64: 'long',
  float: 'float',
  double: 'double',
  string: 'string',
  date: 'date',
  timestamp: 'timestamp',
}
const KINDS = new Map(Object.entries(NAMES).map(([kind, name]) => [name, kind as keyof typeof NAMES]))

export function schemaString(columns: readonly TableColumn[]): string {
  const fields = columns.map(({ name, type, nullable, comment }) => ({
    name,
    type: type.kind === 'decimal' ? `decimal(${type.precision},${type.scale})` : NAMES[type.kind],
    nullable,
    metadata: comment === undefined ? {} : { comment },
  }))
  return JSON.stringify({ type: 'struct', fields })
}

export function parseSchema(text: string): TableColumn[] {
  const { fields } = JSON.parse(text) as {
    fields: { name: string; type: unknown; nullable: boolean; metadata?: { comment?: string } }[]
  }
  return fields.map(({ name, type, nullable, metadata }) => ({
    name,
    type: parseType(name, type),
    nullable,
    ...(metadata?.comment === undefined ? {} : { comment: metadata.comment }),
  }))
}

function parseType(column: string, type: unknown): ColumnType {
  const decimal = typeof type === 'string' ? /^decimal\((\d+),\s*(\d+)\)$/.exec(type) : null
  if (decimal) return { kind: 'decimal', precision: Number(decimal[1]), scale: Number(decimal[2]) }
  const kind = typeof type === 'string' ? KINDS.get(type) : undefined
  if (kind) return { kind }
  throw new DataError(
    'data.table-type',
    `column \`${column}\` has the type ${JSON.stringify(type)}, which this version does not read`,
  )
}
