/** The servers: how each starts, how a user logs in to it, and how it reports the outcome of a refresh. */
import type { AxiosInstance } from 'axios'
import type { Auth, JwtClaims } from 'tokenflight'
import { connect as betterAuth } from '../../examples/backends/better-auth.js'
import { connect as oauthToolkit } from '../../examples/backends/django-oauth-toolkit.js'
import { connect as simplejwt } from '../../examples/backends/django-simplejwt.js'
import { connect as fastify } from '../../examples/backends/fastify-jwt.js'
import { connect as glewlwyd } from '../../examples/backends/glewlwyd.js'
import { connect as oauth2Server } from '../../examples/backends/oauth2-server.js'
import { connect as doorkeeper } from '../../examples/backends/rails-doorkeeper.js'
import { findServer, type programs } from '../../scripts/find-servers.mjs'

type Outcome = 'granted' | 'refused' | undefined
type Fetch = typeof fetch

export interface ServerKind {
  connect(server: string): { api: AxiosInstance; auth: Auth<JwtClaims, never> }
  /** The program that runs it. `@default` Node */
  command?: string
  /** The file in `apps` and its parameters, before the port and the folder. */
  app: [file: string, ...parameters: string[]]
  /** A resource that needs an access token. */
  orders: string
  /** The answer to a login, which goes to `auth.login()`; undefined: the session is in a cookie. */
  logIn(url: string, send: Fetch): Promise<unknown>
  /** Makes the refresh token useless, as the server itself does it. */
  kill(url: string, refreshToken: string, send: Fetch): Promise<unknown>
  /** The refresh token is a cookie. */
  isCookie?: boolean
  /** The snippet tells the server of a logout. */
  hasLogout?: boolean
  /** The file in which the server writes of its requests. `@default 'requests.log'` */
  log?: string
  /** The outcome of the refresh that a line of that file tells of. */
  outcome(line: string): Outcome
}

/** A server that is a package of npm, or of Debian and installed. */
interface Row {
  needs?: keyof typeof programs
  kind: ServerKind
}

const user = { username: 'ada', password: 'lovelace' }

