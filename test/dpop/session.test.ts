/** The key of a session: where it lives, how long, and how a login, a refresh and a thief meet it. */

import { IDBFactory } from 'fake-indexeddb'
import {
  type AuthOptions,
  cookieSession,
  createAuth,
  type Dpop,
  indexedDBStorage,
  memoryStorage,
  refreshRequest,
  type TokenResponse,
  type TokenStorage,
  webStorage,
} from 'tokenflight'
import { dpop } from 'tokenflight/dpop'
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { transact } from '../../src/shared/indexed-db.js'
import { type DpopWorld, dpopSession, dpopWorld, happened } from '../support/dpop.js'
import { createLocalArea } from '../support/origin.js'
import { becomePage } from '../support/page.js'

interface Row {
  readonly pair: CryptoKeyPair
}
const readKey = () => transact<Row>('tokenflight:default', 'dpop')
/** The places that are taken by the keys of tabs with sessions of their own. */
const readTabKeys = async () => {
  const database = await new Promise<IDBDatabase>(resolve => {
    const opening = indexedDB.open('tokenflight:default')
    opening.onsuccess = () => resolve(opening.result)
  })
  const listing = database.transaction('tokens').objectStore('tokens').getAllKeys()
  database.close()
  return new Promise<unknown[]>(resolve => {
    listing.onsuccess = () => resolve(listing.result.filter(name => /^dpop:/.test(String(name))))
  })
}
const keysOf = ({ issuer, resource }: DpopWorld) =>
  new Set([...issuer.proofs, ...resource.proofs].map(({ jkt }) => jkt)).size

