/** The endpoints that the presets call: they record each request and answer as a test wants. */
import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import { type RefreshFunction, type RefreshRequestOptions, refreshRequest } from 'tokenflight'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'

export const URL = 'https://api.example/auth/refresh'
export const TOKENS = 'https://id.example/oauth/token'

export interface Seen {
  method: string
  url: string
  headers: Record<string, string>
  body: string
  credentials: RequestCredentials
  keepalive: boolean
  redirect: RequestRedirect
  cache: RequestCache
}

export const seen: Seen[] = []
/** The endpoint gives this answer. */
export const endpoint: { answer: () => Response } = { answer: () => HttpResponse.json({}) }

export async function record(request: Request): Promise<Response> {
  seen.push({
    method: request.method,
    url: request.url,
    headers: Object.fromEntries(request.headers),
    body: await request.text(),
    credentials: request.credentials,
    keepalive: request.keepalive,
    redirect: request.redirect,
    cache: request.cache,
  })
  return endpoint.answer()
}

export const server = setupServer(
  http.all(URL, ({ request }) => record(request.clone() as Request)),
  http.post(TOKENS, ({ request }) => record(request.clone() as Request)),
)

/** The endpoints answer during the tests of a file. */
export function usePresetServer(): void {
  beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
  afterAll(() => server.close())
  beforeEach(() => {
    seen.length = 0
    endpoint.answer = () =>
      HttpResponse.json({ accessToken: 'new-access', refreshToken: 'new-refresh', expiresIn: 300 })
  })
  afterEach(() => server.resetHandlers())
}

export const RT = 'the-refresh-token'
export const AT = 'the-access-token'

export function call(
  refresh: RefreshFunction,
  tokens: { refreshToken?: string; accessToken?: string } = { refreshToken: RT, accessToken: AT },
  signal = new AbortController().signal,
) {
  return refresh({ ...tokens, reason: 'manual', attempt: 1, signal })
}

export const request = (options: Partial<RefreshRequestOptions> = {}) =>
  refreshRequest({ url: URL, ...options })
