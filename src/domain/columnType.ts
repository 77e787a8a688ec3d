/** The types that a table's column can have, and how they are called. */

export type ColumnType =
  | { kind: 'boolean' | 'int32' | 'int64' | 'float' | 'double' | 'string' | 'date' | 'timestamp' }
  | { kind: 'decimal'; precision: number; scale: number }

export const isInteger = (type: ColumnType): boolean => type.kind === 'int32' || type.kind === 'int64'
export const isFloat = (type: ColumnType): boolean => type.kind === 'float' || type.kind === 'double'
export const isNumeric = (type: ColumnType): boolean => isInteger(type) || isFloat(type) || type.kind === 'decimal'

export function typeName(type: ColumnType): string {
  return type.kind === 'decimal' ? `decimal(${type.precision},${type.scale})` : type.kind
}

/**
 * A value of a table's row: int64 is a bigint, a timestamp an Instant, a decimal its exact digits, a date `2026-01-31`.
 */
export type Value = boolean | number | bigint | string | null
