/** The columns and the readers of a schema's fields. */
import type { ColumnType } from '../domain/columnType.ts'
import type { Field } from '../domain/schema.ts'
import type { ColumnBuilder } from './columnBuilder.ts'
import { BooleanColumn, DoubleColumn, FloatColumn, Int32Column, Int64Column } from './columnBuilder.ts'
import { DecimalColumn } from './decimalColumn.ts'
import type { FieldReader, Reading, Role } from './fieldReader.ts'
import { bigintRule, numberRule } from './numberSteps.ts'
import { RefinedReader } from './refinedReader.ts'
import { BigintReader, BooleanReader, DateReader, NumberReader, UnsignedReader } from './scalarReaders.ts'
import { TextColumn } from './textColumn.ts'
import { textReader } from './textReader.ts'
import { ZodReader } from './zodReader.ts'

export function columnOf(type: ColumnType): ColumnBuilder {
  switch (type.kind) {
    case 'boolean':
      return new BooleanColumn()
    case 'int32':
      return new Int32Column()
    case 'date':
      return new Int32Column(true)
    case 'int64':
    case 'timestamp':
      return new Int64Column()
    case 'float':
      return new FloatColumn()
    case 'double':
      return new DoubleColumn()
    case 'string':
      return new TextColumn()
    case 'decimal':
      return new DecimalColumn(type)
  }
}

export function readerOf(reading: Reading, field: Field, column: ColumnBuilder, role: Role): FieldReader {
  return (
    compiledReader(reading, field, column, role) ??
    refinedReader(reading, field, column, role) ??
    new ZodReader(reading, field, { column, role })
  )
}

function refinedReader(reading: Reading, field: Field, column: ColumnBuilder, role: Role): FieldReader | undefined {
  const { refined } = field
  const inner = refined && compiledReader({ ...reading, shows: true }, { ...field, steps: refined.steps }, column, role)
  return inner && new RefinedReader(reading, field, { column, role, inner, accepts: refined.accepts })
}

/** Undefined where the field's steps, or its type, are none that a reader knows. */
function compiledReader(reading: Reading, field: Field, column: ColumnBuilder, role: Role): FieldReader | undefined {
  const { steps, input } = field
  if (!steps || field.isJson) return undefined
  if (input === 'string') return column instanceof TextColumn ? textReader(reading, field, steps, { column, role }) : undefined
  if (input === 'number') {
    const rule = numberRule(steps)
    const isNumeric =
      column instanceof DoubleColumn ||
      column instanceof FloatColumn ||
      column instanceof Int32Column ||
      column instanceof Int64Column
    return rule && isNumeric ? new NumberReader(reading, field, { column, role, rule }) : undefined
  }
  if (input === 'bigint') {
    const rule = bigintRule(steps)
    if (rule && column instanceof Int64Column)
      return new BigintReader(reading, field, { column, role, rule, isPlain: steps.length === 0 })
    return rule && column instanceof DecimalColumn && role.times.length === 0
      ? new UnsignedReader(reading, field, { column, role, rule })
      : undefined
  }
  if (input === 'boolean' && column instanceof BooleanColumn) {
    if (!steps.every(({ kind }) => kind === 'oneOf')) return undefined
    const allows = (value: boolean): boolean => steps.every(step => step.kind === 'oneOf' && step.values.includes(value))
    return new BooleanReader(reading, field, { column, role, allowed: [allows(false), allows(true)] })
  }
  if (input === 'date' && field.coerce && column instanceof Int64Column) {
    const areBounds = steps.every(({ kind }) => kind === 'minInstant' || kind === 'maxInstant')
    return areBounds ? new DateReader(reading, field, { column, role, steps }) : undefined
  }
  return undefined
}
