/** The members of a token answer: their spellings, the lifetime that they state, and the user whom they identify. */
import type { TokenResponse } from 'tokenflight'
import { describe, expect, it } from 'vitest'
import {
  accessToken,
  cell,
  HOUR,
  jumpWall,
  jwt,
  MINUTE,
  opaque,
  open,
  pair,
  pass,
  refreshStub,
  SECOND,
  START,
  settle,
  useFakeTime,
  watch,
} from '../support/core.js'

useFakeTime()

const inSeconds = (instant: number): number => instant / SECOND

describe('a token answer in the short spelling', () => {
  it('of simplejwt is read: access and refresh', async () => {
    const { auth, refresh } = open()
    const answer = { access: opaque('at'), refresh: opaque('rt') }
    await auth.login(answer)
    expect(await auth.getAccessToken()).toBe(answer.access)
    void auth.refresh().catch(() => {})
    await settle()
    expect(refresh.spent).toEqual([answer.refresh])
  })

  it('keeps the refresh token where a refresh answers with access alone', async () => {
    const next = opaque('at')
    const { auth, refresh } = open({ refresh: refreshStub(async () => ({ access: next })) })
    const answer = { access: opaque('at'), refresh: opaque('rt') }
    await auth.login(answer)
    await auth.refresh()
    expect(await auth.getAccessToken()).toBe(next)
    await auth.refresh()
    expect(refresh.spent).toEqual([answer.refresh, answer.refresh])
  })

  it('is refused where access holds white space, and nothing changes', async () => {
    const { auth, events } = open()
    await expect(auth.login({ access: 'a b' })).rejects.toThrow(TypeError)
    expect(auth.getState().status).toBe('anonymous')
    expect(events.names).toEqual([])
  })
})

describe('the token type', () => {
  it.each(['Bearer', ' bearer ', 'BEARER\n', 'JWT', 'jwt', ' Jwt'])(
    'may be %j: spaces and case say nothing',
    async token_type => {
      const { auth, events } = open()
      const tokens = pair()
      await auth.login({ ...tokens, token_type })
      expect(await auth.getAccessToken()).toBe(tokens.access_token)
      expect(events.of('warning')).toEqual([])
    },
  )

  it.each(['DPoP', 'mac', 'Bearer JWT', 'N_A', 'xjwt'])('is refused where it is %j', async tokenType => {
    const { auth } = open()
    await expect(auth.login({ accessToken: opaque('at'), tokenType })).rejects.toThrow(/token_type/)
    expect(auth.getState().status).toBe('anonymous')
  })
})

describe('the end of the access token', () => {
  const end = START + 90 * SECOND
  it.each<[what: string, answer: object]>([
    ['epoch seconds', { expires_at: inSeconds(end) }],
    ['epoch milliseconds', { expires_at: end }],
    ['ISO 8601', { expires_at: new Date(end).toISOString() }],
    ['ISO 8601 with an offset', { expiresAt: '2026-01-15T13:01:30+01:00' }],
    ['epoch seconds in a string', { expiresAt: String(inSeconds(end)) }],
    ['epoch milliseconds in a string', { expiresAt: String(end) }],
    ['fractional seconds', { expires_at: inSeconds(end) + 0.25 - 0.25 }],
  ])('is read from expires_at in %s', async (_, answer) => {
    const { auth, events, refresh } = open({ autoRefresh: 'off' })
    const access_token = opaque('at')
    await auth.login({ access_token, refresh_token: opaque('rt'), ...answer })
    expect(auth.getState()).toMatchObject({ expiresAt: end })
    await pass(60 * SECOND)
    expect(await auth.getAccessToken()).toBe(access_token)
    expect(refresh.calls).toHaveLength(0)
    await pass(30 * SECOND)
    const late = watch(auth.getAccessToken())
    await settle()
    expect(late.status).toBe('pending')
    expect(refresh.reasons).toEqual(['expired'])
    expect(events.of('warning')).toEqual([])
  })

  it('is ignored where it has passed already, since only a wrong clock makes that so', async () => {
    const { auth, events } = open()
    await auth.login({ access_token: opaque('at'), expires_in: 60, expires_at: inSeconds(START - HOUR) })
    expect(auth.getState()).toMatchObject({ expiresAt: START + MINUTE })
    expect(events.of('warning')).toEqual([])
  })
})

