/** Cookie transports: the token cookies, and the double submit that guards them against cross-site requests. */
import { type ReplyCookie, refuse } from './reply.js'
import type { MockTokenAnswer, MockTransport } from './types.js'
import type { Exchange } from './world.js'

/** The `HttpOnly` cookie that holds the refresh token, scoped to the path of `baseUrl`. */
export const refreshCookieName = 'refresh'

/** The `HttpOnly` cookie that holds the access token under transport `'cookies'`; it goes with every request. */
export const accessCookieName = 'access'

/** The readable cookie, which the client repeats in `csrfHeaderName`. It is set even if it is optional. Any page can read it. */
export const csrfCookieName = 'csrf'

/** The header that echoes the `csrf` cookie. */
const csrfHeaderName = 'X-CSRF-Token'

/** Whether refresh tokens travel in a cookie. */
export function usesCookies(transport: MockTransport): boolean {
  return transport === 'cookie' || transport === 'cookies'
}

/** Refuses with 403 a header that does not match the `csrf` cookie, and a missing header where one is required. */
export function checkCsrf({ world, request, cookies }: Exchange): void {
  const sent = request.headers.get(csrfHeaderName)
  // A client that cannot read the cookie, as in Node, sends an empty header.
  if (sent === null || sent === '' ? !world.settings.csrf : sent === cookies[csrfCookieName]) return
  const what = sent === null ? 'is missing' : sent === '' ? 'is empty' : 'does not match it'
  throw refuse(
    403,
    'csrf_mismatch',
    `The '${csrfCookieName}' cookie must be echoed in ${csrfHeaderName}, which ${what}`,
  )
}

/** Where the cookies are set from. */
export interface CookieSite {
  readonly basePath: string
  /** Whether they get `Secure`: only over https. */
  readonly secure: boolean
  readonly transport: MockTransport
}

/** The site of a request. */
export function siteOf({ world, request }: Exchange): CookieSite {
  return {
    basePath: world.options.basePath,
    secure: request.url.startsWith('https:'),
    transport: world.settings.transport,
  }
}

/** The cookies of a session: the `csrf` value, kept or new, and one for each token. */
export function sessionCookies(
  site: CookieSite,
  tokens: MockTokenAnswer,
  csrf: string = crypto.randomUUID(),
): ReplyCookie[] {
  const maxAge = Math.ceil(tokens.refreshExpiresIn)
  const cookies = [csrfCookie(site, csrf, maxAge)]
  if (tokens.refreshToken !== undefined) cookies.push(refreshCookie(site, tokens.refreshToken, maxAge))
  if (site.transport === 'cookies')
    cookies.push(accessCookie(site, tokens.accessToken, Math.ceil(tokens.expiresIn)))
  return cookies
}

/** Removes every cookie of a session. */
export function clearedCookies(site: CookieSite): ReplyCookie[] {
  const cookies = [csrfCookie(site, '', 0), refreshCookie(site, '', 0)]
  return site.transport === 'cookies' ? [...cookies, accessCookie(site, '', 0)] : cookies
}

function accessCookie({ secure }: CookieSite, value: string, maxAge: number): ReplyCookie {
  return { name: accessCookieName, value, maxAge, path: '/', httpOnly: true, secure }
}

function csrfCookie({ secure }: CookieSite, value: string, maxAge: number): ReplyCookie {
  return { name: csrfCookieName, value, maxAge, path: '/', httpOnly: false, secure }
}

function refreshCookie({ basePath, secure }: CookieSite, value: string, maxAge: number): ReplyCookie {
  return { name: refreshCookieName, value, maxAge, path: basePath || '/', httpOnly: true, secure }
}
