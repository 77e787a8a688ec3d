/** Which files a source's path, folder or pattern means, and what their names say of them. */
import { existsSync, statSync } from 'node:fs'
import { glob } from 'node:fs/promises'
import { dirname, relative, sep } from 'node:path'
import { DataError } from '../../domain/errors.ts'
import type { Compression, FileFormat, ObjectsSource, PinnedFile } from '../../domain/source.ts'

export type FoundFile = Pick<PinnedFile, 'path' | 'format' | 'compression' | 'partition'>

const FORMATS: Record<string, FileFormat> = { parquet: 'parquet', csv: 'csv', ndjson: 'ndjson', jsonl: 'ndjson' }
const COMPRESSIONS: Record<string, Compression> = { gz: 'gzip', zst: 'zstd' }
const KNOWN = '.parquet, .csv, .ndjson and .jsonl, the text formats also with .gz or .zst'

/**
 * A path that exists is that file, whatever characters are in its name; a folder means every file of a known format below it.
 * Names that begin with `.` or `_` are skipped below folders and by patterns.
 */
export async function findFiles({ name, uri }: ObjectsSource): Promise<FoundFile[]> {
  if (existsSync(uri) && statSync(uri).isFile()) {
    const file = describeFile(uri, uri)
    if (file) return [file]
    throw new DataError('data.format', `source \`${name}\`: ${uri} has no known format`, { hint: `Known are ${KNOWN}.` })
  }
  const isFolder = existsSync(uri)
  const found: FoundFile[] = []
  const paths = isFolder ? glob('**', { cwd: uri, withFileTypes: true }) : glob(uri, { withFileTypes: true })
  for await (const entry of paths) {
    if (!entry.isFile() && !entry.isSymbolicLink()) continue
    const path = `${entry.parentPath}${sep}${entry.name}`
    if (entry.isSymbolicLink() && (!existsSync(path) || !statSync(path).isFile())) continue
    const file = isHidden(path, uri) ? undefined : describeFile(path, uri)
    if (file) found.push(file)
    else if (!isFolder && !isHidden(path, uri)) {
      throw new DataError('data.format', `source \`${name}\`: ${path} has no known format`, {
        hint: `Known are ${KNOWN}. Narrow the pattern.`,
      })
    }
  }
  return found
}

/** The part of `uri` before its first wildcard. */
function fixedPart(uri: string): string {
  const wildcard = uri.search(/[*?[{]/)
  return wildcard < 0 ? uri : dirname(`${uri.slice(0, wildcard)}x`)
}

function isHidden(path: string, uri: string): boolean {
  return relative(fixedPart(uri), path)
    .split(sep)
    .some(part => /^[._]/.test(part) && part !== '..')
}

function describeFile(path: string, uri: string): FoundFile | undefined {
  const match = /\.(parquet|csv|ndjson|jsonl)(?:\.(gz|zst))?$/.exec(path)
  if (!match || (match[1] === 'parquet' && match[2])) return undefined
  return {
    path,
    format: FORMATS[match[1]!]!,
    compression: match[2] ? COMPRESSIONS[match[2]]! : 'none',
    partition: partitionOf(path, uri),
  }
}

/** Folders named `column=value`, in the pattern and below it. */
function partitionOf(path: string, uri: string): Record<string, string> {
  const base = fixedPart(uri)
  const folders = [...dirname(path).split(sep)].slice(base === path ? 0 : undefined)
  const pairs = folders.flatMap(folder => {
    const at = folder.indexOf('=')
    return at > 0 ? [[folder.slice(0, at), decodeURIComponent(folder.slice(at + 1))] as const] : []
  })
  return Object.fromEntries(pairs)
}
