/** What the line to a bucket has been like, and what is cheaper over it. */

/** Until something was measured: a region's own network. */
const LATENCY = 0.03
const BYTES_PER_SECOND = 50e6
/** How much a new measurement counts. */
const WEIGHT = 0.3
/** Answers of fewer bytes tell of the latency only. */
const TELLING = 2 ** 20
/** Requests of one file that are under way at the same time. */
const PARALLEL = 8
/** So much sooner parts must come: of a whole object the service's checksum is looked at, of parts it is not. */
const SOONER = 0.9

export class Link {
  /** Seconds until an answer begins. */
  #latency = LATENCY
  /** Of one file among those that are fetched at the same time. */
  #bytesPerSecond = BYTES_PER_SECOND
  readonly #now: () => number

  /** @param now milliseconds */
  constructor(now: () => number) {
    this.#now = now
  }

  /** Measures a small request. */
  async asked<T>(request: () => Promise<T>): Promise<T> {
    const begin = this.#now()
    const answer = await request()
    this.#latency += WEIGHT * ((this.#now() - begin) / 1000 - this.#latency)
    return answer
  }

  /** Measures a fetch of so many bytes. */
  async timed<T>(fetch: () => Promise<T>, bytes: number): Promise<T> {
    const begin = this.#now()
    const answer = await fetch()
    const seconds = (this.#now() - begin) / 1000
    // One look that took long is no line that is slow.
    this.#latency = Math.min(this.#latency, seconds)
    if (bytes >= TELLING && seconds > this.#latency)
      this.#bytesPerSecond += WEIGHT * (bytes / (seconds - this.#latency) - this.#bytesPerSecond)
    return answer
  }

  /** Whether a look at what a file holds can pay, if it turns out that nothing of it is wanted. */
  isLookWorthIt(size: number): boolean {
    return size / this.#bytesPerSecond > this.#latency
  }

  /** Whether some chunks of a file come sooner than all of it. */
  isWorthIt(size: number, { chunks }: { chunks: readonly { length: number }[] }): boolean {
    const bytes = chunks.reduce((sum, { length }) => sum + length, 0)
    const parts = Math.ceil(chunks.length / PARALLEL) * this.#latency + bytes / this.#bytesPerSecond
    return parts < SOONER * (this.#latency + size / this.#bytesPerSecond)
  }
}
