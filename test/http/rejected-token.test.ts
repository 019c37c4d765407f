/** A token that a 401 has rejected is dead, and endpoints that always answer 401 cause no storm; axios and fetch alike. */
import type { AuthOptions } from 'tokenflight'
import { describe, expect, it } from 'vitest'
import * as onAxios from '../support/axios.js'
import { API, deferred, LIFETIME, rejection, settle } from '../support/axios.js'
import * as onFetch from '../support/fetch.js'

/** The status of an answer; undefined: the server checks the token. */
type Refusal = (path: string, token: string | undefined) => number | undefined | Promise<number | undefined>

interface Client {
  /** Resolves to the status, or rejects with the client's error. */
  get(path: string): Promise<number>
  /** A body that can be sent once. */
  stream(path: string): Promise<number>
  auth: onAxios.Stage['auth']
  refreshes: onAxios.RefreshCall[]
  tokens(): (string | undefined)[]
  statuses(): (number | undefined)[]
  revoke(): void
  pass(milliseconds: number): void
}

interface ClientOptions {
  manual?: boolean
  auth?: AuthOptions
  refresh?: () => Promise<never>
  answer?: Refusal
}

const clients: Record<string, (options?: ClientOptions) => Promise<Client>> = {
  async axios({ answer, ...options } = {}) {
    const stage = await onAxios.stage({
      ...options,
      respond: async ({ url, token }) => {
        const status = await answer?.(url.slice(API.length), token)
        return status === undefined ? undefined : { status }
      },
    })
    const read = (call: Promise<{ status: number }>): Promise<number> =>
      call.then(
        ({ status }) => status,
        error => {
          if (error.response) return error.response.status as number
          throw error
        },
      )
    return {
      ...stage,
      get: path => read(stage.api.get(path)),
      stream: path => read(stage.api.post(path, new Blob(['x']).stream())),
    }
  },
  async fetch({ answer, ...options } = {}) {
    const stage = await onFetch.stage({
      ...options,
      respond: async ({ url, token }) => {
        const status = await answer?.(url.slice(API.length), token)
        return status === undefined ? undefined : new Response(null, { status })
      },
    })
    const send = async (path: string, init?: RequestInit): Promise<number> =>
      (await stage.api(`${API}${path}`, init)).status
    return {
      ...stage,
      get: path => send(path),
      stream: path =>
        send(path, { method: 'POST', body: new Blob(['x']).stream(), duplex: 'half' } as RequestInit),
    }
  },
}

const down = (): Promise<never> => Promise.reject({ response: { status: 503 } })