describe('the lifetime is the smallest positive value', () => {
  const inTwoSeconds = { iat: inSeconds(START) - 3_598, exp: inSeconds(START) + 2 }
  const inAnHour = { iat: inSeconds(START), exp: inSeconds(START + HOUR) }
  it.each<[what: string, claims: object, answer: object, lifetime: number]>([
    ['expires_in of a token that was issued long ago', inTwoSeconds, { expiresIn: 2 }, 2 * SECOND],
    ['expires_in where the server shortens the life of the token', inAnHour, { expires_in: 60 }, MINUTE],
    ['exp - iat where expires_in says more', inAnHour, { expires_in: 7_200 }, HOUR],
    ['expires_at of a token from a cache', inTwoSeconds, { expires_at: START + 2 * SECOND }, 2 * SECOND],
    ['expires_at before expires_in', inAnHour, { expires_in: 300, expires_at: START + MINUTE }, MINUTE],
    ['expires_in before expires_at', inAnHour, { expires_in: 60, expires_at: START + 5 * MINUTE }, MINUTE],
    ['exp - iat where expires_in is 0', inAnHour, { expires_in: 0 }, HOUR],
    ['exp - iat where expires_in is negative', inAnHour, { expires_in: -5 }, HOUR],
  ])('%s', async (_, claims, answer, lifetime) => {
    const { auth, refresh } = open({ autoRefresh: 'off' })
    await auth.login({ access_token: jwt({ sub: 'ada', ...claims }), refresh_token: opaque('rt'), ...answer })
    expect(auth.getState()).toMatchObject({ expiresAt: START + lifetime })
    await pass(lifetime)
    watch(auth.getAccessToken())
    await settle()
    expect(refresh.reasons).toEqual(['expired'])
  })

  it('counts from arrival for the refresh token, too', async () => {
    const { auth } = open()
    const refresh_token = jwt({ iat: inSeconds(START - HOUR), exp: inSeconds(START + HOUR) })
    await auth.login({ access_token: accessToken(), refresh_token, refresh_expires_in: 3_600 })
    expect(auth.getState()).toMatchObject({ sessionExpiresAt: START + HOUR })
  })
})

describe('an iat that is copied from token to token', () => {
  const iat = inSeconds(START)

  it('is no issue time: tokens of three seconds are refreshed every three seconds, without one 401', async () => {
    const mint = (): string => jwt({ sub: 'ada', iat, exp: inSeconds(Date.now()) + 3 })
    const refresh = refreshStub(async () => ({ access: mint() }))
    const { auth } = open({ autoRefresh: 'off', refreshAhead: 0, refresh })
    const ends = new Map<string, number>()
    await auth.login({ access: mint(), refresh: opaque('rt') })
    let requests = 0
    let refused = 0
    for (; requests < 130; requests++) {
      const token = (await auth.getAccessToken()) as string
      ends.set(token, ends.get(token) ?? Date.now() + 3 * SECOND)
      if (Date.now() >= (ends.get(token) as number)) refused++
      await pass(300)
    }
    expect(refused).toBe(0)
    expect(ends.size).toBe(13)
    expect(refresh.calls).toHaveLength(12)
    expect(new Set(refresh.reasons)).toEqual(new Set(['expired']))
  })

  it('is recognised after a reload, by the token that was stored', async () => {
    const storage = cell()
    const first = open({ storage })
    await first.auth.login({
      access_token: jwt({ iat, exp: iat + 60 }),
      refresh_token: opaque('rt'),
    })
    first.auth.dispose()
    await pass(50 * SECOND)
    const refresh = refreshStub(async () => ({ access_token: jwt({ iat, exp: inSeconds(Date.now()) + 60 }) }))
    const { auth } = open({ storage, refresh })
    await auth.refresh()
    expect(auth.getState()).toMatchObject({ expiresAt: START + 110 * SECOND })
  })

  it('is recognised where nbf takes its place', async () => {
    const mint = (): string => jwt({ nbf: iat, exp: inSeconds(Date.now()) + 60 })
    const { auth } = open({ refresh: refreshStub(async () => ({ access_token: mint() })) })
    await auth.login({ access_token: mint(), refresh_token: opaque('rt') })
    await pass(50 * SECOND)
    await auth.refresh()
    expect(auth.getState()).toMatchObject({ expiresAt: START + 110 * SECOND })
  })

  it.each([HOUR, -HOUR])(
    'differs from two tokens of one second on a device whose clock is %i ms wrong',
    async skew => {
      const issuedAt = START - skew
      const mint = () => ({ ...pair({ issuedAt, lifetime: 2 * HOUR }) })
      const { auth } = open({ refresh: refreshStub(async () => mint()) })
      await auth.login(mint())
      await auth.refresh()
      expect(auth.getState()).toMatchObject({ expiresAt: START + 2 * HOUR })
    },
  )

  it('is told from the iat of a token that follows an opaque one', async () => {
    const mint = (): string => jwt({ iat: inSeconds(Date.now()), exp: inSeconds(Date.now()) + 60 })
    const { auth } = open({ refresh: refreshStub(async () => ({ access_token: mint() })) })
    await auth.login({ access_token: opaque('at'), refresh_token: opaque('rt'), expires_in: 10 })
    await auth.refresh()
    expect(auth.getState()).toMatchObject({ expiresAt: START + MINUTE })
  })

  describe('from the refresh token, whose own is a grant late', () => {
    /** As simplejwt before 5.5.1 does it with ROTATE_REFRESH_TOKENS. */
    const openLate = async (skew = 0) => {
      const begin = performance.now()
      /** The server's clock. */
      const read = (): number => inSeconds(START + performance.now() - begin) + skew
      let issuedAt = read()
      const mint = (): object => {
        const now = read()
        const access = jwt({ sub: 'ada', iat: issuedAt, exp: now + 60 })
        issuedAt = now
        return { access }
      }
      const { auth } = open({ autoRefresh: 'off', refresh: refreshStub(async () => mint()) })
      await auth.login({ ...mint(), refresh: opaque('rt') })
      return auth
    }

    it.each([0, -3_600])('is no issue time, where the server is %i s ahead of the device', async skew => {
      const auth = await openLate(skew)
      for (const pause of [60, 50, 10, 600, 86_400, 60]) {
        await pass(pause * SECOND)
        await auth.refresh()
        expect(auth.getState()).toMatchObject({ expiresAt: Date.now() + MINUTE })
      }
    })

    it('is no issue time after the clock of the device was set forward', async () => {
      const auth = await openLate()
      for (const jump of [HOUR, 2 * HOUR]) {
        await pass(50 * SECOND)
        await auth.refresh()
        jumpWall(jump)
        await pass(50 * SECOND)
        await auth.refresh()
        expect(auth.getState()).toMatchObject({ expiresAt: Date.now() + MINUTE })
      }
    })
  })

  it('belongs to one session: a login with the same iat is read anew', async () => {
    const { auth } = open()
    await auth.login({ access_token: jwt({ sub: 'ada', iat, exp: iat + 60 }), refresh_token: opaque('rt') })
    await pass(10 * SECOND)
    await auth.login({ access_token: jwt({ sub: 'ada', iat, exp: iat + 120 }) })
    expect(auth.getState()).toMatchObject({ expiresAt: START + 130 * SECOND })
  })
})

