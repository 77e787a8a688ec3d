/** Query results as Arrow: the engine's column vectors, copied into record batches without a JavaScript object per row. */
import type { DuckDBConnection, DuckDBDataChunk, DuckDBVector } from '@duckdb/node-api'
import type * as Arrow from 'apache-arrow'
import type { ColumnType } from '../../domain/columnType.ts'

export interface ArrowColumn {
  name: string
  type: ColumnType
}

/** One IPC stream: the schema, then a record batch for each chunk of the result. */
export async function* arrowStream(
  connection: DuckDBConnection,
  sql: string,
  columns: readonly ArrowColumn[],
): AsyncIterable<Uint8Array> {
  const arrow = await import('apache-arrow')
  const schema = new arrow.Schema(columns.map(({ name, type }) => new arrow.Field(name, arrowType(arrow, type), true)))
  // What the writer has written since it was last asked: a batch at a time, so that memory stays bounded.
  const written: Uint8Array[] = []
  class Sink extends arrow.AsyncByteQueue {
    override write(bytes: ArrayBufferLike | ArrayBufferView): void {
      written.push(arrow.util.toUint8Array(bytes))
    }
  }
  const writer = new arrow.RecordBatchStreamWriter().reset(new Sink() as never, schema)
  const result = await connection.stream(sql)
  for (;;) {
    const chunk = await result.fetchChunk()
    if (!chunk || chunk.rowCount === 0) break
    writer.write(recordBatch(arrow, schema, columns, chunk))
    yield* written.splice(0)
  }
  writer.finish()
  yield* written.splice(0)
}

function arrowType(arrow: typeof Arrow, type: ColumnType): Arrow.DataType {
  switch (type.kind) {
    case 'boolean':
      return new arrow.Bool()
    case 'int32':
      return new arrow.Int32()
    case 'int64':
      return new arrow.Int64()
    case 'float':
      return new arrow.Float32()
    case 'double':
      return new arrow.Float64()
    case 'string':
      return new arrow.Utf8()
    case 'date':
      return new arrow.DateDay()
    case 'timestamp':
      return new arrow.TimestampMicrosecond('UTC')
    case 'decimal':
      return new arrow.Decimal(type.scale, type.precision, 128)
  }
}

function recordBatch(
  arrow: typeof Arrow,
  schema: Arrow.Schema,
  columns: readonly ArrowColumn[],
  chunk: DuckDBDataChunk,
): Arrow.RecordBatch {
  const length = chunk.rowCount
  const children = columns.map(({ type }, at) => columnData(arrow, type, chunk.getColumnVector(at), length))
  const struct = arrow.makeData({ type: new arrow.Struct(schema.fields), length, nullCount: 0, children })
  return new arrow.RecordBatch(schema, struct)
}

function columnData(arrow: typeof Arrow, type: ColumnType, vector: DuckDBVector, length: number): Arrow.Data {
  const { nullBitmap, nullCount } = validity(vector, length)
  const common = { type: arrowType(arrow, type), length, nullCount, nullBitmap }
  switch (type.kind) {
    case 'boolean': {
      const data = new Uint8Array((length + 7) >> 3)
      for (let row = 0; row < length; row++) if (vector.getItem(row) === true) data[row >> 3]! |= 1 << (row & 7)
      return arrow.makeData({ ...common, data } as never)
    }
    case 'string': {
      const texts = Array.from({ length }, (_, row) => (vector.getItem(row) as string | null) ?? '')
      const valueOffsets = new Int32Array(length + 1)
      texts.forEach((text, row) => {
        valueOffsets[row + 1] = valueOffsets[row]! + Buffer.byteLength(text)
      })
      return arrow.makeData({ ...common, valueOffsets, data: new Uint8Array(Buffer.from(texts.join(''))) } as never)
    }
    case 'decimal': {
      const words = new BigUint64Array(length * 2)
      for (let row = 0; row < length; row++) {
        const value = (vector.getItem(row) as { value: bigint } | null)?.value ?? 0n
        words[row * 2] = BigInt.asUintN(64, value)
        words[row * 2 + 1] = BigInt.asUintN(64, value >> 64n)
      }
      return arrow.makeData({ ...common, data: new Uint32Array(words.buffer) } as never)
    }
    default: {
      // The vector's items are a view of memory that dies with the chunk.
      const { items } = vector as unknown as { items: Float64Array }
      return arrow.makeData({ ...common, data: items.slice(0, length) } as never)
    }
  }
}

function validity(vector: DuckDBVector, length: number): { nullBitmap: Uint8Array | null; nullCount: number } {
  const bitmap = new Uint8Array((length + 7) >> 3)
  let nullCount = 0
  for (let row = 0; row < length; row++) {
    if (vector.getItem(row) !== null) bitmap[row >> 3]! |= 1 << (row & 7)
    else nullCount++
  }
  return { nullBitmap: nullCount === 0 ? null : bitmap, nullCount }
}
