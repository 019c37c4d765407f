/** The headers of a session whose tokens are bound to a key, as an adapter of axios gets them. */
import axios, { type AxiosAdapter, type InternalAxiosRequestConfig } from 'axios'
import { createAuth, type Dpop } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { describe, expect, it } from 'vitest'

/** A session with a stub of the key, and the configs that reach its adapter. */
async function open() {
  let proofs = 0
  const dpop: Dpop = {
    fetch: (input, init, send = fetch) => send(input, init),
    proof: async () => `proof-${++proofs}`,
    learn: () => false,
    open() {},
    forget() {},
  }
  const auth = createAuth({ autoRefresh: 'off', dpop })
  await auth.login({ access_token: 'at-1', token_type: 'DPoP', expires_in: 600 })
  const arrived: InternalAxiosRequestConfig[] = []
  const adapter: AxiosAdapter = async config => {
    arrived.push(config)
    return { status: 200, statusText: 'OK', data: '', headers: {}, config }
  }
  const api = axios.create({ baseURL: 'https://api.example', adapter })
  attachAuth(api, auth)
  return { api, arrived }
}

describe('a request of axios with a bound token', () => {
  it.each(['dpop', 'DPoP', 'DPOP'])(
    'carries one proof, although the application sets the header %s',
    async name => {
      const { api, arrived } = await open()
      await api.get('/orders', { headers: { [name]: 'stale' } })
      const sent = Object.entries({ ...arrived[0]?.headers }).filter(([each]) => /^dpop$/i.test(each))
      expect(sent).toEqual([['DPoP', 'proof-1']])
    },
  )

  it('leaves redirects to the adapter: a proof is good for its own address alone', async () => {
    const { api, arrived } = await open()
    await api.get('/orders')
    expect(arrived[0]?.fetchOptions).toBeUndefined()
  })
})
