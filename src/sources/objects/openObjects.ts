/** Pinned objects as local files: of Parquet the wanted columns where that is cheaper, of others all. */
import { readFile, unlink, writeFile } from 'node:fs/promises'
import { DataError, TransientError } from '../../domain/errors.ts'
import type { LocalFile, ObjectsSource, OpenInputs, PinnedFile, PinnedInputs } from '../../domain/source.ts'
import { etagIn } from '../../domain/source.ts'
import type { Fetching, Pinned } from './fetching.ts'
import { columnBytes, fetchColumns, fetchFooter } from './fetchParquet.ts'
import { placeOf } from './wantedKeys.ts'

/** Files that are fetched at the same time. */
const PARALLEL = 32
/** So much of a text file holds its header. */
const HEADER_BYTES = 2 ** 20

/** All or nothing: where one file fails the others are given up, and nothing is left. */
export async function openObjects(
  source: ObjectsSource,
  { source: name, files }: PinnedInputs,
  fetching: Fetching,
): Promise<OpenInputs> {
  const local: LocalFile[] = []
  const total = files.reduce((sum, { size }) => sum + size, 0)
  const given = new AbortController()
  const signal = AbortSignal.any([fetching.signal, given.signal])
  const release = async (): Promise<void> => {
    await together(local, async file => {
      if (file?.localPath !== undefined) await unlink(file.localPath).catch(() => undefined)
    })
  }
  const open = openerOf(source, { ...fetching, signal })
  let done = 0
  let failure: { error: unknown } | undefined
  await together(files, async (file, at) => {
    if (failure) return
    try {
      signal.throwIfAborted()
      let came = 0
      local[at] = await open(file, bytes => {
        // What is fetched once more does not count twice.
        const more = Math.min(bytes, file.size - came)
        came += more
        done += more
        fetching.onBytes?.(done, total)
      })
      // Of some files only a part was wanted.
      done += file.size - came
      fetching.onBytes?.(done, total)
    } catch (error) {
      failure ??= { error }
      given.abort()
    }
  })
  if (!failure) return { source: name, files: local, release }
  await release()
  throw diskFull(failure.error) ?? failure.error
}

/** So many at the same time, in order. */
async function together<T>(items: readonly T[], work: (item: T, at: number) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) await work(items[at]!, at)
  }
  await Promise.all(Array.from({ length: Math.min(PARALLEL, items.length) }, worker))
}

function openerOf(
  source: ObjectsSource,
  given: Fetching,
): (file: PinnedFile, onPart: (bytes: number) => void) => Promise<LocalFile> {
  const { what, reader, signal } = given
  const { bucket } = placeOf(source.uri)
  const start = `s3://${bucket}/`.length
  const pinnedOf = ({ path, hash, size }: PinnedFile): Pinned => ({
    key: path.slice(start),
    etag: etagIn(hash)!,
    size,
  })
  return async (file, onPart) => {
    const pinned = pinnedOf(file)
    const fetching = { ...given, onPart }
    if (file.format === 'parquet') {
      if (file.size === 0) throw empty(file)
      // What judges all columns needs them. What the folders' names give is not looked for in the file.
      const all = source.schema.extra.kind !== 'ignored'
      const wanted = all ? undefined : source.schema.fields.filter(({ name }) => !Object.hasOwn(file.partition, name))
      if (what === 'columns') {
        const footer = await copied(file, 'footer', path => fetchFooter(pinned, path, fetching), fetching)
        const rowBytes = wanted && (await columnBytes(pinned, wanted, footer.localPath!, fetching))
        return rowBytes === undefined ? footer : { ...footer, rowBytes }
      }
      const part = wanted ? JSON.stringify(wanted.map(({ name, optional }) => (optional ? [name] : name))) : ''
      return copied(file, part, path => fetchColumns(pinned, wanted, path, fetching), fetching)
    }
    if (what === 'columns' && file.format === 'ndjson') return file
    const to = what === 'columns' ? Math.min(file.size, HEADER_BYTES) : file.size
    const read = async (path: string): Promise<string | undefined> =>
      (await reader.read(pinned, [{ from: 0, to, at: 0 }], path, signal, onPart)).versionId
    return copied(file, to < file.size ? 'header' : '', read, fetching)
  }
}

/** A part of a file, as `make` fetches it, or as it was fetched before. */
async function copied(
  file: PinnedFile,
  part: string,
  make: (path: string) => Promise<string | undefined>,
  { copies }: Fetching,
): Promise<LocalFile> {
  const id = JSON.stringify([file.path, file.hash, part])
  let made: { versionId: string | undefined } | undefined
  const localPath = await copies.get(id, async path => {
    made = { versionId: await make(path) }
  })
  if (file.versionId !== undefined) return { ...file, localPath }
  const versionId = made ? made.versionId : await noted(id, copies)
  if (versionId === undefined) return { ...file, localPath }
  if (made) await note(id, versionId, copies)
  return { ...file, versionId, localPath }
}

/** Which version a copy is of is kept beside it: whoever finds the copy asks nobody. */
async function note(id: string, versionId: string, copies: Fetching['copies']): Promise<void> {
  await unlink(await copies.get(versionOf(id), path => writeFile(path, versionId)))
}

async function noted(id: string, copies: Fetching['copies']): Promise<string | undefined> {
  const path = await copies.get(versionOf(id), () => Promise.reject(new Error('it was not noted'))).catch(() => undefined)
  if (path === undefined) return undefined
  const versionId = await readFile(path, 'utf8')
  await unlink(path)
  return versionId
}

const versionOf = (id: string): string => JSON.stringify([id, 'version'])

const empty = ({ path }: PinnedFile): DataError =>
  new DataError('data.unreadable', `${path} is empty: it is no Parquet file`, {
    hint: 'Write the file anew, or take it out of the pattern. Nothing was committed.',
  })

/** An error of this machine's disk, wherever it lies in what was raised. */
function diskFull(error: unknown): TransientError | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code, path } = cause as NodeJS.ErrnoException
    if (code !== 'ENOSPC' && code !== 'EDQUOT') continue
    const where = path === undefined ? 'the disk that holds the scratch folder' : `the disk that holds ${path}`
    return new TransientError('transient.disk-full', `${where} is full: copies of objects did not fit`, {
      hint: 'Free space there, or set TMPDIR to a larger disk. Nothing was committed.',
      cause: error,
    })
  }
  return undefined
}
