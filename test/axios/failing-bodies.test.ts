/** A body stream that fails while its request waits for a token fails the call as axios itself would. */

import { createReadStream } from 'node:fs'
import { PassThrough, pipeline, Readable } from 'node:stream'
import axios, { AxiosError } from 'axios'
import FormDataPackage from 'form-data'
import { serverRenewal } from 'tokenflight'
import { describe, expect, it } from 'vitest'
import { LIFETIME, type Loopback, loopback, rejection, settle, stage } from '../support/axios.js'

const MISSING = '/no/such/file'

/** Bodies that fail by themselves, and how a test makes them fail. */
const failures: Record<string, () => { body: unknown; fail?: () => void }> = {
  'a file that is missing': () => ({ body: createReadStream(MISSING) }),
  'a stream that is destroyed with an error': () => {
    const body = new PassThrough()
    return { body, fail: () => void body.destroy(Object.assign(new Error('disk'), { code: 'EIO' })) }
  },
  'a stream that is destroyed without an error': () => {
    const body = new Readable({ read() {} })
    return { body, fail: () => void body.destroy() }
  },
  'a pipeline whose source is missing': () => {
    const body = new PassThrough()
    pipeline(createReadStream(MISSING), body, () => {})
    return { body }
  },
}

/** The parts of an error that an application reads. */
const partsOf = ({ name, message, code, isAxiosError, cause, config }: AxiosError) => ({
  name,
  message,
  code,
  isAxiosError,
  cause: (cause as Error | undefined)?.message,
  method: config?.method,
})

for (const adapter of ['http', 'fetch'] as const) {
  const open = async () => {
    const server = await loopback(({ token }, _incoming, outgoing) => {
      outgoing.writeHead(token === 'at-1' ? 401 : 200).end('{}')
    })
    const staged = await stage({ manual: true, axios: { adapter, baseURL: server.url, proxy: false } })
    staged.pass(LIFETIME)
    return { ...staged, ...server, tokens: () => server.arrived.map(({ token }) => token) }
  }
  /** The error of axios alone. */
  const nativeError = async ({ url }: Loopback, make: (typeof failures)[string]): Promise<AxiosError> => {
    const { body, fail } = make()
    const call = axios.post(`${url}/native`, body, { adapter, proxy: false })
    setImmediate(() => fail?.())
    return rejection(call)
  }

  describe(`a call by the ${adapter} adapter that waits for a token`, () => {
    for (const [name, make] of Object.entries(failures)) {
      it(`rejects at once with the error of axios for ${name}, and sends nothing`, async () => {
        const { api, refreshes, ...server } = await open()
        const { body, fail } = make()
        const call = rejection(api.post('/upload', body))
        await settle()
        fail?.()
        const error = await call
        expect(error).toBeInstanceOf(AxiosError)
        expect([server.tokens(), refreshes.length]).toEqual([[], 1])
        expect(partsOf(error)).toEqual(partsOf(await nativeError(server, make)))
        // The flight goes on for the others.
        server.arrived.length = 0
        refreshes[0]?.answer()
        expect((await api.post('/upload', Readable.from([Buffer.from('tea')]))).status).toBe(200)
        expect([server.tokens(), refreshes.length]).toEqual([['at-2'], 1])
      })
    }

    it('rejects with the error of its stream when that was destroyed before the call', async () => {
      const { api, refreshes, tokens } = await open()
      const body = Readable.from(['x'])
      body.destroy()
      const error = await rejection(api.post('/upload', body))
      expect([error.isAxiosError, tokens(), refreshes.length]).toEqual([true, [], 1])
    })

    it('leaves no error without a listener when its stream fails after the call has failed', async () => {
      const { api, refreshes, tokens } = await open()
      const controller = new AbortController()
      const [aborted, waiting] = [new PassThrough(), new PassThrough()]
      const calls = [
        rejection<Error>(api.post('/1', aborted, { signal: controller.signal })),
        rejection<Error>(api.post('/2', waiting)),
      ]
      await settle()
      controller.abort()
      refreshes[0]?.fail(new Error('down'))
      expect((await Promise.all(calls)).map(({ name }) => name)).toEqual([
        'CanceledError',
        'RefreshFailedError',
      ])
      // Without a listener this would end the process.
      aborted.destroy(new Error('late'))
      waiting.destroy(new Error('late'))
      await settle()
      expect(tokens()).toEqual([])
    })

    it('sends an intact stream whole', async () => {
      const { api, refreshes, arrived } = await open()
      const body = new PassThrough()
      const call = api.post('/upload', body)
      await settle()
      body.write('one ')
      refreshes[0]?.answer()
      await settle()
      body.end('two')
      expect((await call).status).toBe(200)
      expect(arrived.map(({ token, body }) => [token, body.toString()])).toEqual([['at-2', 'one two']])
    })
  })
}

