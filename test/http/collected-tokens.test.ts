/** Tokens that arrive with ordinary answers: late, replayed by a cache, of another user, or during a refresh. */

import type { AuthOptions, TokenResponse } from 'tokenflight'
import { collectTokens } from 'tokenflight'
import { describe, expect, it } from 'vitest'
import * as onAxios from '../support/axios.js'
import { API, LIFETIME, settle } from '../support/axios.js'
import { jwt } from '../support/core.js'
import * as onFetch from '../support/fetch.js'

interface Client {
  /** A request whose answer hands out these tokens. */
  receive(tokens: TokenResponse | undefined, status?: number, onAnswer?: () => void): Promise<void>
  auth: onAxios.Stage['auth']
  refreshes: onAxios.RefreshCall[]
  time: { now: number }
  warnings: string[]
  tokens(): (string | undefined)[]
}

const MINUTE = 60_000

function read(headers: unknown): TokenResponse | undefined {
  const { tokens } = headers as { tokens?: string }
  return tokens ? (JSON.parse(tokens) as TokenResponse) : undefined
}

const clients: Record<string, (auth?: AuthOptions) => Promise<Client>> = {
  async axios(auth = {}) {
    let handed: TokenResponse | undefined
    let status = 200
    const stage = await onAxios.stage({
      auth,
      manual: true,
      login: false,
      attach: { renewal: collectTokens(({ headers }) => read(headers)) },
      respond: () => ({ status, ...(handed && { headers: { tokens: JSON.stringify(handed) } }) }),
    })
    return {
      ...stage,
      async receive(tokens, code = 200, onAnswer = () => {}) {
        handed = tokens
        status = code
        await stage.api.get('/orders', { validateStatus: null }).then(onAnswer)
        await settle()
      },
    }
  },
  async fetch(auth = {}) {
    let handed: TokenResponse | undefined
    let status = 200
    const stage = await onFetch.stage({
      auth,
      manual: true,
      login: false,
      fetch: { renewal: collectTokens(({ headers }) => read(Object.fromEntries(headers))) },
      respond: () =>
        new Response(null, { status, ...(handed && { headers: { tokens: JSON.stringify(handed) } }) }),
    })
    return {
      ...stage,
      async receive(tokens, code = 200, onAnswer = () => {}) {
        handed = tokens
        status = code
        await stage.api(`${API}/orders`).then(onAnswer)
        await settle()
      },
    }
  },
}

let count = 0

/** A pair whose access token is a JWT. */
function pair(
  issuedAt: number,
  { sub = 'ada', lifetime = LIFETIME, ...claims }: Record<string, unknown> & { lifetime?: number } = {},
): { access_token: string; refresh_token: string } {
  const times = { iat: issuedAt / 1000, exp: (issuedAt + lifetime) / 1000 }
  return { access_token: jwt({ sub, jti: ++count, ...times, ...claims }), refresh_token: `rt-${++count}` }
}

function opaquePair(): { access_token: string; refresh_token: string; expires_in: number } {
  return { access_token: `at-${++count}`, refresh_token: `rt-${++count}`, expires_in: LIFETIME / 1000 }
}

