/** Bodies of every kind, sent again over real HTTP; and those that cannot be (behaviours 11 and 12). */
import { Agent } from 'node:http'
import { Readable } from 'node:stream'
import type { AxiosInstance, AxiosRequestConfig } from 'axios'
import FormDataPackage from 'form-data'
import { describe, expect, it, vi } from 'vitest'
import { type Arrived, LIFETIME, loopback, rejection, session, settle, stage } from '../support/axios.js'

const refuseOld = (
  { token }: Arrived,
  _incoming: unknown,
  outgoing: import('node:http').ServerResponse,
): void => {
  outgoing.statusCode = token === 'at-1' ? 401 : 200
  outgoing.end('{}')
}
/** A multipart body without its boundary, which differs. */
const withoutBoundary = ({ body }: Arrived): string => {
  const text = body.toString('latin1')
  const [boundary] = /^--\S+/.exec(text) ?? []
  return boundary ? text.replaceAll(boundary, '') : text
}
const formData = (): FormData => {
  const form = new FormData()
  form.append('name', 'Ada')
  form.append('file', new Blob(['<file>'], { type: 'text/plain' }), 'a.txt')
  return form
}

const bodies: Record<string, () => { data: unknown; text?: string }> = {
  'an object': () => ({ data: { a: 1, b: ['ä'] }, text: '{"a":1,"b":["Ã¤"]}' }),
  'a string': () => ({ data: 'plain text', text: 'plain text' }),
  'an empty body': () => ({ data: undefined, text: '' }),
  URLSearchParams: () => ({ data: new URLSearchParams({ a: '1', b: 'ü' }), text: 'a=1&b=%C3%BC' }),
  'a Blob': () => ({ data: new Blob(['blob']), text: 'blob' }),
  'an ArrayBuffer': () => ({ data: new TextEncoder().encode('buffer').buffer, text: 'buffer' }),
  'a typed array': () => ({ data: new TextEncoder().encode('typed'), text: 'typed' }),
  'a Buffer': () => ({ data: Buffer.from('node'), text: 'node' }),
  'native FormData': () => ({ data: formData() }),
}

/** Multipart bodies of Node, from objects and from the package form-data. */
const forms: Record<string, () => [body: unknown, config?: AxiosRequestConfig]> = {
  'an object by postForm': () => [
    { name: 'Ada', tags: ['a', 'b'], file: Buffer.from('<file>') },
    { headers: { 'Content-Type': 'multipart/form-data' } },
  ],
  'form-data of the package': () => {
    const form = new FormDataPackage()
    form.append('name', 'Ada')
    form.append('file', Buffer.from('<file>'), { filename: 'a.txt', contentType: 'text/plain' })
    return [form]
  },
  'form-data of the package with headers of its own': () => {
    const form = new FormDataPackage()
    form.append('name', 'Adaä')
    form.append('file', '<file>', { filename: 'a.txt' })
    return [form, { headers: form.getHeaders() }]
  },
  'form-data of the package without parts': () => [new FormDataPackage()],
  'form-data of the package that ends with a buffer': () => {
    const form = new FormDataPackage()
    form.append('name', 'Ada')
    form.append('bytes', Buffer.from([0, 13, 10, 255]))
    return [form]
  },
}