describe.each(Object.keys(clients))('a rejected token with %s', name => {
  const open = clients[name] as (options?: ClientOptions) => Promise<Client>

  it('is sent by none of the requests that start during the refresh: they wait for the new one', async () => {
    const { get, refreshes, revoke, tokens, statuses } = await open({ manual: true })
    revoke()
    const first = get('/first')
    await settle()
    const rest = Promise.all(Array.from({ length: 5 }, (_, index) => get(`/${index}`)))
    await settle()
    expect(tokens()).toEqual(['at-1'])
    refreshes[0]?.answer()
    expect(await first).toBe(200)
    expect(await rest).toEqual(Array(5).fill(200))
    expect(statuses()).toEqual([401, ...Array(6).fill(200)])
    expect(tokens()).toEqual(['at-1', ...Array(6).fill('at-2')])
    expect(refreshes.map(({ reason }) => reason)).toEqual(['rejected'])
  })

  it('is sent by no stream that starts during the refresh', async () => {
    const { get, stream, refreshes, revoke, tokens, statuses } = await open({ manual: true })
    revoke()
    const first = get('/first')
    await settle()
    const upload = stream('/upload')
    await settle()
    refreshes[0]?.answer()
    expect(await Promise.all([first, upload])).toEqual([200, 200])
    expect(statuses()).toEqual([401, 200, 200])
    expect(tokens()).toEqual(['at-1', 'at-2', 'at-2'])
  })

  it('is not handed out by getAccessToken during the refresh', async () => {
    const { auth, get, refreshes, revoke } = await open({ manual: true })
    revoke()
    const first = get('/first')
    await settle()
    const asked = auth.getAccessToken()
    refreshes[0]?.answer()
    expect(await asked).toBe('at-2')
    expect(await first).toBe(200)
    expect(refreshes).toHaveLength(1)
  })

  it('that a stream was sent with is sent by no other request, either', async () => {
    const { get, stream, refreshes, revoke, tokens } = await open({ manual: true })
    revoke()
    expect(await stream('/upload')).toBe(401)
    const next = get('/orders')
    await settle()
    expect(tokens()).toEqual(['at-1'])
    refreshes[0]?.answer()
    expect(await next).toBe(200)
    expect(tokens()).toEqual(['at-1', 'at-2'])
    expect(refreshes).toHaveLength(1)
  })

  it('does not reach the API again while the auth server is down: requests fail at once until retryAt', async () => {
    const { auth, get, pass, refreshes, revoke, sent } = await openDown(open)
    const failures: { retryAt?: number }[] = []
    auth.on('refreshFailed', event => void failures.push(event))
    revoke()
    expect(await rejection<Error>(get('/first'))).toMatchObject({ code: 'ERR_REFRESH_FAILED', attempts: 1 })
    for (let call = 0; call < 20; call++) {
      expect(await rejection<Error>(get(`/orders/${call}`))).toMatchObject({
        code: 'ERR_REFRESH_FAILED',
        attempts: 0,
        retryAt: failures[0]?.retryAt,
      })
    }
    expect([sent(), refreshes.length]).toEqual([['at-1'], 1])
    expect(auth.getState().status).toBe('authenticated')
    // One probe goes first, alone.
    pass(61_000)
    expect(await rejection<Error>(get('/probe'))).toMatchObject({ attempts: 1 })
    expect(await rejection<Error>(get('/after'))).toMatchObject({ attempts: 0 })
    expect([sent(), refreshes.map(({ reason }) => reason)]).toEqual([['at-1'], ['rejected', 'rejected']])
  })

  it('fails getAccessToken and streams at once during the back-off, too', async () => {
    const { auth, get, stream, refreshes, revoke, sent } = await openDown(open)
    revoke()
    await rejection(get('/first'))
    expect(await rejection<Error>(auth.getAccessToken())).toMatchObject({ attempts: 0 })
    expect(await rejection<Error>(stream('/upload'))).toMatchObject({ attempts: 0 })
    expect([sent(), refreshes.length]).toEqual([['at-1'], 1])
  })

  it('is replaced by the probe that works, and every request works again', async () => {
    let isDown = true
    const { get, pass, refreshes, revoke, tokens } = await open({
      auth: {
        async refresh() {
          if (isDown) return down()
          return { access_token: 'at-new', expires_in: LIFETIME / 1000 }
        },
      },
      answer: (_, token) => (token === 'at-new' ? 200 : undefined),
    })
    revoke()
    await rejection(get('/first'))
    isDown = false
    pass(61_000)
    expect(await Promise.all([get('/a'), get('/b'), get('/c')])).toEqual([200, 200, 200])
    expect(tokens()).toEqual(['at-1', 'at-new', 'at-new', 'at-new'])
    expect(refreshes).toHaveLength(0)
  })

  it('starts no second attempt where a request that was sent before is refused during the back-off', async () => {
    const late = deferred<number>()
    const { get, refreshes, revoke, tokens } = await open({
      refresh: down,
      answer: path => (path === '/slow' ? late.promise : undefined),
    })
    const slow = rejection<Error>(get('/slow'))
    await settle()
    revoke()
    await rejection(get('/first'))
    late.resolve(401)
    expect(await slow).toMatchObject({ code: 'ERR_REFRESH_FAILED', attempts: 0 })
    expect(refreshes).toHaveLength(1)
    expect(tokens()).toEqual(['at-1', 'at-1'])
  })

  it('of a session that is over does not hold up the next login', async () => {
    const { auth, get, refreshes, revoke, tokens } = await openDown(open)
    revoke()
    await rejection(get('/first'))
    await auth.login({ access_token: 'at-own', expires_in: 300 })
    await get('/orders').catch(() => {})
    expect(tokens()).toEqual(['at-1', 'at-own'])
    expect(refreshes).toHaveLength(1)
  })
})

/** A client whose auth server answers 503. */
async function openDown(
  open: (options?: ClientOptions) => Promise<Client>,
): Promise<Client & { sent(): (string | undefined)[] }> {
  const client = await open({ refresh: down })
  return { ...client, sent: client.tokens }
}

