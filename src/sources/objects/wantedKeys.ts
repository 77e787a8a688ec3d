/** Which keys of a bucket a source's key, folder or pattern means, and what they say of the objects. Pure. */
import { DataError } from '../../domain/errors.ts'
import type { ObjectsSource } from '../../domain/source.ts'
import type { FoundFile } from './fileNames.ts'
import { describeFile, KNOWN, matcherOf, partitionIn } from './fileNames.ts'

export type NamedFile = Omit<FoundFile, 'path'>

export interface WantedKeys {
  /** All of them begin with it. */
  prefix: string
  /** The key that means one object alone, where there is one, whatever characters are in it. */
  exact: string | undefined
  /** What the key says; undefined where it is not meant. One of no known format that a pattern or a key names is a DataError. */
  fileAt(key: string): NamedFile | undefined
}

export const isInBucket = ({ uri }: Pick<ObjectsSource, 'uri'>): boolean => uri.startsWith('s3://')

/** The bucket and what follows it: a key, a folder or a pattern. */
export function placeOf(uri: string): { bucket: string; rest: string } {
  const [, bucket, rest = ''] = /^s3:\/\/([^/]*)\/?(.*)$/s.exec(uri)!
  return { bucket: bucket!, rest }
}

/**
 * A folder means every object of a known format below it. Names that begin with `.` or `_` are skipped below folders and by
 * patterns, and so is what consoles make for a folder.
 */
export function wantedKeys(source: ObjectsSource): WantedKeys {
  const { bucket, rest } = placeOf(source.uri)
  const wildcard = rest.search(/[*?[{]/)
  const isFolder = wildcard < 0
  const folder = rest === '' || rest.endsWith('/') ? rest : `${rest}/`
  const base = isFolder ? folder : rest.slice(0, rest.lastIndexOf('/', wildcard) + 1)
  const matches = isFolder ? () => true : matcherOf(rest.slice(base.length))
  const exact = rest === '' || rest.endsWith('/') ? undefined : rest
  const partitionOf = partitions(source)
  const named = (key: string): NamedFile | undefined => {
    const file = describeFile(key, partitionOf(key))
    return file && { format: file.format, compression: file.compression, partition: file.partition }
  }
  const unknown = (key: string): DataError =>
    new DataError('data.format', `source \`${source.name}\`: s3://${bucket}/${key} has no known format`, {
      hint: `Known are ${KNOWN}.${key === exact ? '' : ' Narrow the pattern.'}`,
    })
  return {
    // All that stands before the first star: so a page holds little that is not wanted.
    prefix: isFolder ? (describeFile(rest, {}) ? rest : folder) : rest.slice(0, wildcard),
    exact,
    fileAt(key) {
      if (key !== exact) {
        if (!key.startsWith(base) || key.endsWith('/')) return undefined
        const name = key.slice(base.length)
        if (HIDDEN.test(name) || !matches(name)) return undefined
      }
      const file = named(key)
      if (!file && (key === exact || !isFolder)) throw unknown(key)
      return file
    },
  }
}

const HIDDEN = /(^|\/)[._]/

/** The columns that a key's folders give. Keys come folder by folder, and those of one share what it says. */
function partitions(source: ObjectsSource): (key: string) => NamedFile['partition'] {
  let [last, partition] = ['', partitionIn([], source)]
  return key => {
    const folder = key.slice(0, key.lastIndexOf('/') + 1)
    if (folder !== last) [last, partition] = [folder, partitionIn(folder.split('/'), source)]
    return partition
  }
}
