/** Many requests and refreshes in one process: memory stays flat, and cost grows with the number of those who wait. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import axios, { AxiosError, AxiosHeaders, type InternalAxiosRequestConfig } from 'axios'
import { type Auth, createAuth, type TokenResponse } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { authFetch } from 'tokenflight/fetch'
import { describe, expect, it, onTestFinished } from 'vitest'
import { deferred, settle } from '../support/axios.js'

const API = 'https://api.example.test'
const MEGABYTE = 2 ** 20

const tokenOf = (init: RequestInit | undefined): string | undefined =>
  new Headers(init?.headers).get('authorization')?.slice(7)

/** Bytes in use when all garbage is gone. */
function heap(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  collect()
  return process.memoryUsage().heapUsed
}

describe('a hundred thousand requests and a thousand refreshes', () => {
  const ROUND = 100
  /** Half by axios, half by fetch; in each round the server refuses the token of the round before. */
  const rounds = async (auth: Auth, good: Set<string>, count: number): Promise<number> => {
    let served = 0
    const adapter = async (config: InternalAxiosRequestConfig) => {
      const status = good.has(String(config.headers.get('Authorization')).slice(7)) ? 200 : 401
      const response = {
        status,
        statusText: '',
        data: '{}',
        headers: new AxiosHeaders(),
        config,
        request: {},
      }
      if (status === 401) throw new AxiosError('refused', AxiosError.ERR_BAD_REQUEST, config, {}, response)
      served++
      return response
    }
    const api = axios.create({ baseURL: API, adapter })
    const detach = attachAuth(api, auth)
    const own = authFetch(auth, {
      allowedOrigins: [API],
      async fetch(_input, init) {
        const isGood = good.has(tokenOf(init) ?? '')
        if (isGood) served++
        return new Response(null, { status: isGood ? 200 : 401 })
      },
    })
    for (let round = 0; round < count; round++) {
      good.clear()
      const requests = Array.from({ length: ROUND }, (_, at) =>
        at % 2 ? own(`${API}/${at}`) : api.get(`/${at}`),
      )
      await Promise.all(requests)
    }
    detach()
    return served
  }

  it('leave memory as it was', async () => {
    let count = 0
    const good = new Set<string>()
    const auth = createAuth({
      async refresh() {
        good.add(`at-${++count}`)
        return { access_token: `at-${count}`, refresh_token: `rt-${count}`, expires_in: 300 }
      },
    })
    onTestFinished(() => auth.dispose())
    await auth.login({ access_token: 'at-0', refresh_token: 'rt-0', expires_in: 300 })
    expect(await rounds(auth, good, 50)).toBe(50 * ROUND)
    const before = heap()
    expect(await rounds(auth, good, 1_000)).toBe(1_000 * ROUND)
    expect(count).toBe(1_050)
    // A hundred bytes that each request left behind would be five times as much.
    expect(heap() - before).toBeLessThan(2 * MEGABYTE)
  })

  it('of sessions that come and go leave none of them behind', async () => {
    const visit = async (): Promise<void> => {
      const auth = createAuth({ refresh: async () => ({ access_token: 'at-2' }), autoRefresh: 'always' })
      await auth.login({ access_token: 'x'.repeat(2_000), refresh_token: 'rt', expires_in: 300 })
      attachAuth(axios.create({ baseURL: API }), auth)
      auth.on('refreshed', () => {})
      auth.subscribe(() => {})
      await auth.refresh()
      await auth.logout()
      auth.dispose()
    }
    for (let warm = 0; warm < 200; warm++) await visit()
    const before = heap()
    for (let count = 0; count < 2_000; count++) await visit()
    // A session that stayed would be some kilobytes.
    expect(heap() - before).toBeLessThan(2 * MEGABYTE)
  })
})

describe('ten thousand that wait for one refresh', () => {
  /** How often the clock was read is how much was done: no timer tells it, so it is the same on any machine. */
  const release = async (waiters: number): Promise<number> => {
    let reads = 0
    let now = 1_760_000_000_000
    const answers: ReturnType<typeof deferred<TokenResponse>>[] = []
    const clock = {
      now() {
        reads++
        return now
      },
    }
    const auth = createAuth({
      clock,
      refresh() {
        const answer = deferred<TokenResponse>()
        answers.push(answer)
        return answer.promise
      },
    })
    onTestFinished(() => auth.dispose())
    await auth.login({ access_token: 'at-1', refresh_token: 'rt-1', expires_in: 300 })
    now += 301_000
    let sent = 0
    const own = authFetch(auth, {
      allowedOrigins: [API],
      async fetch(_input, init) {
        sent += Number(tokenOf(init) === 'at-2')
        return new Response()
      },
    })
    const tokens: unknown[] = []
    for (let count = 0; count < waiters / 2; count++) {
      void auth.getAccessToken().then(token => tokens.push(token))
      void own(`${API}/orders`)
    }
    await settle()
    expect([tokens.length, sent, answers.length]).toEqual([0, 0, 1])
    answers[0]?.resolve({ access_token: 'at-2', expires_in: 300 })
    // One turn of the event loop: no timer and no I/O lies between the answer and the last of them.
    await settle()
    expect([tokens.length, sent, new Set(tokens)]).toEqual([waiters / 2, waiters / 2, new Set(['at-2'])])
    expect(answers).toHaveLength(1)
    return reads
  }

  it('are released in one turn, at a cost that grows as they do', async () => {
    const [few, many] = [await release(1_000), await release(10_000)]
    expect(few).toBeGreaterThan(1_000)
    expect(many / few).toBeLessThan(10.5)
  })

  it('are notified of one failure in one turn, and of a logout', async () => {
    for (const end of ['failure', 'logout'] as const) {
      const answer = deferred<TokenResponse>()
      const auth = createAuth({ retry: 0, refresh: () => answer.promise })
      onTestFinished(() => auth.dispose())
      await auth.login({ access_token: 'at-1', refresh_token: 'rt-1', expires_in: 300 })
      const codes: string[] = []
      for (let count = 0; count < 10_000; count++)
        auth.getAccessToken({ forceRefresh: true }).catch(error => codes.push(error.code))
      await settle()
      if (end === 'failure') answer.reject(new TypeError('Failed to fetch'))
      else void auth.logout()
      await settle()
      expect([codes.length, ...new Set(codes)]).toEqual([
        10_000,
        end === 'failure' ? 'ERR_REFRESH_FAILED' : 'ERR_SIGNED_OUT',
      ])
    }
  })
})
