/** Refused rows that JavaScript has read, in a file of the scratch folder until they are staged. */
import { rm } from 'node:fs/promises'
import { Int32Column, Int64Column } from '../../rows/columnBuilder.ts'
import { ParquetRows } from '../../rows/parquetRows.ts'
import { TextColumn } from '../../rows/textColumn.ts'
import { fileList } from './sql.ts'

type Rows = ParquetRows<{ file: Int32Column; row: Int64Column; raw: TextColumn; issue: Int32Column }>

export class RejectLines {
  readonly #rows: Rows

  private constructor(rows: Rows) {
    this.#rows = rows
  }

  static async create(path: string): Promise<RejectLines> {
    const rows: Rows = await ParquetRows.create(path, {
      file: { type: { kind: 'int32' }, builder: new Int32Column() },
      row: { type: { kind: 'int64' }, builder: new Int64Column() },
      raw: { type: { kind: 'string' }, builder: new TextColumn() },
      issue: { type: { kind: 'int32' }, builder: new Int32Column() },
    })
    return new RejectLines(rows)
  }

  put(file: number, row: bigint, raw: string, issue: number): void {
    const { builders } = this.#rows
    builders.file.put(file)
    builders.row.append(row)
    builders.raw.putText(raw)
    builders.issue.put(issue)
  }

  /** Writes what has become enough for a row group. */
  flush(): Promise<void> {
    return this.#rows.flush()
  }

  /** Removes them, unread. */
  async abandon(): Promise<void> {
    await this.#rows.close()
    await rm(this.#rows.path, { force: true })
  }

  /** Hands a SELECT of all rows to `use`, and forgets them. */
  async finish(use: (sql: string) => Promise<void>): Promise<void> {
    const { path } = this.#rows
    await this.#rows.finish()
    await use(`SELECT file, row, raw, issue FROM read_parquet(${fileList([path])})`)
    await rm(path)
  }
}
