import { afterAll, beforeAll, expect, it } from 'vitest'
import { backend, server } from './tests.js'

beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
afterAll(() => server.close())

it('hides expired tokens and a busy auth server from the user', async () => {
  const { api, auth } = await import('./session.js')
  const { logIn } = await import('./login.js')
  await logIn('ada', 'lovelace')

  backend.expireAccessTokens() // the next request gets a 401
  backend.failNextRefresh({ status: 503 }) // and its refresh a 503
  await expect(api.get('/orders')).resolves.toMatchObject({ status: 200 })

  expect(backend.stats).toMatchObject({ unauthorized: 1, failures: 1, refreshes: 1 })
  auth.dispose()
})
