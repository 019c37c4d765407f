/** The table of the goals: limit, best peer, ours, reach, and whether it is reached. */
import type { Sample } from '../lib/statistics.js'
import type { Results, Size } from './results.js'

export interface Row {
  readonly what: string
  readonly limit: string
  readonly peer: string
  readonly ours: string
  readonly reach: string
  readonly reached: boolean
}

/** The goal is reached when every number is at most its limit. */
function row(
  what: string,
  limit: string,
  peer: string,
  ours: string,
  reach: string,
  goals: readonly (readonly [value: number | undefined, most: number])[],
): Row {
  const reached = goals.every(([value, most]) => value !== undefined && value <= most)
  return { what, limit, peer, ours, reach, reached }
}

const times = ({ median, low, high }: Sample): string =>
  `${median.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`
const kilobytes = (bytes: number): string => `${(bytes / 1_000).toFixed(2)} kB`
const OURS = 'tokenflight'

function validRows({ valid }: Results): Row[] {
  if (!valid) return []
  const { axios, fetch, getAccessToken } = valid
  const describe = (name: string): string => {
    const [time, heap, turns] = [axios.time[name], axios.heap[name], axios.turns[name]]
    const more = (turns ?? 0) - (axios.turns['bare axios'] ?? 0)
    if (!time || !heap) return ''
    return `${times(time.ratio)}, ${kilobytes(heap.added.median)}, ${more} turns`
  }
  const [time, wrapped, token] = [axios.time[OURS], fetch.time[OURS], getAccessToken.time[OURS]]
  const added = axios.heap[OURS]?.added.median
  const turns = (axios.turns[OURS] ?? 0) - (axios.turns['bare axios'] ?? 0)
  const peer = fetch.time['@badgateway/oauth2-client']?.ratio
  const slow = getAccessToken.time['@badgateway/oauth2-client']?.value
  const variable = getAccessToken.time['variable']?.value
  if (!time || !wrapped || !token || !peer || !slow || !variable) return []
  return [
    row(
      'valid token, × bare axios',
      describe('header interceptor'),
      `axios-auth-refresh ${describe('axios-auth-refresh')}`,
      describe(OURS),
      '≤ 1.12, ≤ 2.1 kB, ≤ 4 turns',
      [
        [time.ratio.median, 1.12],
        [added, 2_100],
        [turns, 4],
      ],
    ),
    row('authFetch, × bare wrapper', '1', `@badgateway ${times(peer)}`, times(wrapped.ratio), '≤ 1.05', [
      [wrapped.ratio.median, 1.05],
    ]),
    row(
      'getAccessToken(), µs',
      times(variable),
      `@badgateway ${times(slow)}`,
      `${times(token.value)}, ${getAccessToken.turns[OURS]} turn; ${token.ratio.median.toFixed(2)} × the limit`,
      '≤ 0.15 (3.75 × the limit), one turn',
      [
        // The machine that the goal was set on had 0.04 µs for the variable.
        [token.ratio.median, 3.75],
        [getAccessToken.turns[OURS], 1],
      ],
    ),
  ]
}

function burstRows({ burst }: Results): Row[] {
  if (!burst) return []
  const goals = {
    expired: { most: 1.25, peer: 'axios-jwt', requests: 1 },
    revoked: { most: 1.3, peer: '401 queue by hand', requests: 2 },
  }
  return (['expired', 'revoked'] as const).flatMap(kind => {
    const { most, peer, requests } = goals[kind]
    const { bySize, growth } = burst[kind]
    const rows = Object.entries(bySize).flatMap(([size, { wire, cpu }]) => {
      const [own, ours, other] = [wire[OURS], cpu[OURS], cpu[peer]]
      if (!own || !ours || !other) return []
      const sent = own.requests + own.refreshes
      const exact = requests * Number(size) + 1
      return row(
        `${kind} token, ${Number(size).toLocaleString('en')} at once`,
        `${exact} on the wire; 1`,
        `${peer} ${times(other.ratio)}`,
        `${sent} on the wire, ${own.refreshes} refresh, ${own.lost} lost; ${times(ours.ratio)}`,
        `exactly ${exact}; ≤ ${most}`,
        [
          [Math.abs(sent - exact) + own.lost + Math.abs(own.refreshes - 1), 0],
          [ours.ratio.median, most],
        ],
      )
    })
    const base = growth['the only possible order'] ?? 0
    const exponent = (name: string): string => (growth[name] ?? 0).toFixed(3)
    return [
      ...rows,
      row(`${kind} token, growth exponent`, base.toFixed(3), exponent(peer), exponent(OURS), '≤ 1.05', [
        [growth[OURS], 1.05],
      ]),
    ]
  })
}

