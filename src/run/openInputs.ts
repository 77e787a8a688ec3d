/** Inputs where the engine can read them, for as long as it does. */
import type { Progress } from '../domain/engine.ts'
import { QuernError } from '../domain/errors.ts'
import type { LocalInputs, PinnedInputs, Source } from '../domain/source.ts'

interface Options {
  signal: AbortSignal
  onProgress?: (progress: Progress) => void
}

/** Their rows. */
export async function withRows<T>(
  source: Source,
  inputs: PinnedInputs,
  { signal, onProgress }: Options,
  work: (local: LocalInputs) => Promise<T>,
): Promise<T> {
  const onBytes = (done: number, total: number): void => onProgress?.({ stage: 'fetch', unit: 'bytes', done, total })
  return using(await source.open(inputs, { what: 'rows', signal, onBytes }), work)
}

/** What tells their columns. */
export async function withColumns<T>(
  source: Source,
  inputs: PinnedInputs,
  { signal }: Options,
  work: (local: LocalInputs) => Promise<T>,
): Promise<T> {
  return using(await source.open(inputs, { what: 'columns', signal }), work)
}

async function using<T>(opened: Awaited<ReturnType<Source['open']>>, work: (local: LocalInputs) => Promise<T>): Promise<T> {
  try {
    return await work(opened)
  } catch (error) {
    throw named(error, opened)
  } finally {
    await opened.release()
  }
}

/** An error that tells of files as their owners call them, not of the copies that were read. */
function named(error: unknown, { files }: LocalInputs): unknown {
  if (!(error instanceof QuernError)) return error
  for (const { path, localPath } of files)
    if (localPath !== undefined && error.message.includes(localPath)) error.message = error.message.replaceAll(localPath, path)
  return error
}
