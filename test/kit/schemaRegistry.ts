/** A schema registry over HTTP, by Confluent's interface as far as readers use it, which can be made to fail. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

interface Registered {
  id: number
  schema: string
  schemaType: 'AVRO' | 'JSON' | 'PROTOBUF'
  references: { name: string; subject: string; version: number }[]
}

type Failure =
  /** Connections are cut. */
  | { kind: 'down' }
  | { kind: 'status'; status: number; body?: string }
  /** Answers never come. */
  | { kind: 'silent' }

export interface LocalRegistry {
  url: string
  /** Paths that were asked for, in their order. */
  asked: string[]
  /** Answers the id. Equal schemas are registered once. */
  register(
    subject: string,
    schema: string | object,
    more?: { type?: Registered['schemaType']; references?: Registered['references'] },
  ): number
  /** What the next `times` requests meet instead of an answer. */
  fail(failure: Failure, times?: number): void
  heal(): void
  close(): Promise<void>
}

export async function localRegistry(credentials?: { username: string; password: string }): Promise<LocalRegistry> {
  const byId = new Map<number, Registered>()
  const bySubject = new Map<string, Registered[]>()
  const asked: string[] = []
  let failure: { how: Failure; left: number } | undefined

  const answer = (response: ServerResponse, status: number, body: object | string): void => {
    response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  }
  const respond = (request: IncomingMessage, response: ServerResponse): void => {
    const path = request.url!
    asked.push(path)
    if (failure && failure.left-- > 0) {
      const { how } = failure
      if (how.kind === 'down') request.socket.destroy()
      else if (how.kind === 'status')
        answer(response, how.status, how.body ?? { error_code: how.status * 100 + 1, message: 'told to fail' })
      return
    }
    if (credentials && request.headers.authorization !== basic(credentials)) {
      answer(response, 401, { error_code: 401, message: 'Unauthorized' })
      return
    }
    const id = /^\/schemas\/ids\/(\d+)$/.exec(path)
    const version = /^\/subjects\/([^/]+)\/versions\/(\d+)$/.exec(path)
    const found = id
      ? byId.get(Number(id[1]))
      : version
        ? bySubject.get(decodeURIComponent(version[1]!))?.[Number(version[2]) - 1]
        : undefined
    if (found) {
      // Of Avro the type is left out, as Confluent's does.
      const { schemaType, references, ...rest } = found
      answer(response, 200, {
        ...rest,
        ...(schemaType === 'AVRO' ? {} : { schemaType }),
        ...(references.length === 0 ? {} : { references }),
      })
    } else if (id || version) answer(response, 404, { error_code: id ? 40403 : 40402, message: 'not found' })
    else answer(response, 404, { error_code: 404, message: 'HTTP 404 Not Found' })
  }
  const server = createServer(respond)
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    register(subject, schema, { type = 'AVRO', references = [] } = {}) {
      const text = typeof schema === 'string' ? schema : JSON.stringify(schema)
      const versions = bySubject.get(subject) ?? []
      bySubject.set(subject, versions)
      const same = [...byId.values()].find(known => known.schema === text && known.schemaType === type)
      // Ids are of four bytes, and need not be small.
      const entry = same ?? { id: 100_001 + byId.size * 65_537, schema: text, schemaType: type, references }
      byId.set(entry.id, entry)
      if (!versions.includes(entry)) versions.push(entry)
      return entry.id
    },
    fail(how, times = Number.POSITIVE_INFINITY) {
      failure = { how, left: times }
    },
    heal() {
      failure = undefined
    },
    async close() {
      server.closeAllConnections()
      await new Promise(done => server.close(done))
    },
  }
}

const basic = ({ username, password }: { username: string; password: string }): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`

/** A body behind the five bytes that name its schema. */
export function framed(id: number, body: Uint8Array): Buffer {
  const header = Buffer.alloc(5)
  header.writeUInt32BE(id, 1)
  return Buffer.concat([header, body])
}
