/** Objects in a bucket as a source: found by listing, pinned by what the listing says of their content. */
import { DataError, DefinitionError } from '../../domain/errors.ts'
import type { ListedObject } from '../../domain/objectReader.ts'
import { ChangedObjectError } from '../../domain/objectReader.ts'
import type { ObjectsSource, PinnedFile, PinnedInputs, Source } from '../../domain/source.ts'
import type { BucketAccess } from './fetching.ts'
import { findObjects, lastKey } from './findObjects.ts'
import { inventoryOf } from './inventory.ts'
import { openObjects } from './openObjects.ts'
import { placeOf, wantedKeys } from './wantedKeys.ts'

export function bucketSource(definition: ObjectsSource, access: BucketAccess): Source {
  const { reader } = access
  const bucketUri = `s3://${placeOf(definition.uri).bucket}/`

  /** All that there is, or what comes after `startAfter`. */
  const listed = (
    prefix: string,
    startAfter: string | undefined,
    signal: AbortSignal | undefined,
  ): AsyncIterable<ListedObject> =>
    definition.inventory === undefined
      ? reader.list(prefix, { ...(startAfter === undefined ? {} : { startAfter }), ...(signal ? { signal } : {}) })
      : inventoryOf(definition, access, signal)

  return {
    definition,
    room: access.room,

    async pin(known, { anew = false, signal } = {}): Promise<PinnedInputs> {
      const wanted = wantedKeys(definition)
      const onlyLater = definition.listing === 'afterLast' && !anew
      const kept = onlyLater ? keptOf(known, bucketUri, wanted.fileAt) : []
      const after = lastKey(kept.map(({ path }) => path.slice(bucketUri.length)))
      const found = await findObjects(wanted, listed(wanted.prefix, after, signal), key => reader.uriOf(key))
      const files = [...kept, ...withVersions(found, known)]
      if (files.length === 0 && !definition.allowEmpty)
        throw new DataError('data.no-match', `source \`${definition.name}\`: ${definition.uri} matches no object`, {
          hint: 'Check bucket and key. Declare `allowEmpty: true` where nothing is fine.',
        })
      const own = access.store
      const within = own === undefined ? undefined : files.find(({ path }) => isOfStore(path.slice(bucketUri.length), own))
      if (within)
        throw new DefinitionError('definition.source', `source \`${definition.name}\`: ${within.path} is the store's own`, {
          hint: 'Narrow the pattern, or keep the store under another prefix.',
        })
      files.sort((a, b) => compare(a.hash, b.hash) || compare(a.path, b.path))
      return { source: definition.name, files }
    },

    async open(inputs, options) {
      try {
        return await openObjects(definition, inputs, { ...access, ...options })
      } catch (error) {
        // Another look at the same inventory would tell the same.
        throw definition.inventory !== undefined && error instanceof ChangedObjectError ? outdated(definition, error) : error
      }
    },

    // What was read is what was pinned, or the reading has failed.
    changedSince: async () => [],
  }
}

/** What a store keeps below its prefix; the folder of a bucket that has it may have others. */
const isOfStore = (key: string, prefix: string): boolean =>
  key.startsWith(prefix) && /^(features|archive|rejected|replayed|datasets|_quern)\//.test(key.slice(prefix.length))

const outdated = ({ name, inventory }: ObjectsSource, cause: ChangedObjectError): DataError =>
  new DataError(
    'data.inventory',
    `source \`${name}\`: ${cause.uri} is not what the inventory ${inventory} tells: it has changed or gone since`,
    {
      hint: 'Wait for the next inventory, or leave `inventory` out: then the bucket is listed. Nothing was committed.',
      cause,
    },
  )

/** The known files that the source means, each once, as they were pinned. */
function keptOf(known: readonly PinnedFile[], bucketUri: string, isMeant: (key: string) => unknown): PinnedFile[] {
  const kept = new Map<string, PinnedFile>()
  for (const file of known) {
    const isHere = file.path.startsWith(bucketUri) && isMeant(file.path.slice(bucketUri.length)) !== undefined
    if (isHere) kept.set(`${file.hash} ${file.path}`, pinnedPart(file))
  }
  return [...kept.values()]
}

/** Without what was learnt of its rows. */
const pinnedPart = ({ path, hash, size, modifiedAt, versionId, format, compression, partition }: PinnedFile): PinnedFile => ({
  path,
  hash,
  size,
  modifiedAt,
  ...(versionId === undefined ? {} : { versionId }),
  format,
  compression,
  partition,
})

/** A listing tells no versions: what is as it was is of the version that was read. */
function withVersions(files: PinnedFile[], known: readonly PinnedFile[]): PinnedFile[] {
  const versions = new Map<string, PinnedFile>()
  for (const file of known) if (file.versionId !== undefined) versions.set(file.path, file)
  if (versions.size === 0) return files
  return files.map(file => {
    const before = versions.get(file.path)
    const isSame = before?.hash === file.hash && before.modifiedAt === file.modifiedAt
    return isSame ? { ...file, versionId: before.versionId! } : file
  })
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
