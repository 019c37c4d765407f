/**
 * A model of an auth server as msw handlers, so that a test of any auth situation takes three lines.
 * @module tokenflight/msw
 */
import {
  type DefaultBodyType,
  HttpResponse,
  http,
  type PathParams,
  type RequestHandler,
  type StrictResponse,
} from 'msw'
import { usesCookies } from './mock-server/cookies.js'
import { createCookieJar } from './mock-server/jar.js'
import { type Reply, toResponse } from './mock-server/reply.js'
import { createAuthServer } from './mock-server/server.js'
import type {
  MockAccessClaims,
  MockAuthControls,
  MockAuthOptions,
  MockTokenAnswer,
} from './mock-server/types.js'

export type { MockState, MockStore } from './mock-server/store.js'
export type {
  MockAccessClaims,
  MockAuthChanges,
  MockAuthControls,
  MockAuthOptions,
  MockAuthSettings,
  MockAuthStats,
  MockFailure,
  MockKeyRotation,
  MockTokenAnswer,
  MockTransport,
  MockUser,
} from './mock-server/types.js'

/** msw's own `HttpResponseResolver`, built from the types that every version of msw 2 exports. */
export type HttpResolver<
  Params extends PathParams = PathParams,
  RequestBody extends DefaultBodyType = DefaultBodyType,
  ResponseBody extends DefaultBodyType = undefined,
> = Parameters<typeof http.all<Params, RequestBody, ResponseBody>>[1]

/** A resolver of the application, as in msw, that also gets the claims of the access token. */
export type ProtectedResolver<
  Params extends PathParams = PathParams,
  RequestBody extends DefaultBodyType = DefaultBodyType,
  ResponseBody extends DefaultBodyType = undefined,
> = (
  info: Parameters<HttpResolver<Params, RequestBody, ResponseBody>>[0],
  claims: MockAccessClaims,
) =>
  | Response
  | StrictResponse<ResponseBody>
  | undefined
  | Promise<Response | StrictResponse<ResponseBody> | undefined>

/** The result of `mockAuth`. */
export interface MockAuth extends MockAuthControls {
  /**
   * `POST /login`, `POST /refresh`, `POST /logout`, `GET /me`, `POST /token` (OAuth 2.0) and `GET /jwks`, each under
   * `baseUrl`. Pass them to `setupServer` or `setupWorker`.
   */
  readonly handlers: RequestHandler[]
  /**
   * Wraps a resolver of the application: it runs for a request with a good access token, and gets its claims as its
   * second argument. Without one the answer is 401, without the `scope` (space-separated) it is 403 (RFC 6750 3.1).
   */
  protect<
    Params extends PathParams = PathParams,
    RequestBody extends DefaultBodyType = DefaultBodyType,
    ResponseBody extends DefaultBodyType = undefined,
  >(
    resolver: ProtectedResolver<Params, RequestBody, ResponseBody>,
    options?: { readonly scope?: string },
  ): HttpResolver<Params, RequestBody, ResponseBody>
  /**
   * The answer of a login, without a request. Where the transport is `'cookie'` or `'cookies'` the cookies are set as a login
   * sets them, and the answer has no refresh token. It has the access token also under `'cookies'`, where a login does not
   * show it: a test of a server can send it as the cookie `access`. Rejects with a `TypeError` for an unknown user.
   */
  issue(username: string): Promise<MockTokenAnswer>
}

/**
 * A mock auth server of your own; state is per call. Throws a `TypeError` that names a bad option.
 *
 * @example
 * const backend = mockAuth({ baseUrl: 'https://api.example.com/auth' })
 * const server = setupServer(
 *   ...backend.handlers,
 *   http.get('https://api.example.com/orders', backend.protect(() => HttpResponse.json([]))),
 * )
 * afterEach(() => backend.reset())
 */
export function mockAuth(options: MockAuthOptions): MockAuth {
  const server = createAuthServer(options)
  const emptyJar = () => createCookieJar(() => (options.clock ?? Date).now())
  let jar = emptyJar()
  const { cookiesFor: _inJar, respond, authorize, endpoints, ...controls } = server

  return {
    ...controls,
    get settings() {
      return server.settings
    },
    // The method of a refresh is a setting, so there is a handler for each: the wrong one answers 405.
    handlers: [...endpoints, { method: 'GET', path: '/refresh' } as const].map(({ method, path }) =>
      http[method === 'GET' ? 'get' : 'post'](patternOf(`${server.baseUrl}${path}`), async ({ request }) => {
        // The jar of the request: a reset while it is answered leaves the next jar empty.
        const cookieJar = jar
        const reply = await respond(request, { cookies: cookieJar.matching(request) })
        if (!reply) return undefined
        cookieJar.store(reply.cookies)
        return send(reply)
      }),
    ),
    protect<
      Params extends PathParams,
      RequestBody extends DefaultBodyType,
      ResponseBody extends DefaultBodyType,
    >(
      resolver: ProtectedResolver<Params, RequestBody, ResponseBody>,
      passage: { readonly scope?: string } = {},
    ) {
      const guarded: ProtectedResolver<Params, RequestBody, ResponseBody> = async info => {
        const cookies = jar.matching(info.request)
        const passed = await authorize(info.request, { ...passage, cookies })
        if ('refusal' in passed) return send(passed.refusal)
        return withHeaders(await answerOf(() => resolver(info, passed.claims)), passed.headers)
      }
      // msw types an answer by its body, and a refusal has another body than the resolver's own answer.
      return guarded as unknown as HttpResolver<Params, RequestBody, ResponseBody>
    },
    async issue(username) {
      const tokens = await server.issue(username)
      if (!usesCookies(server.settings.transport)) return tokens
      const { refreshToken: _inCookie, ...answered } = tokens
      jar.store(server.cookiesFor(tokens))
      return answered
    },
    reset() {
      server.reset()
      jar.clear()
      jar = emptyJar()
    },
  }
}

/**
 * The addresses that are equal to this one. An expression, because in a text msw gives a meaning to characters such as
 * `+`. A path stays a text: it belongs to the page that is open at the time of the request.
 */
function patternOf(address: string): RegExp | string {
  const { href, pathname } = new URL(address, 'http://localhost')
  if (address.startsWith('/')) return pathname
  return new RegExp(`^${href.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`)
}

function send(reply: Reply): Response {
  return reply.networkError ? HttpResponse.error() : toResponse(reply)
}

/** The answer of a resolver: msw takes a `Response` that it throws, too. */
async function answerOf<Answer>(resolve: () => Answer): Promise<Awaited<Answer> | Response> {
  try {
    return await resolve()
  } catch (thrown) {
    if (thrown instanceof Response) return thrown
    throw thrown
  }
}

/** The answer with headers added. Those of a native `Response` may be immutable: then a copy of it. */
function withHeaders<Answer extends Response | undefined>(
  answer: Answer,
  added: Reply['headers'],
): Answer | Response {
  if (answer === undefined || answer.type === 'error' || added.length === 0) return answer
  const response = new Response(answer.body, answer)
  for (const [name, value] of added) response.headers.set(name, value)
  return response
}
