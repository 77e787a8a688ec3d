/** Staged files on their way into a table. */
import { randomUUID } from 'node:crypto'
import { unlink } from 'node:fs/promises'
import type { ObjectStore } from '../domain/objectStore.ts'
import type { StagedFile } from '../domain/tableStore.ts'

/** Files that are on their way at the same time. */
const MOVERS = 8

export interface MovedFile {
  name: string
  staged: StagedFile
}

/** Data files get their final place before the commit that names them. What may have been put is added to `put`. */
export async function moveIn(
  objects: ObjectStore,
  keyOf: (file: string) => string,
  staged: readonly StagedFile[],
  put: string[],
): Promise<MovedFile[]> {
  const moved: (MovedFile & { at: number })[] = []
  const files = [...staged.entries()]
  const mover = async (): Promise<void> => {
    for (let next = files.shift(); next; next = files.shift()) {
      const [at, file] = next
      if (file.rows === 0) {
        await unlink(file.localPath)
        continue
      }
      const name = `${folderOf(file)}part-${randomUUID()}.parquet`
      put.push(name)
      try {
        await objects.putFile(keyOf(name), file.localPath)
      } catch (error) {
        files.length = 0
        throw error
      }
      moved.push({ name, staged: file, at })
    }
  }
  // Where one has failed no other file sets out, and those under way end: what was put is to be taken away then.
  const results = await Promise.allSettled(Array.from({ length: MOVERS }, mover))
  for (const result of results) if (result.status === 'rejected') throw result.reason
  return moved.sort((a, b) => a.at - b.at)
}

/** For people: readers go by the log. Values of a partition are such as need no escapes: dates. */
const folderOf = ({ partition = {} }: StagedFile): string =>
  Object.entries(partition)
    .map(([column, value]) => `${column}=${value}/`)
    .join('')
