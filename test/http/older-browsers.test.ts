/** Browsers that lack younger functions; axios and fetch alike. */
import { createAuth } from 'tokenflight'
import { authFetch } from 'tokenflight/fetch'
import { expect, it, vi } from 'vitest'
import { API, stage } from '../support/axios.js'
import { pair } from '../support/core.js'

/** Does the work without a function of the platform. */
async function without(owner: object, name: string, work: () => Promise<unknown>): Promise<void> {
  const own = Object.getOwnPropertyDescriptor(owner, name) as PropertyDescriptor
  Reflect.deleteProperty(owner, name)
  try {
    await work()
  } finally {
    Object.defineProperty(owner, name, own)
  }
}

it('axios: without `Object.hasOwn`, requests carry the token, and those with `skipAuth` do not', async () => {
  const { api, sent } = await stage({ respond: () => ({}) })
  await without(Object, 'hasOwn', async () => {
    await api.get('/orders')
    await api.get('/public', { skipAuth: true })
  })
  expect(sent.map(({ token }) => token)).toEqual(['at-1', undefined])
})

it('fetch: without `Object.hasOwn`, requests carry the token, and those with `skipAuth` do not', async () => {
  const auth = createAuth()
  const tokens = pair()
  await auth.login(tokens)
  // Node's own class needs the function.
  const answer = new Response()
  const fetch = vi.fn<typeof globalThis.fetch>(async () => answer)
  const api = authFetch(auth, { fetch, allowedOrigins: [API] })
  await without(Object, 'hasOwn', async () => {
    await api(`${API}/orders`, { headers: new Headers({ 'X-One': '1' }) })
    await api(`${API}/public`, { skipAuth: true })
  })
  const sent = fetch.mock.calls.map(([, init]) => new Headers(init?.headers).get('authorization'))
  expect(sent).toEqual([`Bearer ${tokens.access_token}`, null])
})
