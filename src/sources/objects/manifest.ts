/** The manifest of an S3 Inventory: which files it has and what stands in their columns. Pure. */
import { DataError } from '../../domain/errors.ts'

export interface InventoryFile {
  key: string
  size: number
  /** Hex; absent where the manifest tells none. */
  md5: string | undefined
}

/** Places of columns in a row, from 0. */
export interface InventoryColumns {
  count: number
  key: number
  size: number
  etag: number
  modifiedAt: number | undefined
  isLatest: number | undefined
  isDeleteMarker: number | undefined
}

export interface Manifest {
  columns: InventoryColumns
  files: InventoryFile[]
}

const AGAIN = 'Take a whole inventory, or leave `inventory` out: then the bucket is listed.'

export const missingInventory = (name: string, uri: string, why: string): DataError =>
  new DataError('data.inventory', `source \`${name}\`: inventory ${uri}: ${why}`, {
    hint: 'Name the manifest.json of an inventory that is there, or leave `inventory` out: then the bucket is listed.',
  })

export const damagedInventory = (name: string, uri: string, why: string): DataError =>
  new DataError('data.inventory', `source \`${name}\`: inventory ${uri}: ${why}`, { hint: AGAIN })

interface Of {
  /** Of the source. */
  name: string
  uri: string
  /** The source's. */
  bucket: string
}

export function readManifest(bytes: Buffer, { name, uri, bucket }: Of): Manifest {
  const refused = (why: string): DataError => damagedInventory(name, uri, why)
  const manifest = parsed(bytes, refused)
  const text = (member: string): string => {
    const value = manifest[member]
    if (typeof value !== 'string') throw refused(`it is no manifest of an S3 Inventory: it has no \`${member}\``)
    return value
  }
  const of = text('sourceBucket')
  if (of !== bucket) throw refused(`it is of the bucket \`${of}\`, not of \`${bucket}\``)
  const format = text('fileFormat')
  if (format.toUpperCase() !== 'CSV')
    throw new DataError('data.inventory', `source \`${name}\`: inventory ${uri}: its files are ${format}, and only CSV is read`, {
      hint: 'Have the inventory made as CSV, or leave `inventory` out: then the bucket is listed.',
    })
  const columns = columnsOf(text('fileSchema'), refused)
  if (!Array.isArray(manifest.files)) throw refused('it is no manifest of an S3 Inventory: it has no `files`')
  return { columns, files: manifest.files.map(file => fileOf(file, refused)) }
}

type Refused = (why: string) => DataError

function parsed(bytes: Buffer, refused: Refused): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(bytes.toString())
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // The same words.
  }
  throw refused('it is damaged: it is no JSON object')
}

function columnsOf(schema: string, refused: Refused): InventoryColumns {
  const names = schema.split(',').map(name => name.trim().toLowerCase())
  const at = (name: string): number | undefined =>
    names.includes(name.toLowerCase()) ? names.indexOf(name.toLowerCase()) : undefined
  const needed = (name: string): number => {
    const place = at(name)
    if (place === undefined) throw refused(`it lacks the column ${name}: add it to the inventory's configuration`)
    return place
  }
  const columns = {
    count: names.length,
    key: needed('Key'),
    size: needed('Size'),
    etag: needed('ETag'),
    modifiedAt: at('LastModifiedDate'),
    isLatest: at('IsLatest'),
    isDeleteMarker: at('IsDeleteMarker'),
  }
  if (at('VersionId') !== undefined && columns.isLatest === undefined)
    throw refused('it lists versions and lacks the column IsLatest, which tells the current ones')
  return columns
}

function fileOf(value: unknown, refused: Refused): InventoryFile {
  const { key, size, MD5checksum } = (value ?? {}) as Record<string, unknown>
  const isWhole = typeof key === 'string' && Number.isSafeInteger(size) && ['string', 'undefined'].includes(typeof MD5checksum)
  if (!isWhole) throw refused('it is damaged: one of its `files` lacks a key or a size')
  return { key, size: size as number, md5: (MD5checksum as string | undefined)?.toLowerCase() }
}
