/** Connections to brokers, made by @platformatic/kafka: each is lent to one reader at a time, and kept for the next. */
import type { API, Connection, ConnectionOptions, SASLOptions } from '@platformatic/kafka'
import type { KafkaSettings } from '../../domain/kafkaSource.ts'
import { secureContext, tokenSource } from './credentials.ts'
import type { Patience } from './patience.ts'

export type Library = typeof import('@platformatic/kafka')

export interface Address {
  host: string
  port: number
}

export class Lease {
  readonly connection: Connection
  readonly address: string
  /** The newest version of each kind of request that the broker takes, by the number of the kind. */
  versions: ReadonlyMap<number, number> = new Map()
  /** Why the connection has ended: later requests say only that it has. */
  trouble: unknown

  constructor(connection: Connection, address: string) {
    this.connection = connection
    this.address = address
    connection.on('error', error => {
      this.trouble ??= error
    })
  }
}

export class Connections {
  readonly #library: Library
  readonly #options: ConnectionOptions
  readonly #idle = new Map<string, Lease[]>()
  readonly #all = new Set<Lease>()
  #closed = false

  constructor(library: Library, settings: KafkaSettings, { connect, answer }: Patience) {
    this.#library = library
    const context = secureContext(settings)
    const sasl = saslOf(settings)
    this.#options = {
      connectTimeout: connect,
      requestTimeout: answer,
      // A name that is none, an address, must not be sent as one.
      ...(context === undefined ? {} : { tls: { secureContext: context } }),
      ...(sasl === undefined ? {} : { sasl }),
    }
  }

  /** To be given back, or dropped. */
  async lease({ host, port }: Address, signal: AbortSignal): Promise<Lease> {
    const address = `${host}:${port}`
    const kept = this.#idle.get(address)?.pop()
    if (kept !== undefined) return kept
    const tls = this.#options.tls && { ...this.#options.tls, ...(isAddress(host) ? {} : { servername: host }) }
    const lease = new Lease(new this.#library.Connection('quern', { ...this.#options, ...(tls ? { tls } : {}) }), address)
    this.#all.add(lease)
    lease.connection.on('close', () => this.#forget(lease))
    try {
      await this.#until(lease, signal, done => lease.connection.connect(host, port, done))
      const { apiVersionsV3 } = this.#library
      const { apiKeys } = await this.call(lease, signal, apiVersionsV3.api, 'quern', '1')
      lease.versions = new Map(apiKeys.map(({ apiKey, maxVersion }) => [apiKey, maxVersion]))
      return lease
    } catch (error) {
      this.drop(lease)
      throw error
    }
  }

  giveBack(lease: Lease): void {
    if (this.#closed || !lease.connection.isConnected()) {
      this.drop(lease)
      return
    }
    const idle = this.#idle.get(lease.address)
    if (idle) idle.push(lease)
    else this.#idle.set(lease.address, [lease])
  }

  /** Ends it at once, whatever is under way. */
  drop(lease: Lease): void {
    this.#forget(lease)
    void lease.connection.close().catch(() => {})
    lease.connection.socket?.destroy()
  }

  /** Fails by what has ended the connection, where that is so, and by the signal's reason as soon as it is aborted. */
  call<Arguments extends unknown[], Answer>(
    lease: Lease,
    signal: AbortSignal,
    api: API<Arguments, Answer>,
    ...args: Arguments
  ): Promise<Answer> {
    return this.#until(lease, signal, done => {
      const send = api as (connection: Connection, ...rest: [...Arguments, typeof done]) => void
      send(lease.connection, ...args, done)
    })
  }

  close(): void {
    this.#closed = true
    for (const lease of [...this.#all]) this.drop(lease)
  }

  #forget(lease: Lease): void {
    this.#all.delete(lease)
    const idle = this.#idle.get(lease.address)
    const at = idle?.indexOf(lease) ?? -1
    if (at >= 0) idle!.splice(at, 1)
  }

  #until<T>(lease: Lease, signal: AbortSignal, begin: (done: (error: Error | null, answer?: T) => void) => void): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const give = (): void => reject(signal.reason)
    signal.addEventListener('abort', give, { once: true })
    begin((error, answer) => {
      if (error === null || error === undefined) resolve(answer as T)
      else
        reject(
          lease.trouble === undefined ? error : new Error(error.message, { cause: new AggregateError([error, lease.trouble]) }),
        )
    })
    return promise.finally(() => signal.removeEventListener('abort', give))
  }
}

const isAddress = (host: string): boolean => /^[\d.]+$/.test(host) || host.includes(':')

function saslOf({ sasl }: KafkaSettings): SASLOptions | undefined {
  if (sasl === undefined) return undefined
  if (sasl.mechanism !== 'oauthbearer') {
    const { username, password, mechanism } = sasl
    return { mechanism: mechanism.toUpperCase() as SASLOptions['mechanism'], username, password }
  }
  return {
    mechanism: 'OAUTHBEARER',
    token: tokenSource(sasl),
    // A token that is not accepted is answered without an error, by what is wrong with it.
    authBytesValidator: (bytes, done) => (bytes.length === 0 ? done(null, bytes) : done(new Error('the token is not accepted'))),
  }
}
