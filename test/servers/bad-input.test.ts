/** Mistakes in the options: the error tells the answer of the real server and the option to look at, and no value. */
import {
  type AuthOptions,
  cookieSession,
  createAuth,
  type OAuth2RefreshOptions,
  oauth2Refresh,
  type RefreshRequestOptions,
  refreshRequest,
  type TokenResponse,
} from 'tokenflight'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Browser, createBrowser, visit } from '../server-styles/browser.js'
import { rejection } from '../support/core.js'
import { find } from './servers.js'
import { type RunningServer, startServer } from './start.js'

type Make = (url: string) => AuthOptions
type Mistake = [mistake: string, make: Make, message: string]

const own =
  (path: string, options: Partial<RefreshRequestOptions> = {}): Make =>
  url => ({ refresh: refreshRequest({ url: url + path, ...options }) })
const oauth =
  (path: string, options: Partial<OAuth2RefreshOptions> = {}): Make =>
  url => ({ refresh: oauth2Refresh({ tokenEndpoint: url + path, clientId: 'spa', ...options }) })
const cookie =
  (path: string, options: Partial<RefreshRequestOptions> = {}): Make =>
  url => ({
    ...own(path, options)(url),
    storage: cookieSession(),
    logout: async () => {},
  })

const failed = (kind: string) => (answer: string) =>
  `Refresh failed (${kind}, attempts: 1): The refresh endpoint answered ${answer}`
const misconfigured = failed('misconfigured')
/** A page in place of JSON may come from a proxy, so the session lives on. */
const transient = failed('transient')
/** To the server it was a refusal. */
const ended = (answer: string) =>
  `Session expired (refresh_rejected): log in again: The refresh endpoint answered ${answer}`

const mistakes: Record<string, Mistake[]> = {
  'Django REST framework with simplejwt': [
    [
      'a missing slash',
      own('/api/token/refresh', { field: 'refresh' }),
      misconfigured('301, text/html; a redirect is not followed: set `url` to the final address'),
    ],
    ['a wrong URL', own('/api/refresh/', { field: 'refresh' }), transient('404, text/html; check `url`')],
    [
      'a wrong field',
      own('/api/token/refresh/'),
      ended('400, application/json with the members refresh; check `send`, `field`, `body` and `headers`'),
    ],
    [
      'a wrong place of the refresh token',
      own('/api/token/refresh/', { send: 'header' }),
      ended('400, application/json with the members refresh; check `send`, `field`, `body` and `headers`'),
    ],
    [
      'the URL of the login',
      own('/api/token/', { field: 'refresh' }),
      ended(
        '400, application/json with the members username, password; check `send`, `field`, `body` and `headers`',
      ),
    ],
  ],
  'django-oauth-toolkit': [
    [
      'a missing slash',
      oauth('/o/token'),
      misconfigured('301, text/html; a redirect is not followed: set `tokenEndpoint` to the final address'),
    ],
    ['a wrong URL', oauth('/oauth/token/'), transient('404, text/html; check `tokenEndpoint`')],
    [
      'a wrong client',
      oauth('/o/token/', { clientId: 'other' }),
      misconfigured(
        '401 (invalid_client), application/json with the members error; check `clientId`, `scope` and `params`',
      ),
    ],
    [
      'a wrong scope',
      oauth('/o/token/', { scope: 'everything' }),
      misconfigured(
        '400 (invalid_scope), application/json with the members error; check `clientId`, `scope` and `params`',
      ),
    ],
    [
      'a preset that is not its own',
      own('/o/token/'),
      misconfigured(
        '400 (unsupported_grant_type), application/json with the members error; check `send`, `field`, `body` and `headers`',
      ),
    ],
  ],
  'Rails with Doorkeeper': [
    [
      'a wrong URL',
      oauth('/token'),
      misconfigured('404, application/json with the members status, error; check `tokenEndpoint`'),
    ],
    [
      'a wrong client',
      oauth('/oauth/token', { clientId: 'other' }),
      misconfigured(
        '401 (invalid_client), application/json with the members error, error_description; check `clientId`, `scope` and `params`',
      ),
    ],
    [
      'a wrong scope',
      oauth('/oauth/token', { scope: 'everything' }),
      misconfigured(
        '400 (invalid_scope), application/json with the members error, error_description; check `clientId`, `scope` and `params`',
      ),
    ],
    [
      'a preset that is not its own',
      own('/oauth/token'),
      misconfigured(
        '400 (invalid_request), application/json with the members error, error_description; check `send`, `field`, `body` and `headers`',
      ),
    ],
  ],
  Glewlwyd: [
    [
      'a wrong URL',
      oauth('/api/token'),
      misconfigured('404, application/json with the members error, message; check `tokenEndpoint`'),
    ],
    [
      'a wrong client',
      oauth('/api/oidc/token', { clientId: 'other' }),
      ended('400; check `clientId`, `scope` and `params`'),
    ],
  ],
  'Express with @node-oauth/oauth2-server': [
    ['a wrong URL', oauth('/token'), transient('404, text/html; check `tokenEndpoint`')],
    [
      'a wrong client',
      oauth('/oauth/token', { clientId: 'other' }),
      misconfigured(
        '400 (invalid_client), application/json with the members error, error_description; check `clientId`, `scope` and `params`',
      ),
    ],
  ],
  'Fastify with @fastify/jwt': [
    [
      'a wrong URL',
      cookie('/auth/refresh'),
      misconfigured('404, application/json with the members message, error, statusCode; check `url`'),
    ],
    [
      'a wrong method',
      cookie('/refresh', { method: 'GET' }),
      misconfigured('404, application/json with the members message, error, statusCode; check `url`'),
    ],
    [
      'an answer of another shape',
      cookie('/refresh'),
      misconfigured(
        '200, application/json with the members token, without an access token; map it with the option `read` of createAuth',
      ),
    ],
  ],
  'better-auth': [
    ['a wrong URL', cookie('/auth/token', { method: 'GET' }), misconfigured('404; check `url`')],
    ['a wrong method', cookie('/api/auth/token'), misconfigured('404; check `url`')],
    [
      'an answer of another shape',
      cookie('/api/auth/token', { method: 'GET' }),
      misconfigured(
        '200, application/json with the members token, without an access token; map it with the option `read` of createAuth',
      ),
    ],
  ],
}

describe.each(Object.entries(mistakes))('%s', (name, rows) => {
  const kind = find(name)
  describe.skipIf(!kind)('as a real server', () => {
    if (!kind) return
    let server: RunningServer
    let browser: Browser
    beforeAll(async () => {
      server = await startServer(kind)
    })
    afterAll(() => server?.remove())
    beforeEach(() => {
      browser = createBrowser()
      if (kind.isCookie) visit(browser, server.url)
    })

    it.each(rows)('answers to %s, and the error tells how', async (_, make, message) => {
      const answer = (await kind.logIn(server.url, browser.fetch)) as TokenResponse | undefined
      const auth = createAuth({ ...make(server.url), retry: 0 })
      await auth.ready
      const tokens: TokenResponse = kind.isCookie
        ? { access_token: 'a-token', expires_in: 3 }
        : (answer ?? {})
      await auth.login(tokens)
      const error = await rejection(auth.refresh())
      auth.dispose()
      expect(error.message).toBe(message)
    })
  })
})
