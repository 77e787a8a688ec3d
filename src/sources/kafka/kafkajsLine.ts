/**
 * Connections, encryption and logins by kafkajs 2.2.4, through its own class for them: what it exports reads only as a member of a group,
 * and knows nothing of topics' ids.
 */

import type { Socket } from 'node:net'
import type { KafkaSettings } from '../../domain/kafkaSource.ts'
import { secureContext, tokenSource } from './credentials.ts'
import { type Client, connected, type Line } from './line.ts'
import { BrokerError, type Request, RequestWriter } from './protocol.ts'
import type { Versions } from './requests.ts'
import { VERSIONS_REQUEST, versionsAnswer } from './requests.ts'

/** As much of kafkajs/src/network/connection.js as is used. */
interface Connection {
  socket: Socket | undefined
  requestQueue: { destroy: () => void; scheduleCheckPendingRequests: () => void }
  connect: () => Promise<unknown>
  setVersions: (versions: Record<number, { minVersion: number; maxVersion: number }>) => void
  setSupportAuthenticationProtocol: (supported: boolean) => void
  authenticate: () => Promise<void>
  send: (exchange: { request: object; response: object; logResponseError: boolean }) => Promise<Buffer>
  rejectRequests: (error: Error) => void
}

interface Modules {
  Connection: new (options: object) => Connection
  socketFactory: () => unknown
}

async function modules(): Promise<Modules> {
  // @ts-expect-error the package has no types for what it does not export
  const connection: { default: unknown } = await import('kafkajs/src/network/connection.js')
  // @ts-expect-error as above
  const socketFactory: { default: unknown } = await import('kafkajs/src/network/socketFactory.js')
  return { Connection: connection.default, socketFactory: socketFactory.default } as Modules
}

/** It logs what it raises as well. */
const SILENT = { namespace: () => SILENT, debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

export const kafkajsClient: Client = async (settings, patience) => {
  const { Connection, socketFactory } = await modules()
  const context = secureContext(settings)
  const token = settings.sasl?.mechanism === 'oauthbearer' ? tokenSource(settings.sasl) : undefined
  return async ({ host, port }, ended, signal) => {
    const connection = new Connection({
      host,
      port,
      clientId: 'quern',
      logger: SILENT,
      socketFactory: socketFactory(),
      connectionTimeout: patience.connect,
      requestTimeout: patience.answer,
      ssl: context === undefined ? null : { secureContext: context },
      sasl: saslOf(settings, token),
    })
    // A timer of less than no time after each request, of which Node warns; no request of ours has to wait for others.
    connection.requestQueue.scheduleCheckPendingRequests = () => {}
    const line = new KafkajsLine(connection)
    return connected(line, signal, async () => {
      const connecting = connection.connect()
      // kafkajs waits for the rest of what it takes for an answer.
      connection.socket?.prependOnceListener('data', (chunk: Buffer) => {
        if (chunk[0] === 0x15 && chunk[1] === 0x03) line.destroy(new Error('Broker requires TLS.'))
      })
      await connecting
      connection.socket!.on('close', () => {
        line.destroy()
        ended()
      })
      if (settings.sasl) {
        connection.setVersions(knownTo(versionsAnswer(await line.ask(VERSIONS_REQUEST))))
        connection.setSupportAuthenticationProtocol(true)
        await connection.authenticate()
      }
    })
  }
}

const knownTo = (versions: Versions): Record<number, { minVersion: number; maxVersion: number }> =>
  Object.fromEntries([...versions].map(([key, { oldest, newest }]) => [key, { minVersion: oldest, maxVersion: newest }]))

class KafkajsLine implements Line {
  /** kafkajs logs in again before a request where that is due. */
  readonly until = Number.POSITIVE_INFINITY
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  ask({ key, version, flexible, body }: Request): Promise<Buffer> {
    // The end of a header of the newer form, which kafkajs does not know.
    const bytes = flexible ? Buffer.concat([Buffer.alloc(1), body]) : body
    const request = {
      apiKey: key,
      apiVersion: version,
      apiName: `request ${key}`,
      encode: async () => ({ buf: bytes, buffer: bytes }),
    }
    const response = {
      decode: async (answer: Buffer) => answer,
      parse: async (answer: Buffer) => (flexible ? answer.subarray(1) : answer),
    }
    return this.#connection.send({ request, response, logResponseError: false })
  }

  destroy(trouble = new Error('Connection closed')): void {
    this.#connection.rejectRequests(trouble)
    this.#connection.requestQueue.destroy()
    this.#connection.socket?.destroy()
  }
}

interface Turn {
  request: { encode: () => Promise<Buffer> }
  response: { decode: (reply: Buffer) => Promise<Buffer>; parse: (reply: Buffer) => Promise<Buffer> }
}

/** A new one for each connection: kafkajs keeps in it what it has made of it. */
function saslOf({ sasl }: KafkaSettings, token: (() => Promise<string>) | undefined): object | null {
  if (sasl === undefined) return null
  if (sasl.mechanism !== 'oauthbearer') {
    const { mechanism, username, password } = sasl
    return { mechanism, username, password }
  }
  // kafkajs takes a token for accepted where the broker says without an error that it is not.
  const authenticationProvider = ({ saslAuthenticate }: { saslAuthenticate: (turn: Turn) => Promise<Buffer> }): object => ({
    async authenticate() {
      const words = Buffer.from(`n,,\x01auth=Bearer ${await token!()}\x01\x01`)
      const reply = await saslAuthenticate({
        request: { encode: async () => new RequestWriter(false).bytes(words).body },
        response: { decode: async reply => reply, parse: async reply => reply },
      })
      // Its length comes first.
      if (reply.length > 4) throw new BrokerError('SASL_AUTHENTICATION_FAILED')
    },
  })
  return { mechanism: 'oauthbearer', authenticationProvider }
}
