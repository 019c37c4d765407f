import { serverRenewal } from 'tokenflight'
import { describe, expect, it } from 'vitest'
import { API, deferred, LIFETIME, rejection, settle } from '../support/axios.js'
import { type StageOptions, stage } from '../support/fetch.js'
import { phases, withSteps } from '../support/steps.js'

const watched = async (options?: StageOptions) => withSteps(await stage(options))

describe('a listener of every event', () => {
  it('receives the steps of a request that is answered: sent, done', async () => {
    const { api, steps, time } = await watched()
    await api(`${API}/orders?coupon=secret`, { method: 'post', body: 'secret' })
    const step = {
      type: 'request',
      id: expect.any(Number),
      client: 'fetch',
      method: 'POST',
      url: `${API}/orders`,
      at: time.now,
    }
    expect(steps).toEqual([
      { ...step, phase: 'sent' },
      { ...step, phase: 'done', status: 200 },
    ])
  })

  it.each([
    ['a string', (url: string) => url],
    ['a URL', (url: string) => new URL(url)],
    ['a Request', (url: string) => new Request(url, { method: 'GET' })],
  ])('receives the rejection and the replay of %s', async (_, input) => {
    const { api, steps, revoke, statuses, refreshes } = await watched()
    revoke()
    await api(input(`${API}/orders?coupon=secret`))
    expect(phases(steps)).toEqual(['sent', 'rejected 401', 'replayed', 'done 200'])
    expect(steps.map(({ method, url }) => `${method} ${url}`)).toEqual(Array(4).fill(`GET ${API}/orders`))
    expect(statuses()).toEqual([401, 200])
    expect(refreshes).toHaveLength(1)
  })

  it('receives that a request waits for a token when the token has expired', async () => {
    const { api, steps, pass, refreshes } = await watched({ manual: true })
    pass(LIFETIME)
    const answer = api(`${API}/orders`)
    await settle()
    expect(phases(steps)).toEqual(['waiting'])
    refreshes[0]?.answer()
    await answer
    expect(phases(steps)).toEqual(['waiting', 'sent', 'done 200'])
  })

  it('receives the status of an answer that is an error', async () => {
    const { api, steps } = await watched({ respond: () => new Response('', { status: 503 }) })
    await api(`${API}/orders`)
    expect(phases(steps)).toEqual(['sent', 'done 503'])
  })

  it('receives a failure when the network breaks', async () => {
    const { api, steps } = await watched({ respond: () => Promise.reject(new TypeError('fetch failed')) })
    await rejection(api(`${API}/orders`))
    expect(phases(steps)).toEqual(['sent', 'failed'])
  })

  it('receives a failure when a waiting request is aborted', async () => {
    const { api, steps, pass, sent } = await watched({ manual: true })
    pass(LIFETIME)
    const controller = new AbortController()
    const answer = rejection(api(`${API}/orders`, { signal: controller.signal }))
    controller.abort()
    await answer
    expect(phases(steps)).toEqual(['waiting', 'failed'])
    expect(sent).toHaveLength(0)
  })

  it('receives a rejection without a replay when the body can be sent only once', async () => {
    const { api, steps, revoke, statuses } = await watched()
    revoke()
    const init = { method: 'POST', body: new Blob(['once']).stream(), duplex: 'half' } as RequestInit
    await api(`${API}/orders`, init)
    await settle()
    expect(phases(steps)).toEqual(['sent', 'rejected 401', 'done 401'])
    expect(statuses()).toEqual([401])
  })

  it.each([
    ['of an anonymous visitor', { login: false }, API, {}],
    ['that skips the login', {}, API, { skipAuth: true }],
    ['to a foreign origin', {}, 'https://elsewhere.test', {}],
  ])('receives the steps of a request %s', async (_, options, origin, init) => {
    const { api, steps } = await watched({ ...options, respond: () => new Response() })
    await api(`${origin}/public`, init)
    expect(phases(steps)).toEqual(['sent', 'done 200'])
    expect(steps[0]?.url).toBe(`${origin}/public`)
  })

  it('receives no step of the refresh itself, which has events of its own', async () => {
    const { api, auth, steps, sent } = await watched({
      refresh: async ({ signal }, self) => {
        await self.api(`${API}/refresh`, { method: 'POST', signal })
        self.good.add('at-9')
        return { access_token: 'at-9', expires_in: 300 }
      },
      respond: ({ url }) => (url.endsWith('/refresh') ? new Response() : undefined),
    })
    await api(`${API}/orders`)
    await auth.refresh()
    expect(phases(steps)).toEqual(['sent', 'done 200'])
    expect(sent.map(({ url }) => url)).toEqual([`${API}/orders`, `${API}/refresh`])
  })

  it('receives the steps of a server that renews by itself: one request goes first, the others wait', async () => {
    const first = deferred()
    const { api, steps, pass } = await watched({
      fetch: {
        renewal: serverRenewal({
          collect: ({ headers }) =>
            headers.get('x-access') ? { access_token: `${headers.get('x-access')}` } : undefined,
        }),
      },
      async respond({ token }) {
        if (token !== 'at-1') return new Response()
        await first.promise
        return new Response('', { headers: { 'x-access': 'at-2' } })
      },
    })
    pass(LIFETIME)
    const answers = [api(`${API}/a`), api(`${API}/b`)]
    await settle()
    first.resolve()
    await Promise.all(answers)
    for (const path of ['/a', '/b']) {
      expect(phases(steps.filter(({ url }) => url.endsWith(path)))).toEqual(['waiting', 'sent', 'done 200'])
    }
  })

  it.each([
    ['a query', '/orders?token=secret', '/orders'],
    ['a fragment', '/orders#token=secret', '/orders'],
    ['a JWT in the path', '/reset/eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.c2ln/done', '/reset/…/done'],
    ['a long opaque token in the path', `/verify/${'s'.repeat(40)}`, '/verify/…'],
  ])('receives an address without %s', async (_, url, told) => {
    const { api, steps } = await watched({ respond: () => new Response() })
    await api(API + url)
    expect(steps[0]?.url).toBe(API + told)
    expect(JSON.stringify(steps)).not.toContain('secret')
  })

  it.each(['data:text/plain,secret', 'blob:https://api.example.test/secret'])(
    'receives only the scheme of %s',
    async url => {
      const { api, steps } = await watched({ respond: () => new Response() })
      await api(url)
      expect(steps.map(step => step.url)).toEqual(Array(2).fill(url.slice(0, 5)))
    },
  )

  it('receives nothing any more after it was removed', async () => {
    const { api, steps, stop, statuses } = await watched()
    await api(`${API}/orders`)
    stop()
    await api(`${API}/orders`)
    expect(steps).toHaveLength(2)
    expect(statuses()).toEqual([200, 200])
  })

  it('receives a failure of a call that fetch itself refuses', async () => {
    const { api, steps } = await watched()
    await rejection(api('https://[', {}))
    expect(phases(steps)).toEqual(['sent', 'failed'])
  })

  it('that throws at every step fails no request', async () => {
    const { api, auth, revoke, statuses } = await stage()
    revoke()
    auth.on('*', () => {
      throw new Error('bug in a listener')
    })
    expect((await api(`${API}/orders`)).status).toBe(200)
    expect(statuses()).toEqual([401, 200])
  })
})
