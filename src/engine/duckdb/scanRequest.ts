/** What is asked of a scan, and the SQL that follows from the source's definition alone. */
import type { Progress } from '../../domain/engine.ts'
import type { RejectedRow } from '../../domain/rejectedRows.ts'
import type { Field } from '../../domain/schema.ts'
import { mayBeNull } from '../../domain/schema.ts'
import type { LocalInputs, SourceDefinition } from '../../domain/source.ts'
import { RowColumns } from './expressionSql.ts'
import { instantSql } from './instantSql.ts'

export interface ScanRequest {
  source: SourceDefinition
  inputs: LocalInputs
  /** Columns of which none may be null. */
  keys: readonly string[]
  setName: string
  scratchDir: string
  /** Receives rows that JavaScript refuses on the way: of formats that it parses. */
  onRejected: (rows: RejectedRow[]) => Promise<void>
  onProgress: (progress: Progress) => void
  signal: AbortSignal
}

/** The condition under which a decoded row belongs to an entity: the schema may let columns of the key be null. */
export function keyedSql(request: ScanRequest): string {
  return (
    keyColumns(request)
      .map(column => `${column} IS NOT NULL`)
      .join(' AND ') || 'true'
  )
}

/** The columns of the key that may be null. */
export function keyColumns(request: ScanRequest): string[] {
  const columns = new RowColumns(request.source.schema.fields)
  return keyFields(request).map(({ name }) => columns.sql(name))
}

export const keyFields = ({ source, keys }: ScanRequest): Field[] =>
  source.schema.fields.filter(field => keys.includes(field.name) && mayBeNull(field))

export interface Times {
  t: string
  known: string
}

/** SQL of a field's decoded value, and of its microseconds where these are at hand without it. */
export type ValueSql = (field: Field) => { value: string; micros?: string }

/** SQL of event time and known time, in microseconds. */
export function timesOf(source: SourceDefinition, sqlOf: ValueSql): Times {
  const micros = (name: string, unit: string | undefined): string => {
    const field = source.schema.fields.find(candidate => candidate.name === name)!
    const { value, micros } = sqlOf(field)
    if (unit !== undefined) return unitMicros(value, unit, field)
    if (field.type.kind === 'timestamp') return micros ?? `epoch_us(${value})`
    return `epoch_us(${instantSql(value)})`
  }
  const { column, unit } = source.eventTime
  return {
    t: micros(column, unit),
    known: source.knownTime === undefined ? 'NULL::BIGINT' : micros(source.knownTime, undefined),
  }
}

/** Numbers since 1970 as microseconds, floored; null where they leave what an instant can be. */
function unitMicros(column: string, unit: string, field: Field): string {
  const factor = { s: 1_000_000, ms: 1_000, us: 1 }[unit]!
  if (field.type.kind === 'double' || field.type.kind === 'float') return `TRY_CAST(floor(${column} * ${factor}) AS BIGINT)`
  return `TRY_CAST(${column}::HUGEINT * ${factor} AS BIGINT)`
}
