/** Refreshing ahead of the end, as a client sees it. */
import { describe, expect, it } from 'vitest'
import { LIFETIME, MINUTE, rejection, settle, stage } from '../support/axios.js'

describe('inside the window', () => {
  it('sends at once with the present token while one refresh runs behind it', async () => {
    const { api, pass, tokens, statuses, refreshes } = await stage({ manual: true })
    pass(LIFETIME - MINUTE / 2)
    await Promise.all([api.get('/a'), api.get('/b'), api.get('/c')])
    expect(tokens()).toEqual(['at-1', 'at-1', 'at-1'])
    expect(refreshes.map(({ reason }) => reason)).toEqual(['ahead'])
    refreshes[0]?.answer()
    await settle()
    await api.get('/d')
    expect(tokens().at(-1)).toBe('at-2')
    expect([statuses(), refreshes.length]).toEqual([[200, 200, 200, 200], 1])
  })

  it('is not disturbed by a refresh that fails', async () => {
    const { api, pass, statuses, refreshes } = await stage({ manual: true })
    pass(LIFETIME - MINUTE / 2)
    await api.get('/a')
    refreshes[0]?.fail(new Error('down'))
    await settle()
    await api.get('/b')
    expect([statuses(), refreshes.length]).toEqual([[200, 200], 1])
  })
})

describe('before and after the window', () => {
  it('makes no refresh for a fresh token', async () => {
    const { api, pass, tokens, refreshes } = await stage()
    pass(LIFETIME - 2 * MINUTE)
    await api.get('/a')
    expect([tokens(), refreshes.length]).toEqual([['at-1'], 0])
  })

  it('sends nothing with a token that is known to be dead: requests wait for one refresh', async () => {
    const { api, pass, tokens, statuses, refreshes } = await stage({ manual: true })
    pass(LIFETIME)
    const answers = Promise.all(Array.from({ length: 20 }, () => api.get('/orders')))
    await settle()
    expect(tokens()).toEqual([])
    expect(refreshes.map(({ reason }) => reason)).toEqual(['expired'])
    refreshes[0]?.answer()
    await answers
    expect(tokens()).toEqual(Array(20).fill('at-2'))
    expect(statuses()).toEqual(Array(20).fill(200))
  })

  it('leaves the requests in the order in which they came', async () => {
    const { api, pass, sent, refreshes } = await stage({ manual: true })
    pass(LIFETIME)
    const answers = Promise.all([1, 2, 3, 4].map(number => api.get(`/${number}`)))
    await settle()
    refreshes[0]?.answer()
    await answers
    expect(sent.map(({ url }) => url.at(-1))).toEqual(['1', '2', '3', '4'])
  })

  it('lets a call that waited fail when its session ended meanwhile, and sends nothing', async () => {
    const { api, auth, pass, sent, refreshes } = await stage({ manual: true })
    pass(LIFETIME)
    const call = rejection<Error>(api.get('/orders'))
    await settle()
    await auth.logout()
    expect(await call).toMatchObject({ code: 'ERR_SIGNED_OUT' })
    refreshes[0]?.answer()
    await settle()
    expect([sent.length, auth.getState().status]).toEqual([0, 'anonymous'])
  })

  it('never replays with the token of another login', async () => {
    const { api, auth, tokens, refreshes, revoke, good } = await stage({ manual: true })
    revoke()
    const call = rejection<Error>(api.get('/orders'))
    await settle()
    good.add('other')
    await auth.login({ access_token: 'other', refresh_token: 'r', expires_in: 60 })
    expect(await call).toMatchObject({ code: 'ERR_SIGNED_OUT' })
    refreshes[0]?.answer()
    await settle()
    expect(tokens()).toEqual(['at-1'])
  })

  it('leaves an opaque token without a lifetime alone until a 401', async () => {
    const { api, auth, pass, tokens, statuses, good, revoke, refreshes } = await stage({ login: false })
    good.add('opaque')
    await auth.login({ access_token: 'opaque', refresh_token: 'r' })
    pass(24 * 60 * MINUTE)
    await api.get('/a')
    revoke()
    await api.get('/b')
    expect([tokens(), statuses()]).toEqual([
      ['opaque', 'opaque', 'at-1'],
      [200, 401, 200],
    ])
    expect(refreshes.map(({ reason }) => reason)).toEqual(['rejected'])
  })
})
