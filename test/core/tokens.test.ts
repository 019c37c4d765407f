import { decodeToken, type TokenResponse } from 'tokenflight'
import { describe, expect, it } from 'vitest'
import { isOlder, readAnswer } from '../../src/core/tokens.js'
import {
  accessToken,
  alone,
  cell,
  DAY,
  expectNoToken,
  HOUR,
  jwt,
  MINUTE,
  opaque,
  open,
  pair,
  pass,
  refreshStub,
  rejection,
  SECOND,
  START,
  settle,
  useFakeTime,
  watch,
} from '../support/core.js'

useFakeTime()

const YEAR = 365 * DAY
const inSeconds = (instant: number): number => instant / SECOND

describe('a token answer', () => {
  it('is read in the spelling of OAuth', async () => {
    const storage = cell()
    const { auth, refresh } = open({ storage })
    const access_token = opaque('at')
    const refresh_token = opaque('rt')
    await auth.login({
      access_token,
      refresh_token,
      expires_in: 300,
      refresh_expires_in: 3_600,
      token_type: 'Bearer',
      scope: 'read write',
    })
    expect(await auth.getAccessToken()).toBe(access_token)
    expect(auth.getState()).toMatchObject({
      status: 'authenticated',
      expiresAt: START + 5 * MINUTE,
      sessionExpiresAt: START + HOUR,
    })
    expect(storage.record).toMatchObject({
      accessToken: access_token,
      refreshToken: refresh_token,
      scope: 'read write',
    })
    expect(refresh.calls).toHaveLength(0)
  })

  it('is read in camelCase', async () => {
    const storage = cell()
    const { auth } = open({ storage })
    const accessToken = opaque('at')
    const refreshToken = opaque('rt')
    await auth.login({
      accessToken,
      refreshToken,
      expiresIn: 300,
      refreshExpiresIn: 3_600,
      tokenType: 'bearer',
    })
    expect(await auth.getAccessToken()).toBe(accessToken)
    expect(storage.record).toMatchObject({
      accessToken,
      refreshToken,
      expiresAt: START + 5 * MINUTE,
      refreshExpiresAt: START + HOUR,
    })
  })

  it('may name the life of its refresh token refresh_token_expires_in', async () => {
    const { auth } = open()
    await auth.login({ ...pair(), refresh_token_expires_in: '3600' })
    expect(auth.getState()).toMatchObject({ sessionExpiresAt: START + HOUR })
  })

  it.each(['Bearer', 'bearer', 'BEARER', undefined, null])('may call its type %s', async token_type => {
    const { auth } = open()
    const tokens = pair()
    await auth.login({ ...tokens, token_type })
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
  })

  it('may have unknown members', async () => {
    const { auth } = open()
    await auth.login({ ...pair(), id_token: 'x', session_state: 7, 'not-before-policy': 0 } as TokenResponse)
    expect(auth.getState().status).toBe('authenticated')
  })

  it('may hold a token of any size', async () => {
    const { auth } = open()
    const access_token = jwt({ sub: 'ada', exp: inSeconds(START + HOUR), roles: 'x'.repeat(100_000) })
    await auth.login({ access_token })
    expect(await auth.getAccessToken()).toBe(access_token)
  })

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a string', 'eyJhbGciOi'],
    ['a number', 7],
    ['an empty object', {}],
    ['an array', []],
    ['an HTML page', '<!doctype html><title>Log in to the Wi-Fi</title>'],
    ['an error', { error: 'invalid_grant' }],
    ['no access token', { refresh_token: 'rt' }],
    ['an empty access token', { access_token: '' }],
    ['an access token of null', { access_token: null }],
    ['a number as access token', { access_token: 12345 }],
    ['an object as access token', { access_token: {} }],
    ['an access token with a space', { access_token: 'a b' }],
    ['an access token with a line break', { access_token: 'a\r\nX-Injected: 1' }],
    ['an access token with a tab', { access_token: 'a\tb' }],
    ['an access token with a NUL', { access_token: 'a\u0000b' }],
    ['an access token with a DEL', { access_token: 'a\u007fb' }],
    ['an access token with a no-break space', { access_token: 'a\u00a0b' }],
    ['an access token with a leading space', { access_token: ' a' }],
    ['an access token with a trailing line break', { access_token: 'a\n' }],
    ['another token type', { access_token: 'a', token_type: 'DPoP' }],
    ['the token type mac', { access_token: 'a', token_type: 'mac' }],
    ['a refresh token with a line break', { access_token: 'a', refresh_token: 'r\nt' }],
    ['a number as refresh token', { access_token: 'a', refresh_token: 7 }],
  ])('is refused by login when it is %s, and nothing changes', async (_, answer) => {
    const storage = cell()
    const { auth, events } = open({ storage })
    const before = pair()
    await auth.login(before)
    const state = auth.getState()
    const { record } = storage
    const error = await rejection(auth.login(answer as never))
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toMatch(/token/i)
    expect(auth.getState()).toBe(state)
    expect(storage.record).toBe(record)
    expect(await auth.getAccessToken()).toBe(before.access_token)
    expect(events.names).toEqual(['login'])
  })

  it.each([
    ['nothing', 'transient', undefined],
    ['a 200 with an HTML page', 'transient', '<!doctype html>'],
    ['an empty access token', 'misconfigured', { access_token: '' }],
    ['an access token with a space', 'misconfigured', { access_token: 'a b' }],
    ['another token type', 'misconfigured', { access_token: 'a', token_type: 'DPoP' }],
  ])('keeps the session when a refresh brings %s, which is %s', async (_, kind, answer) => {
    const storage = cell()
    const { auth, refresh, events } = open({ storage, retry: 0, refresh: refreshStub(async () => answer) })
    const before = pair()
    await auth.login(before)
    const { record } = storage
    await expect(auth.refresh()).rejects.toMatchObject({ code: 'ERR_REFRESH_FAILED' })
    expect(refresh.calls).toHaveLength(1)
    expect(events.of('refreshFailed')).toMatchObject([{ class: kind, attempts: 1 }])
    expect(storage.record?.refreshToken).toBe(record?.refreshToken)
    expect(await auth.getAccessToken()).toBe(before.access_token)
  })

  it.each<[answer: unknown, problem: string]>([
    [undefined, 'undefined'],
    [null, 'null'],
    ['eyJhbGciOi', 'string'],
    [7, 'number'],
    [{}, isNoToken('access_token', 'undefined', '')],
    [{ access: null, error: 'e' }, isNoToken('access_token', 'null', 'access,error')],
    [{ access_token: '' }, isNoToken('access_token', 'an empty string', 'access_token')],
    [{ access_token: 'a b' }, isNoToken('access_token', 'one with them', 'access_token')],
    [{ access_token: 7 }, isNoToken('access_token', 'number', 'access_token')],
    [{ access_token: {} }, isNoToken('access_token', 'object', 'access_token')],
    [
      { access_token: 'a', refresh_token: 'r\nt' },
      isNoToken('refresh_token', 'one with them', 'access_token,refresh_token'),
    ],
    [
      { access_token: 'a', refresh_token: 7 },
      isNoToken('refresh_token', 'number', 'access_token,refresh_token'),
    ],
    [
      { error: 'e', Description: 1, ok: 1, 'a-b': 1, 'a b': 1, '': 1, v2: 1, [`${'x'.repeat(24)}`]: 1 },
      isNoToken('access_token', 'undefined', `error,Description,ok,${'x'.repeat(24)}`),
    ],
    [{ ['x'.repeat(25)]: 1 }, isNoToken('access_token', 'undefined', '')],
    [{ access_token: 'a', token_type: 'DPoP' }, 'token_type must be Bearer'],
    [{ access_token: 'a', token_type: 7 }, 'token_type must be Bearer'],
    [{ access_token: 'a', token_type: ['Bearer'] }, 'token_type must be Bearer'],
  ])('is refused with a message that names the mistake in %j', async (answer, problem) => {
    const { auth } = open()
    const error = await rejection(auth.login(answer as never))
    expect(error.message).toBe(`Not a token answer: ${problem}`)
  })

  it.each([7, null, ['read'], {}])('may have an unreadable scope: %j', async scope => {
    const storage = cell()
    const { auth } = open({ storage })
    const tokens = pair()
    await auth.login({ ...tokens, scope: scope as never })
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    expect(storage.record).not.toHaveProperty('scope')
  })

  it('is never quoted when it is refused', async () => {
    const { auth } = open()
    const access_token = `${opaque('at')} ${opaque('at')}`
    const error = await rejection(auth.login({ access_token, refresh_token: opaque('rt') }))
    expectNoToken(error)
    const second = await rejection(
      auth.login({ access_token: opaque('at'), refresh_token: `${opaque('rt')}\n` }),
    )
    expectNoToken(second)
    const third = await rejection(auth.login(opaque('at') as never))
    expectNoToken(third)
  })
})

