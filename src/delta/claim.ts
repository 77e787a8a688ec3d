/** Put-if-absent by a writer who can tell what is his. */
import type { ObjectStore } from '../domain/objectStore.ts'

/**
 * Writes `bytes`, which name their writer by an id of their own, under `key`, if nothing lies there. What lies there afterwards tells
 * who won, whatever the store answered: a client that sends again after an answer got lost is told `exists` by its own first success,
 * and one that gives up is told nothing. Raises the store's error where nothing lies there, or where nobody can see.
 */
export async function claim(objects: ObjectStore, key: string, bytes: Uint8Array): Promise<'won' | 'lost'> {
  try {
    if ((await objects.putIfAbsent(key, bytes)) === 'written') return 'won'
  } catch (error) {
    const there = await objects.get(key).catch(() => undefined)
    if (!there) throw error
    return isSame(there, bytes) ? 'won' : 'lost'
  }
  const there = await objects.get(key)
  return there && isSame(there, bytes) ? 'won' : 'lost'
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
