/** The lifetimes of the tokens, from the data of the session. */
import { type TokenMark, tokenLane } from './marks.js'
import type { EventNote, StateNote } from './notes.js'
import type { Pen } from './pen.js'

type Token = TokenMark['token']

export interface Tokens {
  state(note: StateNote): void
  event(note: EventNote): void
  cut(token: Token, at: number, by: string): void
}

export function createTokens({ marks, name }: Pen): Tokens {
  const living: { [Name in Token]?: TokenMark | undefined } = {}
  let state: StateNote | undefined

  const cut = (token: Token, at: number, by: string): void => {
    const mark = living[token]
    living[token] = undefined
    if (!mark || mark.end < at) return
    mark.cut = at
    mark.cutBy = by
  }
  const bring = (token: Token, start: number, end: number | undefined, windowAt?: number): void => {
    const before = living[token]
    // A refresh without rotation brings the refresh token that was there.
    if (before && token === 'refresh' && Math.abs(before.end - (end ?? 0)) < 100) return
    cut(token, start, 'replaced by the next')
    if (end === undefined && token === 'refresh') return
    const id = name('token')
    const mark: TokenMark = {
      kind: 'token',
      id,
      lane: tokenLane,
      token,
      start,
      end: end ?? Number.POSITIVE_INFINITY,
      windowAt,
      row: token === 'access' ? 0 : 1,
    }
    living[token] = mark
    marks.set(id, mark)
  }
  const bringBoth = (): void => {
    // The state may have shown these tokens before the event.
    if (!state?.since || living.access?.start === state.since) return
    bring('access', state.since, state.expiresAt, state.windowAt)
    bring('refresh', state.since, state.sessionExpiresAt)
  }
  const endBoth = (at: number, by: string): void => {
    cut('access', at, by)
    cut('refresh', at, by)
  }
  return {
    cut,
    state(note) {
      const isFirst = state?.status !== 'authenticated'
      state = note
      if (note.status !== 'authenticated') endBoth(note.at, 'the session ended')
      else if (isFirst) bringBoth()
    },
    event({ type, at, members }) {
      if (type === 'login' || type === 'refreshed') {
        // A token that the server rejected was useless from then on.
        if (members['reason'] === 'rejected')
          cut('access', at - Number(members['duration']), 'rejected by the server')
        bringBoth()
      } else if (type === 'sessionExpired') endBoth(at, `the session ended: ${members['reason']}`)
    },
  }
}