function isNoToken(name: string, what: string, members: string): string {
  return `${name} must be a string without white space or control characters, got ${what}; members: ${members}`
}

describe('an answer without a refresh token', () => {
  it('keeps the present one', async () => {
    const { auth, refresh } = open({ refresh: refreshStub(async () => alone()) })
    const { refresh_token } = pair()
    await auth.login({ ...alone(), refresh_token })
    await auth.refresh()
    await auth.refresh()
    expect(refresh.spent).toEqual([refresh_token, refresh_token])
  })

  it.each([
    ['null', null],
    ['an empty string', ''],
  ])('keeps the present one when it says %s', async (_, empty) => {
    const { auth, refresh } = open({
      refresh: refreshStub(async () => ({ ...alone(), refresh_token: empty })),
    })
    const tokens = pair()
    await auth.login(tokens)
    await auth.refresh()
    await auth.refresh()
    expect(refresh.spent).toEqual([tokens.refresh_token, tokens.refresh_token])
  })

  it('keeps the present end of the session', async () => {
    const { auth } = open({ refresh: refreshStub(async () => alone()) })
    await auth.login({ ...pair(), refresh_expires_in: 3_600 })
    await pass(10 * SECOND)
    await auth.refresh()
    expect(auth.getState()).toMatchObject({ sessionExpiresAt: START + HOUR })
  })
})

