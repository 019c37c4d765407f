/** Refreshing ahead, waiting, and giving up waiting. */
import { describe, expect, it, vi } from 'vitest'
import { API, rejection, settle } from '../support/axios.js'
import { stage } from '../support/fetch.js'

const DEAD = 10 * 60_000

describe('inside the window', () => {
  it('a request leaves at once with the present token, while one refresh runs behind it', async () => {
    const { api, pass, tokens, refreshes } = await stage({ manual: true })
    pass(4.5 * 60_000)
    const answers = await Promise.all([api(`${API}/1`), api(`${API}/2`), api(new Request(`${API}/3`))])
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(tokens()).toEqual(['at-1', 'at-1', 'at-1'])
    expect(refreshes).toMatchObject([{ reason: 'ahead' }])
    refreshes[0]?.answer()
    await settle()
    await api(`${API}/4`)
    expect(tokens().at(-1)).toBe('at-2')
  })
})

describe('with a dead token', () => {
  it('nothing is sent before the refresh has brought another', async () => {
    const { api, pass, sent, refreshes } = await stage({ manual: true })
    pass(DEAD)
    const answers = Promise.all([
      api(`${API}/1`, { method: 'POST', body: 'tea' }),
      api(new Request(`${API}/2`, { method: 'POST', body: 'milk' })),
    ])
    await settle()
    expect(sent).toEqual([])
    refreshes[0]?.answer()
    expect((await answers).map(({ status }) => status)).toEqual([200, 200])
    expect(sent).toMatchObject([
      { token: 'at-2', body: 'tea' },
      { token: 'at-2', body: 'milk' },
    ])
    expect(refreshes).toHaveLength(1)
  })

  it('nothing is sent either where the application has replaced the global Promise', async () => {
    const { api, pass, sent, refreshes } = await stage({ manual: true })
    // As zone.js and polyfills do.
    vi.stubGlobal('Promise', class extends Promise<unknown> {})
    pass(DEAD)
    const answer = api(`${API}/1`)
    await settle()
    expect(sent).toEqual([])
    refreshes[0]?.answer()
    expect((await answer).status).toBe(200)
    expect(sent).toMatchObject([{ token: 'at-2' }])
  })

  it('a refusal that comes after the caller has given up waits for no refresh', async () => {
    const controller = new AbortController()
    const { api, sent, refreshes } = await stage({
      manual: true,
      // A `fetch` that does not heed the signal once the request has left.
      respond() {
        controller.abort()
        return new Response(null, { status: 401 })
      },
    })
    const error = await rejection<Error>(api(`${API}/1`, { signal: controller.signal }))
    expect(error.name).toBe('AbortError')
    expect([sent.length, refreshes.length]).toEqual([1, 1])
  })

  it('and no way to refresh it, the call fails with an error and nothing is sent', async () => {
    const { api, pass, sent } = await stage({ refresh: () => Promise.reject(new Error('no network')) })
    pass(DEAD)
    expect(await rejection(api(`${API}/1`))).toMatchObject({ code: 'ERR_REFRESH_FAILED' })
    expect(sent).toEqual([])
  })

  it('and a logout meanwhile, the request never leaves', async () => {
    const { api, auth, pass, sent, refreshes } = await stage({ manual: true })
    pass(DEAD)
    const answer = rejection(api(`${API}/1`))
    await auth.logout()
    refreshes[0]?.answer()
    expect(await answer).toMatchObject({ code: 'ERR_SIGNED_OUT' })
    expect(sent).toEqual([])
  })

  it('and another login meanwhile, the request never leaves with the token of that', async () => {
    const { api, auth, pass, sent, refreshes } = await stage({ manual: true })
    pass(DEAD)
    const answer = rejection(api(`${API}/1`))
    await auth.login({ access_token: 'at-grace', refresh_token: 'rt-grace', expires_in: 300 })
    refreshes[0]?.answer()
    expect(await answer).toMatchObject({ code: 'ERR_SIGNED_OUT' })
    expect(sent).toEqual([])
  })
})

