/** A line to a server on which requests and answers come late, spoilt, twice or not at all. It is for plain HTTP. */
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { request as ask, createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { setTimeout as pause } from 'node:timers/promises'

/**
 * - `latency`: the request sets out so many milliseconds later, unless the client gives up before
 * - `refused`: the connection is reset, and the server hears of nothing
 * - `lostAnswer`: the server does it all, and the connection is reset
 * - `tardy`: the connection is reset, and so many milliseconds later the request arrives
 * - `silent`: no answer ever comes, and the server hears of nothing
 * - `cutBody`: half of the answer's body, and the connection is closed; an answer without a body is lost
 * - `truncated`: half of the answer's body, and headers that say that this is all
 * - `wrongBytes`: the byte in the middle of the answer's body is another; its checksum is left as it was
 * - `stalled`: half of the answer's body, and no more, though the connection stays
 * - `behind`: a listing without its last key
 * - `slow`: the answer's body comes at so many bytes per second
 * - `status`: that answer, and the server hears of nothing
 * - `statusAfter`: the server does it all, and the answer is that one
 */
export type Fault =
  | { kind: 'latency' | 'tardy'; ms: number }
  | { kind: 'refused' | 'lostAnswer' | 'silent' | 'cutBody' | 'truncated' | 'wrongBytes' | 'stalled' | 'behind' }
  | { kind: 'slow'; bytesPerSecond: number }
  | ({ kind: 'status' | 'statusAfter' } & ErrorAnswer)

export interface ErrorAnswer {
  status: number
  code: string
  /** Further elements of the answer's XML. */
  more?: Record<string, string>
}

/** Errors of S3 that are no fault of the request's. */
export const ANSWERS = {
  internalError: { status: 500, code: 'InternalError' },
  slowDown: { status: 503, code: 'SlowDown' },
  conflict: { status: 409, code: 'ConditionalRequestConflict' },
  timeSkewed: { status: 403, code: 'RequestTimeTooSkewed' },
  expiredToken: { status: 403, code: 'ExpiredToken' },
  accessDenied: { status: 403, code: 'AccessDenied' },
  archived: { status: 403, code: 'InvalidObjectState', more: { StorageClass: 'GLACIER' } },
  badDigest: { status: 400, code: 'BadDigest' },
} as const satisfies Record<string, ErrorAnswer>

export interface ProxyRequest {
  /** The how manieth it is, from 0. */
  n: number
  method: string
  /** Decoded: `/bucket/key`. */
  path: string
  /** The path's parts, where the bucket is not in the host's name. */
  bucket: string
  key: string
  /** The AWS SDK tells most operations here: `x-id=PutObject`. */
  query: URLSearchParams
  headers: IncomingMessage['headers']
  /** The header `Range`. */
  range: string | undefined
}

/** What became of a request. It is filled in as that happens. */
export interface Recorded extends ProxyRequest {
  fault: Fault | undefined
  /** What the client was told, if anything. */
  status: number | undefined
  /** Bytes of bodies: from the client, and to the client. */
  received: number
  sent: number
}

/** A line's properties when nothing goes wrong. All requests share the bytes per second, those of each direction. */
export interface Link {
  /** From a request to its answer, on top of what the server takes. */
  latencyMs?: number
  bytesPerSecond?: number
}

export interface FaultProxy {
  endpoint: string
  requests: Recorded[]
  /** Ends when the last tardy request has been answered. */
  settled: () => Promise<void>
  /** Hangs up on everybody. */
  stop: () => Promise<void>
}

type FaultOf = (request: ProxyRequest) => Fault | undefined

/**
 * A proxy in front of `target`. Clients take its endpoint for the server's: headers pass unchanged, `Host` with them, because a
 * request's signature covers it.
 */
export async function startProxy(target: string, faultOf: FaultOf = () => undefined, link: Link = {}): Promise<FaultProxy> {
  const { hostname, port } = new URL(target)
  const [up, down] = [new Lane(link.bytesPerSecond), new Lane(link.bytesPerSecond)]
  const requests: Recorded[] = []
  const tardy: Promise<unknown>[] = []

  /** The server's answer. A connection for each, so that none meets one that the server has just closed. */
  const forward = async (client: IncomingMessage, body: AsyncIterable<Buffer> | Buffer): Promise<IncomingMessage> => {
    const headers = [...endToEnd(client.rawHeaders), 'Connection', 'close']
    const { method, url: path } = client
    const request = ask({ hostname, port, method: method!, path: path!, headers, agent: false, setHost: false })
    // One that comes after the answer has begun ends the answer as well.
    request.on('error', () => {})
    const answered = once(request, 'response') as Promise<[IncomingMessage]>
    // A server that refuses a request may answer, and not read it to its end.
    pipeline(Buffer.isBuffer(body) ? [body] : body, request).catch(() => {})
    return (await answered)[0]
  }

  const carry = async (client: IncomingMessage, response: ServerResponse, record: Recorded): Promise<void> => {
    const { fault } = record
    const reset = (): void => hangUp(client.socket)
    const body = counted(client, up, bytes => (record.received += bytes))
    switch (fault?.kind) {
      case 'refused':
        return reset()
      case 'silent':
        await whole(body)
        return
      case 'tardy': {
        const sent = await whole(body)
        reset()
        const { ms } = fault
        const arrival = pause(ms).then(async () => whole(await forward(client, sent)))
        tardy.push(arrival.catch(() => {}))
        return
      }
      case 'status':
        await whole(body)
        return plain(response, record, fault)
      case 'latency':
        await pause(fault.ms)
    }
    if (link.latencyMs) await pause(link.latencyMs)
    if (client.socket.destroyed) return
    const answer = await forward(client, body)
    switch (fault?.kind) {
      case 'lostAnswer':
        await whole(answer)
        return reset()
      case 'statusAfter':
        await whole(answer)
        return plain(response, record, fault)
      case 'cutBody':
      case 'truncated':
      case 'wrongBytes':
      case 'stalled':
      case 'behind':
        return spoilt(response, record, answer, await whole(answer), fault.kind)
    }
    const lane = fault?.kind === 'slow' ? new Lane(fault.bytesPerSecond) : down
    head(response, record, answer, answer.rawHeaders)
    await pipeline(
      counted(answer, lane, bytes => (record.sent += bytes)),
      response,
    )
  }

  // No connection ends because time passed: all that ends is a fault that was asked for.
  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, (client, response) => {
    const request = described(client, requests.length)
    const record: Recorded = { ...request, fault: faultOf(request), status: undefined, received: 0, sent: 0 }
    requests.push(record)
    // A side that hung up: the other one is told in the same way.
    carry(client, response, record).catch(() => hangUp(client.socket))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const settled = async (): Promise<void> => void (await Promise.all(tardy))
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    settled,
    async stop() {
      await settled()
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

function described({ method, url, headers }: IncomingMessage, n: number): ProxyRequest {
  const { pathname, searchParams: query } = new URL(url!, 'http://proxy')
  const path = decodeURIComponent(pathname)
  const [bucket, key] = /^\/([^/]*)\/?(.*)$/s.exec(path)!.slice(1) as [string, string]
  return { n, method: method!, path, bucket, key, query, headers, range: headers.range }
}

/** Headers in their flat form, `[name, value, name, value]`, without those of such names. */
function without(raw: readonly string[], names: RegExp): string[] {
  return raw.filter((_, at) => !names.test(raw[at - (at % 2)]!))
}

/** Without what is one connection's own matter. */
const endToEnd = (raw: readonly string[]): string[] => without(raw, /^(connection|keep-alive|expect)$/i)

function head(response: ServerResponse, record: Recorded, { statusCode, statusMessage }: IncomingMessage, raw: string[]): void {
  record.status = statusCode
  response.sendDate = false
  response.writeHead(statusCode!, statusMessage, endToEnd(raw))
}

/** An answer of the proxy's own. */
function plain(response: ServerResponse, record: Recorded, { status, code, more = {} }: ErrorAnswer): void {
  const elements = Object.entries({ Code: code, Message: `${code}, says the test`, ...more, RequestId: String(record.n) })
  const text = elements.map(([name, value]) => `<${name}>${value}</${name}>`).join('')
  const body = Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>\n<Error>${text}</Error>`)
  record.status = status
  if (record.method !== 'HEAD') record.sent = body.length
  // A response to HEAD leaves the body out by itself.
  response.writeHead(status, { 'Content-Type': 'application/xml', 'Content-Length': body.length }).end(body)
}

function spoilt(
  response: ServerResponse,
  record: Recorded,
  answer: IncomingMessage,
  body: Buffer,
  kind: 'cutBody' | 'truncated' | 'wrongBytes' | 'stalled' | 'behind',
): void {
  const part = kind === 'behind' ? withoutLast(body) : body.subarray(0, body.length >> 1)
  if (kind === 'cutBody' && body.length === 0) {
    hangUp(response.req.socket)
    return
  }
  const sent = kind === 'wrongBytes' ? Buffer.from(body) : part
  if (kind === 'wrongBytes' && body.length > 0) sent[body.length >> 1]! ^= 1
  record.sent = sent.length
  const length = kind === 'truncated' || kind === 'behind' ? sent.length : body.length
  const headers = without(answer.rawHeaders, /^(content-length|transfer-encoding)$/i)
  // The answer to HEAD has no body, and a length all the same.
  head(response, record, answer, record.method === 'HEAD' ? answer.rawHeaders : [...headers, 'Content-Length', String(length)])
  if (kind === 'cutBody') response.write(sent, () => response.req.socket.destroySoon())
  else if (kind === 'stalled') response.write(sent)
  else response.end(sent)
}

/** Node cannot reset a socket that is being ended: it would never be closed, and the process would not end either. */
function hangUp(socket: Socket): void {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}

/** A page of a listing, without its last key. */
function withoutLast(page: Buffer): Buffer {
  const text = page.toString()
  const [from, to] = [text.lastIndexOf('<Contents>'), text.lastIndexOf('</Contents>')]
  return from < 0 ? page : Buffer.from(text.slice(0, from) + text.slice(to + '</Contents>'.length))
}

async function whole(body: AsyncIterable<Buffer>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(body))
}

async function* counted(body: AsyncIterable<Buffer>, lane: Lane, count: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of body) {
    for (const piece of lane.pieces(chunk)) {
      await lane.pass(piece.length)
      count(piece.length)
      yield piece
    }
  }
}

/** One direction of a line, which all who use it share: each piece waits until those before it are through. */
class Lane {
  readonly #bytesPerSecond: number | undefined
  #free = 0

  constructor(bytesPerSecond: number | undefined) {
    this.#bytesPerSecond = bytesPerSecond
  }

  /** Small enough that one answer does not keep others waiting for long, and that time is told well enough. */
  *pieces(chunk: Buffer): Generator<Buffer> {
    const size = this.#bytesPerSecond === undefined ? chunk.length : Math.max(1, Math.min(65_536, this.#bytesPerSecond >> 6))
    for (let at = 0; at < chunk.length; at += size) yield chunk.subarray(at, at + size)
  }

  async pass(bytes: number): Promise<void> {
    if (this.#bytesPerSecond === undefined) return
    const now = performance.now()
    // Timers are late by some milliseconds, which the next pieces make up for.
    this.#free = Math.max(now - 5, this.#free) + (bytes / this.#bytesPerSecond) * 1000
    if (this.#free - now > 1) await pause(this.#free - now)
  }
}
