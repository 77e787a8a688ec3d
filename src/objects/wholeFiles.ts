/** Files that appear under their names when they are whole, and stay when the power goes. */
import { randomUUID } from 'node:crypto'
import { constants, copyFile, link, open, rename, rm, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { makeFolder } from '../folders.ts'
import { codeOf } from './fileErrors.ts'

/** Begins the names of files that are not finished yet; no listing shows them. */
export const UNFINISHED = '.tmp-'

/** Makes the folder of `path` for what is written there. Whoever deletes its last file may take it away between the two. */
export async function inFolder<T>(path: string, write: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    await makeFolder(dirname(path))
    try {
      return await write()
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || attempt === ATTEMPTS) throw error
    }
  }
}

const ATTEMPTS = 3

export async function writeUnfinished(path: string, bytes: Uint8Array): Promise<string> {
  const unfinished = join(dirname(path), `${UNFINISHED}${randomUUID()}`)
  const file = await inFolder(path, () => open(unfinished, 'wx'))
  try {
    await file.writeFile(bytes)
    await file.sync()
  } catch (error) {
    await unlink(unfinished)
    throw error
  } finally {
    await file.close()
  }
  return unfinished
}

/** What is there already stays as it is: whoever reads it may open it again. */
export async function linkIfAbsent(from: string, path: string): Promise<void> {
  await link(from, path).catch(error => {
    if (codeOf(error) !== 'EEXIST') throw error
  })
}

/** The copy appears under its name when it is whole. */
export async function copyWhole(from: string, path: string): Promise<void> {
  await rename(await copyUnfinished(from, path), path)
}

/** A whole copy beside `path`. */
export async function copyUnfinished(from: string, path: string): Promise<string> {
  const unfinished = join(dirname(path), `${UNFINISHED}${randomUUID()}`)
  try {
    await copyFile(from, unfinished, constants.COPYFILE_EXCL)
    await syncFile(unfinished)
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  }
  return unfinished
}

export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Makes the names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
