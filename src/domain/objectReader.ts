/** The port to objects that others write: listed as they are now, and read as they were listed. */

import { TransientError } from './errors.ts'

/** One object as a listing tells of it. */
export interface ListedObject {
  key: string
  size: number
  /** Names the bytes: another content under the key has another tag. Without its quotes. */
  etag: string
  /** Milliseconds since the epoch. */
  modifiedAt: number
}

/** Bytes of an object from the first to before the last. */
export interface ByteRange {
  from: number
  to: number
}

/** What a reading of an object tells beside its bytes. */
export interface ReadObject {
  /** Of a bucket that keeps versions. */
  versionId: string | undefined
}

/** The object is no longer what was listed: another content is stored under its key, or none. */
export class ChangedObjectError extends TransientError {
  readonly uri: string

  constructor(uri: string) {
    super('transient.input-changed', `${uri} has changed while it was read`, { hint: 'Run again when the inputs are at rest.' })
    this.uri = uri
  }
}

/**
 * One bucket. Out of reach is a TransientError, a bucket that is not there or credentials that are not accepted a DefinitionError,
 * an object or a listing that may not be read a DataError.
 */
export interface ObjectReader {
  /** `s3://bucket/key`. */
  uriOf(key: string): string

  /** All keys that start with `prefix` and come after `startAfter`, ascending by their UTF-8 bytes, a page at a time. */
  list(prefix: string, options: { startAfter?: string; signal?: AbortSignal }): AsyncIterable<ListedObject>

  /**
   * Writes the bytes of some ranges of an object, or all of it, at their places in a local file, which is made. Every byte is of
   * the object as it was listed: one that has changed raises a ChangedObjectError. Connections that break are taken up where they broke.
   * `onPart` is told of so many bytes that have come.
   */
  read(
    object: Pick<ListedObject, 'key' | 'etag' | 'size'>,
    ranges: readonly (ByteRange & { at: number })[],
    path: string,
    signal: AbortSignal,
    onPart?: (bytes: number) => void,
  ): Promise<ReadObject>

  /** The bytes of one range, in memory. */
  bytes(object: Pick<ListedObject, 'key' | 'etag' | 'size'>, range: ByteRange, signal: AbortSignal): Promise<Buffer>
}
