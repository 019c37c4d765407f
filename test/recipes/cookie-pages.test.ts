// @vitest-environment happy-dom
/** The recipe of the guide to server-side rendering for two tokens in HttpOnly cookies, against a server that answers 204. */
import type { AuthState } from 'tokenflight'
import { beforeEach, expect, it, vi } from 'vitest'

/** The requests that reached the server, each with its status. */
let wire: string[]
/** Whether the cookie with the access token is good. */
let isGood: boolean

beforeEach(() => {
  wire = []
  isGood = true
  // biome-ignore lint/suspicious/noDocumentCookie: as a server of a page sets it.
  document.cookie = 'csrf=abc'
  vi.stubGlobal('fetch', async (input: string | Request, init?: RequestInit) => {
    const path = new URL(typeof input === 'string' ? input : input.url, 'http://localhost:3000').pathname
    const csrf = new Headers(init?.headers).get('X-CSRF-Token')
    if (path === '/auth/login' || (path === '/auth/refresh' && csrf === 'abc')) isGood = true
    if (path === '/auth/logout') isGood = false
    const status = path.startsWith('/auth/') ? 204 : isGood ? 200 : 401
    wire.push(`${path} ${status}`)
    return new Response(null, { status })
  })
})

/** The modules of a page that was just loaded. */
async function load() {
  vi.resetModules()
  const { api, logIn, openSession } = await import('./cookie-pages.js')
  api.defaults.adapter = 'fetch'
  return { api, logIn, openSession }
}
const rendered: AuthState = {
  status: 'authenticated',
  claims: { sub: 'ada', name: 'Ada' },
  expiresAt: Date.now() + 600_000,
  refreshing: false,
}

it('a page that the server rendered with a user needs no request for its restore, and keeps the name', async () => {
  const { api, openSession } = await load()
  const auth = openSession(rendered)
  await auth.ready
  expect(auth.getState()).toMatchObject({ status: 'authenticated', claims: { name: 'Ada' } })
  await api.get('/orders')
  expect(wire).toEqual(['/api/orders 200'])
  expect(openSession()).toBe(auth)
})

it('an access cookie that has ended costs one refresh and a replay', async () => {
  const { api, openSession } = await load()
  await openSession(rendered).ready
  isGood = false
  await Promise.all([api.get('/orders'), api.get('/orders')])
  expect(wire.slice(0, 3)).toEqual(['/api/orders 401', '/api/orders 401', '/auth/refresh 204'])
  expect(wire.slice(3)).toEqual(['/api/orders 200', '/api/orders 200'])
})

it('a page that the server rendered without a user restores the session by one refresh', async () => {
  const { openSession } = await load()
  await openSession({ status: 'loading' }).ready
  expect(openSession().getState().status).toBe('authenticated')
  expect(wire).toEqual(['/auth/refresh 204'])
})

it('a visitor without a session costs no request, logs in by an answer without a body, and logs out at the server', async () => {
  // biome-ignore lint/suspicious/noDocumentCookie: the browser of a visitor has none.
  document.cookie = 'csrf=; max-age=0'
  isGood = false
  const { api, logIn, openSession } = await load()
  await openSession({ status: 'loading' }).ready
  expect([openSession().getState().status, wire]).toEqual(['anonymous', []])
  expect(await logIn('ada', 'secret')).toBe(true)
  expect(openSession().getState().status).toBe('authenticated')
  await api.get('/orders')
  await openSession().logout()
  expect(openSession().getState().status).toBe('anonymous')
  expect(wire).toEqual(['/auth/login 204', '/api/orders 200', '/auth/logout 204'])
})

it('an edit during development keeps the session, and the new client has it', async () => {
  vi.stubEnv('NODE_ENV', 'development')
  const auth = (await load()).openSession(rendered)
  const { api, openSession } = await load()
  expect(openSession()).toBe(auth)
  isGood = false
  await api.get('/orders')
  expect(wire).toEqual(['/api/orders 401', '/auth/refresh 204', '/api/orders 200'])
  Reflect.deleteProperty(globalThis, 'auth')
})