describe('a call that waits for a token', () => {
  it('fails as axios fails when a part of its form fails', async () => {
    const server = await loopback((_, __, outgoing) => void outgoing.end('{}'))
    const { api, pass, refreshes } = await stage({
      manual: true,
      axios: { adapter: 'http', baseURL: server.url },
    })
    pass(LIFETIME)
    const form = new FormDataPackage()
    form.append('file', createReadStream(MISSING))
    const call = rejection(api.post('/upload', form))
    await settle()
    refreshes[0]?.answer()
    expect(await call).toMatchObject({ isAxiosError: true, code: 'ENOENT' })
    expect(server.arrived).toEqual([])
  })

  it('leaves no listener of its own on a stream that it sends', async () => {
    const counts: number[] = []
    const events = ['error', 'close'] as const
    const { api, pass, refreshes } = await stage({
      manual: true,
      respond: ({ data }) => {
        for (const event of events) counts.push((data as Readable).listenerCount(event))
        return {}
      },
    })
    pass(LIFETIME)
    const body = new PassThrough()
    const before = events.map(event => body.listenerCount(event))
    const call = api.post('/upload', body)
    await settle()
    expect(events.map(event => body.listenerCount(event))).not.toEqual(before)
    refreshes[0]?.answer()
    await call
    expect(counts).toEqual(before)
  })

  it('rejects when a stream of the web fails, and sends nothing', async () => {
    const { api, pass, sent, refreshes } = await stage({ manual: true })
    pass(LIFETIME)
    const source: ReadableStreamDefaultController[] = []
    const body = new ReadableStream({ start: controller => void source.push(controller) })
    const call = rejection(api.post('/upload', body, { transformRequest: [own => own] }))
    await settle()
    source[0]?.error(new Error('source'))
    expect(await call).toMatchObject({ isAxiosError: true, message: 'source' })
    expect([sent.length, refreshes.length]).toEqual([0, 1])
  })

  it('hands an intact stream of the web over unlocked', async () => {
    const { api, pass, sent, refreshes } = await stage({ manual: true })
    pass(LIFETIME)
    const body = new Blob(['tea']).stream()
    const call = api.post('/upload', body, { transformRequest: [own => own] })
    await settle()
    refreshes[0]?.answer()
    await call
    expect(sent.map(({ token, data }) => [token, data])).toEqual([['at-2', body]])
    expect([body.locked, await new Response(body).text()]).toEqual([false, 'tea'])
  })

  it('rejects when the server renews by itself and the stream fails while another request goes first', async () => {
    const { api, pass, sent } = await stage({
      auth: { refresh: undefined },
      attach: { renewal: serverRenewal({ collect: () => undefined }) },
      respond: () => new Promise(() => {}),
    })
    pass(LIFETIME)
    void api.get('/first')
    const call = rejection(api.post('/upload', createReadStream(MISSING)))
    expect(await call).toMatchObject({ isAxiosError: true, code: 'ENOENT' })
    expect(sent).toHaveLength(1)
  })
})
