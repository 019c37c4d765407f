/** The back end that the guide asks for: the refresh token in one HttpOnly cookie, the access token in another. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type RunningServer, startServer } from '../../demo/server/start.js'

export interface Backend {
  readonly url: string
  /** The model behind it: controls and counters. */
  readonly model: RunningServer['backend']
  /** Method, path and status of each request since the last reset. */
  requests(): string[]
  reset(): void
  close(): Promise<void>
}

/** The server of the demo in cookie mode. Login and refresh also set the cookie `access`, which ends with the token. */
export async function startBackend(): Promise<Backend> {
  const server = await startServer({ transport: 'cookie' })
  const front = createServer((incoming, outgoing) => forward(server.port, incoming, outgoing))
  front.listen(0, '127.0.0.1')
  await once(front, 'listening')
  return {
    url: `http://127.0.0.1:${(front.address() as AddressInfo).port}`,
    model: server.backend,
    requests: () => server.log.since(0).map(({ method, path, status }) => `${method} ${path} ${status}`),
    reset() {
      server.backend.reset()
      server.backend.configure({ accessTokenLifetime: 300_000, transport: 'cookie' })
      server.log.clear()
    },
    async close() {
      const closed = once(front, 'close')
      front.close()
      front.closeAllConnections()
      await Promise.all([closed, server.close()])
    },
  }
}

function forward(port: number, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { method, url = '', headers } = incoming
  const inner = request({ host: '127.0.0.1', port, method, path: url, headers }, async answer => {
    const body = Buffer.concat(await answer.toArray())
    const { statusCode = 502, headers } = answer
    const cookies = [...(headers['set-cookie'] ?? []), ...accessCookie(url, statusCode, body)]
    outgoing.writeHead(statusCode, { ...headers, ...(cookies.length > 0 && { 'set-cookie': cookies }) })
    outgoing.end(body)
  })
  // A connection that the server breaks on purpose is broken here, too.
  inner.on('error', () => outgoing.destroy())
  incoming.pipe(inner)
}

/** The further `Set-Cookie` header of the answer, if it needs one. */
function accessCookie(url: string, status: number, body: Buffer): string[] {
  const common = 'Path=/; HttpOnly; SameSite=Strict'
  if (url === '/auth/logout') return [`access=; ${common}; Max-Age=0`]
  if (status !== 200 || !['/auth/login', '/auth/refresh'].includes(url)) return []
  const { accessToken, expiresIn } = JSON.parse(body.toString('utf8'))
  return [`access=${accessToken}; ${common}; Max-Age=${expiresIn}`]
}