describe('an answer with a new refresh token', () => {
  it('replaces the old one for good', async () => {
    const second = pair()
    const third = pair()
    const { auth, refresh } = open({
      refresh: refreshStub(async (_, number) => (number === 1 ? second : third)),
    })
    const first = pair()
    await auth.login(first)
    await auth.refresh()
    await auth.refresh()
    expect(refresh.spent).toEqual([first.refresh_token, second.refresh_token])
  })

  it('does not inherit the end of the old one', async () => {
    const { auth } = open({ refresh: refreshStub(async () => pair()) })
    await auth.login({ ...pair(), refresh_expires_in: 3_600 })
    await auth.refresh()
    expect(auth.getState()).toMatchObject({ status: 'authenticated' })
    expect('sessionExpiresAt' in auth.getState()).toBe(false)
  })
})

describe('the lifetime', () => {
  it.each([2 * SECOND, 10 * SECOND, MINUTE, 5 * MINUTE, HOUR, DAY, 30 * DAY, YEAR, 10 * YEAR])(
    'of %i ms is exp - iat, to the millisecond',
    async lifetime => {
      const { auth, refresh } = open({ autoRefresh: 'off' })
      const tokens = pair({ lifetime })
      await auth.login(tokens)
      expect(auth.getState()).toMatchObject({ expiresAt: START + lifetime })
      await pass(lifetime - 1)
      expect(await auth.getAccessToken()).toBe(tokens.access_token)
      await pass(1)
      const late = watch(auth.getAccessToken())
      await settle()
      expect(late.status).toBe('pending')
      expect(refresh.calls.length).toBe(1)
    },
  )

  it('is exp - iat rather than expires_in', async () => {
    const { auth } = open()
    await auth.login({ access_token: accessToken({ lifetime: MINUTE }), expires_in: 3_600 })
    expect(auth.getState()).toMatchObject({ expiresAt: START + MINUTE })
  })

  it('is expires_in where the token does not say when it was issued', async () => {
    const { auth, events } = open()
    await auth.login({ access_token: jwt({ exp: inSeconds(START + DAY) }), expires_in: 60 })
    expect(auth.getState()).toMatchObject({ expiresAt: START + MINUTE })
    expect(events.of('warning')).toEqual([])
  })

  it('comes from exp alone as a last resort, with a warning', async () => {
    const { auth, events } = open()
    await auth.login({ access_token: jwt({ exp: inSeconds(START + MINUTE) }) })
    expect(auth.getState()).toMatchObject({ expiresAt: START + MINUTE })
    expect(events.of('warning')).toHaveLength(1)
  })

  it('may be fractional', async () => {
    const { auth } = open()
    await auth.login({ access_token: jwt({ iat: inSeconds(START) + 0.25, exp: inSeconds(START) + 60.75 }) })
    expect(auth.getState()).toMatchObject({ expiresAt: START + 60_500 })
  })

  it('is read in milliseconds where exp and iat are milliseconds by mistake, with a warning', async () => {
    const { auth, events, refresh } = open()
    await auth.login({ access_token: jwt({ iat: START, exp: START + MINUTE }), refresh_token: opaque('rt') })
    expect(auth.getState()).toMatchObject({ expiresAt: START + MINUTE })
    expect(events.of('warning')).toMatchObject([{ message: expect.stringMatching(/millisecond/) }])
    await auth.getAccessToken()
    expect(refresh.calls).toHaveLength(0)
  })

  it('is read where only exp is milliseconds by mistake', async () => {
    const { auth } = open()
    await auth.login({ access_token: jwt({ iat: inSeconds(START), exp: START + MINUTE }) })
    expect(auth.getState()).toMatchObject({ expiresAt: START + MINUTE })
  })

  it.each([
    ['negative', -1],
    ['zero', 0],
    ['a string', 'tomorrow'],
    ['null', null],
    ['an object', {}],
    ['not finite', 1e308],
    ['far beyond any year', 1e20],
  ])('is unknown where exp is %s, and the token is served until a 401', async (_, exp) => {
    const { auth, refresh } = open()
    const access_token = jwt({ sub: 'ada', iat: inSeconds(START), exp })
    await auth.login({ access_token, refresh_token: opaque('rt') })
    await pass(DAY)
    expect(await auth.getAccessToken()).toBe(access_token)
    expect(refresh.calls).toHaveLength(0)
    expect('expiresAt' in auth.getState()).toBe(false)
  })

  it.each([
    [{ exp: inSeconds(START + MINUTE) }, ' without iat; counted on the device clock'],
    [
      { iat: inSeconds(START + MINUTE), exp: inSeconds(START + MINUTE) },
      ' without iat; counted on the device clock',
    ],
    [{ exp: 0 }, '; only a 401 will tell its end'],
    [{ iat: inSeconds(START), exp: -5 }, '; only a 401 will tell its end'],
    [{ iat: inSeconds(START), exp: 'soon' }, '; only a 401 will tell its end'],
  ])('is doubted aloud where the token says %j', async (claims, rest) => {
    const { auth, events } = open()
    await auth.login({ access_token: jwt(claims) })
    expect(events.of('warning')).toEqual([{ message: `exp of the access token makes no sense${rest}` }])
  })

  it('is read in seconds as far as the year 5138', async () => {
    const { auth, events } = open()
    await auth.login({ access_token: jwt({ iat: 1e11 - 60, exp: 1e11 }) })
    expect(auth.getState()).toMatchObject({ expiresAt: START + MINUTE })
    expect(events.of('warning')).toEqual([])
  })

  it('is ignored, with a warning, where it is so long that it must be an instant', async () => {
    const { auth, events } = open()
    await auth.login({ access_token: opaque('at'), expires_in: 1.5e9 - 1 })
    expect(auth.getState()).toMatchObject({ expiresAt: START + 1.5e12 - SECOND })
    expect(events.of('warning')).toEqual([])
    for (const expires_in of [1.5e9, inSeconds(START + MINUTE), START + MINUTE, 'Infinity']) {
      await auth.login({ access_token: opaque('at'), expires_in })
      expect('expiresAt' in auth.getState()).toBe(false)
      expect(events.of('warning').splice(-1)).toMatchObject([
        { message: expect.stringMatching(/expires_in/) },
      ])
    }
    expect(events.of('warning')).toHaveLength(4)
  })

  it.each([{ iat: 0 }, { nbf: 0 }])(
    'counts on the device clock where the issue time is empty: %j',
    async claims => {
      const { auth, refresh } = open({ autoRefresh: 'off' })
      const access_token = jwt({ ...claims, exp: inSeconds(START + MINUTE) })
      await auth.login({ access_token, refresh_token: opaque('rt') })
      expect(auth.getState()).toMatchObject({ expiresAt: START + MINUTE })
      await pass(MINUTE)
      watch(auth.getAccessToken())
      await settle()
      expect(refresh.reasons).toEqual(['expired'])
    },
  )

  it('is expires_in where exp is absurd', async () => {
    const { auth } = open()
    await auth.login({ access_token: jwt({ iat: inSeconds(START), exp: -5 }), expires_in: 60 })
    expect(auth.getState()).toMatchObject({ expiresAt: START + MINUTE })
  })

  it('warns where exp is absurd and nothing else tells the end', async () => {
    const { auth, events } = open()
    await auth.login({ access_token: jwt({ iat: inSeconds(START), exp: -5 }) })
    expect(events.of('warning')).toHaveLength(1)
  })

  it.each([
    [60, MINUTE],
    ['60', MINUTE],
    [' 60 ', MINUTE],
    ['1.5', 1_500],
    [0.5, 500],
  ])('of an opaque token is expires_in: %j', async (expires_in, lifetime) => {
    const { auth } = open()
    await auth.login({ access_token: opaque('at'), expires_in })
    expect(auth.getState()).toMatchObject({ expiresAt: START + lifetime })
  })

  it.each([
    -1,
    0,
    '-60',
    '',
    ' ',
    'soon',
    Number.NaN,
    Number.POSITIVE_INFINITY,
    null,
    undefined,
    {},
    [],
    true,
  ])('of an opaque token is unknown where expires_in is %j', async expires_in => {
    const { auth, refresh } = open()
    const access_token = opaque('at')
    await auth.login({ access_token, refresh_token: opaque('rt'), expires_in: expires_in as never })
    await pass(30 * DAY)
    expect(await auth.getAccessToken()).toBe(access_token)
    expect(refresh.calls).toHaveLength(0)
    expect('expiresAt' in auth.getState()).toBe(false)
  })

  it.each([0, '0', -1, Number.NaN, '', null])(
    'of a refresh token is unknown where it says %j',
    async value => {
      const { auth, refresh } = open({ refresh: refreshStub(async () => pair()) })
      await auth.login({ ...pair(), refresh_expires_in: value })
      expect('sessionExpiresAt' in auth.getState()).toBe(false)
      await pass(DAY)
      await auth.getAccessToken()
      expect(refresh.reasons).toEqual(['expired'])
      expect(auth.getState().status).toBe('authenticated')
    },
  )

  it('of a refresh token is its own exp - iat', async () => {
    const { auth } = open()
    const refresh_token = jwt({ iat: inSeconds(START), exp: inSeconds(START + HOUR), typ: 'Offline' })
    await auth.login({ access_token: accessToken(), refresh_token })
    expect(auth.getState()).toMatchObject({ sessionExpiresAt: START + HOUR })
  })

  it('of a refresh token whose exp is 0 is unknown', async () => {
    const { auth } = open()
    const refresh_token = jwt({ iat: inSeconds(START), exp: 0, typ: 'Offline' })
    await auth.login({ access_token: accessToken(), refresh_token })
    expect(auth.getState().status).toBe('authenticated')
    expect('sessionExpiresAt' in auth.getState()).toBe(false)
  })

  it('of an odd refresh token causes no warning about its access token', async () => {
    const { auth, events } = open()
    await auth.login({ access_token: accessToken(), refresh_token: jwt({ exp: 0 }), refresh_expires_in: 0 })
    expect(events.of('warning')).toEqual([])
  })
})

