/** A server that renews by itself: while the access token is dead, a request is the refresh. */
import type { Engine, Ticket } from '../core/engine.js'
import { isSessionExpired } from '../core/errors.js'
import type { TokenResponse } from '../core/types.js'

/** One request to such a server. */
export interface Carried<Response> {
  /** What `acquire` said when the request was made. */
  readonly ticket: ReturnType<Engine['acquire']>
  /** Whether its body can be sent only once. */
  readonly isOnce: boolean
  /** Sends it; `isAlone`: once, whatever the answer. */
  send(ticket: Ticket | undefined, isAlone: boolean): Promise<Response>
  /** Whether an answer came from another origin, which says nothing of the tokens. */
  isAway(response: Response): boolean
  /** Whether an answer refuses both tokens; asked of an error's `response`, too. */
  refuses(response: Response): boolean
  /** The promise, unless the request is cancelled first. */
  patiently<T>(promise: Promise<T>): Promise<T>
}

/**
 * Sends a request with the tokens there are. Where the access token is dead one request goes first, with it and the
 * refresh token; the others wait for what its answer hands out, so that no refresh token is spent twice.
 * @throws SessionExpiredError when the server refused both tokens
 */
export async function carry<Response>(engine: Engine, request: Carried<Response>): Promise<Response> {
  const { isOnce, send, patiently } = request
  let ticket = await patiently(Promise.resolve(request.ticket))
  while (ticket && engine.isDead(ticket)) {
    const dead: Ticket = ticket
    let sent: Promise<Response> | undefined
    const refresh = async (): Promise<TokenResponse | undefined> => {
      sent = send(dead, true)
      const answer = await sent.catch(error => {
        if (error?.response) return error.response as Response
        throw error
      })
      if (request.isAway(answer)) return undefined
      if (request.refuses(answer))
        throw Object.assign(new Error('The server refused both tokens'), { status: 401 })
      // What the answer handed out was collected; if it was nothing, the server holds the token for good.
      return { access_token: engine.lend()?.accessToken }
    }
    try {
      await patiently(engine.carry(refresh))
    } catch (error) {
      if (!sent || isSessionExpired(error)) throw error
    }
    // It went first: its outcome is its own. Else another one did.
    if (sent) return sent
    ticket = await patiently(Promise.resolve(engine.acquire(dead.session, isOnce, true)))
  }
  return send(ticket, false)
}
