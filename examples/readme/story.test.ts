import { afterAll, beforeAll, expect, it } from 'vitest'
import { backend, server } from './tests.js'

beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
afterAll(() => server.close())

it('shows nobody that tokens expire, and that the auth server was busy', async () => {
  const { api, auth } = await import('./session.js')

  backend.expireAccessTokens() // the next request meets a 401
  backend.failNextRefresh({ status: 503 }) // and the refresh a busy server
  await expect(api.get('/orders')).resolves.toMatchObject({ status: 200 })

  expect(backend.stats).toMatchObject({ unauthorized: 1, failures: 1, refreshes: 1 }) // what really happened
  auth.dispose()
})
