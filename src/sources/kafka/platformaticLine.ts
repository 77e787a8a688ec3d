/** Connections, encryption and logins by @platformatic/kafka. */
import type { Connection, SASLOptions } from '@platformatic/kafka'
import type { KafkaSettings } from '../../domain/kafkaSource.ts'
import { secureContext, tokenSource } from './credentials.ts'
import { type Client, connected, type Line } from './line.ts'
import type { Request } from './protocol.ts'

type Library = typeof import('@platformatic/kafka')

export const platformaticClient: Client = async (settings, { connect, answer }) => {
  const library = await import('@platformatic/kafka')
  const context = secureContext(settings)
  const sasl = saslOf(settings)
  return async ({ host, port }, ended, signal) => {
    const connection = new library.Connection('quern', {
      connectTimeout: connect,
      requestTimeout: answer,
      ...(context === undefined ? {} : { tls: { secureContext: context }, tlsServerName: !/^[\d.]+$|:/.test(host) }),
      ...(sasl === undefined ? {} : { sasl }),
    })
    const line = new PlatformaticLine(library, connection, ended)
    return connected(line, signal, async () => connection.connect(host, port))
  }
}

class PlatformaticLine implements Line {
  /** The library renews logins by itself. */
  readonly until = Number.POSITIVE_INFINITY
  readonly #library: Library
  readonly #connection: Connection
  /** Why it has ended, which later answers do not say. */
  #trouble: unknown

  constructor(library: Library, connection: Connection, ended: () => void) {
    this.#library = library
    this.#connection = connection
    connection.on('error', error => {
      this.#trouble ??= error
    })
    connection.on('close', ended)
  }

  ask({ key, version, flexible, body }: Request): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
    this.#connection.send<Buffer>(
      key,
      version,
      () => this.#library.Writer.create().append(body),
      (_correlation, _key, _version, reader) => reader.buffer.slice(reader.position),
      flexible,
      flexible,
      (error, answer) => {
        if (answer !== undefined && answer !== null) resolve(answer)
        else reject(this.#trouble === undefined ? error : new AggregateError([error, this.#trouble]))
      },
    )
    return promise
  }

  destroy(): void {
    void this.#connection.close().catch(() => {})
    this.#connection.socket?.destroy()
  }
}

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
