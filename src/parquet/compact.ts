/**
 * A Parquet file with some columns of another: their bytes as they are, back to back, and a footer that knows only of them.
 * Nothing of the other columns is read, and no byte of the new file is left unwritten.
 */
import { damaged, ParquetError } from './errors.ts'
import { fieldOf, has, integerOf, itemsOf, required, structOf, textOf } from './fields.ts'
import type { Footer, TopColumn } from './footer.ts'
import { FILE, MAGIC, rootOf, rowCount, TRAILER } from './footer.ts'
import type { ThriftStruct, ThriftValue } from './thrift.ts'
import { i64, struct, TYPE, thriftBytes } from './thrift.ts'

/** A column's values in a row group: bytes of the file, and where they go. */
export interface CopiedChunk {
  from: number
  length: number
  to: number
}

/** `PAR1` at 0, each chunk at its `to`, in the order of the file; then the footer, which ends the file. */
export interface CompactPlan {
  chunks: CopiedChunk[]
  footer: Buffer
  footerAt: number
  size: number
}

/** Ids of fields. Those that are not named hold places in the file, or what nobody knows: they are left out, as readers allow. */
const GROUP = { chunks: 1, bytes: 2, rows: 3, at: 5, compressed: 6, ordinal: 7 } as const
const CHUNK = { file: 1, at: 2, meta: 3, crypto: 8, encrypted: 9 } as const
const META = { path: 3, values: 5, bytes: 6, compressed: 7, data: 9, index: 10, dictionary: 11 } as const
/** Their types, encodings, path, codec, numbers of values and bytes, pairs and statistics. */
const META_KEPT = [1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 16, 17]
const PLACES = [META.data, META.index, META.dictionary]

/** Pairs that describe columns which may not be there any more; the schema says as much. */
const KEYS_DROPPED = ['ARROW:schema', 'pandas']

interface Chunk {
  fields: ThriftStruct
  meta: ThriftStruct
  from: number
  length: number
  bytes: number
}

/** Nothing, where the file has none of the columns. Columns that share a wanted name are taken together. */
export function planCompact(footer: Footer, wanted: ReadonlySet<string>, fileSize: number): CompactPlan | undefined {
  const columns = footer.columns.filter(({ name }) => wanted.has(name))
  if (columns.length === 0) return undefined
  refuseUnsureWriter(footer.fields)
  const end = fileSize - footer.bytes - TRAILER
  if (end < MAGIC.length) throw damaged('its metadata is longer than the file')
  const groups = itemsOf(footer.fields, FILE.groups, 'the row groups').map(value => structOf(value, 'a row group'))
  const kept = groups.map(group => keptChunks(group, footer, columns, end))
  const { chunks, placeOf, footerAt } = placed(kept.flat())
  const fields = fileFields(
    footer,
    columns,
    groups.map((group, at) => groupValue(group, kept[at]!, placeOf)),
  )
  const metadata = thriftBytes(fields)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(metadata.length)
  const bytes = Buffer.concat([metadata, length, MAGIC])
  return { chunks, footer: bytes, footerAt, size: footerAt + bytes.length }
}

/** The chunks of a row group that belong to `columns`; a group has one for each leaf of the schema, in its order. */
function keptChunks(group: ThriftStruct, { leaves }: Footer, columns: readonly TopColumn[], end: number): Chunk[] {
  const chunks = itemsOf(group, GROUP.chunks, 'the columns of a row group')
  if (chunks.length !== leaves) throw damaged(`a row group has ${chunks.length} columns in place of ${leaves}`)
  return columns.flatMap(({ name, leaves: { from, to } }) =>
    chunks.slice(from, to).map(value => readChunk(structOf(value, 'a column of a row group'), name, end)),
  )
}

function readChunk(fields: ThriftStruct, name: string, end: number): Chunk {
  if (has(fields, CHUNK.crypto) || has(fields, CHUNK.encrypted)) {
    throw new ParquetError('encrypted', 'a Parquet file with encrypted columns')
  }
  if (has(fields, CHUNK.file)) throw new ParquetError('elsewhere', 'a Parquet file whose values lie in other files')
  const meta = structOf(fieldOf(fields, CHUNK.meta), 'the metadata of a column')
  const path = itemsOf(meta, META.path, 'the names of a column')[0]
  if (textOf([[1, path]], 1, 'the name of a column') !== name) throw damaged(`the values of column ${name} are another's`)
  const number = (id: number, what: string): number => required(integerOf(meta, id, what), what)
  const [length, bytes] = [number(META.compressed, 'the length of a column'), number(META.bytes, 'the size of a column')]
  const values = number(META.values, 'the number of values')
  // A place of 0 is none: a chunk without values may have a dictionary alone.
  const places = PLACES.map(id => integerOf(meta, id, 'the place of a column') ?? 0).filter(place => place > 0)
  // Not every writer that has a dictionary says where: then it lies where the data are said to begin.
  const from = Math.min(...places, places.length > 0 ? Number.POSITIVE_INFINITY : 0)
  if (values > 0 && (length === 0 || number(META.data, 'the place of a column') === 0)) {
    throw damaged(`column ${name} has values and no bytes`)
  }
  if (length > 0 && (from < MAGIC.length || from + length > end)) throw damaged(`column ${name} lies outside of its file`)
  const last = values > 0 ? from + length - 1 : from + length
  if (places.some(place => place > last)) throw damaged(`column ${name} lies outside of itself`)
  return { fields, meta, from, length, bytes }
}

