/** The challenge of a 401 decides whether a refresh can help, and the application hears of one that no refresh meets. */
import { inspect } from 'node:util'
import { type AuthEvents, challengeOf } from 'tokenflight'
import { describe, expect, it } from 'vitest'
import { type Answer, stage as axiosStage, rejection } from '../support/axios.js'
import { createKey } from '../support/bound-key.js'
import { clients } from '../support/clients.js'
import { stage as fetchStage } from '../support/fetch.js'

type Challenge = AuthEvents['challenge']

for (const [client, open] of Object.entries(clients)) {
  /** A session whose server answers each token but `at-2` with 401 and the challenge. */
  const refusing = async (challenge: string | undefined, options = {}) => {
    const session = await open({
      respond: ({ token }) =>
        token?.endsWith('at-2')
          ? { status: 200 }
          : {
              status: 401,
              body: 'refused',
              headers: challenge === undefined ? {} : { 'WWW-Authenticate': challenge },
            },
      ...options,
    })
    const challenges: Challenge[] = []
    session.auth.on('challenge', challenge => void challenges.push(challenge))
    return { ...session, challenges }
  }

  describe(`a rejection by ${client} refreshes once and is sent again`, () => {
    it.each([
      ['no challenge', undefined],
      ['an empty challenge', ''],
      ['Bearer alone', 'Bearer'],
      ['Bearer with a realm', 'Bearer realm="api"'],
      ['Bearer with invalid_token', 'Bearer error="invalid_token", error_description="expired, sorry"'],
      ['an error without quotes, in upper case', 'BEARER ERROR=invalid_token'],
      ['an empty error', 'Bearer error=""'],
      ['Bearer after another scheme', 'Basic realm="a, Bearer", Bearer realm="api", error="invalid_token"'],
      [
        'Bearer before another scheme',
        'Bearer error="invalid_token", Basic realm="x", error="insufficient_scope"',
      ],
      ['Bearer after a token68', 'Negotiate YII=, Bearer'],
      ['an error inside a quoted string', 'Bearer realm="error=\\"insufficient_scope\\", Basic x"'],
      ['no scheme but invalid_token', 'error="invalid_token"'],
    ])('when its challenge is %s', async (_, challenge) => {
      const { post, tokens, refreshes, challenges } = await refusing(challenge)
      expect((await post('/orders')).status).toBe(200)
      expect(tokens()).toEqual(['at-1', 'at-2'])
      expect(refreshes.map(({ reason }) => reason)).toEqual(['rejected'])
      expect(challenges).toEqual([])
    })

    it.each<[challenge: string, format: (token: string) => string]>([
      ['JWT realm="api"', token => `JWT ${token}`],
      ['Bearer realm="api"', token => `JWT ${token}`],
      ['Bearer realm="api"', token => token],
    ])('when its challenge is %s and its header is made by %s', async (challenge, format) => {
      const formatted = new Set<string>()
      const { post, tokens, refreshes, challenges } = await refusing(challenge, {
        format(token: string) {
          formatted.add(token)
          return format(token)
        },
      })
      expect((await post('/orders')).status).toBe(200)
      expect([tokens(), refreshes.length, challenges]).toEqual([[format('at-1'), format('at-2')], 1, []])
      expect([...formatted]).toEqual(['at-1', 'at-2'])
    })

    it('when shouldRefresh wants it for a nonce that is demanded with another status than 401', async () => {
      const { post, tokens, refreshes } = await refusing(undefined, {
        auth: { dpop: createKey() },
        shouldRefresh: ({ status }: { status: number }) => status === 403,
        respond: ({ token }: { token?: string }) =>
          token?.endsWith('at-2')
            ? { status: 200 }
            : { status: 403, headers: { 'WWW-Authenticate': 'DPoP error="use_dpop_nonce"' } },
      })
      expect((await post('/orders')).status).toBe(200)
      expect([tokens(), refreshes.length]).toEqual([['DPoP at-1', 'DPoP at-2'], 1])
    })
  })

  describe(`a 401 by ${client} reaches the caller, is reported by one event, and refreshes nothing`, () => {
    it.each<[challenge: string, event: Omit<Challenge, 'status'>]>([
      ['Basic realm="proxy"', { scheme: 'Basic' }],
      ['basic', { scheme: 'basic' }],
      ['Digest realm="x", qop="auth, auth-int", nonce="Bearer error="', { scheme: 'Digest' }],
      [
        'DPoP error="use_dpop_nonce", error_description="nonce, please"',
        { scheme: 'DPoP', error: 'use_dpop_nonce' },
      ],
      ['Negotiate YII=, NTLM', { scheme: 'Negotiate' }],
      ['Basic realm="x", GNAP error="expired"', { scheme: 'GNAP', error: 'expired' }],
      [
        'Bearer error="insufficient_user_authentication", error_description="too weak", acr_values="myACR urn:mfa", max_age="5"',
        {
          scheme: 'Bearer',
          error: 'insufficient_user_authentication',
          acrValues: ['myACR', 'urn:mfa'],
          maxAge: 5_000,
        },
      ],
      [
        'bearer ERROR=insufficient_user_authentication, Max_Age=0',
        { scheme: 'bearer', error: 'insufficient_user_authentication', maxAge: 0 },
      ],
      [
        'Basic realm="a, b", Bearer error="insufficient_user_authentication", acr_values="", max_age="soon"',
        { scheme: 'Bearer', error: 'insufficient_user_authentication' },
      ],
      ['Bearer error="insufficient_scope", scope="a b"', { scheme: 'Bearer', error: 'insufficient_scope' }],
      [
        'Bearer realm="", error="insufficient_claims", claims="e30="',
        { scheme: 'Bearer', error: 'insufficient_claims' },
      ],
      [
        'Bearer realm="x", Bearer error="insufficient_scope"',
        { scheme: 'Bearer', error: 'insufficient_scope' },
      ],
      ['error="insufficient_scope"', { scheme: 'Bearer', error: 'insufficient_scope' }],
      ['Bearer error="say \\"no\\", \\\\please"', { scheme: 'Bearer', error: 'say "no", \\please' }],
    ])('when its challenge is %s', async (challenge, event) => {
      const { auth, post, tokens, refreshes, challenges } = await refusing(challenge)
      const answer = await post('/orders')
      expect([answer.status, answer.header('WWW-Authenticate'), await answer.text()]).toEqual([
        401,
        challenge,
        'refused',
      ])
      expect(challenges).toEqual([{ status: 401, ...event }])
      expect([tokens(), refreshes.length]).toEqual([['at-1'], 0])
      expect(auth.getState().status).toBe('authenticated')
    })

    it('arrives on the replay, after a refresh for another reason', async () => {
      const { post, tokens, refreshes, challenges } = await refusing(undefined, {
        respond: ({ token }: { token?: string }) => ({
          status: 401,
          ...(token === 'at-2' && {
            headers: { 'WWW-Authenticate': 'Bearer error="insufficient_user_authentication"' },
          }),
        }),
      })
      expect((await post('/orders')).status).toBe(401)
      expect([tokens(), refreshes.length]).toEqual([['at-1', 'at-2'], 1])
      expect(challenges).toEqual([
        { status: 401, scheme: 'Bearer', error: 'insufficient_user_authentication' },
      ])
    })

    it('when the server renews by itself and the token is dead', async () => {
      const { auth, post, pass, tokens, challenges } = await refusing(
        'Bearer error="insufficient_user_authentication"',
        {
          renewal: 'server',
          collect: () => undefined,
          auth: { refresh: undefined },
        },
      )
      pass(600_000)
      expect((await post('/orders')).status).toBe(401)
      expect([tokens(), challenges.length, auth.getState().status]).toEqual([['at-1'], 1, 'authenticated'])
    })

    it('is reported without the token when the server repeats the token', async () => {
      const { post, challenges } = await refusing('Bearer error="at-1 is too weak", acr_values="at-1"')
      await post('/orders')
      expect(challenges).toEqual([
        { status: 401, scheme: 'Bearer', error: '… is too weak', acrValues: ['…'] },
      ])
    })

    it('when its challenge is of a scheme that the header of the token names further on', async () => {
      const { post, tokens, challenges } = await refusing('Basic realm="proxy"', {
        format: (token: string) => `${token},Basic eDp5 of the proxy`,
      })
      expect((await post('/orders')).status).toBe(401)
      expect(challenges).toEqual([{ status: 401, scheme: 'Basic' }])
      expect(tokens()).toHaveLength(1)
    })
  })

  describe(`the challenge of an answer by ${client} causes no event`, () => {
    it('when the answer is a 403', async () => {
      const { auth, post } = await open({
        respond: () => ({
          status: 403,
          headers: { 'WWW-Authenticate': 'Bearer error="insufficient_scope"' },
        }),
      })
      const challenges: Challenge[] = []
      auth.on('challenge', challenge => void challenges.push(challenge))
      expect((await post('/orders')).status).toBe(403)
      expect(challenges).toEqual([])
    })

    it('when the request had no token', async () => {
      const { auth, post, challenges } = await refusing('Basic realm="x"')
      await auth.logout()
      expect((await post('/orders')).status).toBe(401)
      expect(challenges).toEqual([])
    })

    it('when shouldRefresh takes it as a reason to refresh', async () => {
      const { post, tokens, challenges } = await refusing('Token realm="Application"', {
        shouldRefresh: ({ status }: { status: number }) => status === 401,
      })
      expect((await post('/orders')).status).toBe(200)
      expect([tokens(), challenges]).toEqual([['at-1', 'at-2'], []])
    })
  })
}