const post = async (send: Fetch, url: string, body: object | URLSearchParams): Promise<Response> => {
  const isForm = body instanceof URLSearchParams
  const answer = await send(url, {
    method: 'POST',
    credentials: 'include',
    headers: isForm ? {} : { 'Content-Type': 'application/json' },
    body: isForm ? body : JSON.stringify(body),
  })
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`)
  return answer
}
const tokens = async (send: Fetch, url: string, body: object | URLSearchParams): Promise<unknown> =>
  (await post(send, url, body)).json()
const form = (fields: Record<string, string>): URLSearchParams =>
  new URLSearchParams({ client_id: 'spa', ...fields })

/** By the lines that the servers of `apps` write: method, path, grant, status. */
const byStatus =
  (refresh: string) =>
  (line: string): Outcome => {
    if (!line.startsWith(`${refresh} `)) return
    return Number(line.slice(refresh.length)) < 400 ? 'granted' : 'refused'
  }

/** An OAuth 2.0 server where the login is the grant of the password, and a refresh token can be revoked. */
const oauth = (token: string, revoke: string) => ({
  orders: '/orders',
  logIn: (url: string, send: Fetch) => tokens(send, url + token, form({ grant_type: 'password', ...user })),
  kill: (url: string, refreshToken: string, send: Fetch) =>
    post(send, url + revoke, form({ token: refreshToken })),
  outcome: byStatus(`POST ${token} refresh_token`),
})

const servers: Record<string, Row> = {
  'Django REST framework with simplejwt': {
    needs: 'simplejwt',
    kind: {
      connect: simplejwt,
      app: ['django_app.py', 'simplejwt'],
      orders: '/orders',
      logIn: (url, send) => tokens(send, `${url}/api/token/`, user),
      kill: (url, refresh, send) => post(send, `${url}/api/token/blacklist/`, { refresh }),
      outcome: byStatus('POST /api/token/refresh/ -'),
    },
  },
  'django-oauth-toolkit': {
    needs: 'django-oauth-toolkit',
    kind: {
      connect: oauthToolkit,
      app: ['django_app.py', 'oauth_toolkit'],
      ...oauth('/o/token/', '/o/revoke_token/'),
      hasLogout: true,
    },
  },
  'Rails with Doorkeeper': {
    needs: 'doorkeeper',
    kind: {
      connect: doorkeeper,
      app: ['rails_app.rb'],
      ...oauth('/oauth/token', '/oauth/revoke'),
      hasLogout: true,
    },
  },
  Glewlwyd: {
    needs: 'glewlwyd',
    kind: {
      connect: glewlwyd,
      app: ['glewlwyd.js'],
      orders: '/api/oidc/userinfo',
      logIn: logInToGlewlwyd,
      // A public client cannot revoke its refresh token, but it can spend it: another one did.
      kill: (url, refresh_token, send) =>
        post(send, `${url}/api/oidc/token`, form({ grant_type: 'refresh_token', refresh_token })),
      log: 'glewlwyd.log',
      outcome: line =>
        /Access token generated for client 'spa'/.test(line)
          ? 'granted'
          : /Security - Token invalid/.test(line)
            ? 'refused'
            : undefined,
    },
  },
  'Express with @node-oauth/oauth2-server': {
    kind: {
      connect: oauth2Server,
      app: ['oauth2_server.js'],
      ...oauth('/oauth/token', '/oauth/revoke'),
    },
  },
  'Fastify with @fastify/jwt': {
    kind: {
      connect: fastify,
      app: ['fastify_jwt.js'],
      orders: '/orders',
      logIn: (url, send) => tokens(send, `${url}/login`, user),
      kill: (url, _, send) => post(send, `${url}/logout`, {}),
      isCookie: true,
      hasLogout: true,
      outcome: byStatus('POST /refresh -'),
    },
  },
  'better-auth': {
    kind: {
      connect: betterAuth,
      app: ['better_auth.js'],
      orders: '/orders',
      async logIn(url, send) {
        await post(send, `${url}/api/auth/sign-in/email`, { email: 'ada@example.com', password: 'lovelace' })
      },
      kill: (url, _, send) => post(send, `${url}/api/auth/sign-out`, {}),
      isCookie: true,
      hasLogout: true,
      outcome: byStatus('GET /api/auth/token -'),
    },
  },
}

/** The names of the servers of Debian, or of those of npm. */
export const names = (origin: 'Debian' | 'npm'): string[] =>
  Object.keys(servers).filter(name => !!servers[name]?.needs === (origin === 'Debian'))

/** The server with the program that runs it; undefined where that is not installed. */
export function find(name: string): ServerKind | undefined {
  const { needs, kind } = servers[name] as Row
  if (!needs) return kind
  const command = findServer(needs)
  if (command === undefined) return
  // Glewlwyd is started by a script, which sets it up.
  return needs === 'glewlwyd' ? kind : { ...kind, command }
}

/** The authorization code flow as the login page of Glewlwyd makes it. */
async function logInToGlewlwyd(url: string, send: Fetch): Promise<unknown> {
  const redirect_uri = 'https://shop.example.com/'
  const login = await post(send, `${url}/api/auth/`, user)
  const headers = {
    Cookie: login.headers
      .getSetCookie()
      .map(cookie => cookie.split(';')[0])
      .join('; '),
    'Content-Type': 'application/json',
  }
  await send(`${url}/api/auth/grant/spa`, { method: 'PUT', headers, body: '{"scope":"orders"}' })
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: 'spa',
    redirect_uri,
    scope: 'orders',
  })
  const back = await send(`${url}/api/oidc/auth?${query}&g_continue`, { headers, redirect: 'manual' })
  const code = new URL(back.headers.get('Location') ?? '').searchParams.get('code') ?? ''
  const grant = form({ grant_type: 'authorization_code', code, redirect_uri })
  return tokens(send, `${url}/api/oidc/token`, grant)
}
