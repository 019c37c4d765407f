/** Each mark in words: for the pointer, the keyboard and a screen reader alike. */
import { explainBackoff } from './flights.js'
import { nameOf } from './lanes.js'
import type { Mark, RequestMark, TokenMark } from './marks.js'
import { type Part, partsOf } from './parts.js'
import type { Peer } from './peers.js'
import { formatDuration, formatInstant } from './words.js'

export interface Explanation {
  readonly title: string
  readonly lines: readonly string[]
}

export function explain(mark: Mark, others: ReadonlyMap<string, Peer>, epoch: number): Explanation {
  const at = (instant: number): string => formatInstant(instant - epoch)
  if (mark.kind === 'request') return explainRequest(mark, others, at)
  if (mark.kind === 'token') return explainToken(mark, at)
  if (mark.kind === 'backoff') return { title: 'Back-off', lines: [explainBackoff(mark)] }
  if (mark.kind === 'refresh') {
    const title = { open: 'Refresh under way', done: 'Refresh', failed: 'Failed refresh' }[mark.outcome]
    return { title, lines: [`At ${at(mark.start)}`, mark.detail].filter(Boolean) }
  }
  return { title: mark.title, lines: [`At ${at(mark.start)}`, mark.detail].filter(Boolean) }
}

type At = (instant: number) => string

const outcomes: Readonly<Record<RequestMark['outcome'], string>> = {
  open: 'Not answered yet',
  answered: 'The application got its answer',
  refused: 'The application saw the 401',
  signedOut: 'The application was told that the session is over',
  failed: 'The application got an error',
}

function explainRequest(mark: RequestMark, others: ReadonlyMap<string, Peer>, at: At): Explanation {
  const { lane, method, url, start, end, outcome, steps } = mark
  const { label, note } = nameOf(lane, others)
  const took = end === undefined ? '' : ` after ${formatDuration(end - start)}`
  const status = steps.at(-1)?.status
  return {
    title: `${method} ${url.replace(location.origin, '') || '?'}`,
    lines: [
      `${label} (${note}), at ${at(start)}`,
      ...partsOf(mark, end ?? start).flatMap(sayPart),
      `${outcomes[outcome]}${status && outcome !== 'refused' ? ` (${status})` : ''}${took}`,
    ],
  }
}

function sayPart({ name, from, to, status }: Part): string | [] {
  const took = formatDuration(to - from)
  if (name === 'open') return []
  if (name === 'wait') return `Waited ${took} for an access token`
  if (name === 'unsent') return `Waited ${took} and never left the page`
  const sent = name === 'replay' ? 'Sent again' : 'Sent'
  return name === 'lost' ? `${sent}, no answer within ${took}` : `${sent}: ${status} in ${took}`
}

function explainToken({ token, start, end, windowAt, cut, cutBy }: TokenMark, at: At): Explanation {
  const isKnown = end < Number.POSITIVE_INFINITY
  const lines = [
    isKnown
      ? `From ${at(start)}, good until ${at(end)} (${formatDuration(end - start)})`
      : `From ${at(start)}, of unknown lifetime`,
  ]
  if (windowAt !== undefined) lines.push(`Refreshed ahead from ${at(windowAt)}: the hatched window`)
  if (cut !== undefined) lines.push(`At ${at(cut)}: ${cutBy}`)
  return { title: token === 'access' ? 'Access token' : 'Refresh token', lines }
}
