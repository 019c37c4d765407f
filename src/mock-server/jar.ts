/**
 * The cookies of one mock. msw keeps a jar of its own, but for all mocks at once, past the end of a test, with one
 * cookie per answer; this one belongs to a `mockAuth`, and `reset()` empties it.
 */
import { readCookies } from './reading.js'
import { type ReplyCookie, serializeCookie } from './reply.js'

/** A cookie jar that follows the rules of a browser as far as the mock needs them. */
export interface CookieJar {
  /** Keeps the cookies of an answer; shows the readable ones to the page, where there is one. */
  store(cookies: readonly ReplyCookie[]): void
  /**
   * The cookies that go with a request: those of the jar, and over them, where there is no page, those of its own
   * `Cookie` header. In a page no script can write that header: its value is then msw's copy of `document.cookie`.
   */
  matching(request: Request): Readonly<Record<string, string>>
  /** Empties the jar for good: it keeps nothing of an answer that comes later. */
  clear(): void
}

/** An empty jar. `now` returns epoch ms. */
export function createCookieJar(now: () => number): CookieJar {
  let isGone = false
  const kept = new Map<string, { readonly cookie: ReplyCookie; readonly expiresAt: number }>()
  const store = (cookies: readonly ReplyCookie[]): void => {
    if (isGone) return
    for (const cookie of cookies) {
      if (cookie.maxAge > 0) kept.set(cookie.name, { cookie, expiresAt: now() + cookie.maxAge * 1000 })
      else kept.delete(cookie.name)
      if (!cookie.httpOnly && hasPage()) {
        // biome-ignore lint/suspicious/noDocumentCookie: msw cannot set it, and the Cookie Store API is not everywhere
        document.cookie = serializeCookie({ ...cookie, secure: false })
      }
    }
  }
  return {
    store,
    matching(request) {
      const cookies: Record<string, string> = {}
      if (sendsCookies(request)) {
        for (const [name, { cookie, expiresAt }] of kept) {
          if (expiresAt > now() && matchesPath(request, cookie.path)) cookies[name] = cookie.value
        }
      }
      return hasPage() ? cookies : { ...cookies, ...readCookies(request.headers.get('Cookie')) }
    },
    clear() {
      store([...kept.values()].map(({ cookie }) => ({ ...cookie, value: '', maxAge: 0 })))
      isGone = true
    },
  }
}

function hasPage(): boolean {
  return typeof document !== 'undefined'
}

/** `same-origin` is without a meaning where there is no page. */
function sendsCookies({ credentials, url }: Request): boolean {
  if (credentials === 'omit') return false
  if (credentials === 'include' || typeof location === 'undefined') return true
  return location.origin === new URL(url).origin
}

function matchesPath({ url }: Request, path: string): boolean {
  return path === '/' || new URL(url).pathname === path || new URL(url).pathname.startsWith(`${path}/`)
}
