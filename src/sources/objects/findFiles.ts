/** Which files a source's path, folder or pattern means, and what their names say of them. */
import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path'
import { DataError } from '../../domain/errors.ts'
import type { ObjectsSource } from '../../domain/source.ts'
import type { FoundFile } from './fileNames.ts'
import { describeFile, KNOWN, matcherOf, partitionIn } from './fileNames.ts'

/**
 * A path that exists is that file, whatever characters are in its name; a folder means every file of a known format below it.
 * Names that begin with `.` or `_` are skipped below folders and by patterns. A folder that may not be read is a DataError: its
 * files would be missed in silence.
 */
export async function findFiles(source: ObjectsSource): Promise<FoundFile[]> {
  const { name, uri, projectDir } = source
  const whole = resolve(projectDir, uri)
  const found = await stat(whole).catch(() => undefined)
  if (found?.isFile()) {
    const file = describeFile(whole, partitionOf(dirname(whole), source))
    if (file) return [file]
    throw new DataError('data.format', `source \`${name}\`: ${whole} has no known format`, { hint: `Known are ${KNOWN}.` })
  }
  if (found?.isDirectory()) return filesBelow(source, { path: whole, name: '' }, Number.POSITIVE_INFINITY, () => true)
  const { base, pattern } = splitPattern(uri)
  return filesBelow(source, { path: resolve(projectDir, base), name: '' }, depthOf(pattern), matcherOf(pattern), true)
}

/** The part of a pattern that names a folder, and the rest. */
function splitPattern(uri: string): { base: string; pattern: string } {
  const wildcard = uri.search(/[*?[{]/)
  const base = wildcard < 0 ? dirname(uri) : dirname(`${uri.slice(0, wildcard)}x`)
  return { base, pattern: relative(base, uri) }
}

/** How many folders deep a pattern can match. */
function depthOf(pattern: string): number {
  return /\*\*|\{[^}]*\//.test(pattern) ? Number.POSITIVE_INFINITY : pattern.split('/').length
}

/** @param folder its path, and its name below the one that is searched */
async function filesBelow(
  source: ObjectsSource,
  folder: { path: string; name: string },
  depth: number,
  isWanted: (name: string) => boolean,
  mustBeKnown = false,
): Promise<FoundFile[]> {
  const files: FoundFile[] = []
  const partition = partitionOf(folder.path, source)
  for (const entry of await entriesOf(source, folder.path)) {
    if (/^[._]/.test(entry.name)) continue
    const path = `${folder.path === sep ? '' : folder.path}${sep}${entry.name}`
    const name = folder.name === '' ? entry.name : `${folder.name}/${entry.name}`
    const kind = entry.isSymbolicLink() ? await stat(path).catch(() => undefined) : entry
    if (kind?.isDirectory() && depth > 1) {
      files.push(...(await filesBelow(source, { path, name }, depth - 1, isWanted, mustBeKnown)))
    }
    if (!kind?.isFile() || !isWanted(name)) continue
    const file = describeFile(path, partition)
    if (file) files.push(file)
    else if (mustBeKnown) {
      throw new DataError('data.format', `source \`${source.name}\`: ${path} has no known format`, {
        hint: `Known are ${KNOWN}. Narrow the pattern.`,
      })
    }
  }
  return files
}

async function entriesOf({ name }: ObjectsSource, folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true })
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw new DataError('data.unreadable', `source \`${name}\`: the folder ${folder} cannot be read (${code})`, {
      hint: 'Give this user permission to read it, or narrow the pattern. Nothing was committed.',
      cause: error,
    })
  }
}

/**
 * Folders named `column=value` after the schema's columns, in the uri as it is written and below it; those above the project say
 * nothing of its data.
 */
function partitionOf(folder: string, source: ObjectsSource): Record<string, string> {
  const { uri, projectDir } = source
  return partitionIn((isAbsolute(uri) ? folder : relative(projectDir, folder)).split(sep), source)
}
