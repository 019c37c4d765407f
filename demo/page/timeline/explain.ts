/** What each mark means, in words: for the pointer, the keyboard and a screen reader alike. */
import type { CallMark, Mark, RequestMark, TokenMark } from '../marks.js'
import { spokenName } from './lanes.js'
import { type Background, type Part, partsOf } from './parts.js'

export interface Explanation {
  readonly title: string
  readonly lines: readonly string[]
}

export function explain(mark: Mark, own: string, epoch: number, background: Background): Explanation {
  const at = (instant: number) => formatInstant(instant - epoch)
  if (mark.kind === 'request') return explainRequest(mark, own, background, at)
  if (mark.kind === 'call') return explainCall(mark, own, at)
  if (mark.kind === 'token') return explainToken(mark, at)
  return { title: mark.title, lines: [`At ${at(mark.start)}`, mark.detail].filter(Boolean) }
}

/** Minutes and seconds since the page was opened. */
export function formatInstant(ms: number): string {
  const tenths = Math.round(ms / 100)
  const seconds = (tenths % 600) / 10
  return `${Math.floor(tenths / 600)}:${seconds.toFixed(1).padStart(4, '0')}`
}

function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`
}

type At = (instant: number) => string

const verdicts: Readonly<Record<RequestMark['outcome'], string>> = {
  open: 'Still under way',
  answered: 'The application got its answer',
  refused: 'The application saw the 401',
  signedOut: 'The application was told to log in again',
  lost: 'The application got an error',
}

function explainRequest(mark: RequestMark, own: string, background: Background, at: At): Explanation {
  const { id, lane, start, end, outcome, status, message } = mark
  const lines = partsOf(mark, background, end ?? start).map(part => sayPart(part))
  if (outcome !== 'answered' && message) lines.push(message)
  const took = end === undefined ? '' : ` after ${formatDuration(end - start)}`
  const answer = outcome === 'answered' && status ? ` (${status})` : ''
  return {
    title: `${spokenName(lane, own)}: GET /api/orders, request ${id.split('.').at(-1)}`,
    lines: [`Asked for at ${at(start)}`, ...lines, `${verdicts[outcome]}${answer}${took}`],
  }
}

function sayPart({ name, from, to, status, attempt }: Part): string {
  const took = formatDuration(to - from)
  if (name === 'wait') return `Waited ${took} for a fresh access token`
  if (name === 'queue') return `On its way for ${took} (six connections at a time)`
  if (name === 'unsent') return 'It never left the page'
  if (name === 'open') return 'Not answered yet'
  const token = attempt?.accessTokenId ? ` with token ${attempt.accessTokenId.slice(0, 4)}` : ''
  const error = attempt?.error ? ` ${attempt.error}` : ''
  return `${name === 'replay' ? 'Sent again' : 'Sent'}${token}: ${status}${error} in ${took}`
}

const meanings: Readonly<Record<string, string>> = {
  login: 'Login',
  refresh: 'Refresh',
  logout: 'Logout',
}

function explainCall({ entry, start }: CallMark, own: string, at: At): Explanation {
  const { path, status, duration, client = '', error, username } = entry
  const name = meanings[path.split('/').at(-1) ?? ''] ?? path
  const result = status === 0 ? 'the connection broke' : `${status}${error ? ` ${error}` : ''}`
  return {
    title: `${name}: ${result}`,
    lines: [
      `POST ${path} at ${at(start)}, ${formatDuration(duration)}`,
      `From ${spokenName(client, own)}${username ? `, for ${username}` : ''}`,
      ...(name === 'Refresh' && status === 200 ? ['A new access token for every client of the session'] : []),
    ],
  }
}

function explainToken({ token, start, end, windowStart, cut, cutBy }: TokenMark, at: At): Explanation {
  const name = token === 'access' ? 'Access token' : 'Refresh token'
  const lines = [`From ${at(start)}, good until ${at(end)} (${formatDuration(end - start)})`]
  if (windowStart !== undefined) {
    lines.push(`Refreshed ahead from ${at(windowStart)}: the shaded window, while requests go on with it`)
  }
  if (cut !== undefined) lines.push(`At ${at(cut)}: ${cutBy}`)
  return { title: name, lines }
}
