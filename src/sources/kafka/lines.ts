/** Connections to brokers: each is lent to one reader at a time, and kept for the next. */

import type { Reached } from './credentials.ts'
import { oldCluster } from './errors.ts'
import type { Address, Line, OpenLine } from './line.ts'
import type { Request } from './protocol.ts'
import { missingVersion, VERSIONS_REQUEST, type Versions, versionsAnswer } from './requests.ts'

export interface Lease {
  line: Line
  address: string
  versions: Versions
  /** It has ended. */
  ended: boolean
}

export class Lines {
  readonly #open: OpenLine
  readonly #reached: Reached
  readonly #idle = new Map<string, Lease[]>()
  readonly #all = new Set<Lease>()
  #closed = false

  constructor(open: OpenLine, reached: Reached) {
    this.#open = open
    this.#reached = reached
  }

  /** To be given back, or dropped. */
  async lease({ host, port }: Address, signal: AbortSignal): Promise<Lease> {
    const address = `${host}:${port}`
    for (let kept = this.#idle.get(address)?.pop(); kept !== undefined; kept = this.#idle.get(address)?.pop()) {
      if (!kept.ended && kept.line.until > performance.now()) return kept
      this.drop(kept)
    }
    const lease = { address, versions: new Map(), ended: false } as unknown as Lease
    lease.line = await this.#open({ host, port }, () => this.#end(lease), signal)
    this.#all.add(lease)
    try {
      if (this.#closed) throw new Error('the log has been closed')
      lease.versions = versionsAnswer(await this.ask(lease, VERSIONS_REQUEST, signal))
      if (missingVersion(lease.versions) !== undefined) throw oldCluster(this.#reached)
      return lease
    } catch (error) {
      this.drop(lease)
      throw error
    }
  }

  giveBack(lease: Lease): void {
    if (this.#closed || lease.ended) {
      this.drop(lease)
      return
    }
    const idle = this.#idle.get(lease.address)
    if (idle) idle.push(lease)
    else this.#idle.set(lease.address, [lease])
  }

  drop(lease: Lease): void {
    this.#end(lease)
    lease.line.destroy()
  }

  /** Fails by the signal's reason as soon as it is aborted: the line is to be dropped then. */
  async ask({ line }: Lease, request: Request, signal: AbortSignal): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
    const give = (): void => reject(signal.reason)
    signal.addEventListener('abort', give, { once: true })
    line.ask(request).then(resolve, reject)
    return promise.finally(() => signal.removeEventListener('abort', give))
  }

  close(): void {
    this.#closed = true
    for (const lease of [...this.#all]) this.drop(lease)
  }

  #end(lease: Lease): void {
    lease.ended = true
    this.#all.delete(lease)
    const idle = this.#idle.get(lease.address)
    const at = idle?.indexOf(lease) ?? -1
    if (at >= 0) idle!.splice(at, 1)
  }
}
