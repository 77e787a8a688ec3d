/** A Parquet file's footer: its metadata as a tree of which nothing is lost, and the columns that its schema names. */
import { damaged, ParquetError } from './errors.ts'
import { fieldOf, has, integerOf, itemsOf, required, structOf, textOf } from './fields.ts'
import type { ThriftStruct } from './thrift.ts'
import { parseThrift } from './thriftReader.ts'

export const MAGIC = Buffer.from('PAR1')

/** The metadata's length and the magic, after it. */
export const TRAILER = 8

/** A column of a row group lies in two lists and a struct. A footer may have a million, of which a few are wanted. */
const CHUNKS_DEPTH = 4

/** Ids of fields. */
export const FILE = { version: 1, schema: 2, rows: 3, groups: 4, keyValues: 5, createdBy: 6, orders: 7, encryption: 8 } as const
const ELEMENT = { type: 1, name: 4, children: 5 } as const

/** A column at the schema's top, and what lies below it: places in the lists of elements and of leaves. */
export interface TopColumn {
  name: string
  elements: { from: number; to: number }
  leaves: { from: number; to: number }
}

export interface Footer {
  fields: ThriftStruct
  /** Of its metadata. */
  bytes: number
  columns: readonly TopColumn[]
  leaves: number
}

/** How long the metadata is, by the file's last bytes: at least 12, if there are so many. */
export function footerLength(tail: Uint8Array, fileSize?: number): number {
  if (tail.length < MAGIC.length + TRAILER) throw new ParquetError('empty', `no Parquet file: it has ${tail.length} bytes`)
  const view = Buffer.from(tail.buffer, tail.byteOffset, tail.byteLength)
  const magic = view.toString('latin1', view.length - MAGIC.length)
  if (magic === 'PARE') throw new ParquetError('encrypted', 'a Parquet file with an encrypted footer')
  if (magic !== 'PAR1') throw new ParquetError('foreign', 'no Parquet file: it does not end with PAR1')
  const length = view.readUInt32LE(view.length - TRAILER)
  if (length === 0) throw damaged('it has no metadata')
  if (fileSize !== undefined && length > fileSize - MAGIC.length - TRAILER) throw damaged('its metadata is longer than the file')
  return length
}

/** `bytes`: the metadata, without the length and the magic after it. */
export function parseFooter(bytes: Uint8Array): Footer {
  const fields = parseThrift(bytes, CHUNKS_DEPTH)
  if (has(fields, FILE.encryption)) throw new ParquetError('encrypted', 'a Parquet file with encrypted columns')
  return { fields, bytes: bytes.length, ...schemaOf(fields) }
}

export const columnNames = ({ columns }: Pick<Footer, 'columns'>): string[] => columns.map(({ name }) => name)

export const rowCount = ({ fields }: Footer): number =>
  required(integerOf(fields, FILE.rows, 'the number of rows'), 'the number of rows')

/** The schema is a tree, flattened: a group is followed by all of its first child, then all of its second. */
function schemaOf(fields: ThriftStruct): { columns: TopColumn[]; leaves: number } {
  const elements = itemsOf(fields, FILE.schema, 'the columns').map(value => structOf(value, 'a column'))
  const children = elements.map(element => integerOf(element, ELEMENT.children, 'a number of columns') ?? 0)
  const [columns, top] = [[] as TopColumn[], required(children[0], 'the columns')]
  let [at, leaves] = [1, 0]
  for (let column = 0; column < top; column++) {
    const from = { element: at, leaf: leaves }
    for (let open = 1; open > 0; open--) {
      if (at >= elements.length) throw damaged('columns are missing')
      open += children[at]!
      if (children[at] === 0 && fieldOf(elements[at]!, ELEMENT.type) !== undefined) leaves++
      at++
    }
    const name = required(textOf(elements[from.element]!, ELEMENT.name, 'the name of a column'), 'the name of a column')
    columns.push({ name, elements: { from: from.element, to: at }, leaves: { from: from.leaf, to: leaves } })
  }
  if (at !== elements.length) throw damaged('columns belong nowhere')
  return { columns, leaves }
}

/** The schema's root, with another number of columns. */
export const rootOf = (root: ThriftStruct, columns: number): ThriftStruct =>
  root.map(([id, value]) => [id, id === ELEMENT.children ? { i32: columns } : value])
