/** A field that a folder's name gives: the same in every row, whatever the row itself says. */
import type { Value } from '../domain/columnType.ts'
import type { Field } from '../domain/schema.ts'
import type { ColumnBuilder } from './columnBuilder.ts'
import type { Reading, Role } from './fieldReader.ts'
import { FieldReader } from './fieldReader.ts'

export class ConstantReader extends FieldReader {
  readonly #column: ColumnBuilder
  readonly #value: Value

  constructor(reading: Reading, field: Field, { column, role, value }: { column: ColumnBuilder; role: Role; value: Value }) {
    super(reading, field, column, role)
    this.#column = column
    this.#value = value
  }

  read(p: number): number {
    const end = this.input.valueEnd(p)
    if (end >= 0) this.absent()
    return end
  }

  override absent(): boolean {
    this.#column.append(this.#value)
    return true
  }
}
