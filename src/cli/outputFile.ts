/** A result's file: it appears under its name when it is whole. */
import { open, rename, rm, stat } from 'node:fs/promises'
import { DefinitionError, QuernError, TransientError } from '../domain/errors.ts'

/** `write` receives the path to write to: beside `path`, or `path` itself where that is a pipe or a device. `flag` named it. */
export async function outputFile(path: string, write: (path: string) => Promise<void>, flag = '--output'): Promise<void> {
  try {
    const found = await stat(path).catch(() => undefined)
    if (found?.isDirectory()) throw Object.assign(new Error(`${path} is a folder`), { code: 'EISDIR', syscall: 'open' })
    if (found && !found.isFile()) return await write(path)
    const unfinished = `${path}.tmp-${process.pid}`
    try {
      await (await open(unfinished, 'w')).close()
      await write(unfinished)
      await rename(unfinished, path)
    } finally {
      await rm(unfinished, { force: true })
    }
  } catch (error) {
    throw refusal(path, error, flag)
  }
}

function refusal(path: string, error: unknown, flag: string): unknown {
  const { code, syscall } = error as { code?: string; syscall?: string }
  if (error instanceof QuernError || syscall === undefined) return error
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new TransientError('transient.disk-full', `the disk that holds ${path} is full`, {
      hint: 'Free space there.',
      cause: error,
    })
  }
  return new DefinitionError('definition.output', `${flag}: ${path} cannot be written (${code})`, {
    hint: 'Name a file in a folder that is there and may be written.',
    cause: error,
  })
}
