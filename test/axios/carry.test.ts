/** A server that renews by itself, with axios: while the access token is dead, one request is the refresh. */
import type { AxiosResponse } from 'axios'
import { isSessionExpired, serverRenewal, type TokenResponse } from 'tokenflight'
import { describe, expect, it } from 'vitest'
import {
  type Answer,
  deferred,
  LIFETIME,
  rejection,
  type Sent,
  type Stage,
  settle,
  stage,
} from '../support/axios.js'

const collect = ({ headers }: AxiosResponse): TokenResponse | undefined =>
  headers['x-new'] && { access_token: headers['x-new'], refresh_token: 'rt-new', expires_in: 300 }

/** A session whose access token is dead, and a server that takes `at-new`, or both tokens as `answer` says. */
const dead = async (
  answer: (request: Sent, number: number) => Answer | undefined | Promise<Answer>,
): Promise<Stage> => {
  let count = 0
  const staged = await stage({
    attach: { renewal: serverRenewal({ collect }) },
    // There is no endpoint to refresh at.
    auth: { refresh: undefined },
    respond: request => answer(request, ++count) ?? { status: request.token === 'at-new' ? 200 : 401 },
  })
  staged.pass(LIFETIME)
  return staged
}
const handOut = ({ token }: Sent): Answer | undefined =>
  token === 'at-1' ? { headers: { 'x-new': 'at-new' } } : undefined
const both = ({ sent }: Stage): unknown[] =>
  sent.map(({ url, token, headers }) => [url.slice(-2), token, headers['X-Refresh-Token']])

