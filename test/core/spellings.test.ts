/** Token answers whose members are named like tokens, and are none. */
import { refreshRequest, type TokenResponse } from 'tokenflight'
import { describe, expect, it } from 'vitest'
import { open, refreshStub, useFakeTime } from '../support/core.js'

useFakeTime()

describe('an answer in camelCase', () => {
  it.each([
    ['texts', { access: 'full', refresh: '/auth/refresh' }],
    ['empty texts', { access: '', refresh: '' }],
    ['other values', { access: ['admin'], refresh: 3_600 }],
  ])('may have members named access and refresh that are no tokens, but %s', async (_, members) => {
    const refresh = refreshStub(async (_, number) => ({
      ...members,
      accessToken: `at-${number + 1}`,
      refreshToken: `rt-${number + 1}`,
    }))
    const { auth } = open({ refresh })
    await auth.login({ accessToken: 'at-1', refreshToken: 'rt-1', ...members } as TokenResponse)
    expect(await auth.getAccessToken()).toBe('at-1')
    await auth.refresh()
    await auth.refresh()
    expect(await auth.getAccessToken()).toBe('at-3')
    expect(refresh.spent).toEqual(['rt-1', 'rt-2'])
  })
})

describe('an answer with its token in the Authorization header', () => {
  it('may have a member named access that is no token', async () => {
    const sent: (string | undefined)[] = []
    const send: typeof fetch = async (_, { body } = {}) => {
      sent.push(body?.toString())
      const headers = { Authorization: 'Bearer at-2' }
      return Response.json({ access: ['admin'], refreshToken: 'rt-2' }, { headers })
    }
    const { auth } = open({
      refresh: refreshRequest({ url: 'https://auth.example.test/refresh', fetch: send }) as never,
    })
    await auth.login({ accessToken: 'at-1', refreshToken: 'rt-1' })
    await auth.refresh()
    await auth.refresh()
    expect(await auth.getAccessToken()).toBe('at-2')
    expect(sent).toEqual(['{"refreshToken":"rt-1"}', '{"refreshToken":"rt-2"}'])
  })
})