/** Where the chunks go: back to back in the order of the file, after the magic. */
function placed(kept: readonly Chunk[]): { chunks: CopiedChunk[]; placeOf: Map<Chunk, number>; footerAt: number } {
  const placeOf = new Map<Chunk, number>()
  const chunks: CopiedChunk[] = []
  let [to, read] = [MAGIC.length, 0]
  for (const chunk of [...kept].sort((a, b) => a.from - b.from || a.length - b.length)) {
    placeOf.set(chunk, to)
    if (chunk.length === 0) continue
    if (chunk.from < read) throw damaged('two columns have bytes in common')
    chunks.push({ from: chunk.from, length: chunk.length, to })
    read = chunk.from + chunk.length
    to += chunk.length
  }
  return { chunks, placeOf, footerAt: to }
}

function groupValue(group: ThriftStruct, kept: readonly Chunk[], placeOf: ReadonlyMap<Chunk, number>): ThriftValue {
  const sum = (of: (chunk: Chunk) => number): ThriftValue => {
    const total = kept.reduce((before, chunk) => before + of(chunk), 0)
    if (!Number.isSafeInteger(total)) throw damaged('a row group is too large')
    return i64(total)
  }
  const at = Math.min(...kept.map(chunk => placeOf.get(chunk)!))
  return struct(
    [GROUP.chunks, structs(kept.map(chunk => chunkValue(chunk, placeOf.get(chunk)! - chunk.from)))],
    [GROUP.bytes, sum(({ bytes }) => bytes)],
    [GROUP.rows, i64(required(integerOf(group, GROUP.rows, 'a number of rows'), 'a number of rows'))],
    [GROUP.at, has(group, GROUP.at) && kept.length > 0 ? i64(at) : undefined],
    [GROUP.compressed, has(group, GROUP.compressed) ? sum(({ length }) => length) : undefined],
    [GROUP.ordinal, fieldOf(group, GROUP.ordinal)],
  )
}

/** `shift`: how far its bytes move. */
function chunkValue({ fields, meta, from, length }: Chunk, shift: number): ThriftValue {
  const moved = (id: number): ThriftValue | undefined => {
    const place = integerOf(meta, id, 'the place of a column')
    return place === undefined ? undefined : i64(place > 0 ? place + shift : 0)
  }
  const metadata = meta.flatMap(
    ([id, value]): ThriftStruct =>
      META_KEPT.includes(id) ? [[id, value]] : PLACES.some(place => place === id) ? [[id, moved(id)]] : [],
  )
  // Of no use to any reader; where it is not of the chunk it is what the format says of writers that leave it out.
  const at = integerOf(fields, CHUNK.at, 'the place of a column') ?? 0
  const inside = at > 0 && at >= from && at <= from + length
  return struct([CHUNK.at, i64(inside ? at + shift : 0)], [CHUNK.meta, struct(...metadata)])
}

function fileFields(footer: Footer, columns: readonly TopColumn[], groups: ThriftValue[]): ThriftStruct {
  const { fields, leaves } = footer
  const schema = itemsOf(fields, FILE.schema, 'the columns')
  const root = struct(...rootOf(structOf(schema[0], 'the columns'), columns.length))
  const elements = columns.flatMap(({ elements: { from, to } }) => schema.slice(from, to))
  const orders = has(fields, FILE.orders) ? itemsOf(fields, FILE.orders, 'the orders of columns') : undefined
  if (orders !== undefined && orders.length !== leaves) throw damaged('the orders of columns are of other columns')
  const keptOrders = orders && columns.flatMap(({ leaves: { from, to } }) => orders.slice(from, to))
  const pairs = has(fields, FILE.keyValues) ? itemsOf(fields, FILE.keyValues, 'the keys and values') : []
  const keptPairs = pairs.filter(pair => !KEYS_DROPPED.includes(textOf(structOf(pair, 'a key'), 1, 'a key') ?? ''))
  return [
    [FILE.version, fieldOf(fields, FILE.version)],
    [FILE.schema, structs([root, ...elements])],
    [FILE.rows, i64(rowCount(footer))],
    [FILE.groups, structs(groups)],
    [FILE.keyValues, keptPairs.length > 0 ? structs(keptPairs) : undefined],
    [FILE.createdBy, fieldOf(fields, FILE.createdBy)],
    [FILE.orders, keptOrders && structs(keptOrders)],
  ]
}

/** Of which there may be none. */
const structs = (items: readonly ThriftValue[]): ThriftValue => ({ list: items, of: TYPE.struct })

/**
 * Before 1.2.9 parquet-mr left the header of a dictionary out of a column's length, and nothing tells how long that header is
 * (PARQUET-816).
 */
function refuseUnsureWriter(fields: ThriftStruct): void {
  const writer = textOf(fields, FILE.createdBy, 'the name of its writer') ?? ''
  if (/^parquet-mr( version (0\.|1\.[01]\.|1\.2\.[0-8](\D|$))|$)/.test(writer)) {
    throw new ParquetError('unsure', `a Parquet file of ${writer}, which writes lengths that are too short`)
  }
}