describe('the challenge of a step-up', () => {
  const demand = 'Bearer error="insufficient_user_authentication", acr_values="urn:mfa urn:key", max_age=300'
  const told = {
    status: 401,
    scheme: 'Bearer',
    error: 'insufficient_user_authentication',
    acrValues: ['urn:mfa', 'urn:key'],
    maxAge: 300_000,
  }
  /** The server refuses one path to every token. */
  const refuse = ({ url }: { url: string }): Answer | undefined =>
    url.endsWith('/transfer') ? { status: 401, headers: { 'WWW-Authenticate': demand } } : undefined

  it('is the `challenge` of the error of axios, and of its answer', async () => {
    const { api, refreshes } = await axiosStage({ respond: refuse })
    const error = await rejection(api.post('/transfer', {}))
    expect(error).toMatchObject({
      isAxiosError: true,
      code: 'ERR_BAD_REQUEST',
      response: { status: 401 },
    })
    expect([challengeOf(error), challengeOf(error.response)]).toEqual([told, told])
    expect(Reflect.get(error, 'challenge')).toBe(challengeOf(error))
    expect(refreshes).toEqual([])
    const answer = await api.post('/transfer', {}, { validateStatus: null })
    expect(challengeOf(answer)).toEqual(told)
  })

  it('is the `challenge` of the response of fetch', async () => {
    const { api, refreshes } = await fetchStage({
      respond: request => {
        const answer = refuse(request)
        return answer && new Response('{}', answer as ResponseInit)
      },
    })
    const response = await api('https://api.example.test/transfer', { method: 'POST' })
    expect([response.status, challengeOf(response), refreshes.length]).toEqual([401, told, 0])
    expect(Reflect.get(response, 'challenge')).toBe(challengeOf(response))
  })

  it('is also with the error of a replay', async () => {
    const { api, revoke, tokens } = await axiosStage({
      respond: sent => (sent.token === 'at-2' ? refuse(sent) : undefined),
    })
    revoke()
    const error = await rejection(api.post('/transfer', {}))
    expect([challengeOf(error), tokens()]).toEqual([told, ['at-1', 'at-2']])
  })

  it('stays out of serialisers and of loops over members, and contains no token', async () => {
    const { api } = await axiosStage({
      respond: () => ({
        status: 401,
        headers: { 'WWW-Authenticate': 'Bearer error="insufficient_user_authentication", acr_values="at-1"' },
      }),
    })
    const error = await rejection(api.get('/me'))
    expect(Object.keys(error)).not.toContain('challenge')
    expect(inspect(challengeOf(error), { showHidden: true })).not.toContain('at-1')
  })

  it('is absent from every other error: an expired token, an answer of another kind, or nothing', async () => {
    const { api, good } = await axiosStage({ refresh: () => Promise.reject({ status: 503 }) })
    good.clear()
    const error = await rejection(api.get('/me'))
    expect([challengeOf(error), challengeOf(await rejection(axiosFails()))]).toEqual([undefined, undefined])
    expect([challengeOf(undefined), challengeOf(null), challengeOf('401')]).toEqual(Array(3).fill(undefined))
  })

  /** A call that fails by the network. */
  const axiosFails = async (): Promise<unknown> => {
    const { api } = await axiosStage({ respond: () => Promise.reject(new TypeError('no network')) })
    return api.get('/me')
  }
})
