// @vitest-environment happy-dom
/** The samples of the README run as the text beside them says. */
import { HttpResponse, http } from 'msw'
import type { Auth } from 'tokenflight'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { backend, server } from '../../examples/readme/tests.js'
import { jwt } from '../support/core.js'

const sessions: Auth[] = []
const sent: string[] = []

beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
beforeEach(() => {
  vi.resetModules()
  document.body.innerHTML = '<div id="app"></div>'
  server.events.on('request:start', ({ request }) => {
    sent.push(`${request.method} ${new URL(request.url).pathname} ${request.headers.has('authorization')}`)
  })
})
afterEach(() => {
  for (const auth of sessions.splice(0)) auth.dispose()
  server.events.removeAllListeners()
  sent.length = 0
  backend.reset()
})
afterAll(() => server.close())

/** The first sample, in a copy of its own. */
async function load() {
  const session = await import('../../examples/readme/session.js')
  sessions.push(session.auth)
  return session
}

/** The first two samples: a session that has begun. */
async function start() {
  const session = await load()
  const { logIn } = await import('../../examples/readme/login.js')
  await logIn('ada', 'lovelace')
  return session
}
const click = () => document.querySelector('button')?.click()
const shows = (text: string) =>
  vi.waitFor(() => expect(document.querySelector('#app')?.textContent).toBe(text))

it('the module of the session sends no request', async () => {
  const { auth } = await load()
  await auth.ready
  expect(sent).toEqual([])
  expect(auth.getState()).toEqual({ status: 'anonymous' })
})

it('the login leaves without a token, and the next request has one', async () => {
  const { api, auth } = await start()
  await api.get('/orders')
  expect(sent).toEqual(['POST /auth/login false', 'GET /orders true'])
  expect(auth.getState()).toMatchObject({ status: 'authenticated', claims: { sub: 'ada' } })
})

it('the page goes to the login once, when the session has ended', async () => {
  const assign = vi.spyOn(location, 'assign').mockReturnValue()
  const { api } = await start()
  backend.expireAccessTokens()
  backend.revokeRefreshTokens()
  const outcomes = await Promise.allSettled([api.get('/orders'), api.get('/orders'), api.get('/orders')])
  expect(outcomes.map(({ status }) => status)).toEqual(Array(3).fill('rejected'))
  expect(assign.mock.calls).toEqual([['/login']])
  expect(backend.stats).toMatchObject({ refreshes: 0, rejected: 1, unauthorized: 3 })
})

it('axios sends tokens where it may, and nowhere else', async () => {
  await start()
  sent.length = 0
  const cdn = 'https://cdn.example.com/letter.pdf'
  server.use(
    http.all('https://api.example.com/files/*', () => HttpResponse.json('file')),
    http.get(cdn, () => HttpResponse.json('letter')),
    http.get('https://elsewhere.example.com/', () => HttpResponse.json('page')),
  )
  const { detach, files, letter, terms } = await import('../../examples/readme/axios.js')
  expect([terms.data, letter.data]).toEqual(['file', 'letter'])
  await files.get('/public/a')
  await files.get('/logo.png')
  await files.head('/a')
  await files.get('https://elsewhere.example.com/')
  detach()
  await files.get('/after')
  expect(sent).toEqual([
    'GET /files/terms false',
    'GET /letter.pdf true',
    'GET /files/public/a false',
    'GET /files/logo.png false',
    'HEAD /files/a false',
    'GET / false',
    'GET /files/after false',
  ])
  server.resetHandlers()
})

it('fetch shares the session, and one refresh, with axios', async () => {
  const { api: client } = await start()
  const { api, orders } = await import('../../examples/readme/fetch.js')
  expect(orders).toEqual([])
  backend.expireAccessTokens()
  const [response, { data }] = await Promise.all([
    api('https://api.example.com/orders'),
    client.get('/orders'),
  ])
  expect(await response.json()).toEqual(data)
  expect(backend.stats).toMatchObject({ logins: 1, refreshes: 1, unauthorized: 2 })
})

const pages = {
  React: async () => (await import('../../examples/readme/react.js')).root,
  Vue: async () => (await import('../../examples/readme/vue.js')).app,
}

describe.each(Object.entries(pages))('the page with %s', (_, mount) => {
  it('shows the name of the user, and logs the user out and in', async () => {
    await start()
    const app = await mount()
    await shows('Log out, Ada Lovelace')
    click()
    await shows('Log in')
    click()
    await shows('Log out, Ada Lovelace')
    expect(backend.stats).toMatchObject({ logins: 2, unauthorized: 0 })
    app.unmount()
  })

  it('shows the button without a name when the token has none', async () => {
    const { auth } = await load()
    await auth.login({ access_token: jwt({ user_id: 7 }) })
    const app = await mount()
    await shows('Log out')
    app.unmount()
  })
})