describe('a call belongs to the session that it began in', () => {
  it('even if another login comes right after it, before anything was sent', async () => {
    const { api, auth, sent } = await stage()
    const answer = api(`${API}/1`)
    void auth.login({ access_token: 'at-grace', refresh_token: 'rt-grace', expires_in: 300 })
    await answer
    expect(sent).toMatchObject([{ token: 'at-1' }])
  })

  it('even if its body has to be looked at first, for it may be the refresh', async () => {
    const { api, auth, pass, sent } = await stage({ manual: true })
    pass(DEAD)
    const first = rejection(api(`${API}/1`))
    const second = rejection(api(new Request(`${API}/2`, { method: 'POST', body: 'tea' })))
    void auth.login({ access_token: 'at-grace', refresh_token: 'rt-grace', expires_in: 300 })
    expect([await first, await second]).toMatchObject([
      { code: 'ERR_SIGNED_OUT' },
      { code: 'ERR_SIGNED_OUT' },
    ])
    expect(sent).toEqual([])
  })

  it('and its 401 is not replayed with the token of another', async () => {
    const { api, auth, sent, refreshes } = await stage({ respond: () => new Response(null, { status: 401 }) })
    const answer = api(`${API}/1`)
    void auth.login({ access_token: 'at-grace', refresh_token: 'rt-grace', expires_in: 300 })
    expect((await answer).status).toBe(401)
    expect(sent).toHaveLength(1)
    expect(refreshes).toEqual([])
  })
})

describe('aborting', () => {
  it('while a request waits rejects at once with the reason of the signal; the refresh goes on for the others', async () => {
    const { api, pass, sent, refreshes } = await stage({ manual: true })
    pass(DEAD)
    const controller = new AbortController()
    const reason = { why: 'navigated away' }
    const one = rejection(api(`${API}/1`, { signal: controller.signal }))
    const two = rejection(api(new Request(`${API}/2`, { signal: controller.signal })))
    const other = api(`${API}/3`)
    controller.abort(reason)
    expect([await one, await two]).toEqual([reason, reason])
    expect(await one).toBe(reason)
    refreshes[0]?.answer()
    expect((await other).status).toBe(200)
    expect(sent).toMatchObject([{ url: `${API}/3`, token: 'at-2' }])
  })

  it('while the replay waits rejects at once; nothing is sent again', async () => {
    const { api, revoke, sent, refreshes, auth } = await stage({ manual: true })
    revoke()
    const controller = new AbortController()
    const answer = rejection(api(`${API}/1`, { signal: controller.signal }))
    await settle()
    controller.abort()
    expect(await answer).toBe(controller.signal.reason)
    refreshes[0]?.answer()
    await settle()
    expect(sent).toHaveLength(1)
    expect(await auth.getAccessToken()).toBe('at-2')
  })

  it('beforehand is left to fetch, and starts no refresh', async () => {
    const { api, pass, sent, refreshes } = await stage()
    pass(DEAD)
    const signal = AbortSignal.abort()
    expect(await rejection(api(`${API}/1`, { signal }))).toBe(signal.reason)
    expect(sent).toEqual([])
    expect(refreshes).toEqual([])
  })

  it('with the signal of a Request counts unless init has its own, or none', async () => {
    const { api, pass, sent, refreshes } = await stage({ manual: true })
    pass(DEAD)
    const controller = new AbortController()
    const answer = api(new Request(`${API}/1`, { signal: controller.signal }), { signal: null })
    controller.abort()
    await settle()
    refreshes[0]?.answer()
    expect((await answer).status).toBe(200)
    expect(sent).toHaveLength(1)
  })

  it('leaves no listener on the signal once the wait is over', async () => {
    const { api, pass, refreshes } = await stage({
      manual: true,
      fetch: { fetch: async () => new Response() },
    })
    pass(DEAD)
    const { signal } = new AbortController()
    let listeners = 0
    const { addEventListener, removeEventListener } = signal
    signal.addEventListener = (...parameters: unknown[]) => {
      listeners++
      addEventListener.apply(signal, parameters as never)
    }
    signal.removeEventListener = (...parameters: unknown[]) => {
      listeners--
      removeEventListener.apply(signal, parameters as never)
    }
    const answer = api(`${API}/1`, { signal })
    expect(listeners).toBe(1)
    await settle()
    refreshes[0]?.answer()
    await answer
    expect(listeners).toBe(0)
  })
})

describe('requests that wait for a refresh that fails', () => {
  it('reject with an error of their own each', async () => {
    const { api, pass, revoke, sent, refreshes } = await stage({ manual: true })
    revoke()
    const refused = rejection<Error>(api(`${API}/1`))
    await settle()
    pass(DEAD)
    const waiting = [2, 3].map(number => rejection<Error>(api(`${API}/${number}`)))
    await settle()
    refreshes[0]?.fail(new Error('down'))
    const errors = await Promise.all([refused, ...waiting])
    expect(errors).toMatchObject(Array(3).fill({ code: 'ERR_REFRESH_FAILED', attempts: 1 }))
    expect(new Set(errors).size).toBe(3)
    expect(new Set(errors.map(({ cause }) => cause)).size).toBe(1)
    expect([sent.length, refreshes.length]).toEqual([1, 1])
  })
})
