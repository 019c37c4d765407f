/** `POST /refresh` in each transport, and `POST /token`, the refresh grant of OAuth 2.0. */
import {
  checkCsrf,
  csrfCookieName,
  refreshCookieName,
  sessionCookies,
  siteOf,
  usesCookies,
} from './cookies.js'
import { grantRefresh, grantToSession, hasExpired, presentAccess, presentRefresh } from './grants.js'
import { readBearer, readForm, readJson, readString } from './reading.js'
import { jsonReply, Refusal, type Reply, refuse } from './reply.js'
import type { MockTokenAnswer } from './types.js'
import type { Exchange, Pair } from './world.js'

/** The names of a refresh token in JSON. */
export const spellings = ['refreshToken', 'refresh_token', 'refresh'] as const
/** The header of a refresh token. */
const header = 'X-Refresh-Token'

/** `POST {baseUrl}/refresh`. Its errors follow RFC 6749 section 5.2. */
export async function refresh(exchange: Exchange): Promise<Reply> {
  const { transport } = exchange.world.settings
  if (transport === 'headers')
    throw refuse(400, 'invalid_request', 'There is no refresh: each answer brings the next token')
  if (transport === 'header') return refreshByHeader(exchange)
  if (transport === 'both') return refreshByBoth(exchange)
  if (transport === 'access') return refreshByAccess(exchange)
  if (usesCookies(transport)) return refreshByCookie(exchange)
  const token = readString(await readJson(exchange.request), ...spellings)
  if (token === undefined) throw missing("in the JSON body as 'refreshToken'")
  return jsonReply(
    200,
    tokenAnswer(await grantRefresh(exchange.world, await presentRefresh(exchange, token))),
  )
}

/** `POST {baseUrl}/token` with `grant_type=refresh_token` (RFC 6749 section 6), form encoded, for public clients. */
export async function refreshByOAuth(exchange: Exchange): Promise<Reply> {
  const { world, request } = exchange
  const form = await readForm(request)
  const grantType = form.get('grant_type')
  if (grantType === undefined) throw refuse(400, 'invalid_request', "The parameter 'grant_type' is missing")
  if (grantType !== 'refresh_token') {
    throw refuse(400, 'unsupported_grant_type', 'Only the grant type refresh_token is supported')
  }
  if (world.options.clientId !== undefined && form.get('client_id') !== world.options.clientId) {
    throw refuse(401, 'invalid_client', 'The client is unknown or did not name itself')
  }
  const token = form.get('refresh_token')
  if (token === undefined) throw refuse(400, 'invalid_request', "The parameter 'refresh_token' is missing")
  const pair = await grantRefresh(world, await presentRefresh(exchange, token), form.get('scope'))
  return jsonReply(
    200,
    {
      access_token: pair.accessToken,
      token_type: 'Bearer',
      expires_in: pair.expiresIn,
      refresh_token: pair.refreshToken,
      refresh_expires_in: pair.refreshExpiresIn,
      scope: pair.scope === '' ? undefined : pair.scope,
    },
    [['Pragma', 'no-cache']],
  )
}

/** The JSON of a login or a refresh. */
export function tokenAnswer(pair: Pair): MockTokenAnswer {
  return {
    accessToken: pair.accessToken,
    ...(pair.refreshToken === undefined ? {} : { refreshToken: pair.refreshToken }),
    expiresIn: pair.expiresIn,
    refreshExpiresIn: pair.refreshExpiresIn,
    tokenType: 'Bearer',
    ...(pair.scope === '' ? {} : { scope: pair.scope }),
  }
}

/** The answer of a login, or of a refresh that keeps the `csrf` value, without the tokens that its cookies hold. */
export function sessionReply(exchange: Exchange, pair: Pair, csrf?: string): Reply {
  const { transport } = exchange.world.settings
  const answer = tokenAnswer(pair)
  if (!usesCookies(transport)) return jsonReply(200, answer)
  const { refreshToken: _inCookie, ...rest } = answer
  const { accessToken: _inCookieToo, ...tokenless } = rest
  return {
    ...jsonReply(200, transport === 'cookies' ? tokenless : rest),
    cookies: sessionCookies(siteOf(exchange), answer, csrf),
  }
}

async function refreshByHeader(exchange: Exchange): Promise<Reply> {
  const token = exchange.request.headers.get(header) || refreshBearer(exchange)
  if (token === undefined) throw missing('as Authorization: Bearer, in place of the access token')
  const pair = await grantRefresh(exchange.world, await presentRefresh(exchange, token))
  const { accessToken, ...rest } = tokenAnswer(pair)
  const headers: [string, string][] = [['Authorization', `Bearer ${accessToken}`]]
  if (pair.refreshToken !== undefined) headers.push([header, pair.refreshToken])
  return jsonReply(200, rest, headers)
}

async function refreshByBoth(exchange: Exchange): Promise<Reply> {
  const { world, request } = exchange
  const accessToken = refreshBearer(exchange)
  if (accessToken === undefined)
    throw refuse(400, 'invalid_request', 'The access token is missing: send it as Authorization: Bearer')
  const refreshToken = request.headers.get(header) || readString(await readJson(request), ...spellings)
  const access = await presentAccess(exchange, accessToken)
  if ('problem' in access) throw refuse(400, 'invalid_grant', access.problem)
  if (refreshToken === undefined) {
    if (!access.expired) return jsonReply(200, tokenAnswer(await grantToSession(world, access)))
    throw missing("in the JSON body as 'refreshToken', unless the access token is still valid")
  }
  const presented = await presentRefresh(exchange, refreshToken)
  if (presented.session !== access.session) {
    throw refuse(400, 'invalid_grant', 'The access token and the refresh token belong to different sessions')
  }
  const isOnlyLate = presented.record.status === 'current' && hasExpired(world, presented)
  const pair =
    isOnlyLate && !access.expired ? await grantToSession(world, access) : await grantRefresh(world, presented)
  return jsonReply(200, tokenAnswer(pair))
}

async function refreshByAccess(exchange: Exchange): Promise<Reply> {
  const token = refreshBearer(exchange)
  if (token === undefined)
    throw refuse(400, 'invalid_request', 'The access token is missing: send it as Authorization: Bearer')
  const presented = await presentRefresh(exchange, token, 'access')
  return jsonReply(200, tokenAnswer(await grantRefresh(exchange.world, presented)))
}

async function refreshByCookie(exchange: Exchange): Promise<Reply> {
  const { world, cookies } = exchange
  const token = cookies[refreshCookieName]
  // Before the CSRF check: a page without a session must get the answer for that.
  if (token === undefined || token === '') {
    throw refuse(400, 'invalid_grant', `There is no session: the cookie '${refreshCookieName}' is missing`)
  }
  checkCsrf(exchange)
  const pair = await grantRefresh(world, await presentRefresh(exchange, token))
  return sessionReply(exchange, pair, cookies[csrfCookieName])
}

/** The token in `Authorization`; a malformed one is refused in the manner of a token endpoint. */
function refreshBearer({ request }: Exchange): string | undefined {
  try {
    return readBearer(request.headers)
  } catch (error) {
    throw error instanceof Refusal ? refuse(400, 'invalid_request', error.message) : error
  }
}

function missing(where: string): Refusal {
  return refuse(400, 'invalid_request', `The refresh token is missing: send it ${where}`)
}
