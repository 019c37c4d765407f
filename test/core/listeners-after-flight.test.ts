/** The moment at which listeners hear of new tokens: after the lock is released and the flight has settled. */
import { type AuthLock, cookieSession, memoryStorage, sharedStorage } from 'tokenflight'
import { describe, expect, it } from 'vitest'
import {
  accessToken,
  alone,
  MINUTE,
  opaque,
  open,
  pass,
  refreshStub,
  settle,
  useFakeTime,
  watch,
} from '../support/core.js'

useFakeTime()

/** A lock that takes a moment to be released. */
function slowLock() {
  let isHeld = false
  const lock: AuthLock = {
    async request(_name, _options, callback) {
      isHeld = true
      try {
        return await callback()
      } finally {
        await Promise.resolve()
        isHeld = false
      }
    },
  }
  return { lock, isHeld: () => isHeld }
}

describe('a listener', () => {
  it('runs outside the lock, and sees a state that refreshes no more', async () => {
    const { lock, isHeld } = slowLock()
    const answer = () => ({
      access_token: accessToken(),
      refresh_token: opaque('rt'),
      expires_in: 'soon',
    })
    const refresh = refreshStub(async () => answer())
    const storage = sharedStorage(memoryStorage(), { lock })
    const { auth } = open({ storage, autoRefresh: 'off', refresh })
    await auth.login(answer())
    const heard: unknown[] = []
    auth.on('*', event => {
      const state = auth.getState()
      heard.push([event.type, isHeld(), state.status === 'authenticated' && state.refreshing])
    })
    const asked = watch(auth.refresh())
    await pass(MINUTE)
    expect(asked.status).toBe('fulfilled')
    expect(heard).toEqual([
      ['warning', false, false],
      ['refreshed', false, false],
    ])
    expect(refresh.calls).toHaveLength(1)
  })

  it('of a login by a refresh sees the user, so that a router lets the page through', async () => {
    const refresh = refreshStub(async () => alone())
    const storage = cookieSession({ exists: () => false })
    const { auth } = open({ storage, logout: async () => {}, autoRefresh: 'off', refresh })
    await settle()
    expect(auth.getState().status).toBe('anonymous')
    const seen: string[] = []
    auth.on('login', () => {
      seen.push(auth.getState().status)
    })
    const asked = watch(auth.refresh())
    await pass(MINUTE)
    expect(asked.status).toBe('fulfilled')
    expect(seen).toEqual(['authenticated'])
  })

  it('hears of the tokens of an answer that is late', async () => {
    const { auth, refresh, events } = open({ autoRefresh: 'off', refreshTimeout: 1_000, retry: 0 })
    await auth.login({ access_token: accessToken(), refresh_token: opaque('rt') })
    watch(auth.refresh())
    await pass(1_500)
    refresh.last.answer()
    await settle()
    expect(events.names).toEqual(['login', 'refreshFailed', 'refreshed'])
  })
})
