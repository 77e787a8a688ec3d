/** What fetching an object takes. */
import type { LocalCopies } from '../../domain/localCopies.ts'
import type { ListedObject, ObjectReader } from '../../domain/objectReader.ts'
import type { OpenOptions } from '../../domain/source.ts'
import type { Link } from './link.ts'

/** A bucket and the way to it. */
export interface BucketAccess {
  reader: ObjectReader
  /** Another bucket, with the same credentials: an inventory may lie elsewhere. */
  readerOf: (bucket: string) => ObjectReader
  link: Link
  copies: LocalCopies
  /** Bytes that may be on this machine at a time. */
  room: number
  /** Below which the store keeps its own in this bucket; undefined where it is elsewhere. */
  store: string | undefined
}

export interface Fetching extends BucketAccess, OpenOptions {
  /** Is told of so many bytes that have come. */
  onPart?: (bytes: number) => void
}

export type Pinned = Pick<ListedObject, 'key' | 'etag' | 'size'>
