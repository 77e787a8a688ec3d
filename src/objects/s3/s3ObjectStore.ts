/** Objects in a bucket. */
import { existsSync } from 'node:fs'
import { rm, stat, unlink } from 'node:fs/promises'
import { DataError, DefinitionError } from '../../domain/errors.ts'
import type { LocalCopies } from '../../domain/localCopies.ts'
import type { ObjectReader } from '../../domain/objectReader.ts'
import { ChangedObjectError } from '../../domain/objectReader.ts'
import type { ObjectEntry, ObjectStore } from '../../domain/objectStore.ts'
import { limiter } from '../limiter.ts'
import { wholeObject } from './bodies.ts'
import type { S3Bucket } from './bucket.ts'
import { s3ObjectReader } from './s3ObjectReader.ts'

/** Ends the key of an upload that is not finished: `a/b` with the id `x` is `a/b<UPLOAD>x`. No key of ours holds it. */
const UPLOAD = '\u0001upload='

/** `prefix`: below which all keys are; empty, or ending with `/`. */
export function s3ObjectStore(bucket: S3Bucket, prefix: string, copies: LocalCopies): ObjectStore {
  const keyOf = (key: string): string => `${prefix}${key}`
  const ownKey = (key: string): string => key.slice(prefix.length)
  const reader: ObjectReader = s3ObjectReader(bucket)
  const limited = limiter(COPIED)

  /** Where the copies are that were asked for: whoever asks again gets the same one, for as long as it is there. */
  const made = new Map<string, string>()

  /** A local file of the object as it is now. */
  const local = async (key: string): Promise<string> => {
    for (let attempt = 1; ; attempt++) {
      const found = await bucket.head(key)
      if (!found)
        throw new DataError('data.lost', `${bucket.uriOf(key)} is gone`, {
          hint: 'Restore the object from a copy of the store, or compute everything anew with `quern run --full`.',
        })
      const { size, etag } = found
      const fetch = async (path: string): Promise<void> =>
        void (await reader.read({ key, etag, size }, [{ from: 0, to: size, at: 0 }], path, new AbortController().signal))
      const id = JSON.stringify([bucket.service, bucket.uriOf(key), etag, size])
      const before = made.get(id)
      if (before !== undefined && existsSync(before)) return before
      try {
        const path = await copies.get(id, fetch)
        made.set(id, path)
        return path
      } catch (error) {
        // Another has renewed it meanwhile.
        if (!(error instanceof ChangedObjectError) || attempt === ATTEMPTS) throw error
      }
    }
  }

  return {
    uri: bucket.uriOf(prefix).replace(/\/$/, ''),
    uriOf: key => bucket.uriOf(keyOf(key)),

    async *list(below, startAfter) {
      const after = startAfter === undefined ? undefined : keyOf(startAfter)
      // A key that ends with a slash is what consoles make for a folder.
      for await (const { objects } of bucket.pages(keyOf(below), { startAfter: after }))
        for (const { key, size, modifiedAt } of objects) if (!key.endsWith('/')) yield { key: ownKey(key), size, modifiedAt }
    },

    async *unfinished(below): AsyncIterable<ObjectEntry> {
      for await (const { key, id, begunAt } of bucket.uploads(keyOf(below)))
        yield { key: `${ownKey(key)}${UPLOAD}${id}`, size: 0, modifiedAt: begunAt }
    },

    async folders(below) {
      const names: string[] = []
      for await (const { prefixes } of bucket.pages(keyOf(below), { delimiter: '/' }))
        for (const found of prefixes) names.push(found.slice(keyOf(below).length, -1))
      return names.filter(name => name !== '')
    },

    size: async key => (await bucket.head(keyOf(key)))?.size,
    get: key => wholeObject(bucket, keyOf(key)),

    async putIfAbsent(key, bytes) {
      for (let attempt = 1; ; attempt++) {
        if ((await bucket.put(keyOf(key), bytes, { absent: true })) === 'written') return 'written'
        if ((await bucket.head(keyOf(key))) !== undefined) return 'exists'
        // It may have been deleted just now.
        if (attempt === ATTEMPTS) throw neitherThereNorFree(bucket.uriOf(keyOf(key)))
      }
    },

    put: async (key, bytes) => void (await bucket.put(keyOf(key), bytes, { absent: false })),

    async putFile(key, path) {
      const { size } = await stat(path)
      try {
        const outcome = await bucket.upload(keyOf(key), path, size, { absent: true })
        // What was deleted is there for some services: nobody is reading it.
        if (outcome === 'exists' && !(await bucket.head(keyOf(key))))
          await bucket.upload(keyOf(key), path, size, { absent: false })
      } catch (error) {
        // An upload whose last answer got lost is not known any more when it is finished again.
        if ((await bucket.head(keyOf(key)).catch(() => undefined))?.size !== size) throw error
      }
      await unlink(path)
    },

    async renew(key, at) {
      const found = await bucket.head(keyOf(key))
      if (!found) return false
      if (found.modifiedAt >= at - CLOCKS) return true
      const { modifiedAt } = found
      if (!(await bucket.copy(keyOf(key), keyOf(key)))) return false
      if ((await bucket.head(keyOf(key)))?.modifiedAt !== modifiedAt) return true
      // There are services where a copy onto itself is as old as what it was made from.
      const path = await local(keyOf(key))
      const { size } = await stat(path)
      await bucket.upload(keyOf(key), path, size, { absent: false }).finally(() => rm(path, { force: true }))
      return true
    },

    // There are services that copy also what was deleted, from a bucket that keeps versions.
    copy: async (from, to) => (await bucket.head(keyOf(from))) !== undefined && bucket.copy(keyOf(from), keyOf(to)),

    async delete(key) {
      const [of, id] = key.split(UPLOAD)
      if (id === undefined) await bucket.delete(keyOf(key))
      else await bucket.abortUpload(keyOf(of!), id)
    },

    localPath: key => limited(() => local(keyOf(key))),
  }
}

const ATTEMPTS = 5

/** Objects that are copied here at the same time: each takes an open file. */
const COPIED = 32

/** In a bucket that keeps versions what was deleted leaves a mark, which there are services that take for an object. */
function neitherThereNorFree(uri: string): DefinitionError {
  return new DefinitionError(
    'definition.service',
    `${uri} cannot be written anew: the service says that it is there, and it is not`,
    {
      hint: 'Use a bucket that does not keep versions of deleted objects: this service takes them for what is there.',
    },
  )
}

/** The service tells times in whole seconds, by a clock of its own: an object of the last minute is young enough. */
const CLOCKS = 60_000
