/** Bodies of other platforms, and hostile ones: looking into a body never throws. */
import type { AxiosInstance } from 'axios'
import type { AuthFetch } from 'tokenflight/fetch'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { API, stage as axiosStage, LIFETIME, settle } from '../support/axios.js'
import { stage as fetchStage } from '../support/fetch.js'

/** `FormData` as React Native has it: parts, and no other way to read them. */
class NativeForm {
  readonly parts: [string, unknown][] = []
  append(name: string, value: unknown): void {
    this.parts.push([name, value])
  }
  getParts(): object[] {
    return this.parts.map(([fieldName, value]) =>
      typeof value === 'string' ? { string: value, fieldName } : { ...(value as object), fieldName },
    )
  }
}

/** `URLSearchParams` as React Native has it: most members throw. */
class NativeParams {
  readonly #text: string
  constructor(text: string) {
    this.#text = text
  }
  values(): never {
    throw new Error('URLSearchParams.values is not implemented')
  }
  toString(): string {
    return this.#text
  }
}

/** One with fewer members still. */
class BareForm {
  append(): void {}
}

/** A form whose parts cannot be read, and one that has an empty part. */
class BrokenForm extends BareForm {
  getParts(): never {
    throw new Error('getParts')
  }
}
class GappyForm extends BareForm {
  getParts(): unknown[] {
    return [null, undefined, { string: 'r1' }]
  }
}

/** `URLSearchParams` without any view but its text, and one without even that. */
class BareParams {
  readonly #text: string
  constructor(text = '') {
    this.#text = text
  }
  toString(): string {
    return this.#text
  }
}
class MuteParams {
  toString(): never {
    throw new Error('toString')
  }
}

class Hostile {
  get pipe(): never {
    throw new Error('pipe')
  }
  get values(): never {
    throw new Error('values')
  }
  get _streams(): never {
    throw new Error('_streams')
  }
}

const nativeForm = (...parts: [string, unknown][]): NativeForm => {
  const form = new NativeForm()
  for (const [name, value] of parts) form.append(name, value)
  return form
}

/** The platform of a body, and whether it carries the refresh token `r1`. */
const bodies: [name: string, isRefresh: boolean, platform: object, make: () => unknown][] = [
  [
    'FormData of React Native',
    false,
    { FormData: NativeForm },
    () => nativeForm(['file', { uri: 'file:///a.png' }], ['text', 'r12']),
  ],
  [
    'FormData of React Native with the refresh token',
    true,
    { FormData: NativeForm },
    () => nativeForm(['refresh_token', 'r1']),
  ],
  ['FormData without any view', false, { FormData: BareForm }, () => new BareForm()],
  [
    'URLSearchParams of React Native',
    false,
    { URLSearchParams: NativeParams },
    () => new NativeParams('order=r12'),
  ],
  [
    'URLSearchParams of React Native with the refresh token',
    true,
    { URLSearchParams: NativeParams },
    () => new NativeParams('a=1&refresh_token=r1'),
  ],
  ['FormData whose parts cannot be read', false, { FormData: BrokenForm }, () => new BrokenForm()],
  ['FormData with an empty part', false, { FormData: GappyForm }, () => new GappyForm()],
  [
    'URLSearchParams without values',
    false,
    { URLSearchParams: BareParams },
    () => new BareParams('order=r12'),
  ],
  [
    'URLSearchParams without values, with the refresh token',
    true,
    { URLSearchParams: BareParams },
    () => new BareParams('refresh_token=%721'),
  ],
  ['URLSearchParams without a text', false, { URLSearchParams: MuteParams }, () => new MuteParams()],
  [
    'a form written by hand without URLSearchParams',
    true,
    { URLSearchParams: undefined },
    () => 'refresh_token=%721',
  ],
  ['a text that is no form', false, {}, () => '{"discount":"100%","text":"%E4r1%"}'],
  ['an object whose members throw', false, {}, () => new Hostile()],
]

afterEach(() => void vi.unstubAllGlobals())

/** Opens a session with a short refresh token that is expired, and starts its refresh. */
const clients = {
  async axios(status: (token?: string) => number = () => 200) {
    const respond = ({ token }: { token: string | undefined }) => ({ status: status(token) })
    const { api, sent, ...staged } = await axiosStage({ login: false, manual: true, respond })
    return {
      ...staged,
      tokens: () => sent.map(({ token }) => token),
      arrived: () => sent.map(({ data }) => data),
      get: () => api.get('/orders'),
      post: (body: unknown) => (api as AxiosInstance).post('/x', body, { transformRequest: [own => own] }),
    }
  },
  async fetch(status: (token?: string) => number = () => 200) {
    const calls: [body: unknown, token: string | undefined][] = []
    const staged = await fetchStage({
      login: false,
      manual: true,
      fetch: {
        fetch: async (_, init) => {
          const headers = new Headers(init?.headers)
          const token = headers.get('Authorization')?.slice('Bearer '.length)
          calls.push([init?.body, token])
          return new Response('{}', { status: status(token) })
        },
      },
    })
    const api: AuthFetch = staged.api
    return {
      ...staged,
      tokens: () => calls.map(([, token]) => token),
      arrived: () => calls.map(([body]) => body),
      get: () => api(`${API}/orders`),
      post: (body: unknown) => api(`${API}/x`, { method: 'POST', body: body as BodyInit }),
    }
  },
}

for (const [client, open] of Object.entries(clients)) {
  describe(`while a refresh is under way, ${client}`, () => {
    it.each(bodies)('looks into %s without an error', async (_, isRefresh, platform, make) => {
      const { auth, pass, get, post, tokens, arrived, refreshes } = await open()
      await auth.login({ access_token: 'at-short', refresh_token: 'r1', expires_in: LIFETIME / 1000 })
      pass(LIFETIME)
      const first = get()
      await settle()
      for (const [name, value] of Object.entries(platform)) vi.stubGlobal(name, value)
      const body = make()
      const call = post(body)
      await settle()
      // The request with the refresh token is the refresh, and leaves first; any other request waits.
      expect(tokens()).toEqual(isRefresh ? [undefined] : [])
      refreshes[0]?.answer()
      await Promise.all([first, call])
      expect(refreshes).toHaveLength(1)
      expect(arrived().filter(each => each === body)).toHaveLength(1)
      expect(tokens().slice().sort()).toEqual(isRefresh ? ['at-1', undefined] : ['at-1', 'at-1'])
    })
  })

  it.each([
    ['FormData', { FormData: NativeForm }, nativeForm(['file', { uri: 'file:///a.png' }])],
    ['URLSearchParams', { URLSearchParams: NativeParams }, new NativeParams('a=1')],
  ])(`${client} sends a refused %s of React Native again`, async (_, platform, body) => {
    const { auth, post, tokens, arrived, refreshes } = await open(token => (token === 'at-old' ? 401 : 200))
    await auth.login({ access_token: 'at-old', refresh_token: 'r1', expires_in: LIFETIME / 1000 })
    for (const [name, value] of Object.entries(platform)) vi.stubGlobal(name, value)
    const call = post(body)
    await settle()
    refreshes[0]?.answer()
    await call
    expect([tokens(), arrived(), refreshes.length]).toEqual([['at-old', 'at-1'], [body, body], 1])
  })
}
