/** Rows that take back others: what of them is judged, and how they are told. */
import { InvariantError } from '../../domain/errors.ts'
import type { Field, Verdict } from '../../domain/schema.ts'
import type { SourceDefinition } from '../../domain/source.ts'
import type { FieldSql } from './fieldSql.ts'

/** SQL of whether a row takes back others, never null, over physical columns; undefined where none does. */
export function retractionSql(source: SourceDefinition, sqlOf: (field: Field) => FieldSql): string | undefined {
  const field = fieldsOf(source, [source.retracts])[0]
  if (!field) return undefined
  const { value, conditions } = sqlOf(field)
  // What the schema refuses may be no boolean at all.
  return conditions.length === 0 ? `((${value}) IS TRUE)` : `((CASE WHEN ${conditions.join(' AND ')} THEN ${value} END) IS TRUE)`
}

/** Whether a row, as zod sees it, takes back others. */
export function isRetraction(source: SourceDefinition, seen: Record<string, unknown>): boolean {
  if (source.retracts === undefined) return false
  const parsed = fieldsOf(source, [source.retracts])[0]!.parse(seen[source.retracts])
  return parsed.ok && parsed.value === true
}

/** The columns that a retraction must have as the schema says: those that tell what it takes back, and when. It may lack all others. */
export function judgedOfRetraction(source: SourceDefinition): Field[] {
  const { eventTime, knownTime, rowKey = [], position = [], retracts } = source
  return fieldsOf(source, [eventTime.column, knownTime, ...rowKey, ...position, retracts])
}

/** What the schema says of these columns alone. */
export function retractionVerdict(source: SourceDefinition, seen: Record<string, unknown>): Verdict {
  const row: Record<string, unknown> = {}
  const refused: Field[] = []
  for (const field of judgedOfRetraction(source)) {
    const parsed = field.parse(seen[field.name])
    if (parsed.ok) row[field.name] = parsed.output
    else refused.push(field)
  }
  if (refused.length === 0) return { ok: true, row }
  const whole = source.schema.validate(seen)
  const isOf = (path: string): boolean => refused.some(({ name }) => path === name || path.startsWith(`${name}.`))
  return { ok: false, issues: whole.ok ? [] : whole.issues.filter(({ path }) => isOf(path)) }
}

/** What a definition has been checked for: order and retractions speak of columns of the schema, and of a row key. */
export function requireOrder(source: SourceDefinition): void {
  const { name, schema, rowKey, position = [], retracts } = source
  const isInteger = (column: string): boolean =>
    schema.fields.some(field => field.name === column && (field.type.kind === 'int32' || field.type.kind === 'int64'))
  const isBoolean = schema.fields.some(field => field.name === retracts && field.type.kind === 'boolean')
  const wrong = position.find(column => !isInteger(column))
  if (wrong !== undefined)
    throw new InvariantError('defect.position', `source \`${name}\`: \`${wrong}\` tells a position and is no column of integers`)
  if (retracts !== undefined && !(isBoolean && rowKey))
    throw new InvariantError(
      'defect.retracts',
      `source \`${name}\`: \`${retracts}\` retracts without a row key, or is no boolean`,
    )
}

/** In the schema's order. */
function fieldsOf({ schema }: SourceDefinition, names: readonly (string | undefined)[]): Field[] {
  return schema.fields.filter(({ name }) => names.includes(name))
}
