/** Fields whose last checks are functions of the schema's own. */
import type { Accepts, Field } from '../domain/schema.ts'
import type { ColumnBuilder } from './columnBuilder.ts'
import type { Reading, Role } from './fieldReader.ts'
import { ABSENT, FieldReader } from './fieldReader.ts'

export class RefinedReader extends FieldReader {
  readonly #inner: FieldReader
  readonly #accepts: Accepts

  /** `inner` reads what the functions are asked of, and shows it. */
  constructor(
    reading: Reading,
    field: Field,
    { column, role, inner, accepts }: { column: ColumnBuilder; role: Role; inner: FieldReader; accepts: Accepts },
  ) {
    super(reading, field, column, role)
    this.#inner = inner
    this.#accepts = accepts
  }

  read(p: number): number {
    const end = this.#inner.read(p)
    if (end < 0) return -1
    const { shown } = this.#inner
    this.shown = shown
    // Nothing is what the functions never see.
    return shown === null || shown === ABSENT || this.#accepts(shown) ? end : -1
  }
}