describe.each(Object.keys(clients))('paths that always answer 401, with %s,', name => {
  const open = clients[name] as (options?: ClientOptions) => Promise<Client>
  const broken: Refusal = path => (path.startsWith('/broken') ? 401 : undefined)

  it('cause one refresh and one more, however many they are, among calls that are accepted', async () => {
    const { get, refreshes, tokens, statuses } = await open({ answer: broken })
    for (let call = 0; call < 40; call++) {
      expect(await get(`/broken/${call}`)).toBe(401)
      expect(await get('/healthy')).toBe(200)
    }
    expect(refreshes.map(({ reason }) => reason)).toEqual(['rejected', 'rejected'])
    // Each broken call is sent once, and two of them twice.
    expect(statuses().filter(status => status === 401)).toHaveLength(42)
    expect(new Set(tokens())).toEqual(new Set(['at-1', 'at-2', 'at-3']))
  })

  it('cause no more when they are called at once', async () => {
    const { get, refreshes } = await open({ answer: broken })
    for (let round = 0; round < 4; round++) {
      const calls = Array.from({ length: 10 }, (_, index) => [
        get(`/broken/${round}-${index}`),
        get('/healthy'),
      ])
      expect(await Promise.all(calls.flat())).toEqual(Array(10).fill([401, 200]).flat())
    }
    expect(refreshes.length).toBeLessThanOrEqual(2)
  })

  it('cause at most one refresh in 30 seconds after that, for as long as it goes on', async () => {
    const { get, refreshes, pass } = await open({ answer: broken })
    for (let second = 0; second < 120; second++) {
      await get(`/broken/${second}`)
      await get('/healthy')
      pass(1_000)
    }
    expect(refreshes.filter(({ reason }) => reason === 'rejected').length).toBeLessThanOrEqual(6)
  })

  it('cause no more where the tokens are so short that they are refreshed ahead all the time', async () => {
    let count = 0
    const { auth, get, pass } = await open({
      auth: {
        refresh: async ({ reason }) => {
          if (reason === 'rejected') count++
          return { access_token: `at-short-${Math.random()}`, refresh_token: 'rt', expires_in: 8 }
        },
      },
      answer: path => (path.startsWith('/broken') ? 401 : 200),
    })
    await auth.login({ access_token: 'at-short', refresh_token: 'rt', expires_in: 8 })
    for (let second = 0; second < 30; second++) {
      await get(`/broken/${second}`)
      await get('/healthy')
      pass(1_000)
    }
    expect(count).toBeLessThanOrEqual(2)
  })

  it.each([400, 404, 410, 500, 503])('cause one refresh where the other calls answer %i', async status => {
    const { get, refreshes } = await open({
      answer: path => (path.startsWith('/broken') ? 401 : status),
    })
    for (let call = 0; call < 40; call++) {
      expect(await get(`/broken/${call}`)).toBe(401)
      expect(await get(`/other/${call}`)).toBe(status)
    }
    expect(refreshes).toHaveLength(1)
  })

  it('and take a stream cause no more, although a stream is sent once', async () => {
    const { get, stream, refreshes } = await open({ answer: broken })
    for (let call = 0; call < 20; call++) {
      expect(await stream(`/broken/${call}`)).toBe(401)
      expect(await get('/healthy')).toBe(200)
    }
    expect(refreshes).toHaveLength(2)
  })

  it('leave a token that is revoked soon after a refresh its refresh', async () => {
    const { get, refreshes, revoke, tokens } = await open({ answer: broken })
    await get('/broken/1')
    expect(await get('/healthy')).toBe(200)
    revoke()
    expect(await get('/healthy')).toBe(200)
    expect(refreshes).toHaveLength(2)
    expect(tokens()).toEqual(['at-1', 'at-2', 'at-2', 'at-2', 'at-3'])
  })

  it('take nothing from the session that begins after them', async () => {
    const { auth, get, refreshes, revoke } = await open({ answer: broken })
    for (let call = 0; call < 10; call++) {
      await get(`/broken/${call}`)
      await get('/healthy')
    }
    await auth.login({ access_token: 'at-own', refresh_token: 'rt-own', expires_in: 300 })
    revoke()
    const before = refreshes.length
    expect(await get('/healthy')).toBe(200)
    expect(refreshes.slice(before)).toMatchObject([{ reason: 'rejected', refreshToken: 'rt-own' }])
  })
})
