/** What has become of the files that a version was computed from. Pure. */
import type { Batch, ReadFile } from './batch.ts'
import type { PinnedFile, PinnedInputs } from './source.ts'
import { contentOf, identityOf } from './source.ts'

/** A file of a batch, as it was recorded. */
export interface Member {
  file: ReadFile
  batch: Batch
}

export interface InputChanges {
  /** The recorded batches with the files as they are called now, and without those that changed. */
  batches: Batch[]
  /** Never read: new files, what changed files hold now, and files that a replay has found rows in which are accepted by now. */
  fresh: PinnedFile[]
  /** What files held before that hold something else now, and what was read of files before a replay. */
  changed: Member[]
  /** Their content is nowhere to be found; they still stand in their batches, as the same objects. */
  gone: Member[]
}

/** A file is what decides its rows: wherever it lies now, and as often as it lies there. */
export function compareInputs(recorded: readonly Batch[], now: PinnedInputs): InputChanges {
  const present = new Map<string, PinnedFile[]>()
  for (const file of now.files) {
    const equal = present.get(identityOf(file))
    if (equal) equal.push(file)
    else present.set(identityOf(file), [file])
  }
  const take = (of: ReadFile, path?: string): PinnedFile | undefined => {
    const files = present.get(identityOf(of)) ?? []
    const at = path === undefined ? 0 : files.findIndex(file => file.path === path)
    return at < 0 ? undefined : files.splice(at, 1)[0]
  }
  // First those that lie where they lay, so that of equal files each keeps its name.
  const found = new Map<ReadFile, PinnedFile>()
  const all = recorded.flatMap(batch => batch.files.map(file => ({ file, batch })))
  for (const { file } of all) {
    const same = take(file, file.path)
    if (same) found.set(file, same)
  }
  for (const { file } of all) {
    const moved = found.has(file) ? undefined : take(file)
    if (moved) found.set(file, moved)
  }
  const left = new Set([...present.values()].flat())
  const fresh = now.files.filter(file => left.has(file))
  const paths = new Set(now.files.map(({ path }) => path))
  const missing = all.filter(({ file }) => !found.has(file))
  const again = readAnew(missing, fresh)
  const changed = missing.filter(({ file }) => paths.has(file.path) || again.has(file))
  const dropped = new Set(changed.map(({ file }) => file))
  const batches = recorded.map(batch =>
    withFiles(
      batch,
      batch.files.filter(file => !dropped.has(file)),
    ),
  )
  return {
    batches: batches
      .filter(({ files }) => files.length > 0)
      .map(batch => ({ ...batch, files: batch.files.map(file => asFound(file, found.get(file))) })),
    fresh,
    changed,
    gone: missing.filter(({ file }) => !dropped.has(file)),
  }
}

/** Of the recorded files those whose content is to be read again, wherever it lies now. */
function readAnew(missing: readonly Member[], fresh: readonly PinnedFile[]): Set<ReadFile> {
  const pool = new Map<string, PinnedFile[]>()
  for (const file of fresh) pool.set(contentOf(file), [...(pool.get(contentOf(file)) ?? []), file])
  const again = new Set<ReadFile>()
  const take = (file: ReadFile, isAt: (now: PinnedFile) => boolean): void => {
    const files = pool.get(contentOf(file)) ?? []
    const at = files.findIndex(isAt)
    if (at < 0 || again.has(file)) return
    files.splice(at, 1)
    again.add(file)
  }
  for (const { file } of missing) take(file, ({ path }) => path === file.path)
  for (const { file } of missing) take(file, () => true)
  return again
}

/** The fresh files that were read before, when some of their rows were refused. */
export function readAgain({ fresh, changed }: Pick<InputChanges, 'fresh' | 'changed'>): PinnedFile[] {
  const before = new Set(changed.map(({ file }) => contentOf(file)))
  return fresh.filter(file => before.has(contentOf(file)))
}

const asFound = (file: ReadFile, now: PinnedFile | undefined): ReadFile => (now ? { ...now, span: file.span } : file)

/** A batch of other files: what was gathered of its own no longer fits. */
export function withFiles(batch: Batch, files: readonly ReadFile[]): Batch {
  return files.length === batch.files.length ? batch : { ...batch, files, tiles: undefined, weight: files.length }
}

/** `2 files are new, 1 file is changed`; undefined where nothing has changed. */
export function changesText({ fresh, changed, gone }: InputChanges): string | undefined {
  const again = readAgain({ fresh, changed }).length
  const parts = [
    [Math.max(fresh.length - changed.length, 0), 'new'],
    [changed.length - again, 'changed'],
    [again, 'read again after a replay'],
    [gone.length, 'gone'],
  ] as const
  const words = parts.filter(([n]) => n > 0).map(([n, word]) => `${n} ${n === 1 ? 'file is' : 'files are'} ${word}`)
  return words.length === 0 ? undefined : words.join(', ')
}
