/** The objects of a bucket that a source means, as they are now. */
import { DataError } from '../../domain/errors.ts'
import { byKey } from '../../domain/keyOrder.ts'
import type { ListedObject } from '../../domain/objectReader.ts'
import type { PinnedFile } from '../../domain/source.ts'
import { hashOf } from '../../domain/source.ts'
import type { WantedKeys } from './wantedKeys.ts'

/** Of all that is listed. A key that is meant exactly goes before all others. */
export async function findObjects(
  wanted: WantedKeys,
  listed: AsyncIterable<ListedObject>,
  uriOf: (key: string) => string,
): Promise<PinnedFile[]> {
  const files: PinnedFile[] = []
  for await (const object of listed) {
    const { key, size, modifiedAt } = object
    const file = wanted.fileAt(key)
    if (!file) continue
    if (isUntold(key))
      throw new DataError('data.key', `${JSON.stringify(uriOf(key))}: no listing can tell a key with such characters`, {
        hint: 'Give the object another key, or narrow the pattern. Nothing was committed.',
      })
    const pinned: PinnedFile = {
      path: flat(uriOf(key)),
      hash: flat(hashOf(object)),
      size,
      modifiedAt: flat(`${modifiedAt}000000`),
      ...file,
    }
    if (key === wanted.exact) return [pinned]
    files.push(pinned)
  }
  return files
}

/** Whether a key has characters that XML has no way to write, or was told with others in their place. */
const isUntold = (key: string): boolean => /[\ufffd-\uffff]|(?![\t\n\r\u007f-\u009f])\p{Cc}/u.test(key)

/** A text of its own: one that was put together or cut out keeps the texts alive that it was made of, a page of a listing among them. */
const flat = (text: string): string => Buffer.from(text).toString()

/** The greatest of some keys in the order of a listing. */
export function lastKey(keys: Iterable<string>): string | undefined {
  let last: string | undefined
  for (const key of keys) if (last === undefined || byKey(key, last) > 0) last = key
  return last
}
