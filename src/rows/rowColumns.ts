/** The columns of rows: those of a schema's fields, event time and known time. */
import type { Value } from '../domain/columnType.ts'
import type { Field } from '../domain/schema.ts'
import type { ColumnBuilder, Mark } from './columnBuilder.ts'
import { Int64Column } from './columnBuilder.ts'
import { columnOf } from './columns.ts'

export class RowColumns {
  readonly fields: ColumnBuilder[]
  /** Microseconds. */
  readonly time = new Int64Column()
  readonly known = new Int64Column()

  constructor(fields: readonly Field[]) {
    this.fields = fields.map(({ type }) => columnOf(type))
  }

  get all(): ColumnBuilder[] {
    return [...this.fields, this.time, this.known]
  }

  get rows(): number {
    return this.time.rows
  }

  append(values: readonly Value[], time: bigint, known: bigint | null): void {
    for (let at = 0; at < values.length; at++) this.fields[at]!.append(values[at]!)
    this.known.append(known)
    this.time.append(time)
  }

  /** Forgets what a row has left that was given up. */
  undo(rows: number): void {
    for (const column of this.fields) column.undo(rows)
    this.time.undo(rows)
    this.known.undo(rows)
  }

  mark(): Mark[] {
    return this.all.map(column => column.mark())
  }

  restore(marks: readonly Mark[]): void {
    for (const [at, column] of this.all.entries()) column.restore(marks[at]!)
  }

  clear(): void {
    for (const column of this.all) column.clear()
  }

  /** Bytes that they hold, roughly. */
  get size(): number {
    let size = 0
    for (const column of this.all) size += column.size
    return size
  }
}
