import axios from 'axios'
import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import { createAuth, isSessionExpired, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { mockAuth } from 'tokenflight/msw'
import { afterAll, expect, it } from 'vitest'

const backend = mockAuth({ baseUrl: 'http://api.test/auth' })
const server = setupServer(
  ...backend.handlers,
  http.get(
    'http://api.test/orders',
    backend.protect(() => HttpResponse.json([1])),
  ),
)
server.listen({ onUnhandledRequest: 'error' })
afterAll(() => server.close())

it('serves a burst of 401s by one refresh, and ends the session once', async () => {
  const auth = createAuth({ refresh: refreshRequest({ url: 'http://api.test/auth/refresh' }) })
  expect(auth.getState().status).toBe('anonymous')
  const api = axios.create({ baseURL: 'http://api.test' })
  attachAuth(api, auth)
  const { data } = await api.post(
    '/auth/login',
    { username: 'ada', password: 'lovelace' },
    { skipAuth: true },
  )
  await auth.login(data)
  expect(auth.getState()).toMatchObject({ status: 'authenticated', refreshing: false })
  expect((await api.get('/orders')).data).toEqual([1])
  backend.expireAccessTokens()
  const all = await Promise.all(Array.from({ length: 20 }, () => api.get('/orders')))
  expect(all.map(answer => answer.data)).toEqual(Array(20).fill([1]))
  expect(backend.stats.refreshes).toBe(1)
  backend.expireAccessTokens()
  backend.revokeRefreshTokens()
  const events: unknown[] = []
  auth.on('sessionExpired', event => events.push(event))
  const failed = await Promise.allSettled(Array.from({ length: 20 }, () => api.get('/orders')))
  expect(failed.every(result => result.status === 'rejected' && isSessionExpired(result.reason))).toBe(true)
  expect(events).toHaveLength(1)
  expect(auth.getState().status).toBe('expired')
  expect(backend.stats).toMatchObject({ refreshes: 1, rejected: 1 })
})
