/** What answers say about their tokens, and what a refused one comes to; the same for axios and fetch. */
import type { Engine, Ticket } from '../core/engine.js'
import { type HttpRules, unlessThrows } from './options.js'

export interface Verdict<Response> {
  /** Whether the answer asks for a new token. */
  refuses(response: Response): boolean
  /** Whether the answer refuses its token. Takes what the server handed out with it. */
  isRefused(response: Response, ticket: Ticket, url: string, isReplay: boolean): boolean
  /** A token to replay with; undefined: the caller gets the refusal. */
  renew(ticket: Ticket, url: string): Promise<Ticket> | undefined
}

export function createVerdict<Request, Response extends { status: number }>(
  engine: Engine,
  { collect, shouldRefresh }: Pick<HttpRules<Request, Response>, 'collect' | 'shouldRefresh'>,
): Verdict<Response> {
  /** Who refused a token that a refresh had just brought for it: that has nothing to do with the token. */
  const stubborn = new WeakMap<Ticket, Set<string>>()

  // As `unlessThrows` does, without a closure for every answer.
  const refuses = (response: Response): boolean => {
    try {
      return shouldRefresh(response)
    } catch (error) {
      engine.warn('shouldRefresh threw', error)
      return response.status === 401
    }
  }

  return {
    refuses,
    isRefused(response, ticket, url, isReplay) {
      const tokens = collect && unlessThrows(engine, 'collect', () => collect(response), undefined)
      if (tokens) engine.collect(tokens, ticket)
      const refused = refuses(response)
      const refusals = stubborn.get(ticket)
      if (!refused) {
        ticket.proven = true
        refusals?.delete(endpoint(url))
      } else if (isReplay) stubborn.set(ticket, (refusals ?? new Set()).add(endpoint(url)))
      return refused
    },
    renew(ticket, url) {
      // What others accepted proves nothing here: an endpoint that always says 401 cannot cause a storm.
      const { proven } = ticket
      ticket.proven = proven && !stubborn.get(ticket)?.has(endpoint(url))
      const renewal = engine.rejected(ticket)
      ticket.proven = proven
      return renewal
    },
  }
}

/** The URL without what changes from call to call. */
function endpoint(url: string): string {
  return url.split(/[?#]/, 1).join()
}
