/** Tokens that a server hands out with ordinary answers: the plug-ins for the option `renewal` of both clients. */
import { check, isHeaderName, ownOptions } from '../core/check.js'
import type { Engine, Ticket } from '../core/engine.js'
import { isSessionExpired } from '../core/errors.js'
import type { TokenResponse } from '../core/types.js'
import { ignore } from '../core/waiting.js'

/** A plug-in for `renewal`, made by `serverRenewal` or `collectTokens`. `Response` is the client's own type. */
export interface Renewal<Response> {
  /** Takes the tokens of an answer. */
  readonly collect: (response: Response) => TokenResponse | undefined
  /** The server renews by itself: the header of the refresh token on every request. */
  readonly refreshTokenHeader?: string
  /** Sends a request while the access token may be dead. */
  readonly carry?: typeof carry
}

/** The options of `serverRenewal`. */
export interface ServerRenewalOptions<Response> {
  /** Header of the refresh token, on every request. `@default 'X-Refresh-Token'` */
  refreshTokenHeader?: string | undefined
  /**
   * Takes the tokens of an answer; undefined if it has none. Must be synchronous. With axios the answer's `data` is the
   * parsed JSON, before any transform and whatever the `responseType`.
   */
  collect: (response: Response) => TokenResponse | undefined
}

/** The parts that an answer has with axios and with fetch. */
export interface AnyResponse {
  readonly status: number
  readonly headers: unknown
}

/**
 * Both tokens travel on every request, and the server renews them by itself. While the access token is dead, one request
 * goes first, and the others wait for its answer.
 * @throws TypeError that names the option
 */
export function serverRenewal<Response = AnyResponse>(
  options: ServerRenewalOptions<Response>,
): Renewal<Response> {
  const { refreshTokenHeader = 'X-Refresh-Token', collect } = ownOptions(options, 'serverRenewal', {
    refreshTokenHeader: 1,
    collect: 1,
  })
  check(isHeaderName(refreshTokenHeader), 'refreshTokenHeader', 'a name', refreshTokenHeader)
  check(typeof collect === 'function', 'collect', 'a function', collect)
  return { collect, refreshTokenHeader, carry }
}

/**
 * Takes new tokens that come with ordinary answers, in a header or in the body.
 * @param collect the tokens of an answer; undefined if it has none. Must be synchronous. With axios the answer's `data` is
 * the parsed JSON, before any transform and whatever the `responseType`.
 * @throws TypeError when it is no function
 */
export function collectTokens<Response = AnyResponse>(
  collect: (response: Response) => TokenResponse | undefined,
): Renewal<Response> {
  check(typeof collect === 'function', 'collect', 'a function', collect)
  return { collect }
}

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
  /** The promise, unless the request is cancelled or its body fails first; a stream cannot be sent before it settles. */
  wait<T>(promise: Promise<T>): Promise<T>
}

/**
 * Sends a request with the tokens there are. Where the access token is dead one request goes first, with it and the
 * refresh token; the others wait for what its answer hands out, so that no refresh token is spent twice.
 * @throws SessionExpiredError when the server refused both tokens
 */
async function carry<Response>(engine: Engine, request: Carried<Response>): Promise<Response> {
  const { isOnce, send, patiently, wait } = request
  let ticket = await wait(Promise.resolve(request.ticket))
  while (ticket && engine.isDead(ticket)) {
    const dead: Ticket = ticket
    let sent: Promise<Response> | undefined
    let start = ignore as () => void
    const turn = new Promise<void>(resolve => {
      start = resolve
    })
    const refresh = async (): Promise<TokenResponse | undefined> => {
      start()
      await turn
      try {
        await ready
      } catch {
        // It has been given up: another request goes first.
        return undefined
      }
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
    const flight = engine.carry(refresh)
    const ready = wait(Promise.race([turn, flight]))
    try {
      await ready
      await patiently(flight)
    } catch (error) {
      if (!sent || isSessionExpired(error)) throw error
    }
    // It went first: its outcome is its own. Else another one did.
    if (sent) return sent
    ticket = await wait(Promise.resolve(engine.acquire(dead.session, isOnce, true)))
  }
  return send(ticket, false)
}
