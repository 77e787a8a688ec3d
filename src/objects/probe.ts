/** A store is tried before it is trusted: of those who write one key at the same time exactly one may win, or commits get lost. */
import { randomUUID } from 'node:crypto'
import { DefinitionError } from '../domain/errors.ts'
import type { ObjectStore } from '../domain/objectStore.ts'

const ROUNDS = 3
const WRITERS = 8

/** Raises a DefinitionError where more than one writer wins, or one whose object is not kept. */
export async function probe(store: ObjectStore): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const key = `_quern/probe-${randomUUID()}`
    const bodies = Array.from({ length: WRITERS }, () => new TextEncoder().encode(randomUUID()))
    const { outcomes, kept, late } = await raced(store, key, bodies).finally(() => store.delete(key).catch(() => undefined))
    const winners = outcomes.filter(outcome => outcome === 'written').length + (late === 'written' ? 1 : 0)
    if (kept === undefined) throw unsafe(store, 'lost an object that it had taken', winners)
    if (winners > 1) throw unsafe(store, `let ${winners} of ${WRITERS + 1} writers of one object win`, winners)
    // Of a writer who never heard of his success nobody is told that he has won.
    const winner = bodies[outcomes.indexOf('written')]
    if (winner !== undefined && Buffer.compare(kept, winner) !== 0)
      throw unsafe(store, 'kept another object than that of the writer who won', winners)
  }
}

async function raced(store: ObjectStore, key: string, bodies: readonly Uint8Array[]) {
  // All end, also where one has failed: what they have put is to be taken away then.
  const writes = await Promise.allSettled(bodies.map(body => store.putIfAbsent(key, body)))
  const outcomes = writes.map(write => {
    if (write.status === 'rejected') throw write.reason
    return write.value
  })
  const kept = await store.get(key)
  // Whoever comes later is told so as well: a service that does not know the condition answers everybody alike.
  return { outcomes, kept, late: await store.putIfAbsent(key, new TextEncoder().encode('late')) }
}

function unsafe(store: ObjectStore, what: string, winners: number): DefinitionError {
  return new DefinitionError('definition.unsafe-store', `the store ${store.uri} ${what}: commits would get lost there`, {
    hint: 'Use a service whose conditional writes (PUT with If-None-Match) hold, in a release where they do: see docs/object-storage.md.',
    values: { winners },
  })
}

/** In the store: that it has been tried. */
const MARKER = '_quern/store.json'

/** Before the first write it is seen whether the store was tried, and if not, it is. */
export function probedStore(store: ObjectStore): ObjectStore {
  let trusted: Promise<void> | undefined
  const trust = (): Promise<void> => {
    trusted ??= seen(store).catch(error => {
      trusted = undefined
      throw error
    })
    return trusted
  }
  const after =
    <A extends unknown[], R>(write: (...given: A) => Promise<R>): ((...given: A) => Promise<R>) =>
    async (...given) => {
      await trust()
      return write(...given)
    }
  return {
    ...store,
    putIfAbsent: after(store.putIfAbsent),
    put: after(store.put),
    putFile: after(store.putFile),
    copy: after(store.copy),
    renew: after(store.renew),
  }
}

async function seen(store: ObjectStore): Promise<void> {
  if ((await store.size(MARKER)) !== undefined) return
  await probe(store)
  await store.putIfAbsent(MARKER, new TextEncoder().encode(`${JSON.stringify({ conditionalWrites: 'hold' })}\n`))
}