describe('the key', () => {
  /** A page of an origin, whose tabs share the databases and the storage. */
  const useOrigin = () => {
    becomePage()
    vi.stubGlobal('indexedDB', new IDBFactory())
    const area = createLocalArea().view()
    return { area, storage: () => webStorage(area) }
  }
  let origin: ReturnType<typeof useOrigin>
  beforeEach(() => {
    origin = useOrigin()
  })
  /** The next page, or another tab, in the same session. */
  const next = async (world: DpopWorld, options: Partial<AuthOptions> = {}) => {
    const { authFetch } = await import('tokenflight/fetch')
    const auth = createAuth({ storage: origin.storage(), dpop: dpop(), retry: 0, ...options })
    onTestFinished(() => auth.dispose())
    const api = authFetch(auth, { allowedOrigins: [world.resource.url] })
    await auth.ready
    return { auth, get: async () => (await api(`${world.resource.url}/me`)).status }
  }

  it('is ES256, and its private part cannot be read', async () => {
    await dpopSession(await dpopWorld(), 'fetch', { storage: origin.storage() })
    const { privateKey, publicKey } = (await readKey())?.pair ?? ({} as CryptoKeyPair)
    expect(privateKey.extractable).toBe(false)
    expect(privateKey.algorithm).toMatchObject({ name: 'ECDSA', namedCurve: 'P-256' })
    expect(privateKey.usages).toEqual(['sign'])
    expect(publicKey.type).toBe('public')
    await expect(crypto.subtle.exportKey('jwk', privateKey)).rejects.toThrow()
  })

  it('is one for all tabs of a session, and for the next page', async () => {
    const world = await dpopWorld()
    const first = await dpopSession(world, 'fetch', { storage: origin.storage() })
    expect(await first.send('GET', `${world.resource.url}/me`)).toBe(200)
    const tab = await next(world)
    expect(await tab.get()).toBe(200)
    first.auth.dispose()
    expect(await (await next(world)).get()).toBe(200)
    expect(keysOf(world)).toBe(1)
  })

  it.each<[what: string, storage: () => TokenStorage]>([
    ['webStorage(sessionStorage)', () => webStorage(sessionStorage)],
    ['a storage of the application', () => ({ ...origin.area })],
  ])('is there for each next page with %s', async (_, storage) => {
    vi.stubGlobal('sessionStorage', origin.area)
    const world = await dpopWorld()
    const first = await dpopSession(world, 'fetch', { storage: storage() })
    first.auth.dispose()
    for (let page = 0; page < 2; page++) {
      const { auth, get } = await next(world, { storage: storage() })
      expect(await get()).toBe(200)
      auth.dispose()
    }
    expect(world.resource.statuses).toEqual([200, 200])
    expect(keysOf(world)).toBe(1)
  })

  it('is one where two tabs make theirs at the same moment', async () => {
    const [one, two] = [dpop(), dpop()]
    for (const key of [one, two]) key.open('tokenflight:default', true, true, () => {})
    const url = 'https://api.example.test/'
    const proofs = await Promise.all([one.proof('GET', url), two.proof('GET', url)])
    const keyOf = (proof: string) =>
      JSON.parse(Buffer.from(proof.split('.')[0] ?? '', 'base64url').toString()).jwk
    expect(keyOf(proofs[0])).toEqual(keyOf(proofs[1]))
  })

  it('that is being made when its session ends signs the call of logout, and is deleted', async () => {
    const key = dpop()
    key.open('tokenflight:default', true, true, () => {})
    const first = key.proof('GET', 'https://api.example.test/me', 'at')
    // The key is not there yet.
    await Promise.resolve()
    key.forget(true, 'at')
    expect(await first).toMatch(/^eyJ/)
    expect(await key.proof('POST', 'https://api.example.test/logout', 'at')).toMatch(/^eyJ/)
    await expect.poll(readKey).toBeUndefined()
  })

  it('that could not be made is made by the next proof', async () => {
    const key = dpop()
    key.open('tokenflight:default', true, true, () => {})
    vi.spyOn(crypto.subtle, 'generateKey').mockRejectedValueOnce(new DOMException('', 'OperationError'))
    await expect(key.proof('GET', 'https://api.example.test/me')).rejects.toThrow(DOMException)
    expect(await key.proof('GET', 'https://api.example.test/me')).toMatch(/^eyJ/)
  })

  it('is deleted by a logout, and the next login has another one', async () => {
    const world = await dpopWorld()
    const { auth, login, send } = await dpopSession(world, 'fetch', { storage: origin.storage() })
    await auth.logout()
    await expect.poll(readKey).toBeUndefined()
    await login()
    expect(await send('GET', `${world.resource.url}/me`)).toBe(200)
    expect(keysOf(world)).toBe(2)
  })

  describe('of a login', () => {
    const request = () => {
      const body = new URLSearchParams({ grant_type: 'authorization_code', code: 'c', client_id: 'spa' })
      return { method: 'POST', body }
    }

    it.each<[what: string, storage: () => TokenStorage]>([
      ['webStorage()', () => origin.storage()],
      ['webStorage(sessionStorage)', () => webStorage(sessionStorage)],
    ])(
      'is the one that has asked for its tokens, although the old session has ended: %s',
      async (_, storage) => {
        vi.stubGlobal('sessionStorage', origin.area)
        const world = await dpopWorld()
        const { auth, key, send } = await dpopSession(world, 'fetch', { storage: storage() })
        const login = await key.fetch(`${world.issuer.url}/token`, request())
        world.bound.delete('at-1')
        world.refreshTokens.delete('rt-1')
        await expect(send('GET', `${world.resource.url}/me`)).rejects.toThrow('Session expired')
        await auth.login((await login.json()) as TokenResponse)
        expect(await send('GET', `${world.resource.url}/me`)).toBe(200)
        auth.dispose()
        expect(await (await next(world, { storage: storage() })).get()).toBe(200)
        expect(world.resource.statuses).toEqual([401, 200, 200])
        // The first login, the second, and the refresh that was refused.
        expect(world.issuer.statuses).toEqual([200, 200, 400])
        expect(keysOf(world)).toBe(1)
      },
    )

    it('outlives the end of the session before, which another tab stores at the same time', async () => {
      const world = await dpopWorld()
      const first = await dpopSession(world, 'fetch', { storage: origin.storage() })
      const tab = await next(world, { dpop: dpop() })
      expect(await tab.get()).toBe(200)
      const login = await first.key.fetch(`${world.issuer.url}/token`, request())
      const over = tab.auth.logout()
      await first.auth.login((await login.json()) as TokenResponse)
      await over
      first.auth.dispose()
      expect(await (await next(world)).get()).toBe(200)
      expect(keysOf(world)).toBe(1)
    })
  })

  describe('of a session in one tab', () => {
    const visit = (of: Storage) => {
      vi.stubGlobal('sessionStorage', of)
      return { storage: webStorage(sessionStorage) }
    }

    it('stays when another tab logs out, which deletes its own', async () => {
      const world = await dpopWorld()
      const [here, there] = [createLocalArea().view(), createLocalArea().view()]
      const first = await dpopSession(world, 'fetch', visit(here))
      const other = await dpopSession(world, 'fetch', visit(there))
      expect(await other.send('GET', `${world.resource.url}/me`)).toBe(200)
      expect(keysOf(world)).toBe(2)
      await other.auth.logout()
      first.auth.dispose()
      const again = await next(world, visit(here))
      expect(await again.get()).toBe(200)
      await again.auth.logout()
      await expect.poll(readTabKeys).toEqual([])
      expect(world.resource.statuses).toEqual([200, 200])
    })

    it('is kept by a login that replaces the session, and stored once', async () => {
      const world = await dpopWorld()
      const here = createLocalArea().view()
      const { auth, login } = await dpopSession(world, 'fetch', visit(here))
      await login()
      auth.dispose()
      expect(await (await next(world, visit(here))).get()).toBe(200)
      expect(keysOf(world)).toBe(1)
      await expect.poll(readTabKeys).toHaveLength(1)
    })

    it('is replaced in time if its tab was closed without a logout', async () => {
      const key = dpop()
      key.open('tokenflight:default', true, false, () => {})
      await key.proof('POST', 'https://id.example.test/token')
      for (const session of [1.123456, 2.234567, 3.123456]) {
        key.forget(false)
        await key.use(session, true)
        await key.proof('GET', 'https://api.example.test/me', 'at')
      }
      expect(await readTabKeys()).toEqual(['dpop:23456', 'dpop:34567'])
    })
  })

  describe('of a session that ends by logout', () => {
    /** Tells the resource server about the logout, with a proof. */
    const telling = ({ resource }: DpopWorld, key: Dpop): AuthOptions['logout'] => {
      return async ({ accessToken }) => {
        const headers = { Authorization: `DPoP ${accessToken}` }
        const response = await key.fetch(`${resource.url}/logout`, { method: 'POST', headers })
        if (!response.ok) throw response
      }
    }

    it('signs the call that tells the server, and no other is left', async () => {
      const world = await dpopWorld({ nonces: true })
      const key = dpop()
      const options = { dpop: key, storage: origin.storage(), logout: telling(world, key) }
      const { auth } = await dpopSession(world, 'fetch', options)
      await auth.logout()
      expect(world.resource.statuses).toEqual([401, 200])
      expect(keysOf(world)).toBe(1)
      expect(await readKey()).toBeUndefined()
    })

    it('signs it in a page that has not used it yet, and still reads its session', async () => {
      const world = await dpopWorld()
      const first = await dpopSession(world, 'fetch', { storage: indexedDBStorage() })
      first.auth.dispose()
      const key = dpop()
      const auth = createAuth({ dpop: key, storage: indexedDBStorage(), logout: telling(world, key) })
      onTestFinished(() => auth.dispose())
      await auth.logout()
      expect(world.resource.statuses).toEqual([200])
      expect(keysOf(world)).toBe(1)
      await expect.poll(readKey).toBeUndefined()
    })

    it('signs a call that is repeated after the next login', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      onTestFinished(() => void vi.useRealTimers())
      const world = await dpopWorld()
      const key = dpop()
      const tell = telling(world, key)
      let calls = 0
      const session = await dpopSession(world, 'fetch', {
        dpop: key,
        storage: origin.storage(),
        autoRefresh: 'always',
        logout: context => (calls++ ? tell?.(context) : Promise.reject(new TypeError('offline'))) as never,
      })
      await session.auth.logout()
      await session.login()
      expect(await session.send('GET', `${world.resource.url}/me`)).toBe(200)
      await vi.advanceTimersByTimeAsync(1_000)
      await expect.poll(() => world.resource.statuses).toEqual([200, 200])
      expect(world.resource.arrived.map(({ url }) => url)).toEqual(['/me', '/logout'])
      expect(keysOf(world)).toBe(2)
    })
  })

  it('is another one for a login that follows a logout at once', async () => {
    const world = await dpopWorld()
    const { auth, login } = await dpopSession(world, 'fetch', { storage: origin.storage() })
    void auth.logout()
    await login()
    expect(keysOf(world)).toBe(2)
    // It is there for the next page.
    auth.dispose()
    expect(await (await next(world)).get()).toBe(200)
    expect(keysOf(world)).toBe(2)
  })

  it('is deleted by a logout of a page that has not used it yet', async () => {
    const world = await dpopWorld()
    const first = await dpopSession(world, 'fetch', { storage: origin.storage() })
    first.auth.dispose()
    const second = await next(world)
    await second.auth.logout()
    await expect.poll(readKey).toBeUndefined()
  })

  it('is deleted when the server ends the session', async () => {
    const world = await dpopWorld()
    const session = await dpopSession(world, 'fetch', { storage: origin.storage() })
    world.bound.clear()
    world.refreshTokens.clear()
    await expect(session.send('GET', `${world.resource.url}/me`)).rejects.toMatchObject({
      code: 'ERR_SESSION_EXPIRED',
    })
    expect(happened(session)).toEqual(['login', 'sessionExpired'])
    await expect.poll(readKey).toBeUndefined()
  })

  it('of a new session outlives a tab that learns late of the end of the old one', async () => {
    const world = await dpopWorld()
    const first = await dpopSession(world, 'fetch', { storage: origin.storage() })
    const tab = await next(world)
    expect(await tab.get()).toBe(200)
    await first.auth.logout()
    await first.login()
    await expect.poll(async () => tab.get()).toBe(200)
    expect(await readKey()).toBeDefined()
    expect(await first.send('GET', `${world.resource.url}/me`)).toBe(200)
    expect(keysOf(world)).toBe(2)
  })

  it('is the new one in a tab that has missed both the logout and the login', async () => {
    vi.stubGlobal('BroadcastChannel', undefined)
    const world = await dpopWorld()
    const first = await dpopSession(world, 'fetch', { storage: origin.storage() })
    const tab = await next(world, { refresh: async () => Promise.reject(new Error('It needs none')) })
    expect(await tab.get()).toBe(200)
    await first.auth.logout()
    await first.login()
    world.bound.delete('at-1')
    // It finds the new session in the storage, before it would refresh.
    await expect(tab.get()).rejects.toMatchObject({ code: 'ERR_SIGNED_OUT' })
    expect(await tab.get()).toBe(200)
    expect(keysOf(world)).toBe(2)
  })

  it('is in memory where the database fails, with one warning', async () => {
    vi.stubGlobal('indexedDB', undefined)
    const world = await dpopWorld()
    const session = await dpopSession(world, 'fetch')
    expect(await session.send('GET', `${world.resource.url}/me`)).toBe(200)
    expect(session.events.filter(({ type }) => type === 'warning')).toMatchObject([
      { message: 'The key could not be stored' },
    ])
    expect(keysOf(world)).toBe(1)
  })
})

