/** Reads many objects in their order, some ahead of the one that is wanted: an answer from a bucket takes its time. */

const AHEAD = 16

/** What `read` gives of each item, in the order of the items; a failure is raised where its item would come. */
export async function* inOrder<I, T>(items: Iterable<I>, read: (item: I) => Promise<T>): AsyncIterable<[I, T]> {
  const waiting: { item: I; answer: Promise<T> }[] = []
  for (const item of items) {
    const answer = read(item)
    // Whoever stops early hears of no failure that comes later.
    answer.catch(() => undefined)
    waiting.push({ item, answer })
    if (waiting.length >= AHEAD) {
      const next = waiting.shift()!
      yield [next.item, await next.answer]
    }
  }
  for (const { item, answer } of waiting) yield [item, await answer]
}

/** From `first` to `last`, both included, up or down. */
export function* versions(first: number, last: number): Iterable<number> {
  const step = first <= last ? 1 : -1
  for (let version = first; step > 0 ? version <= last : version >= last; version += step) yield version
}
