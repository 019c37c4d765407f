import { inspect } from 'node:util'
import {
  AuthError,
  isAuthError,
  isSessionExpired,
  RefreshFailedError,
  SessionExpiredError,
  SignedOutError,
} from 'tokenflight'
import { describe, expect, it, vi } from 'vitest'
import {
  alone,
  expectNoToken,
  httpError,
  invalidGrant,
  MINUTE,
  open,
  pair,
  pass,
  refreshStub,
  rejection,
  settle,
  useFakeTime,
  watch,
} from '../support/core.js'

useFakeTime()

/** Another copy of the package in the same page. */
vi.resetModules()
const copy: typeof import('tokenflight') = await import('tokenflight')

async function sessionExpired(): Promise<Error & Record<string, unknown>> {
  const { auth } = open({ refresh: refreshStub(() => Promise.reject(invalidGrant())) })
  await auth.login(pair())
  return rejection(auth.refresh())
}

async function signedOut(): Promise<Error & Record<string, unknown>> {
  const { auth } = open()
  await auth.login(pair())
  const waiting = rejection(auth.refresh())
  await settle()
  await auth.logout()
  return waiting
}

async function refreshFailed(): Promise<Error & Record<string, unknown>> {
  const { auth } = open({ retry: 0, refresh: refreshStub(() => Promise.reject(httpError(503))) })
  await auth.login(pair())
  return rejection(auth.refresh())
}

describe.each([
  ['SessionExpiredError', 'ERR_SESSION_EXPIRED', SessionExpiredError, sessionExpired],
  ['SignedOutError', 'ERR_SIGNED_OUT', SignedOutError, signedOut],
  ['RefreshFailedError', 'ERR_REFRESH_FAILED', RefreshFailedError, refreshFailed],
] as const)('%s', (name, code, kind, provoke) => {
  it('is an AuthError with its code, its name and a stack', async () => {
    const error = await provoke()
    expect(error).toBeInstanceOf(kind)
    expect(error).toBeInstanceOf(AuthError)
    expect(error).toBeInstanceOf(Error)
    expect(error.code).toBe(code)
    expect(error.name).toBe(name)
    expect(String(error)).toMatch(new RegExp(`^${name}: `))
    expect(error.stack).toContain(error.message)
  })

  it('is recognised by the guards', async () => {
    const error = await provoke()
    expect(isAuthError(error)).toBe(true)
    expect(isSessionExpired(error)).toBe(code === 'ERR_SESSION_EXPIRED')
  })

  it('holds its cause where loggers do not look', async () => {
    const error = await provoke()
    expect(Object.keys(error)).not.toContain('cause')
    expect(JSON.parse(JSON.stringify(error))).not.toHaveProperty('cause')
  })

  it('holds no token: not in its message, its stack, its properties, its JSON or the output of Node', async () => {
    const error = await provoke()
    expectNoToken(error)
    expectNoToken(error.message)
    expectNoToken(error.stack)
    expect(inspect(error, { depth: 20 })).not.toContain('rt-secret')
  })

  it('is printed with its stack', async () => {
    const error = await provoke()
    expect(inspect(error)).toContain(error.stack)
  })

  it('can be changed by a reporter as any error can', async () => {
    const error = await provoke()
    error.name = 'Reported'
    expect(String(error)).toBe(`Reported: ${error.message}`)
    Reflect.deleteProperty(error, 'name')
    expect(String(error)).toBe(`Error: ${error.message}`)
  })

  it('is recognised although another copy of the package made it', async () => {
    const error = await provoke()
    expect(copy.AuthError).not.toBe(AuthError)
    expect(error).not.toBeInstanceOf(copy.AuthError)
    expect(copy.isAuthError(error)).toBe(true)
    expect(copy.isSessionExpired(error)).toBe(code === 'ERR_SESSION_EXPIRED')
  })
})

describe('the guards', () => {
  it.each([
    undefined,
    null,
    0,
    '',
    'ERR_SESSION_EXPIRED',
    {},
    [],
    new Error('x'),
    { code: 'ERR_SESSION_EXPIRED' },
  ])('say no to %j', value => {
    expect(isAuthError(value)).toBe(false)
    expect(isSessionExpired(value)).toBe(false)
  })
})

