/** The sessions of refreshRequest: with a refresh token, and with an access token that renews itself. */
import { HttpResponse } from 'msw'
import { createAuth } from 'tokenflight'
import { describe, expect, it } from 'vitest'
import { cell, rejection, track } from '../support/core.js'
import { endpoint, request, seen, usePresetServer } from '../support/preset-server.js'

usePresetServer()

describe('a session whose refresh token the body carries', () => {
  it('sends no request where there is no refresh token', async () => {
    const auth = track(createAuth({ refresh: request(), autoRefresh: 'off' }))
    await auth.login({ access_token: 'access-0', expires_in: 60 })
    expect(auth.getState()).toMatchObject({ sessionExpiresAt: expect.closeTo(Date.now() + 60_000, -4) })
    await rejection(auth.refresh())
    expect(seen).toHaveLength(0)
  })
})

describe('a session whose access token renews itself', () => {
  const start = async (options: object = {}) => {
    const auth = track(
      createAuth({ refresh: request({ send: 'access' }), retry: 0, autoRefresh: 'off', ...options }),
    )
    const ends: string[] = []
    auth.on('sessionExpired', event => void ends.push(event.reason))
    return { auth, ends }
  }

  it('sends a dead access token for renewal, again and again', async () => {
    let now = Date.now()
    const { auth, ends } = await start({ clock: { now: () => now } })
    let number = 0
    endpoint.answer = () => HttpResponse.json({ access_token: `access-${++number}`, expires_in: 60 })
    await auth.login({ access_token: 'access-0', expires_in: 60 })
    for (let round = 1; round <= 3; round++) {
      now += 600_000
      expect(await auth.getAccessToken()).toBe(`access-${round}`)
    }
    expect(seen.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer access-0',
      'Bearer access-1',
      'Bearer access-2',
    ])
    expect([auth.getState().status, ends]).toEqual(['authenticated', []])
  })

  it('ends where the server refuses the token', async () => {
    let now = Date.now()
    const { auth, ends } = await start({ clock: { now: () => now } })
    endpoint.answer = () => HttpResponse.json({ message: 'Token expired' }, { status: 401 })
    await auth.login({ access_token: 'access-0', expires_in: 60 })
    now += 60_000
    expect((await rejection(auth.getAccessToken())).code).toBe('ERR_SESSION_EXPIRED')
    expect([seen.length, ends]).toEqual([1, ['refresh_rejected']])
  })

  it('survives a reload with a dead token', async () => {
    const storage = cell()
    let now = Date.now()
    const first = await start({ storage, clock: { now: () => now } })
    await first.auth.login({ access_token: 'access-0', expires_in: 60 })
    first.auth.dispose()
    now += 60_000
    const { auth, ends } = await start({ storage, clock: { now: () => now } })
    expect(await auth.getAccessToken()).toBe('new-access')
    expect(seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer access-0'])
    expect(ends).toEqual([])
  })
})
