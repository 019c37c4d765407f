/** Progress of a call whose first attempt is refused: the application sees one sequence, not one for each attempt. */
import { Readable } from 'node:stream'
import type { AxiosProgressEvent, AxiosRequestConfig, InternalAxiosRequestConfig } from 'axios'
import { describe, expect, it } from 'vitest'
import {
  type Deferred,
  deferred,
  isAxios,
  loopback,
  rejection,
  session,
  settle,
  stage,
} from '../support/axios.js'

/** Before 1.7.3 the adapter on `fetch` drops the last events of a download. */
const tellsTheEnd = isAxios(7, 3)

const SMALL = 27
const LARGE = 3_000_000

type Way = 'onUploadProgress' | 'onDownloadProgress'
const ways: Way[] = ['onUploadProgress', 'onDownloadProgress']

/** Reports progress as an adapter of axios does; with a status as `XMLHttpRequest` knows it. */
function reporter(
  config: InternalAxiosRequestConfig,
  way: Way,
  total: number,
): (loaded: number, status?: number) => void {
  let before = 0
  return (loaded, status) => {
    const bytes = loaded - before
    before = loaded
    const event: Partial<AxiosProgressEvent> = { loaded, total, bytes, progress: loaded / total }
    config[way]?.({ ...event, ...(status && { event: { target: { status } } }) } as AxiosProgressEvent)
  }
}

/** A call that remembers the progress it has seen. */
function watching(way: Way): { seen: number[]; bytes: number[]; config: AxiosRequestConfig } {
  const seen: number[] = []
  const bytes: number[] = []
  const config: AxiosRequestConfig = {
    [way]: (event: AxiosProgressEvent) => {
      seen.push(event.loaded)
      bytes.push(event.bytes)
    },
  }
  return { seen, bytes, config }
}

describe.each(ways)('%s', way => {
  /** A stage whose server reports these steps for each attempt, and waits where the test asks for it. */
  const reporting = (
    steps: Record<string, [loaded: number, status?: number][]>,
    gates: Deferred<void>[] = [],
  ) =>
    stage({
      manual: true,
      async respond({ token }, config) {
        const own = steps[`${token}`] ?? []
        const report = reporter(config, way, own.at(-1)?.[0] ?? 0)
        for (const [loaded, status] of own) report(loaded, status)
        await gates.shift()?.promise
        return undefined
      },
    })

  it('is one sequence where the refused attempt had transferred all of a large body', async () => {
    const whole: [number][] = [[65_536], [1_000_000], [LARGE]]
    const { api, revoke, refreshes, statuses } = await reporting({ 'at-1': whole, 'at-2': whole })
    const { seen, bytes, config } = watching(way)
    revoke()
    const call = api.post('/upload', 'body', config)
    await settle()
    refreshes[0]?.answer()
    await call
    expect(seen).toEqual([65_536, 1_000_000, LARGE])
    expect(bytes.reduce((sum, each) => sum + each)).toBe(LARGE)
    expect([statuses(), refreshes.length]).toEqual([[401, 200], 1])
  })

  it('goes on from where an attempt was refused that had transferred a part', async () => {
    const { api, revoke, refreshes } = await reporting({
      'at-1': [[65_536], [200_000]],
      'at-2': [[65_536], [131_072], [262_144], [LARGE]],
    })
    const { seen, bytes, config } = watching(way)
    revoke()
    const call = api.post('/upload', 'body', config)
    await settle()
    refreshes[0]?.answer()
    await call
    expect(seen).toEqual([65_536, 200_000, 262_144, LARGE])
    expect(bytes.reduce((sum, each) => sum + each)).toBe(LARGE)
  })

  it('shows nothing of a refused attempt that was small', async () => {
    const { api, revoke, refreshes, statuses } = await reporting({
      'at-1': [[SMALL]],
      'at-2': [[SMALL], [65_536], [LARGE]],
    })
    const { seen, config } = watching(way)
    revoke()
    const call = api.post('/orders', 'body', config)
    await settle()
    expect([seen, refreshes.length]).toEqual([[], 1])
    refreshes[0]?.answer()
    await call
    expect([seen, statuses()]).toEqual([
      [SMALL, 65_536, LARGE],
      [401, 200],
    ])
  })

  it('shows a small transfer before its call has settled, whether it succeeds or fails', async () => {
    const { api, good } = await reporting({ 'at-1': [[10], [SMALL]] })
    for (const fails of [false, true]) {
      const { seen, config } = watching(way)
      const validateStatus = (): boolean => !fails
      let whenSettled: number[] = []
      await api.post('/orders', 'body', { ...config, validateStatus }).then(
        () => {
          whenSettled = [...seen]
        },
        () => {
          whenSettled = [...seen]
        },
      )
      expect(whenSettled).toEqual([10, SMALL])
    }
    expect(good.has('at-1')).toBe(true)
  })

  it('shows each transfer at once for a body that is not sent again', async () => {
    const gate = deferred()
    const { api, statuses } = await reporting({ 'at-1': [[10], [SMALL]] }, [gate])
    const { seen, config } = watching(way)
    const call = api.post('/upload', Readable.from(['body']), config)
    await settle()
    expect(seen).toEqual([10, SMALL])
    gate.resolve()
    await call
    expect([seen, statuses()]).toEqual([[10, SMALL], [200]])
  })

  it('shows a large transfer while it goes on', async () => {
    const gate = deferred()
    const { api } = await reporting({ 'at-1': [[SMALL], [65_537], [LARGE]] }, [gate])
    const { seen, config } = watching(way)
    const call = api.post('/upload', 'body', config)
    await settle()
    expect(seen).toEqual([SMALL, 65_537, LARGE])
    gate.resolve()
    await call
    expect(seen).toHaveLength(3)
  })

  it('drops progress that an adapter reports for a refused attempt after it has settled', async () => {
    let late: () => void = () => {}
    const { api, revoke, refreshes } = await stage({
      manual: true,
      respond({ token }, config) {
        const report = reporter(config, way, SMALL)
        if (token === 'at-1') late = () => report(SMALL)
        else report(SMALL)
        return undefined
      },
    })
    const { seen, config } = watching(way)
    revoke()
    const call = api.post('/orders', 'body', config)
    await settle()
    late()
    expect(seen).toEqual([])
    refreshes[0]?.answer()
    await call
    late()
    expect(seen).toEqual([SMALL])
  })

  it('shows all of a refused attempt that is the outcome, since its stream cannot be sent twice', async () => {
    const { api, revoke, statuses } = await reporting({ 'at-1': [[10], [SMALL]] })
    const { seen, config } = watching(way)
    revoke()
    const error = await rejection(api.post('/upload', Readable.from(['body']), config))
    expect(error.response?.status).toBe(401)
    expect([seen, statuses()]).toEqual([[10, SMALL], [401]])
  })
})

