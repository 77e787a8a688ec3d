/** A store that does its duty, behind a line on which requests and answers come late, twice or not at all. */
import { TransientError } from '../../src/domain/errors.ts'
import type { ObjectStore } from '../../src/domain/objectStore.ts'

/**
 * - `late`: request and answer take their time
 * - `lost`: done, but the answer never comes
 * - `twice`: the client sends again after the answer got lost, and hears of the second time
 * - `refused`: not done
 * - `tardy`: the client gives up, and then the request arrives
 */
export type Mishap = 'late' | 'lost' | 'twice' | 'refused' | 'tardy'

export interface Call {
  writes: boolean
  key: string
}

export interface UnreliableStore extends ObjectStore {
  /** Ends when the last tardy request has arrived. */
  settled: () => Promise<void>
}

export function unreliableStore(store: ObjectStore, mishapOf: (call: Call) => Mishap | undefined): UnreliableStore {
  const tardy: Promise<unknown>[] = []
  const pause = (): Promise<void> => new Promise(resolve => setTimeout(resolve, Math.random() * 5))
  const noAnswer = (key: string): TransientError => new TransientError('transient.store', `no answer about ${key}`)

  const read = async <T>(key: string, request: () => Promise<T>): Promise<T> => {
    const mishap = mishapOf({ writes: false, key })
    if (mishap === undefined) return request()
    await pause()
    if (mishap !== 'late') throw noAnswer(key)
    const answer = await request()
    await pause()
    return answer
  }

  /** `again` is what the client hears that sends the request a second time. */
  const write = async <T>(key: string, request: () => Promise<T>, again: () => Promise<T>): Promise<T> => {
    const mishap = mishapOf({ writes: true, key })
    if (mishap === undefined) return request()
    await pause()
    // Nobody hears what becomes of it: a local file may be gone by then.
    if (mishap === 'tardy')
      tardy.push(
        pause()
          .then(request)
          .catch(() => {}),
      )
    if (mishap === 'refused' || mishap === 'tardy') throw noAnswer(key)
    const answer = await request()
    await pause()
    if (mishap === 'lost') throw noAnswer(key)
    return mishap === 'twice' ? again() : answer
  }

  return {
    uri: store.uri,
    uriOf: key => store.uriOf(key),
    settled: async () => void (await Promise.allSettled(tardy)),

    get: key => read(key, () => store.get(key)),
    size: key => read(key, () => store.size(key)),
    folders: prefix => read(prefix, () => store.folders(prefix)),
    localPath: key => read(key, () => store.localPath(key)),
    async *list(prefix, startAfter) {
      yield* await read(prefix, () => Array.fromAsync(store.list(prefix, startAfter)))
    },
    async *unfinished(prefix) {
      yield* await read(prefix, () => Array.fromAsync(store.unfinished(prefix)))
    },

    putIfAbsent: (key, bytes) => {
      const request = (): Promise<'written' | 'exists'> => store.putIfAbsent(key, bytes)
      return write(key, request, request)
    },
    put: (key, bytes) => {
      const request = (): Promise<void> => store.put(key, bytes)
      return write(key, request, request)
    },
    // The client still has the file when it sends it again: the same bytes are written over themselves.
    putFile: (key, path) =>
      write(
        key,
        () => store.putFile(key, path),
        async () => {},
      ),
    renew: (key, at) => {
      const request = (): Promise<boolean> => store.renew(key, at)
      return write(key, request, request)
    },
    copy: (from, to) => {
      const request = (): Promise<boolean> => store.copy(from, to)
      return write(to, request, request)
    },
    delete: key => {
      const request = (): Promise<void> => store.delete(key)
      return write(key, request, request)
    },
  }
}
