/** A line to a server, of whatever it says: slow, cut or silent on demand. Requests of HTTP meet finer faults in `faultProxy.ts`. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { setTimeout as pause } from 'node:timers/promises'

export interface TcpLine {
  port: number
  /** Where it leads to. */
  to: (port: number) => void
  /** Bytes per second of each connection, to the client; undefined: as fast as it goes. */
  speed: (bytesPerSecond: number | undefined) => void
  /** Resets all connections, and answers how many there were. New ones are taken. */
  cut: () => number
  stop: () => Promise<void>
}

export async function startLine(): Promise<TcpLine> {
  let target = 0
  let rate: number | undefined
  const clients = new Set<Socket>()
  const slowly = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length; ) {
        const size = rate === undefined ? chunk.length - at : Math.max(1, Math.min(chunk.length - at, rate / 50))
        const piece = chunk.subarray(at, at + size)
        if (rate !== undefined) await pause((piece.length / rate) * 1000)
        at += piece.length
        yield piece
      }
    }
  }
  const server = createServer(client => {
    clients.add(client)
    const upstream = connect(target, '127.0.0.1')
    const end = (): void => {
      clients.delete(client)
      client.resetAndDestroy()
      upstream.destroy()
    }
    // Whichever side ends, or is cut, takes the other one with it.
    pipeline(client, upstream).then(end, end)
    pipeline(upstream, slowly, client).then(end, end)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = (): number => {
    const { size } = clients
    for (const client of clients) client.resetAndDestroy()
    return size
  }
  return {
    port: (server.address() as AddressInfo).port,
    to: port => {
      target = port
    },
    speed: bytesPerSecond => {
      rate = bytesPerSecond
    },
    cut,
    async stop() {
      server.close()
      cut()
      await once(server, 'close')
    },
  }
}
