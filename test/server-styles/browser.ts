/** The parts of a page that Node lacks: a cookie jar behind `fetch`, `document.cookie`, Web Locks. */
import { CookieJar } from 'tough-cookie'
import { vi } from 'vitest'
import { createLock } from '../support/channel.js'

export interface Browser {
  readonly jar: CookieJar
  /** Sends and keeps cookies as `credentials` says; for a page of another origin, so only `'include'` does. */
  readonly fetch: typeof fetch
  /** The cookies that scripts see. */
  cookies(url: string): string
}

/** A browser with an empty jar. */
export function createBrowser(): Browser {
  const jar = new CookieJar()
  return {
    jar,
    async fetch(input, init) {
      const request = new Request(input, init)
      if ((init?.credentials ?? request.credentials) !== 'include') return fetchOfNode(request)
      const cookies = await jar.getCookieString(request.url)
      if (cookies) request.headers.set('Cookie', cookies)
      const response = await fetchOfNode(request)
      for (const cookie of response.headers.getSetCookie()) await jar.setCookie(cookie, request.url)
      return response
    },
    cookies: url => jar.getCookieStringSync(url, { http: false }),
  }
}

const fetchOfNode = globalThis.fetch

/** Makes the globals of this process those of a page of that server, until the test is over. */
export function visit(browser: Browser, url: string): void {
  vi.stubGlobal('fetch', browser.fetch)
  vi.stubGlobal('document', {
    visibilityState: 'visible',
    addEventListener() {},
    removeEventListener() {},
    get cookie() {
      return browser.cookies(url)
    },
  })
  vi.stubGlobal('navigator', { onLine: true, locks: createLock() })
}
