/** Metrics over HTTP, for Prometheus to come and read. */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DefinitionError } from '../domain/errors.ts'
import type { FollowWatcher } from '../run/followWatcher.ts'
import { FollowMetrics } from './followMetrics.ts'

export interface ServedMetrics {
  /** Where they are. */
  url: string
  watcher: FollowWatcher
  close: () => void
}

/** @param place where to listen; port 0 is any that is free */
export async function serveMetrics({ host, port }: { host: string; port: number }): Promise<ServedMetrics> {
  const metrics = new FollowMetrics()
  const server = createServer(({ method = '', url = '' }, response) => {
    const path = url.replace(/\?.*$/, '')
    if (method !== 'GET' && method !== 'HEAD') answer(response, 405, 'only GET\n')
    else if (path !== '/metrics') answer(response, 404, 'metrics are at /metrics\n')
    else
      metrics.text().then(
        text => answer(response, 200, text, metrics.contentType),
        error => answer(response, 500, `${(error as Error).message}\n`),
      )
  })
  server.listen(port, host)
  await once(server, 'listening').catch(error => {
    const { code } = error as { code?: string }
    throw new DefinitionError('definition.metrics', `--metrics: ${host}:${port} cannot be listened on (${code})`, {
      hint: 'Name a port that is free, with a host that this machine has: `--metrics 9464`, `--metrics 0.0.0.0:9464`.',
      cause: error,
    })
  })
  // It keeps nothing alive that has no more to do.
  server.unref()
  const address = server.address() as AddressInfo
  const at = address.family === 'IPv6' ? `[${address.address}]` : address.address
  const close = (): void => {
    server.close()
    server.closeAllConnections()
  }
  return { url: `http://${at}:${address.port}/metrics`, watcher: metrics, close }
}

function answer(response: ServerResponse, status: number, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type }).end(text)
}
