/** The schema of rows that have landed: what an archive's columns hold, which is read as it is. */
import { createHash } from 'node:crypto'
import type { ColumnType } from '../domain/columnType.ts'
import { typeName } from '../domain/columnType.ts'
import { ARCHIVE_COLUMNS } from '../domain/kafkaSource.ts'
import type { Field, InputShape, RowSchema, SchemaRecord } from '../domain/schema.ts'
import { storedValue } from './outputs.ts'

/** What an archive tells of a row beside the row itself, and features may need. */
const OWN: { name: string; type: ColumnType }[] = [
  { name: ARCHIVE_COLUMNS.eventTime, type: { kind: 'timestamp' } },
  { name: ARCHIVE_COLUMNS.landedAt, type: { kind: 'timestamp' } },
  { name: ARCHIVE_COLUMNS.topic, type: { kind: 'int32' } },
  { name: ARCHIVE_COLUMNS.partition, type: { kind: 'int32' } },
  { name: ARCHIVE_COLUMNS.offset, type: { kind: 'int64' } },
  { name: ARCHIVE_COLUMNS.retracts, type: { kind: 'boolean' } },
]

/**
 * The columns that `gate` gives out, with the archive's own behind them. Every one may be null and may be absent, and none is judged:
 * a row in an archive was judged when it landed, and a default, a trim or a codec has been at it once. So the fingerprint goes by names
 * and types alone.
 */
export function storedSchema(gate: RowSchema): RowSchema {
  const fields = [...gate.fields.map(storedField), ...ownFields()]
  const record: SchemaRecord = {
    columns: fields.map(({ name, type, isJson }) => ({
      name,
      optional: true,
      says: [`as ${isJson ? 'json' : typeName(type)}`],
    })),
    row: [],
  }
  return {
    fields,
    extra: { kind: 'ignored' },
    wholeRow: undefined,
    record,
    fingerprint: createHash('sha256').update(JSON.stringify(record)).digest('hex'),
    output: row => row,
    acceptsWhole: () => true,
    validate: row => ({ ok: true, row }),
  }
}

/** The archive's own columns. */
export const ownFields = (): Field[] =>
  OWN.map(({ name, type }) => storedField({ name, type, isJson: false, instantText: false }))

function storedField(of: Pick<Field, 'name' | 'type' | 'isJson' | 'instantText' | 'description'>): Field {
  const { name, type, isJson, instantText, description } = of
  const shape = shapeOf(type)
  return {
    name,
    type,
    isJson,
    stored: true,
    input: shape.kind,
    shape,
    nullable: true,
    optional: true,
    whenNull: null,
    whenAbsent: null,
    coerce: shape.coerce === true,
    instantText,
    steps: [],
    caught: undefined,
    byZod: undefined,
    refined: undefined,
    keeps: true,
    parse: output => {
      const value = storedValue({ type, isJson: false }, output)
      return value === undefined ? { ok: false } : { ok: true, output, value }
    },
    ...(description === undefined ? {} : { description }),
  }
}

/** An instant is also taken from text, which is how JSON has one. */
function shapeOf({ kind }: ColumnType): InputShape & { kind: 'boolean' | 'number' | 'bigint' | 'string' | 'date' } {
  switch (kind) {
    case 'boolean':
    case 'string':
      return { kind }
    case 'int64':
    case 'decimal':
      return { kind: 'bigint' }
    case 'timestamp':
    case 'date':
      return { kind: 'date', coerce: true }
    default:
      return { kind: 'number' }
  }
}
