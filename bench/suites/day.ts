/** A working day of eight hours on a virtual clock: the same 9,510 requests for every client, on three devices. */

import { spread } from 'tokenflight'
import {
  axiosAuthRefresh,
  axiosJwt,
  badgateway,
  type Client,
  handWrittenQueue,
  tokenflight,
  tokenflightFetch,
} from '../lib/clients.js'
import { type Api, createApi } from '../lib/server.js'
import { seeded } from '../lib/statistics.js'
import { installVirtualTime } from '../lib/virtual-time.js'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const START = Date.UTC(2025, 0, 15, 9)
const LIFETIME = 5 * MINUTE
/** How long a request, and a refresh, is on its way. */
const REQUEST = 60
const REFRESH = 250
const BURSTS = 951
const REQUESTS = 9_510

/** The breaks: their start and length, in minutes. */
const GAPS = [
  [34, 11],
  [85, 14],
  [140, 9],
  [180, 50],
  [262, 12],
  [318, 17],
  [371, 10],
  [428, 16],
] as const

/** When each request is made, milliseconds from the begin of the day. */
function workload(): number[] {
  const random = seeded(7)
  const isWork = (minutes: number): boolean =>
    !GAPS.some(([from, length]) => minutes >= from && minutes < from + length)
  // A page asks for several things at once, a few of them a moment later.
  const begins: number[] = []
  while (begins.length < BURSTS) {
    const at = random() * 8 * HOUR
    if (isWork(at / MINUTE)) begins.push(at)
  }
  begins.sort((one, other) => one - other)
  const sizes = begins.map(() => 1 + Math.floor(random() * 19))
  for (
    let rest = REQUESTS - sizes.reduce((sum, size) => sum + size, 0);
    rest !== 0;
    rest -= Math.sign(rest)
  ) {
    const index = Math.floor(random() * BURSTS)
    sizes[index] = Math.max(1, (sizes[index] ?? 1) + Math.sign(rest))
    if (rest < 0 && sizes[index] === 1) rest--
  }
  const instants = begins.flatMap((at, index) =>
    Array.from({ length: sizes[index] ?? 0 }, () => Math.round(at + (random() < 0.7 ? 0 : random() * 300))),
  )
  return instants.sort((one, other) => one - other)
}

/** The least refreshes with which no request lacks a good token: each at the last moment before it is needed. */
function leastRefreshes(instants: readonly number[]): number {
  let count = 0
  let end = LIFETIME
  for (const at of instants) {
    if (at < end) continue
    count++
    end = at + LIFETIME
  }
  return count
}

type Create = (api: Api) => Client | Promise<Client>

const contestants: Record<string, Create> = {
  '401 queue by hand': handWrittenQueue,
  'axios-auth-refresh': api => axiosAuthRefresh(api),
  'axios-auth-refresh, deduplicateRefresh: false': api => axiosAuthRefresh(api, false),
  'axios-jwt': axiosJwt,
  '@badgateway/oauth2-client (fetch)': api => badgateway(api, true),
  tokenflight: api => tokenflight(api),
  'tokenflight (fetch)': api => tokenflightFetch(api),
  'tokenflight, spread': api => tokenflight(api, { refreshAhead: spread() }),
}

async function play(create: Create, instants: readonly number[], skew: number) {
  const time = installVirtualTime(START, skew)
  const api = createApi({
    lifetime: LIFETIME,
    now: time.now,
    request: () => time.pause(REQUEST),
    refresh: () => time.pause(REFRESH),
  })
  let lost = 0
  const waits: { at: number; for: number }[] = []
  try {
    const client = await create(api)
    for (const at of instants) {
      setTimeout(() => {
        const began = time.now()
        const settle = (isLost: boolean): void => {
          if (isLost) lost++
          const waited = time.now() - began - REQUEST
          if (waited > 0) waits.push({ at, for: waited })
        }
        client.send('/items').then(
          answer => settle((answer as { status?: number }).status !== 200),
          () => settle(true),
        )
      }, at)
    }
    await time.run(START + 8 * HOUR + MINUTE)
    client.dispose?.()
  } finally {
    time.restore()
  }
  // Waits for the same refresh count as one.
  const isFirst = ({ at }: { at: number }, index: number): boolean =>
    index === 0 || at - (waits[index - 1]?.at ?? 0) > 2 * SECOND
  const afterGap = (at: number): boolean => {
    const before = instants.filter(other => other < at - 2 * SECOND).at(-1) ?? 0
    return at - before > 2 * MINUTE
  }
  waits.sort((one, other) => one.at - other.at)
  const occasions = waits.filter(isFirst)
  return {
    refreshes: api.counts.refreshes,
    refused: api.counts.refused,
    lost,
    waited: waits.length,
    seconds: waits.reduce((sum, wait) => sum + wait.for, 0) / SECOND,
    waits: occasions.length,
    waitsWhileActive: occasions.filter(({ at }) => !afterGap(at)).length,
  }
}

// A page that is visible: with a window tokenflight's timer runs.
Object.assign(globalThis, { window: { addEventListener() {}, removeEventListener() {} } })
console.warn = console.error = () => {}

const instants = workload()
const clocks = { 'right clock': 0, '1 h fast': HOUR, '1 h slow': -HOUR }
const results: Record<string, Record<string, Awaited<ReturnType<typeof play>>>> = {}
for (const [name, create] of Object.entries(contestants)) {
  results[name] = {}
  for (const [clock, skew] of Object.entries(clocks)) {
    results[name][clock] = await play(create, instants, skew)
  }
}
process.stdout.write(
  JSON.stringify({ requests: instants.length, least: leastRefreshes(instants), contestants: results }),
)
