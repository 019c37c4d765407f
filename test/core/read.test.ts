/** The option `read`: one mapping of the back end's answer, for `login()` and for every refresh. */
import {
  cookieSession,
  createAuth,
  memoryStorage,
  oauth2Refresh,
  refreshRequest,
  type TokenStorage,
} from 'tokenflight'
import { describe, expect, it, vi } from 'vitest'
import { opaque, open, pair, rejection, settle, track, useFakeTime } from '../support/core.js'

useFakeTime()

const url = 'https://auth.example.test/refresh'

interface Answer {
  data: { token: string; renewal?: string; ttl?: number }
}
const read = ({ data }: Answer) => ({
  accessToken: data.token,
  refreshToken: data.renewal,
  expiresIn: data.ttl,
})
const answer = (number: number): Answer => ({
  data: { token: `at-${number}`, renewal: `rt-${number}`, ttl: 300 },
})

/** A refresh endpoint, and the requests that reached it. */
function endpoint(body: (number: number) => unknown, init?: ResponseInit) {
  const sent: (string | undefined)[] = []
  const send: typeof fetch = async (_, { body: text } = {}) => {
    sent.push(text?.toString())
    return Response.json(body(sent.length + 1), init)
  }
  return { send, sent }
}

describe('read', () => {
  it('maps the answer of a login and the answers of refreshRequest', async () => {
    const { send, sent } = endpoint(answer)
    const auth = track(createAuth({ read, refresh: refreshRequest({ url, fetch: send }) }))
    await auth.login(answer(1))
    expect(await auth.getAccessToken()).toBe('at-1')
    expect(auth.getState()).toMatchObject({ expiresAt: Date.now() + 300_000 })
    await auth.refresh()
    await auth.refresh()
    expect(await auth.getAccessToken()).toBe('at-3')
    expect(auth.getState()).toMatchObject({ expiresAt: Date.now() + 300_000 })
    expect(sent).toEqual(['{"refreshToken":"rt-1"}', '{"refreshToken":"rt-2"}'])
  })

  it.each<[what: string, init: ResponseInit]>([
    ['alone', {}],
    ['beside the token in the Authorization header', { headers: { Authorization: 'Bearer at-9' } }],
  ])('maps answers that are no objects: a token as JSON text, %s', async (_, init) => {
    const { send, sent } = endpoint(number => `at-${number}`, init)
    const read = (accessToken: string) => ({ accessToken })
    const auth = track(createAuth({ read, refresh: refreshRequest({ url, send: 'access', fetch: send }) }))
    await auth.login('at-1')
    await auth.refresh()
    expect([await auth.getAccessToken(), sent.length]).toEqual(['at-2', 1])
  })

  it('gets no members of an answer that is no JSON', async () => {
    const read = vi.fn(({ token }: { token: string }) => ({ accessToken: token }))
    const send = vi.fn<typeof fetch>(
      async () => new Response('', { headers: { Authorization: 'Bearer at-2' } }),
    )
    const auth = track(createAuth({ read, refresh: refreshRequest({ url, send: 'access', fetch: send }) }))
    await auth.login({ token: 'at-1' })
    await auth.refresh()
    expect([await auth.getAccessToken(), send.mock.calls.length]).toEqual(['at-2', 1])
    expect(read).toHaveBeenLastCalledWith({})
  })

  it('maps the answers of oauth2Refresh', async () => {
    const { send, sent } = endpoint(answer)
    const refresh = oauth2Refresh({ tokenEndpoint: url, clientId: 'app', fetch: send })
    const auth = track(createAuth({ read, refresh }))
    await auth.login(answer(1))
    await auth.refresh()
    expect([await auth.getAccessToken(), sent.length]).toEqual(['at-2', 1])
  })

  it('maps the answers of a function of the application', async () => {
    const refresh = vi.fn(async () => answer(2) as never)
    const auth = track(createAuth({ read, refresh }))
    await auth.login(answer(1))
    await auth.refresh()
    expect([await auth.getAccessToken(), refresh.mock.calls.length]).toEqual(['at-2', 1])
  })

  it('leaves an answer of the application alone that is mapped already', async () => {
    const refresh = async () => ({ accessToken: 'at-2', refreshToken: 'rt-2', expiresIn: 60 })
    const auth = track(createAuth({ read, refresh }))
    await auth.login(answer(1))
    await auth.refresh()
    expect(await auth.getAccessToken()).toBe('at-2')
    expect(auth.getState()).toMatchObject({ expiresAt: Date.now() + 60_000 })
  })

  it('yields to the read of the preset', async () => {
    const { send } = endpoint(() => ({ fresh: 'at-2' }))
    const refresh = refreshRequest({
      url,
      fetch: send,
      read: async response => ({ accessToken: ((await response.json()) as { fresh: string }).fresh }),
    })
    const auth = track(createAuth({ read, refresh }))
    await auth.login(answer(1))
    await auth.refresh()
    expect(await auth.getAccessToken()).toBe('at-2')
  })

  it('is not needed for a token in the Authorization header of the answer', async () => {
    const { send } = endpoint(() => ({}), { headers: { Authorization: 'Bearer at-2' } })
    const auth = track(createAuth({ read, refresh: refreshRequest({ url, fetch: send }) }))
    await auth.login(answer(1))
    await auth.refresh()
    expect(await auth.getAccessToken()).toBe('at-2')
  })

  it.each([
    ['all tokens', read],
    ['the refresh token alone', ({ data }: Answer) => ({ refreshToken: data.renewal })],
  ])(
    'has its refresh token used, although the answer repeats the access token in a header: it finds %s',
    async (_, read) => {
      const { send, sent } = endpoint(answer, { headers: { Authorization: 'Bearer at-2' } })
      const auth = track(createAuth({ read, refresh: refreshRequest({ url, fetch: send }) }))
      await auth.login({ accessToken: 'at-1', refreshToken: 'rt-1' } as never)
      await auth.refresh()
      await auth.refresh()
      expect(sent).toEqual(['{"refreshToken":"rt-1"}', '{"refreshToken":"rt-2"}'])
    },
  )

  it.each<[fault: string, read: (answer: never) => never, message: RegExp]>([
    [
      'throws',
      () => {
        throw new Error('secret')
      },
      /^Not a token answer: `read` threw$/,
    ],
    ['returns nothing', () => undefined as never, /^Not a token answer: `read` returned no access token$/],
    [
      'returns a promise',
      () => Promise.resolve({}) as never,
      /^Not a token answer: `read` returned a promise$/,
    ],
  ])('that %s leaves the session of a login as it was', async (_, faulty, message) => {
    const auth = track(createAuth({ read: faulty as () => never }))
    const error = await rejection(auth.login({ data: 1 } as never))
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toMatch(message)
    expect(auth.getState()).toEqual({ status: 'anonymous' })
  })

  describe('that is asynchronous', () => {
    const late = (async ({ data }: Answer) => ({ refreshToken: data.renewal })) as unknown as typeof read

    it.each<[where: string, storage: () => TokenStorage]>([
      ['in memory', memoryStorage],
      ['in cookies alone', () => cookieSession({ access: 'cookie', exists: () => false })],
    ])('and rejects leaves no rejection without a handler, and no session: %s', async (_, storage) => {
      const unhandled = vi.fn()
      process.on('unhandledRejection', unhandled)
      try {
        const read = (async () => Promise.reject(new Error('secret'))) as unknown as () => never
        const { auth } = open({ storage: storage(), read })
        const error = await rejection(auth.login(answer(1) as never))
        expect(error).toBeInstanceOf(TypeError)
        expect(error.message).toBe('Not a token answer: `read` returned a promise')
        expect(auth.getState()).toEqual({ status: 'anonymous' })
        vi.useRealTimers()
        await new Promise(resolve => setTimeout(resolve, 5))
        expect(unhandled).not.toHaveBeenCalled()
      } finally {
        process.off('unhandledRejection', unhandled)
      }
    })

    it('is refused although the answer has an access token in a known spelling', async () => {
      const { auth } = open({ read: late })
      const error = await rejection(auth.login({ ...answer(1), accessToken: 'at-1' } as never))
      expect(error.message).toBe('Not a token answer: `read` returned a promise')
      expect(auth.getState()).toEqual({ status: 'anonymous' })
    })

    it.each<[what: string, storage: () => TokenStorage, init: ResponseInit]>([
      ['with the token in a header', memoryStorage, { headers: { Authorization: 'Bearer at-2' } }],
      ['with its tokens in the body', memoryStorage, {}],
      ['with a cookie', () => cookieSession({ access: 'cookie', exists: () => false }), {}],
    ])('refuses the answer of a refresh, and keeps the session: %s', async (_, storage, init) => {
      const { send, sent } = endpoint(answer, init)
      let mapping = read
      const { auth, events } = open<Answer>({
        storage: storage(),
        read: given => mapping(given),
        refresh: refreshRequest({ url, fetch: send }) as never,
      })
      await auth.login(answer(1) as never)
      mapping = late
      const error = await rejection(auth.refresh())
      expect(error).toMatchObject({
        code: 'ERR_REFRESH_FAILED',
        cause: { cause: { message: 'Not a token answer: `read` returned a promise' } },
      })
      await settle()
      expect(events.of('refreshFailed')).toMatchObject([{ class: 'misconfigured', attempts: 1 }])
      expect([auth.getState().status, sent.length]).toEqual(['authenticated', 1])
    })
  })

  it('that finds no token in the answer of a refresh keeps the session, and the message names the option', async () => {
    const { send, sent } = endpoint(() => ({ result: 'ok' }))
    const { auth, events } = open<Answer>({ read, refresh: refreshRequest({ url, fetch: send }) as never })
    await auth.login(answer(1) as never)
    const error = await rejection(auth.refresh())
    expect(error.message).toContain(
      'with the members result, without an access token; map it with the option `read`',
    )
    await settle()
    expect(events.of('refreshFailed')).toMatchObject([{ class: 'misconfigured', attempts: 1 }])
    expect([auth.getState().status, sent.length]).toEqual(['authenticated', 1])
  })

  it('sees an answer that reports a dead refresh token only after the session has ended', async () => {
    const { send, sent } = endpoint(() => ({ error: 'invalid_grant' }))
    const { auth, events } = open<Answer>({ read, refresh: refreshRequest({ url, fetch: send }) as never })
    await auth.login(answer(1) as never)
    await rejection(auth.refresh())
    expect(events.of('sessionExpired')).toMatchObject([{ reason: 'refresh_rejected' }])
    expect(sent).toHaveLength(1)
  })

  it('accepts the spellings of TokenResponse without being asked', async () => {
    const auth = track(createAuth({ read, refresh: async () => pair() }))
    const access_token = opaque('at')
    await auth.login({ access_token } as never)
    expect(await auth.getAccessToken()).toBe(access_token)
  })
})
