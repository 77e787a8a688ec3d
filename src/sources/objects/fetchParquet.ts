/** Parquet files from a bucket: whole, or the wanted columns and a footer that knows of no others. */
import { open, readFile, writeFile } from 'node:fs/promises'
import type { Field } from '../../domain/schema.ts'
import type { CompactPlan } from '../../parquet/compact.ts'
import { planCompact } from '../../parquet/compact.ts'
import { ParquetError } from '../../parquet/errors.ts'
import type { Footer } from '../../parquet/footer.ts'
import { columnNames, footerLength, MAGIC, parseFooter, TRAILER } from '../../parquet/footer.ts'
import type { Fetching, Pinned } from './fetching.ts'

/** Of small files a look at the footer costs as much as all. */
const SMALL = 2 ** 20
/** Most footers are shorter. */
const TAIL = 2 ** 16

export type WantedColumn = Pick<Field, 'name' | 'optional'>

/** These columns, all where undefined; as a file at `path`. Answers the version that was read. */
export async function fetchColumns(
  object: Pinned,
  wanted: readonly WantedColumn[] | undefined,
  path: string,
  fetching: Fetching,
): Promise<string | undefined> {
  const { reader, signal, link, onPart } = fetching
  const looks = wanted && object.size > SMALL && link.isLookWorthIt(object.size)
  const plan = looks ? await planOf(object, wanted, fetching) : undefined
  if (!plan || !link.isWorthIt(object.size, plan)) return fetchWhole(object, path, fetching)
  const ranges = plan.chunks.map(({ from, length, to }) => ({ from, to: from + length, at: to }))
  const { versionId } = await link.timed(() => reader.read(object, ranges, path, signal, onPart), plan.footerAt)
  // Without its footer it is no file: whatever fails before leaves nothing that could be read.
  await using file = await open(path, 'r+')
  await file.write(MAGIC, 0, MAGIC.length, 0)
  await file.write(plan.footer, 0, plan.footer.length, plan.footerAt)
  const { size } = await file.stat()
  if (size !== plan.size) throw new Error(`${reader.uriOf(object.key)}: ${size} bytes were written instead of ${plan.size}`)
  return versionId
}

async function fetchWhole(object: Pinned, path: string, { reader, signal, link, onPart }: Fetching): Promise<string | undefined> {
  const all = [{ from: 0, to: object.size, at: 0 }]
  return (await link.timed(() => reader.read(object, all, path, signal, onPart), object.size)).versionId
}

/** Undefined where the whole file is to be fetched: it is no file that can be taken apart, or a part of it would not be read alike. */
async function planOf(object: Pinned, wanted: readonly WantedColumn[], fetching: Fetching): Promise<CompactPlan | undefined> {
  try {
    const footer = await footerOf(object, fetching)
    const names = namesIn(footer, wanted)
    return names && planCompact(footer, names, object.size)
  } catch (error) {
    if (error instanceof ParquetError) return undefined
    throw error
  }
}

/**
 * The names in the file of what is wanted, and those that differ from it by their case alone, of which the engine has something to
 * say. Undefined where a column is missing, for which the engine has words that name the others; or where the engine would give
 * columns other names, as it does where two of them are called alike.
 */
export function namesIn(footer: Pick<Footer, 'columns'>, wanted: readonly WantedColumn[]): Set<string> | undefined {
  const names = new Set(columnNames(footer))
  if (new Set([...names].map(lower)).size < footer.columns.length) return undefined
  if (wanted.some(({ name, optional }) => !optional && !names.has(name))) return undefined
  const like = new Set(wanted.map(({ name }) => lower(name)))
  return new Set([...names].filter(name => like.has(lower(name))))
}

const lower = (name: string): string => name.toLowerCase()

async function footerOf(object: Pinned, { reader, signal, link }: Fetching): Promise<Footer> {
  const tail = await link.asked(() => reader.bytes(object, { from: Math.max(0, object.size - TAIL), to: object.size }, signal))
  const metadata = await metadataOf(object, tail, reader, signal)
  return parseFooter(metadata.subarray(0, metadata.length - TRAILER))
}

/** The metadata with the length and the magic after it. */
async function metadataOf(object: Pinned, tail: Buffer, reader: Fetching['reader'], signal: AbortSignal): Promise<Buffer> {
  const length = footerLength(tail, object.size) + TRAILER
  if (length <= tail.length) return tail.subarray(tail.length - length)
  const rest = await reader.bytes(object, { from: object.size - length, to: object.size - tail.length }, signal)
  return Buffer.concat([rest, tail])
}

/** The footer alone, with nothing where the values were: it tells the columns and how many rows there are. */
export async function fetchFooter(object: Pinned, path: string, fetching: Fetching): Promise<string | undefined> {
  if (object.size <= TAIL) return fetchWhole(object, path, fetching)
  const { reader, signal, link } = fetching
  try {
    const tail = await link.asked(() => reader.bytes(object, { from: object.size - TAIL, to: object.size }, signal))
    await writeFile(path, Buffer.concat([MAGIC, await metadataOf(object, tail, reader, signal)]), { flag: 'wx' })
    return undefined
  } catch (error) {
    if (error instanceof ParquetError) return fetchWhole(object, path, fetching)
    throw error
  }
}

/** How many bytes the columns of a file would take, by its footer as `fetchFooter` has left it. Undefined: all of them. */
export async function columnBytes(
  { size }: Pinned,
  wanted: readonly WantedColumn[],
  path: string,
  { link }: Pick<Fetching, 'link'>,
): Promise<number | undefined> {
  if (size <= SMALL || !link.isLookWorthIt(size)) return undefined
  try {
    const bytes = await readFile(path)
    const end = bytes.length - TRAILER
    const footer = parseFooter(bytes.subarray(end - footerLength(bytes), end))
    const names = namesIn(footer, wanted)
    const plan = names && planCompact(footer, names, size)
    return plan && link.isWorthIt(size, plan) ? plan.footerAt + footer.bytes : undefined
  } catch (error) {
    if (error instanceof ParquetError) return undefined
    throw error
  }
}
