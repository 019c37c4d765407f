/** The refresh function of the application. */
import { describe, expect, it } from 'vitest'
import {
  httpError,
  MINUTE,
  open,
  pair,
  pass,
  refreshStub,
  rejection,
  SECOND,
  settle,
  useFakeTime,
  watch,
} from '../support/core.js'

useFakeTime()

describe('the refresh function', () => {
  it('may ask for the token without waiting for itself for ever', async () => {
    const inner: ReturnType<typeof watch>[] = []
    const refresh = refreshStub(() => {
      inner.push(watch(auth.getAccessToken()))
      return Promise.resolve(pair())
    })
    const { auth } = open({ refresh })
    await auth.login(pair())
    await pass(5 * MINUTE)
    const outer = watch(auth.getAccessToken())
    await settle()
    expect(outer.status).toBe('fulfilled')
    expect(inner[0]?.status).toBe('fulfilled')
    expect(refresh.calls).toHaveLength(1)
  })

  it('that waits for the token runs into refreshTimeout, and the message names the missing option', async () => {
    const refresh = refreshStub(async () => {
      await auth.getAccessToken()
      return pair()
    })
    const { auth } = open({ refresh, retry: 0, refreshTimeout: 3 * SECOND })
    await auth.login(pair())
    await pass(5 * MINUTE)
    const outer = watch(auth.getAccessToken())
    await pass(3 * SECOND)
    expect(outer.status).toBe('rejected')
    expect(String((outer.error as Error).message)).toMatch(/context\.signal/)
    expect(String((outer.error as Error).message)).toMatch(/skipAuth/)
    expect(refresh.calls).toHaveLength(1)
  })

  it('may call refresh and joins its own flight', async () => {
    const refresh = refreshStub(() => {
      watch(auth.refresh())
      return Promise.resolve(pair())
    })
    const { auth } = open({ refresh })
    await auth.login(pair())
    await auth.refresh()
    expect(refresh.calls).toHaveLength(1)
  })

  it('may wait for refresh() or for a token by force, which join its own flight, until its time is up', async () => {
    let { auth } = open()
    for (const call of [() => auth.refresh(), () => auth.getAccessToken({ forceRefresh: true })]) {
      const refresh = refreshStub(async () => {
        await call()
        return pair()
      })
      const opened = open({ refresh, retry: 0, refreshTimeout: 3 * SECOND })
      auth = opened.auth
      await auth.login(pair())
      const outer = watch(auth.refresh())
      await pass(3 * SECOND)
      expect(outer.status).toBe('rejected')
      await pass(MINUTE)
      expect(refresh.calls).toHaveLength(1)
    }
  })

  it('may ask for a token by force without waiting, and joins its own flight', async () => {
    const asked: ReturnType<typeof watch>[] = []
    const next = pair()
    const refresh = refreshStub(() => {
      asked.push(watch(auth.getAccessToken({ forceRefresh: true })))
      return Promise.resolve(next)
    })
    const { auth } = open({ refresh })
    await auth.login(pair())
    await auth.refresh()
    await settle()
    expect(asked).toMatchObject([{ value: next.access_token }])
    expect(refresh.calls).toHaveLength(1)
  })

  it('may log out, and its tokens are dropped', async () => {
    const refresh = refreshStub(() => {
      void auth.logout()
      return Promise.resolve(pair())
    })
    const { auth, events } = open({ refresh })
    await auth.login(pair())
    await pass(5 * MINUTE)
    const error = await rejection(auth.getAccessToken())
    expect(error.code).toBe('ERR_SIGNED_OUT')
    expect(auth.getState().status).toBe('anonymous')
    expect(await auth.getAccessToken()).toBeUndefined()
    expect(events.names).toEqual(['login', 'logout'])
  })

  it('may read the state', async () => {
    let seen: unknown
    const refresh = refreshStub(() => {
      seen = auth.getState()
      return Promise.resolve(pair())
    })
    const { auth } = open({ refresh })
    await auth.login(pair())
    await auth.refresh()
    expect(seen).toMatchObject({ status: 'authenticated', refreshing: true })
  })

  it.each([undefined, null, 0, ''])(
    'that rejects with %j ends the session where classify returns rejected',
    async error => {
      const refresh = refreshStub(() => Promise.reject(error))
      const { auth, events } = open({ refresh, classify: () => 'rejected' })
      await auth.login(pair())
      expect(await rejection(auth.refresh())).toMatchObject({ reason: 'refresh_rejected' })
      expect(auth.getState()).toMatchObject({ status: 'expired', reason: 'refresh_rejected' })
      expect(events.of('sessionExpired')).toHaveLength(1)
      expect(refresh.calls).toHaveLength(1)
    },
  )

  it.each<[string, () => unknown]>([
    [
      'throws at once',
      () => {
        throw new Error('no')
      },
    ],
    ['rejects with undefined', () => Promise.reject(undefined)],
    ['rejects with null', () => Promise.reject(null)],
    ['rejects with a string', () => Promise.reject('no')],
    ['rejects with nothing', () => Promise.reject()],
    ['returns nothing', () => undefined],
    ['returns a number', () => 7],
    ['resolves to nothing', () => Promise.resolve()],
    ['resolves to a string', () => Promise.resolve('token')],
    [
      'resolves to itself in circles',
      () => {
        const answer: Record<string, unknown> = {}
        answer.self = answer
        return answer
      },
    ],
    [
      'throws something whose every property throws',
      () => {
        throw new Proxy(
          {},
          {
            get: () => {
              throw new Error('trap')
            },
          },
        )
      },
    ],
    [
      'resolves to something whose every property throws',
      () =>
        Promise.resolve(
          Object.defineProperty({}, 'access_token', {
            get: () => {
              throw new Error('trap')
            },
          }),
        ),
    ],
    [
      'returns a thenable that throws',
      () =>
        thenable(() => {
          throw new Error('thenable')
        }),
    ],
  ])('that %s leaves everything usable', async (misbehaviour, misbehave) => {
    let isBroken = true
    const refresh = refreshStub(() => (isBroken ? misbehave() : Promise.resolve(pair())))
    const { auth, events } = open({ refresh, retry: 0 })
    const tokens = pair()
    await auth.login(tokens)
    const error = await rejection(auth.refresh())
    expect(error.code).toBe('ERR_REFRESH_FAILED')
    const kind = misbehaviour.includes('circles') ? 'misconfigured' : 'transient'
    expect(events.of('refreshFailed')).toMatchObject([{ class: kind, attempts: 1 }])
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    expect(auth.getState()).toMatchObject({ status: 'authenticated', refreshing: false })
    isBroken = false
    await auth.refresh()
    expect(await auth.getAccessToken()).not.toBe(tokens.access_token)
    expect(auth.getState()).not.toHaveProperty('error')
  })

  it('may return its tokens without a promise', async () => {
    const next = pair()
    const { auth } = open({ refresh: refreshStub(() => next) })
    await auth.login(pair())
    await auth.refresh()
    expect(await auth.getAccessToken()).toBe(next.access_token)
  })

  it('may return a thenable', async () => {
    const next = pair()
    const { auth } = open({
      refresh: refreshStub(() => thenable(resolve => resolve(next))),
    })
    await auth.login(pair())
    await auth.refresh()
    expect(await auth.getAccessToken()).toBe(next.access_token)
  })

  it('of a session without one is never missed until the token ends', async () => {
    const { createAuth } = await import('tokenflight')
    const auth = createAuth()
    const tokens = pair()
    await auth.login(tokens)
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    await pass(4.5 * MINUTE)
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    await pass(MINUTE)
    await expect(auth.getAccessToken()).rejects.toMatchObject({ code: 'ERR_SESSION_EXPIRED' })
    auth.dispose()
  })
})

