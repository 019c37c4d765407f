// @vitest-environment happy-dom
import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import { cookieSession, createAuth, refreshRequest } from 'tokenflight'
import { authFetch } from 'tokenflight/fetch'
import { mockAuth } from 'tokenflight/msw'
import { describe, expect, it, onTestFinished } from 'vitest'
import { tellClientStories } from './client-stories.js'

describe('mockAuth without refresh tokens, or with both tokens in cookies, in a page', () => {
  tellClientStories('')
})

it('echoes the csrf cookie at the refresh where both tokens are cookies', async () => {
  const backend = mockAuth({ baseUrl: '/auth', transport: 'cookies', csrf: true })
  const orders = http.get(
    '/orders',
    backend.protect(() => HttpResponse.json([])),
  )
  const server = setupServer(...backend.handlers, orders)
  server.listen({ onUnhandledRequest: 'error' })
  onTestFinished(() => {
    server.close()
    backend.reset()
  })
  await backend.issue('ada')
  const open = (csrf?: { cookie: string; header: string }) => {
    const refresh = refreshRequest({ url: '/auth/refresh', csrf })
    const auth = createAuth({
      storage: cookieSession({ access: 'cookie' }),
      refresh,
      logout: async () => {},
      retry: 0,
    })
    onTestFinished(() => auth.dispose())
    return { auth, api: authFetch(auth) }
  }
  const { auth, api } = open({ cookie: 'csrf', header: 'X-CSRF-Token' })
  await auth.ready
  backend.expireAccessTokens()
  expect((await api('/orders')).status).toBe(200)
  expect(backend.stats).toMatchObject({ refreshes: 2, unauthorized: 1, rejected: 0 })
  auth.dispose()

  const other = open()
  await other.auth.ready
  expect(backend.stats).toMatchObject({ refreshes: 2, rejected: 1 })
})