describe('in a server process', () => {
  it('the key is in memory, one for each session', async () => {
    vi.stubGlobal('indexedDB', new IDBFactory())
    const world = await dpopWorld()
    const [one, two] = [await dpopSession(world, 'fetch'), await dpopSession(world, 'axios')]
    for (const { send } of [one, two]) expect(await send('GET', `${world.resource.url}/me`)).toBe(200)
    expect(keysOf(world)).toBe(2)
    expect(await readKey()).toBeUndefined()
  })
})

describe('a thief', () => {
  it('who has the access token, and even a proof, is refused', async () => {
    const world = await dpopWorld()
    const { send } = await dpopSession(world, 'fetch')
    const url = `${world.resource.url}/me`
    await send('GET', url)
    const [first] = world.resource.arrived
    const { authorization = '' } = first?.headers ?? {}
    const proof = String(first?.headers['dpop'])
    const bearer = authorization.replace('DPoP', 'Bearer')
    expect((await fetch(url, { headers: { Authorization: bearer } })).status).toBe(401)
    expect((await fetch(url, { headers: { Authorization: authorization } })).status).toBe(401)
    // The proof is used up, and good for this URL alone.
    for (const target of [url, `${url}/more`])
      expect((await fetch(target, { headers: { Authorization: authorization, DPoP: proof } })).status).toBe(
        401,
      )
    const other = await dpopSession(world, 'fetch')
    const stolen = { headers: { Authorization: authorization } }
    expect((await other.key.fetch(url, stolen)).status).toBe(401)
  })

  it('who has the refresh token is refused by the auth server, and the session goes on', async () => {
    const world = await dpopWorld()
    const { send, time } = await dpopSession(world, 'fetch')
    const thief = await dpopSession(world, 'fetch')
    const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'rt-1' })
    const answer = await thief.key.fetch(`${world.issuer.url}/token`, { method: 'POST', body })
    expect([answer.status, await answer.json()]).toEqual([400, { error: 'invalid_grant' }])
    time.now += 400_000
    expect(await send('GET', `${world.resource.url}/me`)).toBe(200)
  })
})