describe('a form on Node', () => {
  for (const [what, make] of Object.entries(forms)) {
    it(`is sent again when it is refused, byte for byte: ${what}`, async () => {
      const { url, arrived } = await loopback(refuseOld)
      const { api, refreshes } = await session(url, { adapter: 'http' })
      const [body, config] = make()
      expect((await api.post('/upload', body, config)).status).toBe(200)
      expect([arrived.map(({ token }) => token), refreshes.length]).toEqual([['at-1', 'at-2'], 1])
      const [first, replay] = arrived
      expect(replay?.body.toString('latin1')).toBe(first?.body.toString('latin1'))
      expect(replay?.headers['content-type']).toMatch(/^multipart\/form-data; boundary=/)
      expect(replay?.headers['content-type']).toBe(first?.headers['content-type'])
      expect(replay?.headers['content-length']).toBe(`${replay?.body.length}`)
      const [boundary] = /(?<=boundary=).*/.exec(`${first?.headers['content-type']}`) ?? []
      expect(replay?.body.toString().includes(`${boundary}`)).toBe(replay?.body.length !== 0)
    })
  }

  it('is left to the adapter as it is by the first attempt, so that its files need not be in memory', async () => {
    const { api, sent, revoke } = await stage()
    const form = new FormDataPackage()
    form.append('name', 'Ada')
    revoke()
    await api.post('/upload', form)
    expect(sent.map(({ data }) => [data === form, data instanceof Uint8Array])).toEqual([
      [true, false],
      [false, true],
    ])
  })

  it('waits for no token that lasts longer, since it can be sent again', async () => {
    const { api, pass, tokens, refreshes } = await stage({ manual: true })
    pass(LIFETIME - 4_000)
    await api.postForm('/upload', { name: 'Ada' })
    expect([tokens(), refreshes.length]).toEqual([['at-1'], 1])
  })

  it('is recognised as the refresh, by a field, in the package form-data', async () => {
    const { api, auth, pass, sent, refreshes } = await stage({
      login: false,
      manual: true,
      respond: () => ({}),
    })
    await auth.login({ access_token: 'at-short', refresh_token: 'r1', expires_in: LIFETIME / 1000 })
    pass(LIFETIME)
    const first = api.get('/orders')
    await settle()
    const form = new FormDataPackage()
    form.append('refresh_token', 'r1')
    await api.post('/refresh', form)
    expect(sent.map(({ url, token }) => [url.slice(-8), token])).toEqual([['/refresh', undefined]])
    refreshes[0]?.answer()
    await first
    expect(refreshes).toHaveLength(1)
  })
})

describe('a form that its caller fills anew after the call', () => {
  const pages = ['one', 'two']
  const fill = (api: AxiosInstance): Promise<unknown> => {
    const form = new FormData()
    const params = new URLSearchParams()
    return Promise.all(
      pages.map(page => {
        form.set('page', page)
        params.set('page', page)
        return api.post('/x', form, { params })
      }),
    )
  }
  const both = [
    ['at-2', 'one', 'page=one'],
    ['at-2', 'two', 'page=two'],
  ]

  it('arrives as it was at the call, as a body and in the query, after a wait for a token', async () => {
    const { api, sent, pass, refreshes } = await stage()
    pass(LIFETIME)
    await fill(api)
    const seen = sent.map(({ token, data, params }) => [token, (data as FormData).get('page'), `${params}`])
    expect([seen, refreshes.length]).toEqual([both, 1])
  })

  it('and that its own class has begun has each part once', async () => {
    class BegunForm extends FormData {
      constructor() {
        super()
        this.append('csrf', 'x')
      }
    }
    const { api, sent, pass } = await stage()
    pass(LIFETIME)
    const form = new BegunForm()
    form.append('page', 'one')
    await api.post('/x', form)
    const { data } = sent[0] as { data: FormData }
    expect([...data.entries()]).toEqual([...form.entries()])
  })

  it('and whose own class changes each appended name keeps its names', async () => {
    class NestedForm extends FormData {
      override append(name: string, value: string | Blob): void {
        super.append(`data[${name}]`, value as string)
      }
    }
    const { api, sent, pass } = await stage()
    pass(LIFETIME)
    const form = new NestedForm()
    form.append('page', 'one')
    await api.post('/x', form)
    const { data } = sent[0] as { data: FormData }
    expect([...data.keys()]).toEqual(['data[page]'])
  })

  it('is the very object of the caller for an adapter that nothing delays', async () => {
    const { api, sent } = await stage()
    const form = new FormData()
    const params = new URLSearchParams()
    await api.post('/x', form, { params })
    expect([sent[0]?.data === form, sent[0]?.params === params]).toEqual([true, true])
  })

  it('arrives as it was at the call, as a body and in the query, on a replay', async () => {
    const { url, arrived } = await loopback(refuseOld)
    const { api, refreshes } = await session(url, { adapter: 'http' })
    await fill(api)
    const seen = arrived.map(({ token, body, url }) => [
      token,
      /one|two/.exec(`${body}`)?.[0],
      url.slice(url.indexOf('?') + 1),
    ])
    expect(seen.sort()).toEqual([...both.map(([, ...rest]) => ['at-1', ...rest]), ...both])
    expect(refreshes).toHaveLength(1)
  })
})

