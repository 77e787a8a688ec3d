/** Rows that go to a Parquet file value by value, for one reader that follows. */
import type { ColumnType } from '../domain/columnType.ts'
import type { ColumnBuilder } from './columnBuilder.ts'
import { isRowGroup, ParquetFile } from './parquetFile.ts'

interface Column<Builder extends ColumnBuilder> {
  type: ColumnType
  builder: Builder
}

/** `B`: a builder for each column, by its name. All of them must have the same rows when `flush` and `finish` are called. */
export class ParquetRows<B extends Record<string, ColumnBuilder>> {
  readonly path: string
  readonly builders: B
  readonly #parquet: ParquetFile
  #written = 0

  private constructor(path: string, builders: B, parquet: ParquetFile) {
    this.path = path
    this.builders = builders
    this.#parquet = parquet
  }

  static async create<B extends Record<string, ColumnBuilder>>(
    path: string,
    columns: { [K in keyof B]: Column<B[K]> },
  ): Promise<ParquetRows<B>> {
    const named = Object.entries(columns as Record<string, Column<ColumnBuilder>>)
    const builders = Object.fromEntries(named.map(([name, { builder }]) => [name, builder])) as B
    return new ParquetRows(
      path,
      builders,
      await ParquetFile.create(
        path,
        named.map(([name, column]) => ({ name, ...column })),
      ),
    )
  }

  /** Writes what is held, where it is enough for a row group. */
  async flush(): Promise<void> {
    const builders = Object.values(this.builders)
    const size = builders.reduce((sum, builder) => sum + builder.size, 0)
    if (isRowGroup({ rows: builders[0]!.rows, size })) await this.#write()
  }

  /** Ends the file; answers how many rows it has. */
  async finish(): Promise<number> {
    await this.#write()
    await this.#parquet.finish()
    return this.#written
  }

  /** Without an end: the file cannot be read. */
  close(): Promise<void> {
    return this.#parquet.close()
  }

  async #write(): Promise<void> {
    const builders = Object.values(this.builders)
    const { rows } = builders[0]!
    if (rows === 0) return
    await this.#parquet.writeRows()
    this.#written += rows
    for (const builder of builders) builder.clear()
  }
}