describe('an access token that a refresh hands out again', () => {
  it('grows no younger by that', async () => {
    const tokens = pair({ lifetime: 5 * MINUTE })
    const { auth, refresh } = open({ autoRefresh: 'off', refresh: refreshStub(async () => tokens) })
    await auth.login(tokens)
    await pass(2 * MINUTE)
    await auth.refresh()
    expect(refresh.calls).toHaveLength(1)
    expect(auth.getState()).toMatchObject({ expiresAt: START + 5 * MINUTE })
  })
})

describe('a lifetime in an unusual form', () => {
  const exp = inSeconds(START + MINUTE)
  it.each<[what: string, claims: object]>([
    ['exp as a string', { iat: inSeconds(START), exp: String(exp) }],
    ['exp and iat as strings', { iat: String(inSeconds(START)), exp: String(exp) }],
    ['exp in ISO 8601', { iat: inSeconds(START), exp: new Date(START + MINUTE).toISOString() }],
    ['nbf without iat', { nbf: inSeconds(START), exp }],
    ['nbf without iat as strings', { nbf: String(inSeconds(START)), exp: String(exp) }],
  ])('is read: %s', async (_, claims) => {
    const { auth, events } = open()
    await auth.login({ access_token: jwt({ sub: 'ada', ...claims }) })
    expect(auth.getState()).toMatchObject({ expiresAt: START + MINUTE })
    expect(events.of('warning')).toEqual([])
  })

  it.each<[member: RegExp, answer: TokenResponse]>([
    [/expires_in/, { expiresIn: '5m' }],
    [/expires_in/, { expires_in: 'PT5M' }],
    [/expires_in/, { expires_in: -1 }],
    [/expires_in/, { expires_in: {} as never }],
    [/expires_in/, { expires_in: true as never }],
    [/expires_at/, { expires_at: 'tomorrow' }],
    [/expires_at/, { expires_at: '2026-01-15 12:05:00' }],
    [/expires_at/, { expiresAt: [] as never }],
    [/expires_at/, { expiresAt: Number.NaN }],
    [/refresh_expires_in/, { refresh_expires_in: '30d' }],
    [/refresh_expires_in/, { refreshExpiresIn: '2 weeks' }],
    [/refresh_expires_in/, { refresh_token_expires_in: -60 }],
  ])('that is unreadable causes a warning that names %s: %j', async (member, answer) => {
    const { auth, events } = open()
    const access_token = opaque('at')
    await auth.login({ access_token, ...answer })
    expect(events.of('warning')).toMatchObject([{ message: expect.stringMatching(member) }])
    expect(events.of('warning')[0]?.message).not.toContain(access_token)
    expect(await auth.getAccessToken()).toBe(access_token)
    expect(auth.getState()).not.toHaveProperty('expiresAt')
    expect(auth.getState()).not.toHaveProperty('sessionExpiresAt')
  })

  it.each<TokenResponse>([
    { expires_in: 0 },
    { expires_in: null },
    { expires_in: '' },
    { expires_at: null },
    { expires_at: 0 },
    { refresh_expires_in: 0 },
    { refresh_expires_in: '' },
  ])('that says nothing causes no warning: %j', async answer => {
    const { auth, events } = open()
    await auth.login({ access_token: opaque('at'), ...answer })
    expect(events.of('warning')).toEqual([])
  })
})