describe('the lifetime of a token that follows another', () => {
  const IAT = inSeconds(START)
  const token = (iat: number, exp: number): string => jwt({ iat: IAT + iat, exp: IAT + exp })
  const lifetimeOf = (next: string, before: string, arrival: number, remaining: number) =>
    readAnswer({ access_token: next }, START + arrival, { token: before, remaining }).lifetime

  it('counts from its arrival where it copies the issue time of the other', () => {
    expect(lifetimeOf(token(0, 301), token(0, 300), SECOND, 299 * SECOND)).toBe(300 * SECOND)
  })

  it.each([
    [2_000, 300_000],
    [2_001, 297_999],
  ])('whose issue time is %i ms before its arrival is %i ms', (late, expected) => {
    const arrival = 60 * SECOND + late
    expect(lifetimeOf(token(60, 360), token(0, 300), arrival, 300_000 - arrival)).toBe(expected)
  })

  it.each([
    ['long', -600 * SECOND],
    ['as long as the lifetime', -300 * SECOND],
  ])('is exp - iat on a device whose clock is ahead, where the other is dead for %s', (_, remaining) => {
    expect(lifetimeOf(token(300, 600), token(0, 300), HOUR, remaining)).toBe(300 * SECOND)
  })
})

describe('a token', () => {
  type Times = [iat: number | undefined, exp: number]
  const token = (...[iat, exp]: Times): string => jwt({ iat, exp })

  it.each<[string, boolean, Times, Times, number]>([
    ['was issued earlier, even if it ends later', true, [100, 900], [200, 500], 0],
    ['was issued later, even if it ends earlier', false, [200, 500], [100, 900], 0],
    ['was issued at the same time and ends earlier', true, [100, 500], [100, 900], 0],
    ['was issued at the same time and ends later', false, [100, 900], [100, 500], 0],
    ['was issued and ends at the same times', false, [100, 500], [100, 500], 0],
    ['does not say when it was issued and ends earlier', true, [undefined, 500], [100, 900], 0],
    ['does not say when it was issued and ends later', false, [undefined, 900], [100, 500], 0],
    ['was issued as much earlier as clocks may differ', false, [195, 500], [200, 500], 5 * SECOND],
    ['was issued more earlier than clocks may differ', true, [194, 900], [200, 500], 5 * SECOND],
  ])('that %s is older: %s', (_, expected, mine, theirs, leeway) => {
    expect(isOlder(token(...mine), token(...theirs), leeway)).toBe(expected)
  })
})

