/** A server that answers a refresh with the access token of before, and a later end. */

import type { TokenResponse } from 'tokenflight'
import { cookieSession, type TokenStorage } from 'tokenflight'
import { beforeEach, describe, expect, it } from 'vitest'
import { Channel, createLock } from '../support/channel.js'
import {
  cell,
  jwt,
  MINUTE,
  opaque,
  open,
  pass,
  type RefreshStub,
  refreshStub,
  SECOND,
  useFakeTime,
} from '../support/core.js'
import { becomePage } from '../support/page.js'

useFakeTime()

beforeEach(() => {
  becomePage()
  Channel.install()
})

type Answer = Partial<TokenResponse>

/** Two tabs of one session; the first one refreshes. */
async function tabs(first: TokenResponse, next: TokenResponse, options: { storage?: TokenStorage } = {}) {
  const lock = createLock()
  const storage = cell(null, { shared: true })
  const create = (refresh: RefreshStub) =>
    open({ name: 'two', storage, lock, refresh, autoRefresh: 'off', ...options })
  const [one, two] = [create(refreshStub(async () => next)), create(refreshStub(async () => next))]
  await pass(SECOND)
  await one.auth.login(first)
  await pass(SECOND)
  one.refresh.calls.length = 0
  two.refresh.calls.length = 0
  await pass(MINUTE)
  const done = one.auth.refresh()
  await pass(SECOND)
  await done
  expect(one.refresh.calls).toHaveLength(1)
  return { one, two }
}

describe('a sibling of a tab that received its access token again, with a later end', () => {
  it.each<[what: string, lasting: (minutes: number) => Answer]>([
    ['a lifetime', minutes => ({ expires_in: 60 * minutes })],
    ['an instant', minutes => ({ expires_at: Date.now() / 1000 + 60 * minutes })],
  ])('uses it until that end, without a refresh: %s', async (_, lasting) => {
    const token = opaque('at')
    const { one, two } = await tabs(
      { access_token: token, refresh_token: opaque('rt'), ...lasting(5) },
      { access_token: token, refresh_token: opaque('rt'), ...lasting(10) },
    )
    // Longer after the login than the token lasted then.
    await pass(6 * MINUTE)
    expect(await two.auth.getAccessToken()).toBe(token)
    expect([one.refresh.calls.length, two.refresh.calls.length]).toEqual([1, 0])
  })

  it('learns of it in cookie mode, too', async () => {
    const token = opaque('at')
    const { one, two } = await tabs(
      { access_token: token, expires_in: 300 },
      { access_token: token, expires_in: 600 },
      { storage: cookieSession() },
    )
    await pass(6 * MINUTE)
    expect(await two.auth.getAccessToken()).toBe(token)
    expect([one.refresh.calls.length, two.refresh.calls.length]).toEqual([1, 0])
  })

  it('keeps its session until the later end of the refresh token', async () => {
    const answer = {
      access_token: opaque('at'),
      refresh_token: opaque('rt'),
      expires_in: 3_600,
      refresh_expires_in: 120,
    }
    const { two } = await tabs(answer, { ...answer, refresh_expires_in: 7_200 })
    const state = two.auth.getState()
    expect(state).toMatchObject({ status: 'authenticated' })
    expect('sessionExpiresAt' in state && Number(state.sessionExpiresAt) - Date.now()).toBeGreaterThan(
      100 * MINUTE,
    )
    await pass(5 * MINUTE)
    expect(two.auth.getState().status).toBe('authenticated')
    expect(two.events.of('sessionExpired')).toEqual([])
    expect(two.refresh.calls).toHaveLength(0)
  })
})

describe('a server that answers each refresh with the same access token', () => {
  it.each<[what: string, token: string]>([
    ['an opaque one, whose end it moves', opaque('at')],
    ['a JWT, which is the same within one second', jwt({ sub: 'ada', iat: 1, exp: 301 })],
  ])('may do so any number of times: %s', async (_, token) => {
    const refresh = refreshStub(async () => ({ access_token: token, expires_in: 300 }))
    const { auth } = open({ refresh, retry: 0, autoRefresh: 'off' })
    await auth.login({ access_token: token, refresh_token: opaque('rt'), expires_in: 300 })
    for (let count = 0; count < 3; count++) {
      await pass(4 * MINUTE)
      await auth.refresh()
    }
    expect(refresh.calls).toHaveLength(3)
    await pass(SECOND)
    expect(await auth.getAccessToken()).toBe(token)
    expect(auth.getState()).not.toHaveProperty('error')
  })
})