function waitingRows({ waiting }: Results): Row[] {
  if (!waiting) return []
  const bytes = (name: string, kind: string): number =>
    waiting.heap.find(entry => entry.name === name && entry.kind === kind)?.bytes.median ?? Number.NaN
  const ratio = (name: string, kind: string): number => bytes(name, kind) / bytes(name, 'in flight')
  const heap = (
    [
      ['expired', 1.05, 'axios-jwt'],
      ['revoked', 1.15, '401 queue by hand'],
    ] as const
  ).map(([kind, most, peer]) =>
    row(
      `heap per waiting request, ${kind}, × in flight`,
      '1',
      `${peer} ${ratio(peer, kind).toFixed(2)}`,
      `${ratio(OURS, kind).toFixed(2)} (${Math.round(bytes(OURS, kind))} bytes; fetch ${ratio('tokenflight (fetch)', kind).toFixed(2)})`,
      `≤ ${most}`,
      [[ratio(OURS, kind), most]],
    ),
  )
  const over = Object.entries(waiting.handOver).map(([name, { first, last }]) =>
    row(
      `beyond the refresh itself, ${name}, ms`,
      '0',
      '',
      `first ${first.median.toFixed(2)}, last ${times(last)}`,
      '< 1',
      [[last.median, 1]],
    ),
  )
  return [...heap, ...over]
}

function dayRows({ day }: Results): Row[] {
  if (!day) return []
  const { contestants, least } = day
  return Object.keys(contestants[OURS] ?? {}).flatMap(clock => {
    const ours = contestants[OURS]?.[clock]
    const queue = contestants['401 queue by hand']?.[clock]
    const jwt = contestants['axios-jwt']?.[clock]
    if (!ours || !queue || !jwt) return []
    return row(
      `working day, ${clock}`,
      `${least} refreshes, no 401, no wait`,
      `by hand ${queue.refused} × 401, ${queue.waited} waited ${Math.round(queue.seconds)} s; axios-jwt ${jwt.refreshes} refreshes, ${jwt.lost} lost`,
      `${ours.refreshes} refreshes, ${ours.refused} × 401, ${ours.lost} lost, ${ours.waits} waits, ${ours.waitsWhileActive} while active`,
      '≤ 83, none, none, ≤ 10, none',
      [
        [ours.refreshes, 83],
        [ours.refused + ours.lost + ours.waitsWhileActive, 0],
        [ours.waits, 10],
      ],
    )
  })
}

function sizeRows({ size }: Results): Row[] {
  if (!size) return []
  const brotli = (entry: Size | undefined): number => (entry && 'brotli' in entry ? entry.brotli : Number.NaN)
  const ours = (name: string): number => brotli(size.tokenflight[name])
  const peers = Object.entries(size.peers)
    .map(([name, entry]) => `${name} ${(brotli(entry) / 1_000).toFixed(1)}`)
    .join(', ')
  const shared = 'core + axios + webStorage'
  const added = ours('core + axios + webStorage + fetch') - ours(shared)
  return [
    row('size, core + axios + shared storage', '', peers, kilobytes(ours(shared)), '≤ 5 kB', [
      [ours(shared), 5_000],
    ]),
    row('size, core + axios + memory', '', '', kilobytes(ours('core + axios + memory')), '≤ 4 kB', [
      [ours('core + axios + memory'), 4_000],
    ]),
    row('size, fetch beside axios', '', '', kilobytes(added), '+ ≤ 0.5 kB', [[added, 500]]),
    ...['react', 'vue'].map(name =>
      row(`size, ${name}`, '', '', kilobytes(ours(name)), '≤ 0.6 kB', [[ours(name), 600]]),
    ),
    row('size, an unused import', '', '', `${ours('an unused import')} bytes`, '0', [
      [ours('an unused import'), 0],
    ]),
  ]
}

function fleetRows({ fleet }: Results): Row[] {
  if (!fleet) return []
  const calm = (seconds: number | undefined): string =>
    seconds === undefined ? 'never' : `after ${(seconds / 60).toFixed(0)} min`
  const storms = Object.entries(fleet.storm)
  const outages = Object.entries(fleet.outage)
  const others = (entries: typeof storms | typeof outages): string =>
    entries
      .filter(([name]) => !name.startsWith('tokenflight, spread'))
      .map(([name, { peak, calmAfter }]) => `${name}: ${peak.toFixed(1)}, ${calm(calmAfter)}`)
      .join('; ')
  const spread = <Entry>(entries: [string, Entry][]): [string, Entry][] =>
    entries.filter(([name]) => name.startsWith('tokenflight, spread'))
  return [
    ...spread(storms).map(([, { peak, calmAfter, load }]) =>
      row(
        'fleet, login storm: peak ÷ mean, under 1.3',
        '',
        others(storms),
        `${peak.toFixed(2)}, ${calm(calmAfter)}, load ${load.toFixed(3)}`,
        'within 15 min, load ≤ 1.05',
        [
          [calmAfter, 900],
          [load, 1.05],
        ],
      ),
    ),
    ...spread(outages).map(([name, { peak, calmAfter, load }], index) =>
      row(
        `fleet, outage${name.slice('tokenflight, spread'.length)}: peak ÷ mean, under 1.3`,
        '',
        index === 0 ? others(outages) : '',
        `${peak.toFixed(1)}, ${calm(calmAfter)}, load ${load.toFixed(3)}`,
        '≤ 10, within 5 min, load ≤ 1.05',
        [
          [peak, 10],
          [calmAfter, 300],
          [load, 1.05],
        ],
      ),
    ),
  ]
}

export function goals(results: Results): Row[] {
  return [validRows, burstRows, waitingRows, dayRows, sizeRows, fleetRows].flatMap(rows => rows(results))
}
