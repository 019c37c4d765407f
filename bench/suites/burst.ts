/** N requests at once with a token that has expired, or that was revoked: the requests at the server, and the CPU time. */
import axios, { type AxiosResponse, type InternalAxiosRequestConfig } from 'axios'
import {
  axiosAuthRefresh,
  axiosJwt,
  badgateway,
  type Client,
  handWrittenQueue,
  tokenflight,
  tokenflightFetch,
} from '../lib/clients.js'
import { collectGarbage, cpu, interleave, turn } from '../lib/measure.js'
import { type Api, createApi, ORIGIN } from '../lib/server.js'
import { growthExponent } from '../lib/statistics.js'

const MINUTE = 60_000

/** The clock of the device, so that a token can end without a wait. */
let now = Date.now()
const realNow = Date.now
const clock = { now: () => now }

type Kind = 'expired' | 'revoked'

/** Sends all at once and settles when each has its outcome; says how many got no answer. */
type Burst = (count: number) => Promise<number>

const PATHS = Array.from({ length: 10_000 }, (_, index) => `/items/${index}`)

async function all(count: number, send: (path: string) => Promise<unknown>): Promise<number> {
  let lost = 0
  const outcomes: Promise<unknown>[] = []
  for (const path of PATHS.slice(0, count)) outcomes.push(send(path).catch(() => lost++))
  await Promise.all(outcomes)
  return lost
}

const client =
  (create: (api: Api) => Client | Promise<Client>) =>
  async (api: Api): Promise<Burst> => {
    const { send } = await create(api)
    return count => all(count, send)
  }

/**
 * The only possible order and nothing else: every request waits for one promise, and a refused request is sent once more.
 * It knows all events in advance, heeds no origin, no abort and no failure, and acts where that costs least.
 */
function least<Request, Answer>(
  kind: Kind,
  api: Api,
  send: (request: Request, token: string) => Promise<Answer>,
  isRefused: (answer: Answer) => boolean,
): (request: Request) => Promise<Answer> {
  let token = api.tokens.access_token
  let refreshing: Promise<void> | undefined
  const refresh = (): Promise<void> => {
    refreshing ??= api.refresh().then(answer => {
      token = answer.access_token
    })
    return refreshing
  }
  return async request => {
    if (kind === 'expired') await refresh()
    const answer = await send(request, token)
    if (!isRefused(answer)) return answer
    await refresh()
    return send(request, token)
  }
}

function leastAxios(kind: Kind) {
  return (api: Api): Client => {
    const adapter = least<InternalAxiosRequestConfig, AxiosResponse | undefined>(
      kind,
      api,
      (config, token) => {
        config.headers.Authorization = `Bearer ${token}`
        return api.adapter(config).catch(() => undefined)
      },
      answer => !answer,
    )
    const instance = axios.create({
      baseURL: ORIGIN,
      adapter: config => adapter(config) as Promise<AxiosResponse>,
    })
    return { send: path => instance.get(path) }
  }
}

function leastFetch(kind: Kind) {
  return (api: Api): Client => ({
    send: least(
      kind,
      api,
      (path: string, token) => api.fetch(ORIGIN + path, { headers: { Authorization: `Bearer ${token}` } }),
      ({ status }) => status === 401,
    ),
  })
}

const contestants = (kind: Kind) => ({
  'the only possible order': client(leastAxios(kind)),
  '401 queue by hand': client(handWrittenQueue),
  'axios-auth-refresh': client(api => axiosAuthRefresh(api)),
  'axios-auth-refresh, deduplicateRefresh: false': client(api => axiosAuthRefresh(api, false)),
  'axios-jwt': client(axiosJwt),
  tokenflight: client(api => tokenflight(api, { clock })),
  'the only possible order with fetch': client(leastFetch(kind)),
  '@badgateway/oauth2-client (fetch)': client(badgateway),
  'tokenflight (fetch)': client(api => tokenflightFetch(api, { clock })),
})

interface Wire {
  requests: number
  refreshes: number
  lost: number
}

async function play(kind: Kind, count: number, rounds: number) {
  const wire: Record<string, Wire> = {}
  const works = Object.fromEntries(
    Object.entries(contestants(kind)).map(([name, create]) => [
      name,
      async () => {
        now = realNow()
        Date.now = clock.now
        // A refresh takes a turn of the event loop, so that every request has to wait for it.
        const api = createApi({ lifetime: 5 * MINUTE, now: clock.now, refresh: turn })
        const burst = await create(api)
        if (kind === 'expired') now += 6 * MINUTE
        else api.accepted.clear()
        collectGarbage()
        let lost = 0
        const microseconds = await cpu(async () => {
          lost = await burst(count)
        })
        Date.now = realNow
        wire[name] = { requests: api.counts.requests, refreshes: api.counts.refreshes, lost }
        return microseconds
      },
    ]),
  )
  const base = (name: string): string =>
    name.includes('fetch') ? 'the only possible order with fetch' : 'the only possible order'
  return { wire, cpu: await interleave<string>(works, { rounds, warmUp: 1, base }) }
}

const SIZES = [
  [100, 30],
  [1_000, 10],
  [10_000, 3],
] as const

const results: Record<string, unknown> = {}
// Only compiled code is measured.
for (const kind of ['expired', 'revoked'] as const) await play(kind, 2_000, 1)
for (const kind of ['expired', 'revoked'] as const) {
  const bySize: Record<number, Awaited<ReturnType<typeof play>>> = {}
  for (const [count, rounds] of SIZES) bySize[count] = await play(kind, count, rounds)
  const growth = Object.fromEntries(
    Object.keys(bySize[100]?.cpu ?? {}).map(name => [
      name,
      growthExponent(SIZES.map(([count]) => [count, bySize[count]?.cpu[name]?.value.median ?? 0])),
    ]),
  )
  results[kind] = { bySize, growth }
}
process.stdout.write(JSON.stringify(results))
