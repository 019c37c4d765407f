/** The cost of waiting for a refresh: heap per request, and time beyond the refresh itself. */
import {
  axiosAuthRefresh,
  axiosJwt,
  type Client,
  fetchWrapper,
  handWrittenQueue,
  header,
  tokenflight,
  tokenflightFetch,
} from '../lib/clients.js'
import { collectGarbage, turn } from '../lib/measure.js'
import { type Api, createApi } from '../lib/server.js'
import { sample, shuffled } from '../lib/statistics.js'

const MINUTE = 60_000
const WAITING = 4_000

type Kind = 'in flight' | 'expired' | 'revoked'
type Create = (api: Api, clock: { now(): number }) => Client | Promise<Client>

const realNow = Date.now

/** A promise, and the function that resolves it. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open = (): void => {}
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  return { opened, open }
}

/** Live heap per request while all of them are on their way, or wait for a refresh that is, in bytes. */
async function heap(kind: Kind, create: Create): Promise<number> {
  const start = realNow()
  let now = start
  const clock = { now: () => now }
  const request = gate()
  const refresh = gate()
  const isHeld = kind === 'in flight'
  Date.now = clock.now
  const api = createApi({
    lifetime: 5 * MINUTE,
    now: clock.now,
    refresh: () => refresh.opened,
    ...(isHeld && { request: () => request.opened }),
  })
  const client = await create(api, clock)
  if (kind === 'expired') now += 6 * MINUTE
  if (kind === 'revoked') api.accepted.clear()
  const paths = Array.from({ length: WAITING }, (_, index) => `/items/${index}`)
  const outcomes: Promise<unknown>[] = []
  outcomes.length = WAITING
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  for (const [index, path] of paths.entries()) outcomes[index] = client.send(path)
  await turn()
  await turn()
  collectGarbage()
  const after = process.memoryUsage().heapUsed
  request.open()
  refresh.open()
  await Promise.allSettled(outcomes)
  Date.now = realNow
  client.dispose?.()
  return (after - before) / WAITING
}

const axiosClients: Record<string, Create> = {
  'header interceptor': api => header(api),
  '401 queue by hand': api => handWrittenQueue(api),
  'axios-auth-refresh, deduplicateRefresh: false': api => axiosAuthRefresh(api, false),
  'axios-jwt': api => axiosJwt(api),
  tokenflight: (api, clock) => tokenflight(api, { clock }),
}
const fetchClients: Record<string, Create> = {
  'bare wrapper': api => fetchWrapper(api, { current: api.tokens.access_token }),
  'tokenflight (fetch)': (api, clock) => tokenflightFetch(api, { clock }),
}

/** The situations of each client: one that does not read `exp` waits only after a 401, and one that reads only `exp` never does. */
const plans: [name: string, create: Create, kinds: Kind[]][] = [
  ...Object.entries(axiosClients).map(([name, create]): [string, Create, Kind[]] => [
    name,
    create,
    name === 'header interceptor'
      ? ['in flight']
      : name === 'axios-jwt'
        ? ['in flight', 'expired']
        : name === 'tokenflight'
          ? ['in flight', 'expired', 'revoked']
          : ['in flight', 'revoked'],
  ]),
  ['bare wrapper', fetchClients['bare wrapper'] as Create, ['in flight']],
  ['tokenflight (fetch)', fetchClients['tokenflight (fetch)'] as Create, ['in flight', 'expired', 'revoked']],
]

async function measureHeap() {
  const jobs = plans.flatMap(([name, create, kinds]) => kinds.map(kind => ({ name, create, kind })))
  const values = new Map<(typeof jobs)[number], number[]>(jobs.map(job => [job, []]))
  for (let round = -1; round < 3; round++) {
    for (const job of shuffled(jobs)) {
      const bytes = await heap(job.kind, job.create)
      if (round >= 0) values.get(job)?.push(bytes)
    }
  }
  return jobs.map(job => ({ name: job.name, kind: job.kind, bytes: sample(values.get(job) ?? []) }))
}

/** From the arrival of the refresh's answer to the first and the last request that leaves with it, milliseconds. */
async function handOver(
  create: (api: Api, clock: { now(): number }) => Promise<Client>,
  count: number,
  kind: 'expired' | 'revoked',
): Promise<{ first: number; last: number }> {
  let now = realNow()
  const clock = { now: () => now }
  let answeredAt = Number.NaN
  const left: number[] = []
  const api = createApi({
    lifetime: 5 * MINUTE,
    now: clock.now,
    async refresh() {
      await turn()
      await turn()
      answeredAt = performance.now()
    },
  })
  for (const sends of ['adapter', 'fetch'] as const) {
    const original = api[sends] as (...parameters: unknown[]) => Promise<never>
    Object.assign(api, {
      [sends]: (...parameters: unknown[]) => {
        if (answeredAt) left.push(performance.now())
        return original(...parameters)
      },
    })
  }
  const client = await create(api, clock)
  if (kind === 'expired') now += 6 * MINUTE
  else api.accepted.clear()
  await Promise.all(Array.from({ length: count }, (_, index) => client.send(`/items/${index}`)))
  client.dispose?.()
  return { first: (left[0] ?? 0) - answeredAt, last: (left.at(-1) ?? 0) - answeredAt }
}

async function measureHandOver() {
  const results: Record<string, unknown> = {}
  for (const [name, create] of Object.entries({
    axios: (api: Api, clock: { now(): number }) => tokenflight(api, { clock }),
    fetch: (api: Api, clock: { now(): number }) => tokenflightFetch(api, { clock }),
  })) {
    for (const kind of ['expired', 'revoked'] as const) {
      for (const count of [1, 100]) {
        const rounds: { first: number; last: number }[] = []
        for (let round = -20; round < 60; round++) {
          const result = await handOver(create, count, kind)
          if (round >= 0) rounds.push(result)
        }
        results[`${name}, ${kind}, ${count} waiting`] = {
          first: sample(rounds.map(({ first }) => first)),
          last: sample(rounds.map(({ last }) => last)),
        }
      }
    }
  }
  return results
}

process.stdout.write(JSON.stringify({ heap: await measureHeap(), handOver: await measureHandOver() }))
