/** The base address of a mock: any that a URL can have. */
import { setupServer } from 'msw/node'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type MockTokenAnswer, mockAuth } from '../../src/msw.js'

const server = setupServer()
beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
afterEach(() => server.resetHandlers())
afterAll(() => server.close())

const post = (url: string, body: object) => fetch(url, { method: 'POST', body: JSON.stringify(body) })

describe.each([
  'https://api.example.test',
  'https://api.example.test:443/auth',
  'http://localhost:80/auth',
  'http://[::1]:3000/auth',
  'https://API.example.test/auth',
  'https://bücher.example/auth',
  'https://api.example.test/café/auth',
  'https://api.example.test/a%20b/auth',
  'https://api.example.test/a b/auth',
  'https://api.example.test/v1.0/a+b/a(b)/a:b/a*b/$a/[a]/auth',
])('a mock at %s', baseUrl => {
  it('answers at each of its addresses, and at no other', async () => {
    const backend = mockAuth({ baseUrl })
    server.use(...backend.handlers)
    const login = await post(`${baseUrl}/login`, { username: 'ada', password: 'lovelace' })
    const { accessToken, refreshToken } = (await login.json()) as MockTokenAnswer
    expect((await post(`${baseUrl}/refresh`, { refreshToken })).status).toBe(200)
    const me = await fetch(`${baseUrl}/me?a=1`, { headers: { Authorization: `Bearer ${accessToken}` } })
    expect(await me.json()).toMatchObject({ username: 'ada' })
    expect(backend.stats).toMatchObject({ logins: 1, refreshes: 1, requests: 3 })
    await expect(fetch(`${baseUrl}/me/x`)).rejects.toThrow()
    await expect(fetch(`${baseUrl}x/me`)).rejects.toThrow()
  })
})

it('a dot in the address stands for a dot alone', async () => {
  server.use(...mockAuth({ baseUrl: 'https://api.example.test/v1.0' }).handlers)
  await expect(fetch('https://api.example.test/v1x0/me')).rejects.toThrow()
  expect((await fetch('https://api.example.test/v1.0/me')).status).toBe(401)
})
