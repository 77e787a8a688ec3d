/** The rows of an inventory's CSV files, and the objects that they tell of. Fields are quoted, or plain; keys are URL-encoded. */
import type { DataError } from '../../domain/errors.ts'
import type { ListedObject } from '../../domain/objectReader.ts'
import type { InventoryColumns } from './manifest.ts'

/** A line is no longer than this: keys have 1024 bytes, each of which may take three. */
const LINE_BYTES = 2 ** 16

/** The lines of a text as fields. A field cannot hold a line break: what a key has is encoded. */
export async function* inventoryRows(bytes: AsyncIterable<Buffer>): AsyncIterable<string[]> {
  let rest = ''
  const decoder = new TextDecoder('utf-8')
  for await (const part of bytes) {
    const lines = (rest + decoder.decode(part, { stream: true })).split('\n')
    rest = lines.pop()!
    if (rest.length > LINE_BYTES) throw new LineError('a line has no end')
    for (const line of lines) if (line !== '' && line !== '\r') yield fieldsOf(line)
  }
  if (rest !== '') yield fieldsOf(rest)
}

export class LineError extends Error {}

const FIELD = /"((?:[^"]|"")*)"(?:,|\r?$)|([^",]*?)(?:,|\r?$)/y

function fieldsOf(line: string): string[] {
  // Most have nothing in them that would need care.
  if (line.startsWith('"') && !line.includes('""') && !line.endsWith('\r')) {
    const fields = line.slice(1, -1).split('","')
    if (line.endsWith('"') && fields.every(field => !field.includes('"'))) return fields
  }
  const fields: string[] = []
  FIELD.lastIndex = 0
  for (;;) {
    const at = FIELD.lastIndex
    const match = FIELD.exec(line)
    if (!match) throw new LineError(`a line is no CSV: ${line.slice(0, 200)}`)
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '')
    const ended = match[0].at(-1) !== ','
    if (ended) return fields
    if (FIELD.lastIndex <= at) throw new LineError(`a line is no CSV: ${line.slice(0, 200)}`)
  }
}

/** The current objects among the rows. */
export async function* objectsIn(
  rows: AsyncIterable<string[]>,
  columns: InventoryColumns,
  refused: (what: string) => DataError,
): AsyncIterable<ListedObject> {
  try {
    for await (const row of rows) {
      if (row.length !== columns.count)
        throw new LineError(`a line has ${row.length} fields in place of ${columns.count}: ${row.join(',').slice(0, 200)}`)
      const object = objectIn(row, columns)
      if (object) yield object
    }
  } catch (error) {
    if (error instanceof LineError) throw refused(error.message)
    // What decompresses says so.
    if (/^Z_|^ERR_.*ZLIB/.test((error as { code?: string }).code ?? ''))
      throw refused(`it is damaged: ${(error as Error).message}`)
    throw error
  }
}

const isTrue = (text: string): boolean => text.toLowerCase() === 'true'

/** Undefined for what is not there any more: former versions, and what stands for a deletion. */
function objectIn(row: readonly string[], columns: InventoryColumns): ListedObject | undefined {
  const at = (place: number | undefined): string | undefined => (place === undefined ? undefined : row[place])
  if (!isTrue(at(columns.isLatest) ?? 'true') || isTrue(at(columns.isDeleteMarker) ?? 'false')) return undefined
  const size = Number(row[columns.size])
  const etag = row[columns.etag]!.replaceAll('"', '')
  if (row[columns.size] === '' || !Number.isSafeInteger(size) || size < 0)
    throw new LineError(`\`${row[columns.size]}\` is no size`)
  if (etag === '') throw new LineError('an object has no ETag')
  const modified = Date.parse(at(columns.modifiedAt) ?? '')
  return {
    key: decoded(row[columns.key]!),
    size,
    etag,
    modifiedAt: Number.isNaN(modified) ? 0 : modified,
  }
}

/** As forms are encoded: a plus that belongs to the key is `%2B`. */
function decoded(text: string): string {
  try {
    return text.includes('%') || text.includes('+') ? decodeURIComponent(text.replaceAll('+', ' ')) : text
  } catch {
    throw new LineError(`\`${text.slice(0, 200)}\` is no encoded key`)
  }
}