it.each([
  ['after a wait', true],
  ['on a replay', false],
])('bytes arrive as they were at the call, although the caller uses them anew: %s', async (_, isDead) => {
  const { api, sent, pass, revoke, refreshes } = await stage({ manual: true })
  if (isDead) pass(LIFETIME)
  else revoke()
  const bytes = new Uint8Array([1, 2])
  const answer = api.post('/x', bytes.buffer)
  await settle()
  bytes.fill(9)
  refreshes[0]?.answer()
  await answer
  expect([...new Uint8Array(sent.pop()?.data as ArrayBuffer)]).toEqual([1, 2])
})

for (const adapter of ['http', 'fetch'] as const) {
  describe(`a replay by the ${adapter} adapter`, () => {
    for (const [what, make] of Object.entries(bodies)) {
      it(`sends ${what} again, whole and as it was`, async () => {
        const { url, arrived } = await loopback(refuseOld)
        const { api, refreshes } = await session(url, { adapter })
        const { data, text } = make()
        expect((await api.post('/upload', data, { headers: { 'X-Mine': 'yes' } })).status).toBe(200)
        expect(arrived.map(({ token }) => token)).toEqual(['at-1', 'at-2'])
        expect(refreshes).toHaveLength(1)
        const [first, replay] = arrived
        expect(withoutBoundary(replay!)).toBe(withoutBoundary(first!))
        if (text !== undefined) expect(replay?.body.toString('latin1')).toBe(text)
        else expect(replay?.body.toString()).toMatch(/Ada[\s\S]*filename="a\.txt"[\s\S]*<file>/)
        expect(replay?.headers['x-mine']).toBe('yes')
        expect(replay?.headers['content-type']?.split(';')[0]).toBe(
          first?.headers['content-type']?.split(';')[0],
        )
      })
    }

    it('sends a query as it was', async () => {
      const { url, arrived } = await loopback(refuseOld)
      const { api } = await session(url, { adapter })
      let serialised = 0
      await api.get('/orders?a=1', {
        params: { page: 2 },
        paramsSerializer: {
          serialize: params => `n=${++serialised}&${new URLSearchParams({ page: String(params['page']) })}`,
        },
      })
      expect(arrived.map(request => request.url.replace(/n=\d/, 'n'))).toEqual(
        Array(2).fill('/orders?a=1&n&page=2'),
      )
    })
  })
}

it('states the length of the body that it sends, when a body changes between two attempts', async () => {
  const { url, arrived } = await loopback(refuseOld)
  const { api } = await session(url, { adapter: 'http' })
  // An adapter around axios's own that signs the body, as some do.
  const { getAdapter } = await import('axios')
  let attempt = 0
  await api.post(
    '/x',
    { a: 1 },
    {
      adapter: config =>
        getAdapter('http')({ ...config, data: `${config.data}${'.'.repeat(10 * attempt++)}` }),
    },
  )
  expect(arrived.map(({ body, headers }) => [body.length, headers['content-length']])).toEqual([
    [7, '7'],
    [17, '17'],
  ])
})

