/** Misuse of `authFetch`, and of the presets that refresh by `fetch`. */
import { createAuth, oauth2Refresh, refreshRequest } from 'tokenflight'
import { authFetch } from 'tokenflight/fetch'
import { describe, expect, it } from 'vitest'
import { API } from '../support/axios.js'

const secret = { token: 'secret' }
const url = `${API}/refresh`
const csrf = { cookie: 'csrf', header: 'X-CSRF' }
const endpoint = { tokenEndpoint: url, clientId: 'app' }

const makers: Record<string, (options: never) => unknown> = {
  authFetch: options => authFetch(createAuth(), options),
  refreshRequest,
  oauth2Refresh,
}
const misuses: [maker: string, option: string, options: object, got: string][] = [
  ['authFetch', 'fetch', { allowedOrigins: [API], fetch: 5 }, '5'],
  ['authFetch', 'fetch', { allowedOrigins: [API], fetch: null }, 'null'],
  ['refreshRequest', 'url', {}, 'undefined'],
  ['refreshRequest', 'url', { url: '' }, ''],
  ['refreshRequest', 'url', { url: 5 }, '5'],
  ['refreshRequest', 'send', { url, send: 'query' }, 'query'],
  ['refreshRequest', 'send', { url, send: Symbol('x') }, 'Symbol(x)'],
  ['refreshRequest', 'send', { url, send: ['body'] }, 'body'],
  ['refreshRequest', 'field', { url, field: 5 }, '5'],
  ['refreshRequest', 'field', { url, field: '' }, ''],
  ['refreshRequest', 'read', { url, read: secret }, 'object'],
  ['refreshRequest', 'csrf', { url, csrf: 'x' }, 'x'],
  ['refreshRequest', 'csrf', { url, csrf: null }, 'null'],
  ['refreshRequest', 'csrf', { url, csrf: { ...csrf, cookie: 5 } }, 'object'],
  ['refreshRequest', 'csrf', { url, csrf: { ...csrf, header: 'X CSRF' } }, 'object'],
  ['refreshRequest', 'csrf', { url, csrf: { header: 'X-CSRF' } }, 'object'],
  ['refreshRequest', 'csrf', { url, csrf: { cookie: 'csrf' } }, 'object'],
  ['refreshRequest', 'fetch', { url, fetch: 5 }, '5'],
  ['oauth2Refresh', 'tokenEndpoint', { clientId: 'app' }, 'undefined'],
  ['oauth2Refresh', 'tokenEndpoint', { ...endpoint, tokenEndpoint: secret }, 'object'],
  ['oauth2Refresh', 'clientId', { ...endpoint, clientId: '' }, ''],
  ['oauth2Refresh', 'scope', { ...endpoint, scope: ['a', 'b'] }, 'a,b'],
  ['oauth2Refresh', 'fetch', { ...endpoint, fetch: 5 }, '5'],
]

describe('misuse', () => {
  it.each(misuses)(
    'is a TypeError that names the option and the received value: %s, %s',
    (maker, option, options, got) => {
      const make = (): unknown => makers[maker]?.(options as never)
      expect(make).toThrow(TypeError)
      const start = `tokenflight: \`${option}\` must be `
      expect(make).toThrow(new RegExp(`^${start}.+, got ${got.replace(/\W/g, '\\$&')}$`))
    },
  )

  it('is not thrown for options that may be left out', () => {
    const own: typeof fetch = async () => new Response()
    expect(() => authFetch(createAuth(), { allowedOrigins: [API], fetch: undefined })).not.toThrow()
    expect(() => authFetch(createAuth(), { allowedOrigins: [API], fetch: own })).not.toThrow()
    expect(() => refreshRequest({ url })).not.toThrow()
    expect(() =>
      refreshRequest({ url, csrf, read: async () => ({ access_token: 'a' }), fetch: own }),
    ).not.toThrow()
    expect(() => oauth2Refresh(endpoint)).not.toThrow()
    expect(() => oauth2Refresh({ ...endpoint, scope: 'a b', fetch: own })).not.toThrow()
  })
})
