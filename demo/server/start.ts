/** The mock auth server over real HTTP, on 127.0.0.1 alone. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { toResponse } from '../../src/mock-server/reply.js'
import { type AuthServer, createAuthServer } from '../../src/mock-server/server.js'
import type { MockAuthOptions } from '../../src/mock-server/types.js'
import type { Trace } from '../../src/mock-server/world.js'
import { answerAdmin } from './admin.js'
import { answerApi } from './api.js'
import { preflight, withCors } from './cors.js'
import { openFileStore } from './file-store.js'
import { answerFile } from './files.js'
import { type Outcome, readRequest, send } from './http.js'
import { createRequestLog, describeRequest, type RequestLog } from './log.js'

/** Options of `startServer`; those of `mockAuth` besides. */
export interface ServerOptions extends Omit<MockAuthOptions, 'baseUrl' | 'store' | 'csrf'> {
  /** Default `true`: pages call it, with `csrf` set, whenever the transport is `'cookie'` or `'cookies'`. */
  readonly csrf?: boolean | undefined
  /** Default `0`: any that is free. */
  readonly port?: number | undefined
  /** Path of the auth endpoints. Default `'/auth'`. */
  readonly basePath?: string | undefined
  /** File that keeps sessions and keys. Default: memory. */
  readonly dataFile?: string | undefined
  /** Directory of the demo page. Default: none is served. */
  readonly directory?: string | undefined
  /** Origins of pages that may call, other than the server's own. Default: every port of this machine. */
  readonly allowedOrigins?: readonly string[] | undefined
}

/** A server that runs. */
export interface RunningServer {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string
  readonly port: number
  /** The model behind it: knobs, counters, `issue`. */
  readonly backend: AuthServer
  readonly log: RequestLog
  /** Stops at once, with the connections that are open; resolves when the store is written. */
  close(): Promise<void>
}

/** Starts the server. Rejects if the port is taken, or if the file is not one of this server. */
export async function startServer(options: ServerOptions = {}): Promise<RunningServer> {
  const {
    port = 0,
    basePath = '/auth',
    dataFile,
    directory,
    allowedOrigins,
    csrf = true,
    ...settings
  } = options
  const store = dataFile === undefined ? undefined : await openFileStore(dataFile)
  const server = createServer()
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address() as AddressInfo
  const url = `http://127.0.0.1:${address.port}`
  const log = createRequestLog()
  const backend = createAuthServer({ ...settings, csrf, baseUrl: url + basePath, store })

  const answer = async (request: Request, trace: Trace): Promise<Outcome> => {
    if (request.method === 'OPTIONS') return preflight(request, allowedOrigins)
    const reply = await backend.respond(request, { trace })
    if (reply) return reply.networkError ? 'broken connection' : toResponse(reply)
    return (
      (await answerApi(backend, request, trace)) ??
      (await answerAdmin(backend, log, request, allowedOrigins)) ??
      (directory === undefined ? undefined : await answerFile(directory, request)) ??
      Response.json({ error: 'not_found' }, { status: 404 })
    )
  }

  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const begun = Date.now()
    const request = await readRequest(incoming, outgoing, url)
    if (typeof request === 'number') return send(new Response(null, { status: request }), incoming, outgoing)
    const trace: Trace = {}
    const outcome = await answer(request, trace).catch(brokenServer)
    const isBroken = outcome === 'broken connection'
    if (isLogged(request, basePath)) {
      log.add(describeRequest(request, trace, isBroken ? 0 : outcome.status, begun, Date.now()))
    }
    await send(isBroken ? outcome : withCors(outcome, request, allowedOrigins), incoming, outgoing)
  }

  server.on('request', (incoming, outgoing) => {
    // A request that cannot be read or an answer that cannot be sent has no receiver left.
    void serve(incoming, outgoing).catch(() => outgoing.destroy())
  })

  return { url, port: address.port, backend, log, close: () => close(server, backend) }
}

function brokenServer(error: unknown): Response {
  const description = error instanceof Error ? error.message : String(error)
  return Response.json({ error: 'server_error', error_description: description }, { status: 500 })
}

function isLogged({ method, url }: Request, basePath: string): boolean {
  const { pathname } = new URL(url)
  return method !== 'OPTIONS' && (pathname.startsWith(`${basePath}/`) || pathname.startsWith('/api/'))
}

async function close(server: Server, backend: AuthServer): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
  await backend.settled()
}
