/** What files' names say: whether a pattern means them, their format, and the columns that their folders give. */
import { matchesGlob } from 'node:path'
import type { Compression, FileFormat, ObjectsSource, PinnedFile } from '../../domain/source.ts'

export type FoundFile = Pick<PinnedFile, 'path' | 'format' | 'compression' | 'partition'>

const FORMATS: Record<string, FileFormat> = { parquet: 'parquet', csv: 'csv', ndjson: 'ndjson', jsonl: 'ndjson' }
const COMPRESSIONS: Record<string, Compression> = { gz: 'gzip', zst: 'zstd' }
export const KNOWN = '.parquet, .csv, .ndjson and .jsonl, the text formats also with .gz or .zst'

/**
 * Tells whether a name matches; hidden names are nobody's business here. What has nothing but stars and question marks is matched by
 * one expression, made once: folders hold many files.
 */
export function matcherOf(pattern: string): (name: string) => boolean {
  const segments = pattern.split('/')
  const isPlain =
    !/[[\]{}()\\]/.test(pattern) && segments.every(segment => segment !== '' && (segment === '**' || !segment.includes('**')))
  if (!isPlain) return name => matchesGlob(name, pattern)
  const last = segments.length - 1
  const parts = segments.map((segment, at) => {
    if (segment === '**') return at === last ? '[^/]+(?:/+[^/]+)*' : '(?:[^/]+/+)*'
    const one = segment === '*' ? '[^/]+' : segment.replaceAll(/[.*+?^$|]/g, found => WILD[found] ?? `\\${found}`)
    return at === last ? one : `${one}/+`
  })
  const expression = new RegExp(`^${parts.join('')}$`)
  return name => expression.test(name)
}

const WILD: Record<string, string> = { '*': '[^/]*', '?': '[^/]' }

export function describeFile(path: string, partition: FoundFile['partition']): FoundFile | undefined {
  const match = /\.(parquet|csv|ndjson|jsonl)(?:\.(gz|zst))?$/.exec(path)
  if (!match || (match[1] === 'parquet' && match[2])) return undefined
  return {
    path,
    format: FORMATS[match[1]!]!,
    compression: match[2] ? COMPRESSIONS[match[2]]! : 'none',
    partition,
  }
}

/** Of names such as `column=value`, those of the schema's columns. */
export function partitionIn(folders: readonly string[], { schema }: ObjectsSource): Record<string, string> {
  const pairs = folders.flatMap(name => {
    const at = name.indexOf('=')
    const isColumn = schema.fields.some(field => field.name === name.slice(0, at))
    return at > 0 && isColumn ? [[name.slice(0, at), decoded(name.slice(at + 1))] as const] : []
  })
  return Object.fromEntries(pairs)
}

/** Names of folders are percent-encoded; one that is not is taken as it stands. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
