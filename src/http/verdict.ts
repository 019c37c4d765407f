/** What answers say about their tokens, and what a refused one comes to; the same for axios and fetch. */

import type { Engine, Ticket } from '../core/engine.js'
import { readHeader } from '../core/failure.js'
import { ignore, isPromise } from '../core/waiting.js'
import { type Challenge, describeChallenge, findUnmet, readChallenges } from './challenge.js'
import { type HttpRules, unlessThrows } from './options.js'

export interface Verdict<Response> {
  /**
   * Whether the answer refuses its token: a promise where the application's `shouldRefresh` is asynchronous. Takes the
   * tokens that the server handed out with it, and tells of a challenge that no refresh can meet.
   */
  isRefused(response: Response, ticket: Ticket, url: string, isReplay: boolean): boolean | Promise<boolean>
  /** The verdict on an answer; no for one that none was reached on. */
  wasRefused(response: Response): boolean
  /**
   * The token of a cookie's session for a request that left without one while nothing was known of it: its refusal tries
   * the restore again. Undefined: the caller gets the answer. Never rejects.
   */
  restore(response: Response): Promise<Ticket | undefined>
  /** A token to replay with; undefined: the caller gets the refusal. */
  renew(ticket: Ticket, url: string, isOnce: boolean): Promise<Ticket> | undefined
}

/** The parts that an answer has with every client. */
interface Answer {
  readonly status: number
  readonly headers: unknown
}

/** @param look gives the answer as the application's functions expect it */
export function createVerdict<Request, Response extends Answer>(
  engine: Engine,
  rules: Pick<HttpRules<Request, Response>, 'renewal' | 'shouldRefresh' | 'header'>,
  look: (response: Response) => Response | Promise<Response>,
): Verdict<Response> {
  const { shouldRefresh, renewal } = rules
  const { collect } = renewal
  /** Endpoints that refused a token which a refresh had just brought for them: that has nothing to do with the token. */
  const stubborn = new WeakMap<Ticket, Set<string>>()
  const refused = new WeakSet<Response>()

  /** The challenge of a 401 that no refresh can meet. */
  const unmet = ({ headers }: Response, ticket: Ticket | undefined): Challenge | undefined => {
    let header = readHeader(headers, 'www-authenticate')
    if (!header) return undefined
    // A server may repeat them, and an event must not.
    for (const secret of [ticket?.accessToken, ticket?.tokens.refreshToken])
      if (secret) header = header.split(secret).join('…')
    const own = Object.values(rules.header.make(ticket?.accessToken ?? 'none')).map(schemeOf)
    return findUnmet(readChallenges(header), scheme => scheme === 'bearer' || own.includes(scheme))
  }
  /** Whether the answer asks for a nonce, and so says nothing of the token (RFC 9449 section 9). */
  const wantsNonce = ({ status, headers }: Response): boolean =>
    !!engine.settings.dpop &&
    status === 401 &&
    /\buse_dpop_nonce\b/.test(readHeader(headers, 'www-authenticate'))
  const byDefault = (response: Response, ticket: Ticket | undefined): boolean =>
    response.status === 401 && !unmet(response, ticket)

  /** Resolves when the tokens are stored: the caller may leave the page. Undefined: there is nothing to wait for. */
  const take = (view: Response, ticket: Ticket): Promise<void> | undefined => {
    const tokens = collect && unlessThrows(engine, 'collect', () => collect(view), undefined)
    if (!tokens) return undefined
    if (!isPromise(tokens)) return engine.collect(tokens, ticket)
    tokens.then(ignore, ignore)
    return void engine.warn('collect returned a promise; it must return the tokens themselves, or undefined')
  }

  const ask = (view: Response, ticket: Ticket | undefined): boolean | Promise<boolean> => {
    if (!shouldRefresh) return byDefault(view, ticket)
    const fail = (error: unknown): boolean => {
      engine.warn('shouldRefresh threw', error)
      return byDefault(view, ticket)
    }
    try {
      const answer = shouldRefresh(view)
      return isPromise(answer) ? Promise.resolve(answer).then(Boolean, fail) : !!answer
    } catch (error) {
      return fail(error)
    }
  }

  const judge = (view: Response, ticket: Ticket): boolean | Promise<boolean> => {
    const stored = take(view, ticket)
    return stored ? stored.then(() => ask(view, ticket)) : ask(view, ticket)
  }

  return {
    isRefused(response, ticket, url, isReplay) {
      if (wantsNonce(response)) return false
      const note = (isRefused: boolean): boolean => {
        const refusals = stubborn.get(ticket)
        if (isRefused) {
          refused.add(response)
          if (!isReplay) return true
          stubborn.set(ticket, (refusals ?? new Set()).add(endpoint(url)))
          engine.doubt(ticket)
          return true
        }
        // A 404 may come from a router that never looked at the token, a 503 from a proxy.
        if (response.status < 400) {
          ticket.proven = true
          refusals?.delete(endpoint(url))
        }
        const challenge = response.status === 401 ? unmet(response, ticket) : undefined
        if (challenge) engine.challenge(describeChallenge(401, challenge))
        return false
      }
      const view = collect || shouldRefresh ? look(response) : response
      const verdict = isPromise(view) ? view.then(late => judge(late, ticket)) : judge(view, ticket)
      return isPromise(verdict) ? verdict.then(note) : note(verdict)
    },
    wasRefused: response => refused.has(response),
    async restore(response) {
      const view = shouldRefresh ? await look(response) : response
      return (await ask(view, undefined)) ? engine.restore().catch(ignore) : undefined
    },
    renew(ticket, url, isOnce) {
      // No replay will show whether the new token is accepted.
      if (isOnce && ticket.brought) engine.doubt(ticket)
      // What others accepted proves nothing here: an endpoint that always says 401 cannot cause a storm.
      const { proven } = ticket
      ticket.proven = proven && !stubborn.get(ticket)?.has(endpoint(url))
      const renewal = engine.rejected(ticket)
      ticket.proven = proven
      return renewal
    },
  }
}

/** The scheme that a header's value begins with, in lower case (RFC 9110 section 11.4). */
function schemeOf(credentials: string): string | undefined {
  return /^\s*([^\s,]+)\s/.exec(credentials)?.[1]?.toLowerCase()
}

/** The URL without what changes from call to call. */
function endpoint(url: string): string {
  return url.split(/[?#]/, 1).join()
}
