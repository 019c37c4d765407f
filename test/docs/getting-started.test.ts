/** The samples of the guide to getting started. */
import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import { createAuth } from 'tokenflight'
import { mockAuth } from 'tokenflight/msw'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { leadToLogin } from '../../examples/getting-started/ends.js'

const backend = mockAuth({ baseUrl: 'https://api.example.com/auth' })
const server = setupServer(
  ...backend.handlers,
  http.get(
    'https://api.example.com/orders',
    backend.protect(() => HttpResponse.json(['tea'])),
  ),
)
beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
afterAll(() => server.close())

it('the first request has a token', async () => {
  const { auth, orders } = await import('../../examples/getting-started/first-request.js')
  onTestFinished(() => auth.dispose())
  expect(orders.data).toEqual(['tea'])
  expect(backend.stats).toMatchObject({ logins: 1, unauthorized: 0, requests: 2 })
})

it('the end of a session and a logout lead to the login, once each', async () => {
  const went: string[] = []
  const auth = createAuth({
    retry: 0,
    refresh: () => Promise.reject(Object.assign(new Error('refused'), { status: 401 })),
  })
  onTestFinished(() => auth.dispose())
  leadToLogin(auth, path => went.push(path))
  await auth.login(await backend.issue('ada'))
  await Promise.allSettled([auth.refresh(), auth.refresh()])
  expect(went).toEqual(['/login?because=refresh_rejected'])
  await auth.login(await backend.issue('ada'))
  await auth.logout()
  expect(went).toEqual(['/login?because=refresh_rejected', '/login'])
})