describe('while the access token is dead', () => {
  it('one request goes first with both tokens, and the others leave with the tokens of its answer', async () => {
    const gate = deferred()
    const staged = await dead(async request => {
      await gate.promise
      return handOut(request) ?? {}
    })
    const answers = Promise.all(['/a', '/b', '/c'].map(path => staged.api.get(path)))
    await settle()
    expect(both(staged)).toEqual([['/a', 'at-1', 'rt-1']])
    gate.resolve()
    expect((await answers).map(({ status }) => status)).toEqual([200, 200, 200])
    expect(both(staged)).toEqual([
      ['/a', 'at-1', 'rt-1'],
      ['/b', 'at-new', 'rt-new'],
      ['/c', 'at-new', 'rt-new'],
    ])
  })

  it('the outcome of the one that goes first is its own, also where that is an error with the new tokens', async () => {
    const staged = await dead((_request, number) =>
      number === 1 ? { status: 422, headers: { 'x-new': 'at-new' } } : undefined,
    )
    const first = rejection(staged.api.get('/a'))
    expect((await staged.api.get('/b')).status).toBe(200)
    expect((await first).response?.status).toBe(422)
    expect(both(staged)).toEqual([
      ['/a', 'at-1', 'rt-1'],
      ['/b', 'at-new', 'rt-new'],
    ])
  })

  it('one whose answer hands out nothing says nothing of the tokens: the next one takes both again', async () => {
    const staged = await dead((_request, number) => ({ status: number === 1 ? 503 : 200 }))
    expect((await rejection(staged.api.get('/a'))).response?.status).toBe(503)
    expect((await staged.api.get('/b')).status).toBe(200)
    expect(staged.auth.getState().status).toBe('authenticated')
    expect(both(staged)).toEqual([
      ['/a', 'at-1', 'rt-1'],
      ['/b', 'at-1', 'rt-1'],
    ])
  })

  it.each([400, 404, 429, 500, 503])(
    'one whose answer is %i says nothing of the tokens: the next one goes first, and the others wait for it',
    async status => {
      const staged = await dead((request, number) => (number === 1 ? { status } : handOut(request)))
      const calls = ['/a', '/b', '/c'].map(path => staged.api.get(path, { validateStatus: null }))
      expect((await Promise.all(calls)).map(answer => answer.status)).toEqual([status, 200, 200])
      expect(both(staged)).toEqual([
        ['/a', 'at-1', 'rt-1'],
        ['/b', 'at-1', 'rt-1'],
        ['/c', 'at-new', 'rt-new'],
      ])
    },
  )

  it('one that is accepted without new tokens keeps them alive: the others leave with them at once', async () => {
    const gate = deferred()
    const staged = await dead(async (_request, number) => {
      if (number > 1) await gate.promise
      return {}
    })
    const answers = Promise.all(['/a', '/b', '/c'].map(path => staged.api.get(path)))
    for (let turn = 0; turn < 5; turn++) await settle()
    expect(both(staged)).toEqual([
      ['/a', 'at-1', 'rt-1'],
      ['/b', 'at-1', 'rt-1'],
      ['/c', 'at-1', 'rt-1'],
    ])
    gate.resolve()
    expect((await answers).map(({ status }) => status)).toEqual([200, 200, 200])
  })

  it('one that breaks on its way rejects with its own error, and the waiting requests with the outcome of the refresh', async () => {
    const broken = new Error('socket hang up')
    const staged = await dead((request, number) => {
      if (number === 1) throw broken
      return handOut(request)
    })
    const calls = ['/a', '/b'].map(path => rejection<Error>(staged.api.get(path)))
    expect(await calls[0]).toBe(broken)
    expect(await calls[1]).toMatchObject({ code: 'ERR_REFRESH_FAILED', cause: broken })
    expect(both(staged)).toEqual([['/a', 'at-1', 'rt-1']])
    expect(staged.auth.getState().status).toBe('authenticated')
    // The next one tries again, when its time has come.
    staged.pass(120_000)
    expect((await staged.api.get('/c')).status).toBe(200)
    expect(both(staged).slice(1)).toEqual([['/c', 'at-1', 'rt-1']])
  })

  it('one that breaks without an error gives the others a refresh error', async () => {
    const staged = await dead(() => Promise.reject(null))
    const calls = ['/a', '/b'].map(path => staged.api.get(path).catch((error: unknown) => [error]))
    expect(await calls[0]).toEqual([null])
    expect(await calls[1]).toMatchObject([{ code: 'ERR_REFRESH_FAILED', cause: null }])
    expect(both(staged)).toEqual([['/a', 'at-1', 'rt-1']])
  })

  it('and the new one, too, before it could be used, one request goes first again', async () => {
    const staged = await dead(({ token }) => ({
      headers: { 'x-new': token === 'at-1' ? 'at-short' : 'at-new' },
    }))
    staged.auth.on('refreshed', () => staged.pass(staged.sent.length === 1 ? LIFETIME : 0))
    const answers = await Promise.all(['/a', '/b'].map(path => staged.api.get(path)))
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    expect(both(staged)).toEqual([
      ['/a', 'at-1', 'rt-1'],
      ['/b', 'at-short', 'rt-new'],
    ])
    expect(staged.auth.getState().status).toBe('authenticated')
  })

  it('the session ends once when the server refuses both, and says why', async () => {
    const staged = await dead(() => undefined)
    const ends: unknown[] = []
    staged.auth.on('sessionExpired', event => void ends.push(event))
    const errors = await Promise.all(['/a', '/b'].map(path => rejection<Error>(staged.api.get(path))))
    expect(errors.map(isSessionExpired)).toEqual([true, true])
    expect(errors.map(({ cause }) => (cause as Error).message)).toEqual(
      Array(2).fill('The server refused both tokens'),
    )
    expect(both(staged)).toEqual([['/a', 'at-1', 'rt-1']])
    expect(ends).toMatchObject([{ reason: 'refresh_rejected' }])
    expect((await rejection(staged.api.get('/c'))).response?.status).toBe(401)
    expect(both(staged).slice(1)).toEqual([['/c', undefined, undefined]])
  })

  it('a refusal that validateStatus accepts ends it just as well', async () => {
    const staged = await dead(() => undefined)
    expect(isSessionExpired(await rejection(staged.api.get('/a', { validateStatus: null })))).toBe(true)
    expect([staged.sent.length, staged.auth.getState().status]).toEqual([1, 'expired'])
  })

  it('one that is cancelled while another goes first rejects at once, and never leaves', async () => {
    const gate = deferred()
    const staged = await dead(async request => {
      await gate.promise
      return handOut(request) ?? {}
    })
    const first = staged.api.get('/a')
    const controller = new AbortController()
    const second = rejection(staged.api.get('/b', { signal: controller.signal }))
    await settle()
    controller.abort()
    expect(await second).toMatchObject({ code: 'ERR_CANCELED' })
    gate.resolve()
    expect((await first).status).toBe(200)
    await settle()
    expect(both(staged)).toEqual([['/a', 'at-1', 'rt-1']])
  })

  it('a logout meanwhile wins: no other request leaves', async () => {
    const gate = deferred()
    const staged = await dead(async request => {
      await gate.promise
      return handOut(request) ?? {}
    })
    const first = staged.api.get('/a')
    const second = rejection(staged.api.get('/b'))
    await settle()
    await staged.auth.logout()
    gate.resolve()
    expect(await second).toMatchObject({ code: 'ERR_SIGNED_OUT' })
    expect((await first).status).toBe(200)
    expect(both(staged)).toEqual([['/a', 'at-1', 'rt-1']])
    expect(staged.auth.getState().status).toBe('anonymous')
  })

  it('does not include a token that the server refuses before its end: that is refreshed where there is an endpoint', async () => {
    const staged = await stage({ attach: { renewal: serverRenewal({ collect }) } })
    staged.revoke()
    expect((await staged.api.get('/a')).status).toBe(200)
    expect(staged.refreshes).toHaveLength(1)
    expect(both(staged)).toEqual([
      ['/a', 'at-1', 'rt-1'],
      ['/a', 'at-2', 'rt-2'],
    ])
  })

  it('no user is logged in: requests leave without a token', async () => {
    const staged = await stage({
      login: false,
      attach: { renewal: serverRenewal({ collect }) },
      respond: () => ({}),
    })
    await staged.api.get('/a')
    expect(both(staged)).toEqual([['/a', undefined, undefined]])
  })

  it.each([0, 1, 2, 3])(
    'a login %i turns after the call ends no session: the call is not its refresh',
    async turns => {
      const staged = await dead(({ token }) => ({ status: token === 'at-bob' ? 200 : 401 }))
      const first = rejection(staged.api.get('/a'))
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      await staged.auth.login({ access_token: 'at-bob', refresh_token: 'rt-bob', expires_in: 300 })
      expect(await first).toMatchObject({ code: 'ERR_SIGNED_OUT' })
      expect(staged.auth.getState().status).toBe('authenticated')
      expect((await staged.api.get('/b')).status).toBe(200)
      expect(both(staged)).toEqual([['/b', 'at-bob', 'rt-bob']])
    },
  )
})
