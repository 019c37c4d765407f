/** A device whose clock is wrong, and a token that the server revokes. */
import { createAuth } from 'tokenflight'
import { authFetch } from 'tokenflight/fetch'
import { describe, expect, it, vi } from 'vitest'
import {
  accessToken,
  MINUTE,
  opaque,
  pass,
  refreshStub,
  SECOND,
  track,
  useFakeTime,
} from '../support/core.js'

useFakeTime()

describe.each([
  ['ten minutes ahead', 10 * MINUTE],
  ['four minutes ahead', 4 * MINUTE],
  ['right', 0],
  ['ten minutes behind', -10 * MINUTE],
])('a device whose clock is %s', (_, ahead) => {
  it('refreshes once after a 401, and then no more often than the lifetime of the tokens asks for', async () => {
    const good = new Set<string | null>()
    const issue = () => {
      const access_token = accessToken({ lifetime: 5 * MINUTE })
      good.add(`Bearer ${access_token}`)
      return { access_token, refresh_token: opaque('rt') }
    }
    const refresh = refreshStub(async () => issue())
    const clock = { now: () => Date.now() + ahead, monotonic: () => Date.now() }
    const auth = track(createAuth({ autoRefresh: 'off', clock, refresh }))
    const statuses: number[] = []
    const send = vi.fn(async (_url: unknown, init?: RequestInit) => {
      const status = good.has(new Headers(init?.headers).get('authorization')) ? 200 : 401
      statuses.push(status)
      return new Response('{}', { status })
    })
    const api = authFetch(auth, { allowedOrigins: ['https://api.example'], fetch: send as typeof fetch })
    await auth.login(issue())
    await pass(2 * SECOND)
    good.clear()
    for (let second = 0; second < 300; second++) {
      expect((await api('https://api.example/orders')).status).toBe(200)
      await pass(SECOND)
    }
    expect(refresh.reasons[0]).toBe('rejected')
    expect(refresh.calls.length).toBeLessThanOrEqual(2)
    expect(statuses.filter(status => status === 401)).toHaveLength(1)
  })
})
