/** A small S3 server of the test's own, which does its duty, or not. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { onTestFinished } from 'vitest'

/**
 * - `good`: a condition holds
 * - `ignores`: everybody may write
 * - `races`: the look whether something is there and the write are two steps
 * - `loses`: writes are answered well, and nothing is kept
 * - `mixes`: one wins, and what another wrote is kept
 */
export type Manners = 'good' | 'ignores' | 'races' | 'loses' | 'mixes'

export interface StandIn {
  endpoint: string
  objects: Map<string, Buffer>
  requests: IncomingMessage[]
}

export async function standIn(manners: Manners, tls?: { key: string; cert: string }): Promise<StandIn> {
  const objects = new Map<string, Buffer>()
  const requests: IncomingMessage[] = []
  const endpoint = await serve((request, response) => {
    requests.push(request)
    void answered(request, response, objects, manners)
  }, tls)
  return { endpoint, objects, requests }
}

/** Whatever answers like that. */
export async function serve(listener: RequestListener, tls?: { key: string; cert: string }): Promise<string> {
  const server = tls ? createTlsServer(tls, listener) : createServer(listener)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return `${tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function answered(
  request: IncomingMessage,
  response: ServerResponse,
  objects: Map<string, Buffer>,
  manners: Manners,
): Promise<void> {
  const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>))
  const key = new URL(request.url!, 'http://stand-in').pathname
  const there = objects.get(key)
  const refuse = (status: number, code: string): void =>
    void response.writeHead(status).end(request.method === 'HEAD' ? undefined : `<Error><Code>${code}</Code></Error>`)
  switch (request.method) {
    case 'PUT': {
      const isFree = there === undefined || request.headers['if-none-match'] === undefined || manners === 'ignores'
      if (manners === 'races') await pause(10)
      if (manners === 'mixes') objects.set(key, body)
      if (!isFree) return refuse(412, 'PreconditionFailed')
      if (manners !== 'loses') objects.set(key, body)
      return void response.writeHead(200, { ETag: tagOf(body) }).end()
    }
    case 'DELETE':
      objects.delete(key)
      return void response.writeHead(204).end()
    default:
      // Of the bucket itself.
      if (/^\/[^/]*\/?$/.test(key)) return void response.writeHead(200).end()
      if (there === undefined) return refuse(404, 'NoSuchKey')
      return void response
        .writeHead(200, { ETag: tagOf(there), 'Content-Length': there.length })
        .end(request.method === 'HEAD' ? undefined : there)
  }
}

const tagOf = (body: Buffer): string => `"${createHash('md5').update(body).digest('hex')}"`
