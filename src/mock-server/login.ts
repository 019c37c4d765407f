/** `POST /login` and `POST /logout`: the start and the end of sessions. */
import {
  accessCookieName,
  checkCsrf,
  clearedCookies,
  refreshCookieName,
  siteOf,
  usesCookies,
} from './cookies.js'
import { endSession, presentAccess, presentRefresh, startSession } from './grants.js'
import { readBearer, readJson, readString } from './reading.js'
import { sessionReply, spellings } from './refresh.js'
import { challenge, emptyReply, Refusal, type Reply, refuse } from './reply.js'
import type { StoredSession } from './store.js'
import { loginReply, readTokenHeaders } from './token-headers.js'
import type { Exchange } from './world.js'

/** `POST {baseUrl}/login` with JSON `{ username, password }`. A wrong password is 401 `invalid_credentials`. */
export async function login(exchange: Exchange): Promise<Reply> {
  const { world, request, trace } = exchange
  const body = await readJson(request)
  const username = readString(body, 'username')
  const password = readString(body, 'password')
  if (username === undefined || password === undefined) {
    throw refuse(400, 'invalid_request', "The JSON body needs 'username' and 'password'")
  }
  if (world.options.users.get(username)?.password !== password) {
    throw refuse(401, 'invalid_credentials', 'The username or the password is wrong')
  }
  trace.username = username
  const pair = await startSession(world, username)
  world.counters.logins += 1
  return world.settings.transport === 'headers' ? loginReply(exchange, pair) : sessionReply(exchange, pair)
}

/**
 * `POST {baseUrl}/logout`: ends the session of the AT in `Authorization` (expired will do), of the RT in the JSON body,
 * or of the token cookies, which it removes. Answers 204, also for a session that is over already (RFC 7009 section
 * 2.2). An RT in `Authorization` is refused with 401.
 */
export async function logout(exchange: Exchange): Promise<Reply> {
  const { world, request, cookies } = exchange
  const { transport } = world.settings
  const usesCookie = usesCookies(transport)
  const isHidden = transport === 'cookies'
  if (usesCookie && (cookies[refreshCookieName] || (isHidden && cookies[accessCookieName])))
    checkCsrf(exchange)
  const accessToken = readAccess(exchange)
  const inBody = readString(await readJson(request), ...spellings, 'token')
  const refreshToken = usesCookie ? cookies[refreshCookieName] || inBody : inBody
  if (accessToken === undefined && refreshToken === undefined && !usesCookie) {
    throw refuse(
      400,
      'invalid_request',
      'There is no token: send the access token, the refresh token or both',
    )
  }
  const sessions = new Set<StoredSession>()
  if (refreshToken !== undefined) {
    const session = await sessionOfRefresh(exchange, refreshToken)
    if (session) sessions.add(session)
  }
  if (accessToken !== undefined) {
    const access = await presentAccess(
      exchange,
      accessToken,
      transport === 'access' || transport === 'headers',
    )
    if ('session' in access) sessions.add(access.session)
    else if (refreshToken === undefined && !access.isOver && !isHidden)
      throw challenge(401, 'invalid_token', access.problem)
  }
  for (const session of sessions) if (endSession(session, 'logout')) world.counters.logouts += 1
  return emptyReply(204, usesCookie ? clearedCookies(siteOf(exchange)) : [])
}

/** The access token of a request, from the place that the transport defines. */
function readAccess(exchange: Exchange): string | undefined {
  const { transport } = exchange.world.settings
  if (transport === 'cookies') return exchange.cookies[accessCookieName] || undefined
  return transport === 'headers' ? readTokenHeaders(exchange) : readBearer(exchange.request.headers)
}

async function sessionOfRefresh(exchange: Exchange, token: string): Promise<StoredSession | undefined> {
  try {
    return (await presentRefresh(exchange, token)).session
  } catch (error) {
    if (error instanceof Refusal) return undefined
    throw error
  }
}