describe('the type of a token', () => {
  it('may be DPoP with dpop() alone', async () => {
    const auth = createAuth()
    const answer = { access_token: 'at', token_type: 'DPoP' }
    await expect(auth.login(answer)).rejects.toThrow('token_type must be Bearer')
    const bound = createAuth({ dpop: dpop() })
    await bound.login({ ...answer, token_type: ' dpop ' })
    expect(bound.getState().status).toBe('authenticated')
    await expect(bound.login({ ...answer, token_type: 'MAC' })).rejects.toThrow('token_type must be DPoP')
  })

  it('that is another one causes a warning, since the token may not be bound', async () => {
    const world = await dpopWorld({ tokenType: 'Bearer' })
    const session = await dpopSession(world, 'fetch')
    expect(session.events.filter(({ type }) => type === 'warning')).toMatchObject([
      { message: 'token_type of the answer is not DPoP: the token may not be bound to the key' },
    ])
    expect(await session.send('GET', `${world.resource.url}/me`)).toBe(200)
  })
})

describe('nonces', () => {
  it('of an auth server and of a resource server at one origin are kept apart', async () => {
    const key = dpop()
    createAuth({ dpop: key })
    const url = 'https://api.example.test/me'
    key.learn(url, { status: 200, headers: new Headers({ 'DPoP-Nonce': 'of the auth server' }) }, false)
    key.learn(url, { status: 200, headers: new Headers({ 'DPoP-Nonce': 'of the resource' }) }, true)
    const claims = async (token?: string) =>
      JSON.parse(
        Buffer.from((await key.proof('GET', url, token)).split('.')[1] ?? '', 'base64url').toString(),
      )
    expect(await claims()).toMatchObject({ nonce: 'of the auth server' })
    expect(await claims('at-1')).toMatchObject({ nonce: 'of the resource' })
  })
})

