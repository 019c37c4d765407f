import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import { mockAuth } from 'tokenflight/msw'
import { describe, expect, it, onTestFinished } from 'vitest'
import { tellClientStories } from './client-stories.js'

describe('mockAuth without refresh tokens, or with both tokens in cookies, in plain Node', () => {
  tellClientStories('https://api.example.test')
})

it('issue gives the access token that a server sends as a cookie of its own (transport cookies)', async () => {
  const api = 'https://own.example.test'
  const backend = mockAuth({ baseUrl: `${api}/auth`, transport: 'cookies' })
  const orders = http.get(
    `${api}/orders`,
    backend.protect((_info, { sub }) => HttpResponse.json({ of: sub })),
  )
  const server = setupServer(...backend.handlers, orders)
  server.listen({ onUnhandledRequest: 'error' })
  onTestFinished(() => server.close())
  const issued = await backend.issue('ada')
  expect(issued).toMatchObject({ accessToken: expect.any(String), expiresIn: 300 })
  expect(issued).not.toHaveProperty('refreshToken')
  const send = async (headers: HeadersInit) =>
    (await fetch(`${api}/orders`, { headers, credentials: 'omit' })).status
  expect(await send({ Cookie: `access=${issued.accessToken}` })).toBe(200)
  expect(await send({ Authorization: `Bearer ${issued.accessToken}` })).toBe(401)
  expect(backend.stats).toMatchObject({ requests: 2, unauthorized: 1, logins: 0 })
})