describe('the user of a session', () => {
  const minted = (sub: unknown): { access_token: string; refresh_token: string } => ({
    access_token: jwt({
      sub,
      iat: inSeconds(Date.now()),
      exp: inSeconds(Date.now() + 5 * MINUTE),
      n: opaque(),
    }),
    refresh_token: opaque('rt'),
  })

  it.each<[first: unknown, second: unknown]>([
    [42, '42'],
    ['42', 42],
    [0, '0'],
    [undefined, 'ada'],
    ['ada', undefined],
    ['ada', null],
    ['ada', ''],
    ['ada', { id: 1 }],
  ])('stays the same where sub is %j and then %j', async (first, second) => {
    const { auth, events, refresh } = open({ autoRefresh: 'off' })
    await auth.login(minted(first))
    await pass(5 * MINUTE)
    const waiting = watch(auth.getAccessToken())
    await settle()
    const next = refresh.last.answer(minted(second))
    await settle()
    expect(waiting).toMatchObject({ status: 'fulfilled', value: next.access_token })
    expect(events.names).toEqual(['login', 'refreshed'])
    expect(refresh.calls).toHaveLength(1)
  })

  it.each<[first: unknown, second: unknown]>([
    [42, '43'],
    [1, '01'],
    ['ada', 'Ada'],
    [0, 'null'],
  ])('is another one where sub is %j and then %j', async (first, second) => {
    const { auth, events, refresh } = open({ autoRefresh: 'off' })
    await auth.login(minted(first))
    await pass(5 * MINUTE)
    const waiting = watch(auth.getAccessToken())
    await settle()
    const next = refresh.last.answer(minted(second))
    await settle()
    expect(waiting).toMatchObject({ status: 'rejected', error: { code: 'ERR_SIGNED_OUT' } })
    expect(await auth.getAccessToken()).toBe(next.access_token)
    expect(events.names).toEqual(['login', 'login'])
  })

  const opaqueOf = (sub: unknown): TokenResponse => ({
    access_token: opaque('at'),
    refresh_token: opaque('rt'),
    expires_in: 300,
    id_token: jwt({ sub }),
  })

  it('is named by the id_token where the access token is opaque', async () => {
    const { auth, events, refresh } = open({ autoRefresh: 'off' })
    await auth.login(opaqueOf('ada'))
    await pass(5 * MINUTE)
    const waiting = watch(auth.getAccessToken())
    await settle()
    refresh.last.answer(opaqueOf('grace'))
    await settle()
    expect(waiting).toMatchObject({ status: 'rejected', error: { code: 'ERR_SIGNED_OUT' } })
    expect(events.names).toEqual(['login', 'login'])
  })

  it('is remembered where a refresh answers without an id_token, and compared as a string', async () => {
    const { auth, events, refresh } = open({ autoRefresh: 'off' })
    await auth.login(opaqueOf(7))
    for (const answer of [{ access_token: opaque('at') }, opaqueOf('7'), opaqueOf(7)]) {
      const done = watch(auth.refresh())
      await settle()
      refresh.last.answer(answer)
      await settle()
      expect(done.status).toBe('fulfilled')
    }
    expect(events.of('login')).toHaveLength(1)
    const done = watch(auth.refresh())
    await settle()
    refresh.last.answer(opaqueOf('8'))
    await settle()
    expect(done.status).toBe('rejected')
    expect(events.of('login')).toHaveLength(2)
  })

  it('is remembered across a reload', async () => {
    const storage = cell()
    const first = open({ storage })
    await first.auth.login(opaqueOf('ada'))
    first.auth.dispose()
    const { auth, events, refresh } = open({ storage })
    await auth.ready
    const done = watch(auth.refresh())
    await settle()
    refresh.last.answer(opaqueOf('grace'))
    await settle()
    expect(done).toMatchObject({ status: 'rejected', error: { code: 'ERR_SIGNED_OUT' } })
    expect(events.names).toEqual(['login'])
  })
})
