/** The cost of a client while its token is good: CPU, heap and turns of the microtask queue. */
import { refreshTokenIfNeeded } from 'axios-jwt'
import {
  axiosAuthRefresh,
  axiosJwt,
  badgateway,
  bare,
  type Client,
  fetchWrapper,
  handWrittenQueue,
  header,
  plainFetchWrapper,
  tokenflight,
  tokenflightFetch,
} from '../lib/clients.js'
import { collectGarbage, cpu, interleave, microtaskTurns } from '../lib/measure.js'
import { createApi } from '../lib/server.js'

const HOUR = 3_600_000
const api = createApi({ lifetime: HOUR, open: true })
const tokens = { current: api.tokens.access_token }

const clients = {
  'bare axios': bare(api),
  'header interceptor': header(api),
  '401 queue by hand': handWrittenQueue(api),
  'axios-auth-refresh': axiosAuthRefresh(api),
  'axios-jwt': await axiosJwt(api),
  tokenflight: await tokenflight(api),
}
const fetchers = {
  'bare wrapper': fetchWrapper(api, tokens),
  'bare wrapper without Headers': plainFetchWrapper(api, tokens),
  '@badgateway/oauth2-client': badgateway(api),
  tokenflight: await tokenflightFetch(api),
}
const oauth2 = fetchers['@badgateway/oauth2-client'].client
const { auth } = clients.tokenflight
/** The cost of a token in a variable, behind a promise. */
const variable = async (): Promise<string> => tokens.current
const getters = {
  variable,
  '@badgateway/oauth2-client': () => oauth2.getAccessToken(),
  'axios-jwt': () => refreshTokenIfNeeded(async () => ({ accessToken: '', refreshToken: '' })),
  tokenflight: () => auth.getAccessToken(),
}

type Work = () => Promise<unknown>

async function repeat(work: Work, times: number): Promise<void> {
  for (let count = 0; count < times; count++) await work()
}

function map<Name extends string, From, To>(record: Record<Name, From>, change: (value: From) => To) {
  const entries = Object.entries<From>(record).map(([name, value]) => [name, change(value)])
  return Object.fromEntries(entries) as Record<Name, To>
}

/** CPU per call in microseconds. */
const time =
  (times: number) =>
  (work: Work): Work & (() => Promise<number>) =>
  async () =>
    (await cpu(() => repeat(work, times))) / times

/** Bytes allocated per call: nothing is collected meanwhile. */
const allocate =
  (times: number) =>
  (work: Work): (() => Promise<number>) =>
  async () => {
    collectGarbage()
    const before = process.memoryUsage().heapUsed
    await repeat(work, times)
    return (process.memoryUsage().heapUsed - before) / times
  }

const send = ({ send }: Client): Work => {
  return () => send('/items')
}

async function measure<Name extends string>(
  works: Record<Name, Work>,
  base: NoInfer<Name>,
  rounds: number,
  times: number,
) {
  const turns: Record<string, number> = {}
  // Code that is compiled later would count as allocation of the first rounds.
  for (const name of Object.keys(works) as Name[]) {
    await repeat(works[name], 3 * times)
    turns[name] = await microtaskTurns(works[name])
  }
  return {
    base,
    time: await interleave(map(works, time(times)), { rounds, base }),
    heap: await interleave(map(works, allocate(times)), { rounds: 7, base }),
    turns,
  }
}

const results = {
  axios: await measure(map(clients, send), 'bare axios', 60, 200),
  fetch: await measure(map<keyof typeof fetchers, Client, Work>(fetchers, send), 'bare wrapper', 60, 200),
  getAccessToken: await measure(getters, 'variable', 40, 1_000),
}
clients.tokenflight.dispose?.()
process.stdout.write(JSON.stringify(results))
