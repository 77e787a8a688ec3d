/** Connections by Node's own sockets. No client has to be loaded, which alone takes longer than to find that nothing is new. */
import { connect as connectPlain, type Socket } from 'node:net'
import { connect as connectSecure } from 'node:tls'
import { secureContext } from './credentials.ts'
import { type Address, type Client, connected, type Line } from './line.ts'
import type { Patience } from './patience.ts'
import { type Request, RequestWriter } from './protocol.ts'
import { loginOf } from './sasl.ts'

const CLIENT_ID = 'quern'
const FOREVER = Number.POSITIVE_INFINITY

export const directClient: Client = async (settings, patience) => {
  const context = secureContext(settings)
  const login = settings.sasl && loginOf(settings.sasl)
  return async ({ host, port }, ended, signal) => {
    // A name that is an address must not be sent as one.
    const servername = /^[\d.]+$/.test(host) || host.includes(':') ? '' : host
    const socket = context ? connectSecure({ host, port, secureContext: context, servername }) : connectPlain({ host, port })
    const line = new DirectLine(socket, { host, port }, patience, ended)
    return connected(line, signal, async () => {
      await line.opened(context ? 'secureConnect' : 'connect')
      if (login) {
        const lifetime = await login(request => line.ask(request))
        // The broker counts as well, and hangs up on who is late.
        if (lifetime > 0) line.until = performance.now() + lifetime * 0.8
      }
    })
  }
}

interface Waiting {
  request: Request
  resolve: (answer: Buffer) => void
  reject: (error: unknown) => void
  timer: NodeJS.Timeout
}

class DirectLine implements Line {
  until = FOREVER
  readonly #socket: Socket
  readonly #name: string
  readonly #patience: Patience
  readonly #ended: () => void
  /** What has ended it. */
  #trouble: unknown
  readonly #waiting = new Map<number, Waiting>()
  #correlation = 0
  /** The answer that is coming: 4 bytes of its length at first. */
  #coming = Buffer.allocUnsafe(4)
  #filled = 0
  #sized = false
  #heard = false

  constructor(socket: Socket, { host, port }: Address, patience: Patience, ended: () => void) {
    this.#socket = socket
    this.#name = `${host}:${port}`
    this.#patience = patience
    this.#ended = ended
    socket.setNoDelay(true)
    socket.setKeepAlive(true, 60_000)
    socket.on('data', chunk => this.#take(chunk))
    socket.on('error', error => this.#end(error))
    socket.on('close', () => this.#end(new Error(`${this.#name}: Connection closed`)))
  }

  opened(event: 'connect' | 'secureConnect'): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const timer = setTimeout(() => this.#end(new Error(`${this.#name}: no connection in time`)), this.#patience.connect)
    this.#socket.once(event, resolve)
    this.#socket.once('close', () => reject(this.#trouble))
    return promise.finally(() => clearTimeout(timer))
  }

  ask(request: Request): Promise<Buffer> {
    if (this.#trouble !== undefined) return Promise.reject(this.#trouble)
    this.#correlation = (this.#correlation + 1) & 0x7fffffff
    const id = this.#correlation
    const { key, version, flexible, body } = request
    const head = new RequestWriter(false).int16(key).int16(version).int32(id).text(CLIENT_ID).body
    const size = head.length + body.length + (flexible ? 1 : 0)
    this.#socket.write(Buffer.concat([new RequestWriter(false).int32(size).body, head, Buffer.alloc(flexible ? 1 : 0), body]))
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
    const timer = setTimeout(() => this.#end(new Error(`${this.#name}: no answer in time`)), this.#patience.answer)
    this.#waiting.set(id, { request, resolve, reject, timer })
    return promise
  }

  destroy(): void {
    this.#end(new Error(`${this.#name}: Connection closed`))
  }

  #end(trouble: unknown): void {
    if (this.#trouble !== undefined) return
    this.#trouble = trouble
    this.#socket.destroy()
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer)
      reject(trouble)
    }
    this.#waiting.clear()
    this.#ended()
  }

  #take(chunk: Buffer): void {
    if (!this.#heard && chunk[0] === 0x15 && chunk[1] === 0x03) {
      this.#end(new Error('Broker requires TLS.'))
      return
    }
    this.#heard = true
    for (let at = 0; at < chunk.length; ) {
      const copied = chunk.copy(this.#coming, this.#filled, at)
      at += copied
      this.#filled += copied
      if (this.#filled < this.#coming.length) return
      this.#filled = 0
      if (this.#sized) this.#answer(this.#coming)
      const size = this.#sized ? 4 : this.#coming.readInt32BE(0)
      if (size < 4) {
        this.#end(new Error(`${this.#name}: no answer of Kafka`))
        return
      }
      this.#coming = Buffer.allocUnsafe(size)
      this.#sized = !this.#sized
    }
  }

  #answer(bytes: Buffer): void {
    const id = bytes.readInt32BE(0)
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) {
      this.#end(new Error(`${this.#name}: an answer that nobody waits for`))
      return
    }
    this.#waiting.delete(id)
    clearTimeout(waiting.timer)
    waiting.resolve(bodyOf(bytes.subarray(4), waiting.request))
  }
}

/** Behind the header's tagged fields, of which none are in use. */
export function bodyOf(bytes: Buffer, { flexible }: Request): Buffer {
  return flexible ? bytes.subarray(1) : bytes
}