describe.each(Object.keys(clients))('collect with %s', name => {
  const open = clients[name] as (auth?: AuthOptions) => Promise<Client>

  /** Which tokens the session has: sends a request and begins a refresh. */
  const look = async ({ auth, receive, refreshes, tokens }: Client) => {
    await receive(undefined)
    void auth.refresh().catch(() => {})
    await settle()
    return { access_token: tokens().at(-1), refresh_token: refreshes.at(-1)?.refreshToken }
  }

  describe('drops an answer that a cache replays', () => {
    it('with tokens that were issued before the present ones', async () => {
      const client = await open()
      const { auth, receive, time, warnings } = client
      const first = pair(time.now)
      await auth.login(first)
      time.now += MINUTE
      const second = pair(time.now)
      await receive(second)
      await receive(first)
      expect(await look(client)).toEqual(second)
      expect(client.refreshes).toHaveLength(1)
      expect(warnings).toEqual([])
    })

    it('drops tokens from before this login', async () => {
      const client = await open()
      const { auth, receive, time } = client
      const old = pair(time.now)
      time.now += MINUTE
      const present = pair(time.now)
      await auth.login(present)
      await receive(old)
      expect(await look(client)).toEqual(present)
    })

    it('whose token ends before the present one and does not say when it was issued', async () => {
      const client = await open()
      const { auth, receive, time } = client
      const old = pair(time.now, { iat: undefined })
      const present = pair(time.now + MINUTE, { iat: undefined })
      await auth.login(present)
      await receive(old)
      expect(await look(client)).toEqual(present)
    })

    it('whose token ends before the present one and has a copied iat', async () => {
      const client = await open()
      const { auth, receive, time } = client
      const old = pair(time.now)
      const present = pair(time.now, { lifetime: 2 * LIFETIME })
      await auth.login(present)
      await receive(old)
      expect(await look(client)).toEqual(present)
    })

    it('with opaque tokens that the session has replaced', async () => {
      const client = await open()
      const { auth, receive } = client
      const [first, second, third] = [opaquePair(), opaquePair(), opaquePair()]
      await auth.login(first)
      await receive(second)
      await receive(third)
      await receive(second)
      await receive(first)
      expect(await look(client)).toEqual({
        access_token: third.access_token,
        refresh_token: third.refresh_token,
      })
    })

    it('with opaque tokens of the user before, who has logged out', async () => {
      const client = await open()
      const [first, old, present] = [opaquePair(), opaquePair(), opaquePair()]
      await client.auth.login(first)
      await client.receive(old)
      await client.auth.logout()
      await client.auth.login(present)
      for (const replayed of [old, first]) await client.receive(replayed)
      expect(await look(client)).toEqual({
        access_token: present.access_token,
        refresh_token: present.refresh_token,
      })
    })

    it('with the refresh token that the session has spent, beside a new access token', async () => {
      const client = await open()
      const { auth, receive } = client
      const [first, second] = [opaquePair(), opaquePair()]
      await auth.login(first)
      await receive(second)
      await receive({ ...opaquePair(), access_token: 'at-new', refresh_token: first.refresh_token })
      expect(await look(client)).toEqual({ access_token: 'at-new', refresh_token: second.refresh_token })
    })

    it('after the present token has ended, too', async () => {
      const client = await open()
      const { auth, receive, refreshes, time, tokens } = client
      const first = pair(time.now)
      await auth.login(first)
      time.now += MINUTE
      const second = pair(time.now)
      await receive(second)
      time.now += LIFETIME
      const waiting = receive(first)
      await settle()
      expect(refreshes.map(({ refreshToken }) => refreshToken)).toEqual([second.refresh_token])
      const third = pair(time.now)
      refreshes[0]?.answer(third)
      await waiting
      expect(tokens().at(-1)).toBe(third.access_token)
      expect(await look(client)).toEqual(third)
    })
  })

  describe('drops the tokens of another user', () => {
    it('however new they are, with a warning that quotes none of them', async () => {
      const client = await open()
      const { auth, receive, time, warnings } = client
      const events: string[] = []
      auth.on('login', () => void events.push('login'))
      const bob = pair(time.now, { sub: 'bob' })
      const alice = pair(time.now + MINUTE, { sub: 'alice' })
      await auth.login(bob)
      await receive(alice)
      expect(await look(client)).toEqual(bob)
      expect(auth.getState()).toMatchObject({ claims: { sub: 'bob' } })
      expect(events).toEqual(['login'])
      expect(warnings).toEqual([expect.stringMatching(/another user/)])
      expect(warnings.join()).not.toContain(alice.access_token)
    })

    it('where the id_token names the user', async () => {
      const client = await open()
      const { auth, receive, warnings } = client
      const bob = { ...opaquePair(), id_token: jwt({ sub: 1 }) }
      await auth.login(bob)
      await receive({ ...opaquePair(), id_token: jwt({ sub: 2 }) })
      expect(await look(client)).toMatchObject({ access_token: bob.access_token })
      expect(warnings).toHaveLength(1)
    })

    it('and takes those of the same user, whose sub was a number and is a string', async () => {
      const client = await open()
      const { auth, receive, time, warnings } = client
      await auth.login(pair(time.now, { sub: 7 }))
      const next = pair(time.now + MINUTE, { sub: '7' })
      await receive(next)
      expect(await look(client)).toEqual(next)
      expect(warnings).toEqual([])
    })
  })

  it('extends the session whose token stays, and counts a burst of such answers once', async () => {
    const { auth, receive, time } = await open()
    const token = { access_token: 'a-token-that-stays', expires_in: 600 }
    await auth.login(token)
    let refreshed = 0
    auth.on('refreshed', () => refreshed++)
    time.now += 9 * MINUTE
    for (let count = 0; count < 3; count++) await receive(token)
    expect(refreshed).toBe(1)
    time.now += 9 * MINUTE
    expect(await auth.getAccessToken()).toBe(token.access_token)
    // An answer that tells no end changes nothing.
    await receive({ access_token: token.access_token })
    expect(auth.getState()).toHaveProperty('expiresAt', time.now + MINUTE)
  })

  it('has stored the tokens when the caller gets the answer and listeners are notified', async () => {
    const items = new Map<string, string>()
    const client = await open({
      storage: {
        getItem: async key => items.get(key),
        async setItem(key, value) {
          await settle()
          items.set(key, value)
        },
        removeItem: async key => void items.delete(key),
      },
    })
    const tokens = opaquePair()
    const isStored = (): boolean => [...items.values()].join().includes(tokens.refresh_token)
    await client.auth.login(opaquePair())
    const seen: boolean[] = []
    client.auth.on('refreshed', () => void seen.push(isStored()))
    await client.receive(tokens, 200, () => void seen.push(isStored()))
    expect(seen).toEqual([true, true])
  })

  describe('during a refresh', () => {
    it('leaves the answer of the refresh its place: the rotated refresh token is kept', async () => {
      const client = await open()
      const { auth, receive, refreshes, time } = client
      const first = pair(time.now)
      await auth.login(first)
      const refreshed = auth.refresh()
      await settle()
      await receive({ access_token: pair(time.now + 1_000).access_token })
      const third = pair(time.now + 2_000)
      refreshes[0]?.answer(third)
      await refreshed
      await settle()
      expect(await look(client)).toEqual(third)
      expect(refreshes.map(({ refreshToken }) => refreshToken)).toEqual([
        first.refresh_token,
        third.refresh_token,
      ])
    })

    it('keeps the newer access token, and the refresh token of the refresh', async () => {
      const client = await open()
      const { auth, receive, refreshes, time } = client
      await auth.login(pair(time.now))
      void auth.refresh()
      await settle()
      const collected = pair(time.now + 2_000).access_token
      await receive({ access_token: collected })
      const { access_token, refresh_token } = pair(time.now + 1_000)
      refreshes[0]?.answer({ access_token, refresh_token })
      await settle()
      expect(await look(client)).toEqual({ access_token: collected, refresh_token })
      expect(refreshes).toHaveLength(2)
    })

    it('takes the answer of the refresh after several answers with tokens', async () => {
      const client = await open()
      const { auth, receive, refreshes } = client
      await auth.login(opaquePair())
      void auth.refresh()
      await settle()
      await receive({ access_token: 'at-a', expires_in: 300 })
      await receive({ access_token: 'at-b', expires_in: 300 })
      const last = opaquePair()
      refreshes[0]?.answer(last)
      await settle()
      expect(await look(client)).toEqual({
        access_token: last.access_token,
        refresh_token: last.refresh_token,
      })
    })

    it('frees the requests that wait for it, since there is a good token', async () => {
      const { auth, receive, refreshes, time, tokens } = await open()
      const first = pair(time.now)
      await auth.login(first)
      const slow = receive({ access_token: pair(time.now + LIFETIME).access_token })
      time.now += LIFETIME
      const waiting = auth.getAccessToken()
      await slow
      expect(await waiting).not.toBe(first.access_token)
      expect(tokens()).toEqual([first.access_token])
      expect(refreshes).toHaveLength(1)
    })

    it('starts no second one for a 401: the request waits for the answer that is under way', async () => {
      const { auth, receive, refreshes, time, tokens } = await open()
      const first = pair(time.now)
      await auth.login(first)
      void auth.refresh()
      await settle()
      const second = pair(time.now + 1_000).access_token
      await receive({ access_token: second })
      const refused = receive(undefined, 401)
      await settle()
      expect(refreshes).toHaveLength(1)
      const third = pair(time.now + 2_000)
      refreshes[0]?.answer(third)
      await refused
      expect(refreshes).toHaveLength(1)
      expect(tokens()).toEqual([first.access_token, second, third.access_token])
    })

    it('keeps the session where the refresh is refused afterwards', async () => {
      const client = await open()
      const { auth, receive, refreshes, time } = client
      await auth.login(pair(time.now))
      void auth.refresh().catch(() => {})
      await settle()
      const second = pair(time.now + 1_000)
      await receive(second)
      refreshes[0]?.fail({ response: { status: 400, data: { error: 'invalid_grant' } } })
      await settle()
      expect(auth.getState().status).toBe('authenticated')
      expect(await look(client)).toEqual(second)
    })

    it('of another session changes nothing', async () => {
      const client = await open()
      const { auth, receive, refreshes, time } = client
      await auth.login(pair(time.now))
      void auth.refresh().catch(() => {})
      await settle()
      await receive({ access_token: pair(time.now + 1_000).access_token })
      const other = pair(time.now, { sub: 'grace' })
      await auth.login(other)
      refreshes[0]?.answer(pair(time.now + 2_000))
      await settle()
      expect(await look(client)).toEqual(other)
    })
  })
})
