/** Cookie transport: the refresh cookie, and the double submit that guards it against cross-site requests. */
import { type ReplyCookie, refuse } from './reply.js'
import type { Exchange, Pair } from './world.js'

/** The `HttpOnly` cookie that holds the refresh token, scoped to the path of `baseUrl`. */
export const refreshCookieName = 'refresh'

/** The readable cookie whose value comes back in `csrfHeaderName`, set even where it need not. Any page can read it. */
export const csrfCookieName = 'csrf'

/** The header that echoes the `csrf` cookie. */
const csrfHeaderName = 'X-CSRF-Token'

/** Refuses with 403 a header that does not match the `csrf` cookie, and where it is demanded, none. */
export function checkCsrf({ world, request, cookies }: Exchange): void {
  const sent = request.headers.get(csrfHeaderName)
  // Empty is what a client sends that cannot read the cookie, as in Node.
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
  /** Whether they get `Secure`: over https. */
  readonly secure: boolean
}

/** The site of a request. */
export function siteOf({ world, request }: Exchange): CookieSite {
  return { basePath: world.options.basePath, secure: request.url.startsWith('https:') }
}

/** The cookies of a session: the refresh token where there is a new one, and the `csrf` value, kept or drawn. */
export function sessionCookies(
  site: CookieSite,
  tokens: Pick<Pair, 'refreshToken' | 'refreshExpiresIn'>,
  csrf: string = crypto.randomUUID(),
): ReplyCookie[] {
  const maxAge = Math.ceil(tokens.refreshExpiresIn)
  const cookies = [csrfCookie(site, csrf, maxAge)]
  if (tokens.refreshToken !== undefined) cookies.push(refreshCookie(site, tokens.refreshToken, maxAge))
  return cookies
}

/** Removes both cookies. */
export function clearedCookies(site: CookieSite): ReplyCookie[] {
  return [csrfCookie(site, '', 0), refreshCookie(site, '', 0)]
}

function csrfCookie({ secure }: CookieSite, value: string, maxAge: number): ReplyCookie {
  return { name: csrfCookieName, value, maxAge, path: '/', httpOnly: false, secure }
}

function refreshCookie({ basePath, secure }: CookieSite, value: string, maxAge: number): ReplyCookie {
  return { name: refreshCookieName, value, maxAge, path: basePath || '/', httpOnly: true, secure }
}