describe('a refresh', () => {
  it('by refreshRequest carries a proof, and one for the access token that it sends', async () => {
    const world = await dpopWorld({ nonces: true })
    const sent: Headers[] = []
    const network: typeof fetch = async (_, init) => {
      sent.push(new Headers(init?.headers))
      return Response.json({ access_token: 'at-2', token_type: 'DPoP' })
    }
    const url = `${world.issuer.url}/refresh`
    const session = await dpopSession(world, 'fetch', {
      refresh: refreshRequest({ url, send: 'access', fetch: network }),
    })
    await session.auth.refresh()
    expect(sent[0]?.get('Authorization')).toBe('DPoP at-1')
    const claims = JSON.parse(Buffer.from(sent[0]?.get('DPoP')?.split('.')[1] ?? '', 'base64url').toString())
    expect(claims).toMatchObject({ htm: 'POST', htu: url, ath: expect.any(String) })
  })

  it('whose proof the auth server refuses keeps the session', async () => {
    const world = await dpopWorld()
    const session = await dpopSession(world, 'fetch')
    const { proof } = session.key
    vi.spyOn(session.key, 'fetch').mockImplementation(async (url, init, send = fetch) => {
      const headers = new Headers(init?.headers)
      headers.set('DPoP', await proof('GET', String(url)))
      return send(url, { ...init, headers })
    })
    await expect(session.auth.refresh()).rejects.toMatchObject({ code: 'ERR_REFRESH_FAILED' })
    expect(session.auth.getState()).toMatchObject({ status: 'authenticated' })
    expect(session.events.at(-1)).toMatchObject({ type: 'refreshFailed', class: 'misconfigured' })
  })

  it('whose server wants yet another nonce is tried again', async () => {
    const world = await dpopWorld({ nonces: true })
    const session = await dpopSession(world, 'fetch', { retry: { limit: 1, delay: 0 } })
    let count = 0
    Object.defineProperty(world.issuer, 'nonce', { get: () => `n-${Math.min(++count, 8)}`, set: () => {} })
    await session.auth.refresh()
    expect(world.issuer.statuses.slice(2)).toEqual([400, 400, 400, 200])
    expect(happened(session)).toEqual(['login', 'refreshed'])
  })
})

describe('misuse', () => {
  it('is a TypeError that names the option', async () => {
    expect(() => createAuth({ dpop: true as never })).toThrow('`dpop.fetch` must be a function, got true')
    expect(() => createAuth({ dpop: dpop(), storage: cookieSession({ access: 'cookie' }) })).toThrow(
      '`storage` must be one whose access token dpop() can see',
    )
    await expect(dpop().proof('GET', 'https://api.example.test')).rejects.toThrow(
      '`dpop` must be given to createAuth',
    )
    const key = dpop()
    createAuth({ dpop: key, storage: memoryStorage() })
    createAuth({ dpop: key })
    expect(() => createAuth({ dpop: key, name: 'other' })).toThrow('`dpop` must be one for each session')
  })

  it('without crypto.subtle is a TypeError that names the reason', async () => {
    const key = dpop()
    createAuth({ dpop: key })
    vi.stubGlobal('crypto', {})
    await expect(key.proof('GET', 'https://api.example.test')).rejects.toThrow('secure context')
  })
})
