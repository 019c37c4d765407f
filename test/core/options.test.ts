import {
  type AuthOptions,
  cookieSession,
  createAuth,
  memoryStorage,
  oauth2Refresh,
  refreshRequest,
  sharedStorage,
} from 'tokenflight'
import { describe, expect, it, vi } from 'vitest'
import { kindOf } from '../../src/core/check.js'
import {
  httpError,
  MINUTE,
  open,
  pair,
  pass,
  REFRESH_TIMEOUT,
  refreshStub,
  rejection,
  settle,
  track,
  useFakeTime,
  watch,
} from '../support/core.js'

useFakeTime()

/** The members of the plug-in for sender-constrained tokens. */
const proofs = { fetch() {}, proof() {}, learn() {}, open() {}, use() {}, forget() {} }

function misuse(options: unknown): Error {
  try {
    track(createAuth(options as AuthOptions))
  } catch (error) {
    return error as Error
  }
  throw new Error('It was expected to throw')
}

describe('createAuth', () => {
  it.each<[option: string, value: unknown, unit: RegExp]>([
    ['refresh', 'url', /function/],
    ['refresh', {}, /function/],
    ['refresh', null, /function/],
    ['classify', 'rejected', /function/],
    ['classify', null, /function/],
    ['logout', '/logout', /function/],
    ['name', '', /string/],
    ['name', 7, /string/],
    ['name', null, /string/],
    ['name', '-steal', /string/],
    ['read', 'data', /function/],
    ['autoRefresh', 'on', /'active', 'always' or 'off'/],
    ['autoRefresh', true, /'active', 'always' or 'off'/],
    ['autoRefresh', null, /'active', 'always' or 'off'/],
    ['refreshAhead', -1, /milliseconds/],
    ['refreshAhead', Number.NaN, /milliseconds/],
    ['refreshAhead', Number.POSITIVE_INFINITY, /milliseconds/],
    ['refreshAhead', '60', /milliseconds/],
    ['refreshAhead', null, /milliseconds/],
    ['refreshTimeout', -1, /milliseconds/],
    ['refreshTimeout', Number.NaN, /milliseconds/],
    ['refreshTimeout', '10s', /milliseconds/],
    ['refreshTimeout', null, /milliseconds/],
    ['refreshTimeout', 0, /positive number of milliseconds/],
    ['retry', 1.5, /attempts/],
    ['retry', -1, /attempts/],
    ['retry', Number.NaN, /attempts/],
    ['retry', '2', /./],
    ['retry', true, /./],
    ['retry', null, /./],
    ['storage', {}, /function/],
    ['storage', null, /./],
    ['storage', 'localStorage', /./],
    [
      'storage',
      { getItem: () => null, setItem: () => {} },
      /storage.removeItem` must be a function, got undefined/,
    ],
    ['clock', {}, /function/],
    ['clock', { now: 7 }, /clock.now` must be a function, got 7/],
    ['clock', { now: Date.now, monotonic: 3 }, /clock.monotonic` must be a function, got 3/],
    ['clock', null, /./],
  ])('refuses %s: %j with a TypeError that names it', (option, value, unit) => {
    const error = misuse({ [option]: value })
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toContain(option)
    expect(error.message).toMatch(unit)
    const isSimple = ['number', 'string', 'boolean'].includes(typeof value) && value !== ''
    if (isSimple || value === null) expect(error.message).toContain(String(value))
  })

  it.each<[options: unknown, message: string]>([
    [null, '`options` must be an object, got null'],
    [7, '`options` must be an object, got number'],
    [{ refresh: {} }, '`refresh` must be a function, got object'],
    [{ refresh: 'url' }, '`refresh` must be a function, got url'],
    [{ logout: null }, '`logout` must be a function, got null'],
    [{ name: () => 'app' }, '`name` must be a non-empty string that does not start with "-", got function'],
    [{ retry: { delay: [5] } }, '`retry.delay` must be a non-negative number of milliseconds, got 5'],
    [{ initialState: 7 }, '`initialState` must be a state, as `auth.getState()` returns it, got 7'],
    [
      { refreshAhead: { first: () => 0 } },
      '`refreshAhead` must be a non-negative number of milliseconds, a function or spread(), got object',
    ],
    [
      { refreshAhead: { again: () => 0 } },
      '`refreshAhead` must be a non-negative number of milliseconds, a function or spread(), got object',
    ],
    [
      { refresh: refreshRequest({ url: '/r', send: 'cookie' }) },
      "`storage` must be cookieSession(), since `send: 'cookie'` leaves the refresh token to the browser, got another storage",
    ],
    [
      { refresh: refreshRequest({ url: '/r', send: 'body' }), storage: cookieSession() },
      '`storage` must be a storage that keeps the refresh token, since the refresh request sends it, got cookieSession()',
    ],
    [
      { dpop: proofs, storage: cookieSession({ access: 'cookie' }) },
      "`storage` must be one whose access token dpop() can see, got cookieSession({ access: 'cookie' })",
    ],
    [{ dpop: 7 }, '`dpop.fetch` must be a function, got 7'],
    ...Object.keys(proofs).map((name): [object, string] => [
      { dpop: { ...proofs, [name]: undefined } },
      `\`dpop.${name}\` must be a function, got undefined`,
    ]),
    [{ refreshTimeout: 0 }, '`refreshTimeout` must be a positive number of milliseconds, got 0'],
  ])('names for %j the expected and the received value, but no contents of objects', (options, message) => {
    expect(misuse(options).message).toBe(`tokenflight: ${message}`)
  })

  it.each<[option: string, retry: unknown]>([
    ['limit', { limit: -1 }],
    ['limit', { limit: 'many' }],
    ['delay', { delay: -5 }],
    ['delay', { delay: '500ms' }],
    ['maxDelay', { maxDelay: Number.NaN }],
    ['maxDelay', { maxDelay: null }],
  ])('refuses retry.%s in %j', (option, retry) => {
    const error = misuse({ retry })
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toContain(`retry.${option}`)
  })

  it.each([null, 7, 'refresh', true])('refuses %j instead of options', value => {
    expect(misuse(value)).toBeInstanceOf(TypeError)
  })

  it('takes an object that is frozen, and does not write to it', async () => {
    const retry = Object.freeze({ limit: 1 })
    const storage = Object.freeze(memoryStorage())
    const clock = Object.freeze({ now: () => Date.now() })
    const options = Object.freeze({ retry, storage, clock, refresh: refreshStub(async () => pair()) })
    const copy = { ...options }
    const auth = track(createAuth(options))
    await auth.login(pair())
    await auth.refresh()
    await auth.logout()
    expect(options).toEqual(copy)
  })

  it('takes no notice of later changes to the object', async () => {
    const refresh = refreshStub(async () => pair())
    const options: AuthOptions = { refresh, autoRefresh: 'off' }
    const auth = track(createAuth(options))
    options.refresh = () => Promise.reject(new Error('replaced'))
    await auth.login(pair())
    await auth.refresh()
    expect(refresh.calls).toHaveLength(1)
  })

  it('ends the wait for a refresh after the default of refreshTimeout', async () => {
    const { auth } = open()
    await auth.login(pair())
    const done = watch(auth.refresh())
    await pass(REFRESH_TIMEOUT - 1)
    expect(done.status).toBe('pending')
    await pass(1)
    expect(done.status).toBe('rejected')
  })

  it('takes undefined as not given, for every option', async () => {
    const refresh = refreshStub()
    const auth = track(
      createAuth({
        refresh,
        name: undefined,
        storage: undefined,
        refreshAhead: undefined,
        autoRefresh: undefined,
        refreshTimeout: undefined,
        retry: undefined,
        classify: undefined,
        read: undefined,
        initialState: undefined,
        logout: undefined,
        clock: undefined,
      }),
    )
    await auth.login(pair())
    await pass(4 * MINUTE)
    await auth.getAccessToken()
    expect(refresh.reasons).toEqual(['ahead'])
    const done = watch(auth.refresh())
    await pass(REFRESH_TIMEOUT)
    expect(done.status).toBe('rejected')
  })

  it('takes undefined inside retry as not given', async () => {
    const refresh = refreshStub(() => Promise.reject(httpError(503)))
    const { auth } = open({ refresh, retry: { limit: undefined, delay: undefined, maxDelay: undefined } })
    await auth.login(pair())
    const waiting = rejection(auth.refresh())
    await pass(MINUTE)
    expect(await waiting).toMatchObject({ attempts: 3 })
  })

  it('takes no options at all', async () => {
    const auth = track(createAuth())
    expect(auth.getState()).toEqual({ status: 'anonymous' })
    await auth.ready
  })

  it('gives methods that need no this', async () => {
    const { auth } = open()
    const { login, getAccessToken, getState, logout } = auth
    const tokens = pair()
    await login(tokens)
    expect(await getAccessToken()).toBe(tokens.access_token)
    expect(getState().status).toBe('authenticated')
    await logout()
  })

  it('keeps two sessions apart', async () => {
    const one = open()
    const other = open()
    const tokens = pair({ sub: 'ada' })
    await one.auth.login(tokens)
    expect(await other.auth.getAccessToken()).toBeUndefined()
    const grace = pair({ sub: 'grace' })
    await other.auth.login(grace)
    await one.auth.logout()
    expect(await other.auth.getAccessToken()).toBe(grace.access_token)
    expect(one.events.names).toEqual(['login', 'logout'])
    expect(other.events.names).toEqual(['login'])
  })
})

