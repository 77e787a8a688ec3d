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
  return fieldsIn(text).map(({ name, type, nullable, metadata }) => ({
    name,
    type: parseType(name, type),
    nullable,
    ...(metadata?.comment === undefined ? {} : { comment: metadata.comment }),
  }))
}

interface SchemaField {
  name: string
  type: unknown
  nullable: boolean
  metadata?: { comment?: string }
}

function fieldsIn(text: string): SchemaField[] {
  let schema: { fields?: unknown } | undefined
  try {
    schema = JSON.parse(text) as typeof schema
  } catch {
    // Said below.
  }
  if (Array.isArray(schema?.fields)) return schema.fields as SchemaField[]
  throw new DataError('data.corrupt-log', `the table's log is damaged: \`${String(text).slice(0, 40)}\` is no schema`, {
    hint: 'Restore the log from a copy of the store.',
  })
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