describe('the download progress of XMLHttpRequest, which knows the status', () => {
  it('shows nothing of a refusal, however large its page is', async () => {
    const { api, revoke } = await stage({
      respond({ token }, config) {
        const report = reporter(config, 'onDownloadProgress', LARGE)
        if (token === 'at-1') for (const loaded of [65_536, 200_000]) report(loaded, 401)
        else for (const loaded of [SMALL, LARGE]) report(loaded, 200)
        return undefined
      },
    })
    const { seen, config } = watching('onDownloadProgress')
    revoke()
    await api.get('/report', config)
    expect(seen).toEqual([SMALL, LARGE])
  })

  it('shows a success at once, however small it is', async () => {
    const gate = deferred()
    const { api } = await stage({
      async respond(_, config) {
        reporter(config, 'onDownloadProgress', LARGE)(SMALL, 200)
        await gate.promise
        return undefined
      },
    })
    const { seen, config } = watching('onDownloadProgress')
    const call = api.get('/report', config)
    await settle()
    expect(seen).toEqual([SMALL])
    gate.resolve()
    await call
  })
})

describe.each(['http', 'fetch'] as const)("with axios's own adapter %s", adapter => {
  it('a large upload that is refused once is reported as one sequence', async () => {
    const { url, arrived } = await loopback(({ token }, _, outgoing) => {
      outgoing.writeHead(token === 'at-2' ? 200 : 401).end('{}')
    })
    const { api, refreshes } = await session(url, { adapter, maxBodyLength: 2 * LARGE })
    const { seen, config } = watching('onUploadProgress')
    await api.post('/', Buffer.alloc(LARGE), config)
    expect(arrived.map(({ token, body }) => [token, body.length])).toEqual([
      ['at-1', LARGE],
      ['at-2', LARGE],
    ])
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b))
    expect(refreshes).toHaveLength(1)
  })

  it('a download shows nothing of the refusal before it', async () => {
    const { url, arrived } = await loopback(({ token }, _, outgoing) => {
      if (token === 'at-2') outgoing.writeHead(200).end(Buffer.alloc(LARGE))
      else outgoing.writeHead(401).end('{"error":"invalid_token"}')
    })
    const { api, refreshes } = await session(url, { adapter, responseType: 'arraybuffer' })
    const { seen, config } = watching('onDownloadProgress')
    await api.get('/', config)
    expect(arrived.map(({ token }) => token)).toEqual(['at-1', 'at-2'])
    expect(seen).not.toContain('{"error":"invalid_token"}'.length)
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b))
    if (adapter === 'http' || tellsTheEnd) expect(seen.at(-1)).toBe(LARGE)
    expect(refreshes).toHaveLength(1)
  })
})