describe('lock', () => {
  it('is taken around each grant of a shared storage, under the name of the session', async () => {
    const order: string[] = []
    const lock = {
      async request<T>(
        name: string,
        _options: { signal?: AbortSignal },
        callback: () => Promise<T>,
      ): Promise<T> {
        order.push(`taken: ${name}`)
        try {
          return await callback()
        } finally {
          order.push('released')
        }
      },
    }
    const refresh = refreshStub(() => {
      order.push('grant')
      return Promise.resolve(pair())
    })
    const { auth } = open({
      lock,
      refresh,
      name: 'my-session',
      storage: sharedStorage(memoryStorage()),
    })
    await auth.login(pair())
    auth.on('refreshed', () => void order.push('told'))
    const done = watch(auth.refresh())
    await pass(5_000)
    expect(done.status).toBe('fulfilled')
    expect(order[0]).toMatch(/taken: .*my-session/)
    expect(order.slice(1)).toEqual(['grant', 'released', 'told'])
  })

  it('is not used where the session is not shared', async () => {
    const request = vi.fn()
    const { auth } = open({ lock: { request }, refresh: refreshStub(async () => pair()) })
    await auth.login(pair())
    await auth.refresh()
    expect(request).not.toHaveBeenCalled()
  })
})

it.each<[value: unknown, kind: string]>([
  [Promise.resolve(), 'a promise'],
  [{ secret: 'token' }, 'object'],
  [() => 1, 'function'],
  [null, 'null'],
])('the kind of a value that a callback returned shows none of its contents: %s', (value, kind) => {
  expect(kindOf(value)).toBe(kind)
})

describe('refreshRequest', () => {
  it.each([
    undefined,
    null,
    {},
    { url: '' },
    { url: 7 },
    { url: '/r', send: 'query' },
    { url: '/r', send: null },
  ])('refuses %j with a TypeError', options => {
    expect(() => refreshRequest(options as never)).toThrow(TypeError)
  })
})

describe('oauth2Refresh', () => {
  it.each([
    undefined,
    null,
    {},
    { tokenEndpoint: 'https://id.example/token' },
    { clientId: 'spa' },
    { tokenEndpoint: '', clientId: 'spa' },
    { tokenEndpoint: 'https://id.example/token', clientId: '' },
    { tokenEndpoint: 7, clientId: 'spa' },
  ])('refuses %j with a TypeError', options => {
    expect(() => oauth2Refresh(options as never)).toThrow(TypeError)
  })
})

describe('getAccessToken', () => {
  it('takes an empty object', async () => {
    const { auth } = open()
    await settle()
    expect(await auth.getAccessToken({})).toBeUndefined()
  })
})
