/** Refused rows that JavaScript has read, in a file of the scratch folder until they are staged. */
import { rm } from 'node:fs/promises'
import { Int32Column, Int64Column } from '../../rows/columnBuilder.ts'
import { ParquetFile } from '../../rows/parquetFile.ts'
import { TextColumn } from '../../rows/textColumn.ts'
import { fileList } from './sql.ts'

/** A row group is written when it has so many rows, or their texts so many bytes. */
const GROUP_ROWS = 65_536
const GROUP_BYTES = 2 ** 25

interface Builders {
  file: Int32Column
  row: Int64Column
  raw: TextColumn
  issue: Int32Column
}

export class RejectLines {
  readonly #path: string
  readonly #builders: Builders
  readonly #parquet: ParquetFile

  private constructor(path: string, builders: Builders, parquet: ParquetFile) {
    this.#path = path
    this.#builders = builders
    this.#parquet = parquet
  }

  static async create(path: string): Promise<RejectLines> {
    const builders = { file: new Int32Column(), row: new Int64Column(), raw: new TextColumn(), issue: new Int32Column() }
    const parquet = await ParquetFile.create(path, [
      { name: 'file', type: { kind: 'int32' }, builder: builders.file },
      { name: 'row', type: { kind: 'int64' }, builder: builders.row },
      { name: 'raw', type: { kind: 'string' }, builder: builders.raw },
      { name: 'issue', type: { kind: 'int32' }, builder: builders.issue },
    ])
    return new RejectLines(path, builders, parquet)
  }

  put(file: number, row: bigint, raw: string, issue: number): void {
    this.#builders.file.put(file)
    this.#builders.row.append(row)
    this.#builders.raw.putText(raw)
    this.#builders.issue.put(issue)
  }

  /** Writes what has become enough for a row group. */
  async flush(atLeast = { rows: GROUP_ROWS, bytes: GROUP_BYTES }): Promise<void> {
    const { file, raw } = this.#builders
    if (file.rows === 0 || (file.rows < atLeast.rows && raw.size < atLeast.bytes)) return
    await this.#parquet.writeRows()
    for (const builder of Object.values(this.#builders)) builder.clear()
  }

  /** Hands a SELECT of all rows to `use`, and forgets them. */
  async finish(use: (sql: string) => Promise<void>): Promise<void> {
    await this.flush({ rows: 1, bytes: 0 })
    await this.#parquet.finish()
    await use(`SELECT file, row, raw, issue FROM read_parquet(${fileList([this.#path])})`)
    await rm(this.#path)
  }
}