describe('an opaque token', () => {
  it('without expires_in is never refreshed ahead', async () => {
    const { auth, refresh } = open({ autoRefresh: 'always' })
    const access_token = opaque('at')
    await auth.login({ access_token, refresh_token: opaque('rt') })
    await pass(YEAR)
    expect(await auth.getAccessToken()).toBe(access_token)
    expect(refresh.calls).toHaveLength(0)
  })

  it('with expires_in is refreshed ahead like any other', async () => {
    const { auth, refresh } = open({ autoRefresh: 'off' })
    const access_token = opaque('at')
    await auth.login({ access_token, refresh_token: opaque('rt'), expires_in: 300 })
    await pass(4 * MINUTE + SECOND)
    expect(await auth.getAccessToken()).toBe(access_token)
    expect(refresh.reasons).toEqual(['ahead'])
  })

  it('has no claims', async () => {
    const { auth } = open()
    await auth.login({ access_token: opaque('at') })
    expect('claims' in auth.getState()).toBe(false)
  })
})

describe('decodeToken', () => {
  it('gives the payload', () => {
    expect(decodeToken(jwt({ sub: 'ada', name: 'Ada Lovelace' }))).toEqual({
      sub: 'ada',
      name: 'Ada Lovelace',
    })
  })

  it('reads claims that are not ASCII', () => {
    expect(decodeToken(jwt({ name: 'Žofie 王 🚀' }))).toEqual({ name: 'Žofie 王 🚀' })
  })

  it.each([
    '',
    'opaque',
    'a.b',
    'a.b.c',
    '...',
    'eyJhbGciOiJub25lIn0.%%%.x',
    jwtLike('"a string"'),
    jwtLike('7'),
    jwtLike('null'),
    jwtLike('[1]'),
    jwtLike('{"sub":'),
  ])('gives undefined for %j and never throws', token => {
    expect(decodeToken(token)).toBeUndefined()
  })

  it.each([undefined, null, 7, {}])('gives undefined for %j', value => {
    expect(decodeToken(value as never)).toBeUndefined()
  })
})

function jwtLike(payload: string): string {
  return `eyJhbGciOiJub25lIn0.${Buffer.from(payload).toString('base64url')}.x`
}
