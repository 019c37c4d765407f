/** A body stream that fails while its request waits for a token fails the call as fetch itself would. */
import { createReadStream } from 'node:fs'
import { PassThrough, Readable } from 'node:stream'
import type { AuthFetch } from 'tokenflight/fetch'
import { describe, expect, it, vi } from 'vitest'
import { API, loopback, rejection, settle } from '../support/axios.js'
import { stage } from '../support/fetch.js'

const DEAD = 10 * 60_000
type Input = Parameters<AuthFetch>

/** A stream of the web, and how a test makes it fail. */
const webStream = () => {
  let fail = (): void => {}
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('head'))
      fail = () => controller.error(new Error('disk'))
    },
  })
  return { body, fail: () => fail() }
}
const streaming = (body: unknown): object => ({ method: 'POST', body, duplex: 'half' })

const failures: Record<string, (url: string) => { call: Input; fail?: () => void }> = {
  'a stream of the web in init': url => {
    const { body, fail } = webStream()
    return { call: [url, streaming(body)], fail }
  },
  'a stream of the web in a Request': url => {
    const { body, fail } = webStream()
    return { call: [new Request(url, streaming(body))], fail }
  },
  'a file that is missing': url => ({ call: [url, streaming(createReadStream('/no/such/file'))] }),
  'a stream of Node that is destroyed with an error': url => {
    const body = new PassThrough()
    return { call: [url, streaming(body)], fail: () => void body.destroy(new Error('disk')) }
  },
  'a stream of Node that is destroyed without an error': url => {
    const body = new Readable({ read() {} })
    return { call: [url, streaming(body)], fail: () => void body.destroy() }
  },
}

const partsOf = ({ name, message, cause }: Error) => ({
  name,
  message,
  cause: (cause as Error | undefined)?.message,
})

/** A request whose body stream waits for a token: in `init`, or in a `Request`. */
const waiting: [string, (body: ReadableStream, signal?: AbortSignal) => Input][] = [
  ['in init', (body, signal) => [`${API}/upload`, { ...streaming(body), ...(signal && { signal }) }]],
  [
    'in a Request',
    (body, signal) => [new Request(`${API}/upload`, { ...streaming(body), ...(signal && { signal }) })],
  ],
]

describe('a stream of the web that waits for a token', () => {
  it('is free again when the refresh fails, so that the caller can send it later', async () => {
    const { api, pass, sent } = await stage({ refresh: () => Promise.reject(new Error('offline')) })
    pass(DEAD)
    const body = new Blob(['tea']).stream()
    await rejection(api(`${API}/upload`, streaming(body)))
    expect(body.locked).toBe(false)
    const again = await api(`${API}/upload`, { ...streaming(body), skipAuth: true })
    expect([again.status, sent.map(request => request.body)]).toEqual([401, ['tea']])
  })

  it.each(waiting)('is cancelled when the call is aborted, as by fetch: %s', async (_, make) => {
    const { api, pass, sent, refreshes } = await stage({ manual: true })
    pass(DEAD)
    const cancel = vi.fn()
    const body = new ReadableStream({ cancel })
    const controller = new AbortController()
    const rejected = rejection<Error>(api(...make(body, controller.signal)))
    await settle()
    controller.abort()
    expect((await rejected).name).toBe('AbortError')
    await settle()
    expect(cancel).toHaveBeenCalledTimes(1)
    refreshes[0]?.answer()
    await settle()
    expect(sent).toEqual([])
  })
})

describe('a request that waits for a token', () => {
  it.each(Object.entries(failures))('rejects as fetch does for %s, and sends nothing', async (_, make) => {
    const server = await loopback((_, __, outgoing) => void outgoing.end())
    const native = make(`${server.url}/native`)
    // Fetch alone may begin to listen after a missing file has failed.
    const { body } = (native.call[1] ?? {}) as { body?: unknown }
    if (body instanceof Readable) body.on('error', () => {})
    const expected = rejection<Error>(fetch(...native.call))
    setImmediate(() => native.fail?.())
    const own = await stage({ manual: true, fetch: { allowedOrigins: [server.url], fetch } })
    own.pass(DEAD)
    const { call, fail } = make(`${server.url}/own`)
    const rejected = rejection<Error>(own.api(...call))
    await settle()
    fail?.()
    expect(partsOf(await rejected)).toEqual(partsOf(await expected))
    own.refreshes[0]?.answer()
    await settle()
    expect(server.arrived.filter(({ url }) => url === '/own')).toEqual([])
    expect(await own.auth.getAccessToken()).toBe('at-2')
  })
})