describe('RefreshFailedError', () => {
  it('says how many attempts there were and when the next may be', async () => {
    const refresh = refreshStub(() => Promise.reject(httpError(503)))
    const { auth } = open({ refresh, retry: { limit: 2, delay: 0 } })
    await auth.login(pair())
    const waiting = rejection(auth.refresh())
    await pass(10)
    const error = await waiting
    expect(error.attempts).toBe(3)
    expect(error.retryAt).toEqual(expect.any(Number))
    expect(Object.keys(error).sort()).toEqual(['attempts', 'code', 'retryAt'])
  })

  it('without a wait has no retryAt', async () => {
    const { auth } = open()
    await auth.login(alone())
    const error = await rejection(auth.refresh())
    expect(error).toMatchObject({ code: 'ERR_REFRESH_FAILED', attempts: 0 })
    expect('retryAt' in error).toBe(false)
  })

  it('gives the failure itself as its cause', async () => {
    const failure = httpError(503)
    const { auth } = open({ retry: 0, refresh: refreshStub(() => Promise.reject(failure)) })
    await auth.login(pair())
    expect((await rejection(auth.refresh())).cause).toBe(failure)
  })

  it('does not repeat the text of the failure, which might hold a token', async () => {
    const tokens = pair()
    const failure = new Error(`Could not use ${tokens.refresh_token} with ${tokens.access_token}`)
    const { auth, events } = open({ retry: 0, refresh: refreshStub(() => Promise.reject(failure)) })
    await auth.login(tokens)
    const error = await rejection(auth.refresh())
    expect(error.message).not.toContain(tokens.refresh_token)
    expectNoToken(error)
    expectNoToken(events.all)
    expectNoToken(auth.getState())
  })

  it('of an answer without tokens does not quote the answer', async () => {
    const tokens = pair()
    const { auth } = open({
      retry: 0,
      refresh: refreshStub(() =>
        Promise.resolve({ access_token: `${tokens.access_token} ${tokens.refresh_token}` }),
      ),
    })
    await auth.login(tokens)
    expectNoToken(await rejection(auth.refresh()))
  })

  it('of an answer whose member names are tokens does not quote them', async () => {
    const tokens = pair()
    const { auth } = open({
      retry: 0,
      refresh: refreshStub(() => Promise.resolve({ [tokens.refresh_token]: 1, [tokens.access_token]: 2 })),
    })
    await auth.login(tokens)
    expectNoToken(await rejection(auth.refresh()))
  })
})

describe('SessionExpiredError', () => {
  it('gives the refusal as its cause', async () => {
    const failure = invalidGrant()
    const { auth } = open({ refresh: refreshStub(() => Promise.reject(failure)) })
    await auth.login(pair())
    const error = await rejection(auth.refresh())
    expect(error.cause).toBe(failure)
    expect(Object.keys(error).sort()).toEqual(['code', 'reason'])
  })

  it('without a call has no cause', async () => {
    const { auth } = open()
    await auth.login(alone())
    await pass(5 * MINUTE)
    const error = await rejection(auth.getAccessToken())
    expect(error).toMatchObject({ reason: 'no_refresh_token' })
    expect('cause' in error).toBe(false)
  })
})

describe('an error without a waiting caller', () => {
  it('is no unhandled rejection', async () => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    try {
      const { auth, refresh } = open({ retry: 0, autoRefresh: 'always' })
      await auth.login(pair())
      await pass(4.5 * MINUTE)
      refresh.last.fail(httpError(503))
      await pass(3 * MINUTE)
      watch(auth.refresh())
      await auth.logout()
      await pass(MINUTE)
      vi.useRealTimers()
      await new Promise(resolve => setTimeout(resolve, 5))
      expect(unhandled).not.toHaveBeenCalled()
    } finally {
      process.off('unhandledRejection', unhandled)
    }
  })
})
