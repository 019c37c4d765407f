/** The headers of a session whose tokens are bound to a key, as an adapter of axios gets them. */
import axios, {
  type AxiosAdapter,
  AxiosError,
  type AxiosResponse,
  type InternalAxiosRequestConfig,
} from 'axios'
import { createAuth, type Dpop, type RefreshRequestOptions, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { dpop } from 'tokenflight/dpop'
import { describe, expect, it, vi } from 'vitest'
import { createKey } from '../support/bound-key.js'

type Answer = Partial<AxiosResponse>

/** A session whose stub of the key uses its first nonce at once, its nonces, and the configs that reach its adapter. */
async function open(answer: () => Answer = () => ({})) {
  const nonces: unknown[] = []
  const learn: Dpop['learn'] = (_, { headers }) => {
    const nonce = headers.get('DPoP-Nonce')
    nonces.push(nonce)
    return !!nonce && nonces.length === 1
  }
  const auth = createAuth({ autoRefresh: 'off', dpop: createKey({ learn }) })
  await auth.login({ access_token: 'at-1', token_type: 'DPoP', expires_in: 600 })
  const arrived: InternalAxiosRequestConfig[] = []
  const adapter: AxiosAdapter = async config => {
    arrived.push(config)
    return { status: 200, statusText: 'OK', data: '', headers: {}, config, ...answer() }
  }
  const api = axios.create({ baseURL: 'https://api.example', adapter })
  attachAuth(api, auth)
  return { api, arrived, nonces }
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

describe('the nonce of an answer', () => {
  it.each(['dpop-nonce', 'DPoP-Nonce', 'DPOP-NONCE'])(
    'is learned from a plain object of headers, where its name is %s, and used at once if it is wanted',
    async name => {
      const { api, arrived, nonces } = await open(() => ({ headers: { [name]: 'fresh' } }))
      await api.get('/orders')
      expect(nonces).toEqual(['fresh', 'fresh'])
      expect(arrived.map(({ headers }) => headers['DPoP'])).toEqual(['proof-1', 'proof-2'])
    },
  )

  it('is not learned where a redirect led to another origin, and the request is not sent again', async () => {
    const { api, arrived, nonces } = await open(() => ({
      headers: { 'DPoP-Nonce': 'foreign' },
      request: { responseURL: 'https://evil.example/orders' },
    }))
    expect((await api.get('/orders')).status).toBe(200)
    expect([nonces, arrived.length]).toEqual([[], 1])
  })

  it('is missing where no answer comes: the request fails with its own error, and is sent once', async () => {
    const broken = new AxiosError('socket hang up', AxiosError.ERR_NETWORK)
    const { api, arrived, nonces } = await open(() => {
      throw broken
    })
    await expect(api.get('/orders')).rejects.toBe(broken)
    expect([nonces, arrived.length]).toEqual([[], 1])
  })
})

describe('a proof', () => {
  const open = () => {
    const key = dpop()
    key.open('tokenflight:default', false, false, () => {})
    return key
  }
  const claimsOf = (proof: string) => {
    const [, claims = ''] = proof.split('.')
    return JSON.parse(Buffer.from(claims, 'base64url').toString())
  }

  it.each<[method: string, address: string, htm: string, htu: string]>([
    ['get', '/api/me?page=2', 'GET', 'https://app.example/api/me'],
    ['patch', 'orders#1', 'patch', 'https://app.example/shop/orders'],
    ['DELETE', 'https://api.example/orders', 'DELETE', 'https://api.example/orders'],
  ])('of %s %s names the URL in the page, where Request knows no base', async (method, address, htm, htu) => {
    vi.stubGlobal('document', { baseURI: 'https://app.example/shop/' })
    expect(claimsOf(await open().proof(method, address))).toMatchObject({ htm, htu })
  })

  it('of a relative address has the nonce that came from there', async () => {
    vi.stubGlobal('location', { href: 'https://app.example/worker.js' })
    const key = open()
    key.learn('/api/me', { status: 200, headers: new Headers({ 'DPoP-Nonce': 'n-1' }) }, true)
    expect(claimsOf(await key.proof('GET', '/api/orders', 'at-1'))).toMatchObject({ nonce: 'n-1' })
  })

  it('of an address that is no URL is refused', async () => {
    await expect(open().proof('GET', '/api/me')).rejects.toThrow('Invalid URL')
  })
})

describe('a refresh in a session whose tokens are bound', () => {
  it.each<[send: RefreshRequestOptions['send'], authorization: string | null]>([
    ['body', null],
    ['header', 'Bearer rt-1'],
    ['both', 'DPoP at-1'],
    ['access', 'DPoP at-1'],
  ])('in mode %s has the header Authorization %s', async (send, authorization) => {
    const sent: (string | null)[] = []
    const fetch: typeof globalThis.fetch = async (_, init) => {
      sent.push(new Headers(init?.headers).get('Authorization'))
      return Response.json({ access_token: 'at-2', token_type: 'DPoP', expires_in: 600 })
    }
    const refresh = refreshRequest({ url: 'https://auth.example/refresh', send, fetch })
    const auth = createAuth({ autoRefresh: 'off', dpop: createKey(), refresh })
    await auth.login({ access_token: 'at-1', refresh_token: 'rt-1', token_type: 'DPoP', expires_in: 600 })
    await auth.refresh()
    expect(sent).toEqual([authorization])
    expect(await auth.getAccessToken()).toBe('at-2')
    auth.dispose()
  })
})
