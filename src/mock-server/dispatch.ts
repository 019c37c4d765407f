/** From an endpoint's path to its answer: faults, counters, refusals. */
import { failedReply, isRefusal } from './faults.js'
import { login, logout } from './login.js'
import { me } from './protect.js'
import { refresh, refreshByOAuth } from './refresh.js'
import { brokenConnection, jsonReply, Refusal, type Reply } from './reply.js'
import type { MockAuthSettings } from './types.js'
import type { Exchange } from './world.js'

/** An endpoint of the server; `path` is relative to `baseUrl`. */
export interface Endpoint {
  readonly method: 'GET' | 'POST'
  readonly path: '/login' | '/refresh' | '/logout' | '/me' | '/token' | '/jwks'
}

/** The method of an endpoint. That of a refresh is a setting. */
export function methodOf(
  { path, method }: Endpoint,
  { refreshMethod }: MockAuthSettings,
): Endpoint['method'] {
  return path === '/refresh' ? refreshMethod : method
}

/** All endpoints. */
export const endpoints: readonly Endpoint[] = Object.freeze([
  { method: 'POST', path: '/login' },
  { method: 'POST', path: '/refresh' },
  { method: 'POST', path: '/logout' },
  { method: 'GET', path: '/me' },
  { method: 'POST', path: '/token' },
  { method: 'GET', path: '/jwks' },
])

/** The endpoint at an address. */
export function findEndpoint(basePath: string, url: string): Endpoint | undefined {
  const path = new URL(url).pathname
  return endpoints.find(endpoint => `${basePath}${endpoint.path}` === path)
}

/** The answer of an endpoint. Rejects with a `Refusal` if the endpoint refuses the request. */
export async function play(path: Endpoint['path'], exchange: Exchange): Promise<Reply> {
  switch (path) {
    case '/login':
      return login(exchange)
    case '/refresh':
      return withFaults(exchange, refresh)
    case '/logout':
      return logout(exchange)
    case '/me':
      return me(exchange)
    case '/token':
      return withFaults(exchange, refreshByOAuth)
    case '/jwks':
      return jsonReply(200, { keys: await exchange.world.keys.published() })
  }
}

/** The result of `work`, or the answer for the `Refusal` or the error that it threw. Never rejects. */
export async function settle<Result>(
  exchange: Exchange,
  work: () => Promise<Result>,
): Promise<Result | Refusal> {
  try {
    return await work()
  } catch (error) {
    const refusal = error instanceof Refusal ? error : brokenServer(error)
    exchange.trace.error = refusal.code
    return refusal
  }
}

async function withFaults(
  exchange: Exchange,
  handle: (exchange: Exchange) => Promise<Reply>,
): Promise<Reply> {
  const { counters, faults } = exchange.world
  const failure = faults.next()
  await faults.wait()
  if (failure && !failure.lostAnswer) {
    counters.failures += 1
    if (isRefusal(failure)) counters.rejected += 1
    return failedReply(failure)
  }
  let reply: Reply
  try {
    reply = await handle(exchange)
  } catch (error) {
    counters.rejected += 1
    throw error
  }
  if (!failure) return reply
  counters.failures += 1
  return brokenConnection()
}

function brokenServer(error: unknown): Refusal {
  const description = error instanceof Error ? error.message : 'The mock server failed'
  return new Refusal(
    'server_error',
    description,
    jsonReply(500, { error: 'server_error', error_description: description }),
  )
}
