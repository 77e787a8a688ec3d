/**
 * Columns to a Parquet file for one reader that follows at once: uncompressed, PLAIN, one page a column and row group, no
 * statistics. So little is done to the bytes that writing and reading them cost less than handing values over one by one.
 */
import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import type { ColumnType } from '../domain/columnType.ts'
import type { ThriftValue } from '../parquet/thrift.ts'
import { i32, i64, list, struct, text, thriftBytes, writeVarint } from '../parquet/thrift.ts'
import type { ColumnBuilder } from './columnBuilder.ts'
import { packedBits } from './columnBuilder.ts'
import { DecimalColumn } from './decimalColumn.ts'

export interface ParquetColumn {
  name: string
  type: ColumnType
  builder: ColumnBuilder
}

/** A row group is written when it has so many rows, or its columns hold so many bytes. */
const GROUP_ROWS = 65_536
const GROUP_BYTES = 2 ** 25

/** Whether columns hold enough for one. */
export const isRowGroup = ({ rows, size }: { rows: number; size: number }): boolean => rows >= GROUP_ROWS || size >= GROUP_BYTES

const MAGIC = Buffer.from('PAR1')

/** Numbers of the format. */
const OPTIONAL = 1
const PLAIN = i32(0)
const RLE = i32(3)
const UNCOMPRESSED = i32(0)
const DATA_PAGE = i32(0)
const PHYSICAL: Record<ColumnType['kind'], number> = {
  boolean: 0,
  int32: 1,
  date: 1,
  int64: 2,
  timestamp: 2,
  float: 4,
  double: 5,
  string: 6,
  decimal: 7,
}

export class ParquetFile {
  readonly #file: FileHandle
  readonly #columns: readonly ParquetColumn[]
  #position = 0
  #rows = 0
  readonly #groups: ThriftValue[] = []

  private constructor(file: FileHandle, columns: readonly ParquetColumn[]) {
    this.#file = file
    this.#columns = columns
  }

  static async create(path: string, columns: readonly ParquetColumn[]): Promise<ParquetFile> {
    const parquet = new ParquetFile(await open(path, 'wx'), columns)
    await parquet.#write([MAGIC])
    return parquet
  }

  /** Writes what the builders hold as a row group. They can be cleared then. */
  async writeRows(): Promise<void> {
    const begin = this.#position
    const rows = this.#columns[0]!.builder.rows
    const chunks: ThriftValue[] = []
    for (const { name, type, builder } of this.#columns) {
      const page = pageOf(builder)
      const size = sizeOf(page)
      const header = thriftBytes([
        [1, DATA_PAGE],
        [2, i32(size)],
        [3, i32(size)],
        [5, struct([1, i32(rows)], [2, PLAIN], [3, RLE], [4, RLE])],
      ])
      const offset = this.#position
      await this.#write([header, ...page])
      const whole = i64(this.#position - offset)
      const meta = struct(
        [1, i32(PHYSICAL[type.kind])],
        [2, list([PLAIN, RLE])],
        [3, list([text(name)])],
        [4, UNCOMPRESSED],
        [5, i64(rows)],
        [6, whole],
        [7, whole],
        [9, i64(offset)],
      )
      chunks.push(struct([2, i64(offset)], [3, meta]))
    }
    this.#groups.push(struct([1, list(chunks)], [2, i64(this.#position - begin)], [3, i64(rows)]))
    this.#rows += rows
  }

  /** Writes the footer: without it the file cannot be read. */
  async finish(): Promise<void> {
    const root = struct([4, text('rows')], [5, i32(this.#columns.length)])
    const footer = thriftBytes([
      [1, i32(1)],
      [2, list([root, ...this.#columns.map(schemaElement)])],
      [3, i64(this.#rows)],
      [4, list(this.#groups)],
    ])
    const length = Buffer.alloc(4)
    length.writeUInt32LE(footer.length)
    await this.#write([footer, length, MAGIC])
    await this.close()
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  async #write(parts: Uint8Array[]): Promise<void> {
    for (const part of parts) {
      for (let done = 0; done < part.length; ) {
        const { bytesWritten } = await this.#file.write(part, done, part.length - done)
        done += bytesWritten
      }
      this.#position += part.length
    }
  }
}

const sizeOf = (parts: readonly Uint8Array[]): number => parts.reduce((sum, { length }) => sum + length, 0)

/** Definition levels, then the values that there are. */
function pageOf(builder: ColumnBuilder): Uint8Array[] {
  const { rows, nulls, defined } = builder
  const run: number[] = []
  const bits = nulls === 0 ? new Uint8Array(0) : packedBits(defined, rows)
  // Equal levels are one run; others are packed by eight.
  if (nulls === 0) {
    writeVarint(run, rows * 2)
    run.push(1)
  } else writeVarint(run, bits.length * 2 + 1)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(run.length + bits.length)
  return [length, Uint8Array.from(run), bits, builder.plain()]
}

function schemaElement({ name, type, builder }: ParquetColumn): ThriftValue {
  return struct(
    [1, i32(PHYSICAL[type.kind])],
    [2, builder instanceof DecimalColumn ? i32(builder.width) : undefined],
    [3, i32(OPTIONAL)],
    [4, text(name)],
    [6, convertedType(type)],
    [7, type.kind === 'decimal' ? i32(type.scale) : undefined],
    [8, type.kind === 'decimal' ? i32(type.precision) : undefined],
    [10, logicalType(type)],
  )
}

function convertedType({ kind }: ColumnType): ThriftValue | undefined {
  const converted = { string: 0, decimal: 5, date: 6, timestamp: 10 }[kind as 'string']
  return converted === undefined ? undefined : i32(converted)
}

/** Of instants, that they are in UTC: microseconds. */
function logicalType({ kind }: ColumnType): ThriftValue | undefined {
  return kind === 'timestamp' ? struct([8, struct([1, { flag: true }], [2, struct([2, struct()])])]) : undefined
}