describe('forceRefresh', () => {
  it('refreshes a token that is good', async () => {
    const { auth, refresh } = open()
    await auth.login(pair())
    const asked = watch(auth.getAccessToken({ forceRefresh: true }))
    await settle()
    expect(refresh.reasons).toEqual(['manual'])
    const { access_token } = refresh.last.answer()
    await settle()
    expect(asked.value).toBe(access_token)
  })

  it('rejects when the refresh fails, although the present token is good', async () => {
    const { auth, refresh } = open({ retry: 0 })
    await auth.login(pair())
    const asked = watch(auth.getAccessToken({ forceRefresh: true }))
    await settle()
    refresh.last.fail(httpError(503))
    await settle()
    expect(asked).toMatchObject({ status: 'rejected', error: { code: 'ERR_REFRESH_FAILED' } })
  })

  it('is off by default and when it is undefined', async () => {
    const { auth, refresh } = open()
    const tokens = pair()
    await auth.login(tokens)
    expect(await auth.getAccessToken({})).toBe(tokens.access_token)
    expect(await auth.getAccessToken({ forceRefresh: undefined, signal: undefined })).toBe(
      tokens.access_token,
    )
    expect(refresh.calls).toHaveLength(0)
  })
})

function thenable(then: (resolve: (value: unknown) => void) => void): object {
  return Object.defineProperty({}, 'then', { value: then })
}