describe('a body that can be read only once', () => {
  const streams: Record<string, () => unknown> = {
    'a Node stream': () => Readable.from([Buffer.from('once')]),
    'a web stream': () => new Blob(['once']).stream(),
    // As they are where streams are no iterators yet.
    'a web stream of an older browser': () =>
      new (class {
        getReader(): void {}
      })(),
    'form-data of the package that holds a stream': () => {
      const form = new FormDataPackage()
      form.append('file', Readable.from([Buffer.from('once')]), { filename: 'a.txt' })
      return form
    },
    'an asynchronous iterator': () =>
      (async function* () {
        yield Buffer.from('once')
      })(),
  }
  for (const [what, make] of Object.entries(streams)) {
    it(`sends ${what} once: the caller gets the 401 while the refresh prepares the next call`, async () => {
      const { api, sent, statuses, refreshes, revoke } = await stage({ manual: true })
      revoke()
      const data = make()
      const error = await rejection(api.post('/upload', data, { transformRequest: [body => body] }))
      expect(error.response?.status).toBe(401)
      expect(sent[0]?.data).toBe(data)
      expect(refreshes.map(({ reason }) => reason)).toEqual(['rejected'])
      refreshes[0]?.answer()
      await settle()
      await api.post('/upload', make(), { transformRequest: [body => body] })
      expect([statuses(), sent.map(({ token }) => token)]).toEqual([
        [401, 200],
        ['at-1', 'at-2'],
      ])
      expect(refreshes).toHaveLength(1)
    })
  }

  it('survives a refresh that fails behind its 401', async () => {
    const { api, refreshes, revoke } = await stage({ manual: true })
    revoke()
    const error = await rejection(api.post('/upload', Readable.from(['x'])))
    expect(error.response?.status).toBe(401)
    refreshes[0]?.fail(new Error('down'))
    await settle()
  })

  it('waits for the refresh under way when its token would not last, and is then sent whole', async () => {
    const { api, pass, tokens, refreshes } = await stage({ manual: true })
    pass(LIFETIME - 4_000)
    const upload = api.post('/upload', Readable.from(['x']))
    await settle()
    expect([tokens(), refreshes.length]).toEqual([[], 1])
    // A body that can be sent twice does not wait.
    await api.post('/orders', { n: 1 })
    expect(tokens()).toEqual(['at-1'])
    refreshes[0]?.answer()
    await upload
    expect([tokens(), refreshes.length]).toEqual([['at-1', 'at-2'], 1])
  })

  it('does not wait when its token lasts', async () => {
    const { api, pass, tokens, refreshes } = await stage({ manual: true })
    pass(LIFETIME - 6_000)
    await api.post('/upload', Readable.from(['x']))
    expect([tokens(), refreshes.length]).toEqual([['at-1'], 1])
  })

  it('arrives whole and once over real HTTP', async () => {
    const { url, arrived } = await loopback(refuseOld)
    const { api, refreshes } = await session(url, { adapter: 'http' })
    const config: AxiosRequestConfig = { headers: { 'Content-Type': 'application/octet-stream' } }
    const error = await rejection(api.post('/upload', Readable.from([Buffer.from('once')]), config))
    expect(error.response?.status).toBe(401)
    await settle()
    await api.post('/upload', Readable.from([Buffer.from('again')]), config)
    expect(arrived.map(({ token, body }) => [token, body.toString()])).toEqual([
      ['at-1', 'once'],
      ['at-2', 'again'],
    ])
    expect(refreshes).toHaveLength(1)
  })
})

describe('an answer that is a stream', () => {
  for (const adapter of ['http', 'fetch'] as const) {
    it(`is let go with the ${adapter} adapter when it is refused, and frees its connection`, async () => {
      let closed = 0
      const { url, arrived } = await loopback(({ token }, _incoming, outgoing) => {
        const refuses = token === 'at-1'
        outgoing.statusCode = refuses ? 401 : 200
        outgoing.write('x'.repeat(1_000))
        // The refusal never ends by itself.
        if (refuses) outgoing.once('close', () => closed++)
        else outgoing.end()
      })
      // One socket: an answer that is not released blocks the replay.
      const httpAgent = new Agent({ keepAlive: true, maxSockets: 1 })
      const { api, refreshes } = await session(url, { adapter, httpAgent, responseType: 'stream' })
      const { data, status } = await api.get('/stream')
      let length = 0
      for await (const chunk of data) length += chunk.length
      expect([status, length, refreshes.length]).toEqual([200, 1_000, 1])
      expect(arrived.map(({ token }) => token)).toEqual(['at-1', 'at-2'])
      await vi.waitFor(() => expect(closed).toBe(1))
      httpAgent.destroy()
    })
  }

  it('is let go before the refresh, which may need its connection', async () => {
    let destroyed = 0
    const { api, refreshes, revoke } = await stage({
      manual: true,
      respond: ({ token }) =>
        token === 'at-1' ? { status: 401, data: { destroy: () => void destroyed++ } } : undefined,
    })
    revoke()
    const call = api.get('/stream', { responseType: 'stream' })
    await settle()
    expect([destroyed, refreshes.length]).toEqual([1, 1])
    refreshes[0]?.answer()
    expect((await call).status).toBe(200)
  })

  it('reaches the caller whole when it is the last word', async () => {
    let destroyed = 0
    const { api } = await stage({
      respond: () => ({ status: 401, data: { destroy: () => void destroyed++ } }),
    })
    const error = await rejection(api.get('/stream', { responseType: 'stream' }))
    expect([error.response?.status, destroyed]).toEqual([401, 1])
    await rejection(api.get('/stream', { responseType: 'stream' }))
    expect(destroyed).toBe(1)
  })
})
