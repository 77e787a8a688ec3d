/** So many at the same time; others wait in their order. */
export function limiter(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let running = 0
  return async work => {
    if (running >= most) await new Promise<void>(resolve => waiting.push(resolve))
    else running++
    try {
      return await work()
    } finally {
      // Whoever is next takes the place.
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }
}
