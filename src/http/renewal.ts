/** Tokens that a server hands out with ordinary answers: the plug-ins for the option `renewal` of both clients. */
import { check, isHeaderName, ownOptions } from '../core/check.js'
import { isSessionExpired } from '../core/errors.js'
import type { Grant } from '../core/grant.js'
import type { Handle } from '../core/handle.js'
import type { TokenResponse } from '../core/types.js'
import { ignore } from '../core/waiting.js'

/** A plug-in for `renewal`, made by `serverRenewal` or `collectTokens`. `Response` is the client's own type. */
export interface Renewal<Response> {
  /** Takes the tokens of an answer. */
  readonly collect: (response: Response) => TokenResponse | undefined
  /** The server renews by itself: the header of the refresh token on every request. */
  readonly refreshTokenHeader?: string
}

/** A plug-in with the part that only the clients see. */
export interface PluggedRenewal<Response> extends Renewal<Response> {
  /** Sends a request while the access token may be dead. */
  readonly carry?: typeof carry
}

/** The options of `serverRenewal`. */
export interface ServerRenewalOptions<Response> {
  /** Header of the refresh token, on every request. `@default 'X-Refresh-Token'` */
  refreshTokenHeader?: string | undefined
  /**
   * Takes the tokens of an answer; undefined if it has none. Must be synchronous. With axios the answer's `data` is the
   * parsed JSON, before any transform and for every `responseType`.
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
  const plugged: PluggedRenewal<Response> = { collect, refreshTokenHeader, carry }
  return plugged
}

/**
 * Takes new tokens that come with ordinary answers, in a header or in the body.
 * @param collect the tokens of an answer; undefined if it has none. Must be synchronous. With axios the answer's `data` is
 * the parsed JSON, before any transform and for every `responseType`.
 * @throws TypeError when it is not a function
 */
export function collectTokens<Response = AnyResponse>(
  collect: (response: Response) => TokenResponse | undefined,
): Renewal<Response> {
  check(typeof collect === 'function', 'collect', 'a function', collect)
  return { collect }
}

/** One call to such a server. */
export interface Carried<Response> {
  /** The result of `acquire` when the call was made. */
  readonly grant: ReturnType<Handle['acquire']>
  readonly call: {
    readonly isOneShot: boolean
    wait<T>(promise: Promise<T>): Promise<T>
    waitToSend<T>(promise: Promise<T>): Promise<T>
  }
  /** Sends it; `isAlone`: once, for any answer. */
  send(grant: Grant | undefined, isAlone: boolean): Promise<Response>
  /** Whether an answer tells nothing about the tokens. */
  isUnrelated(response: Response): boolean
  /** Whether an answer rejects both tokens. */
  isRejection(response: Response): boolean
}

/**
 * Sends a call with the tokens there are. While the access token is dead, one call goes first, with it and the refresh
 * token. The others wait for the tokens of its answer, so that no refresh token is spent twice.
 * @throws SessionExpiredError when the server refused both tokens
 */
async function carry<Response>(handle: Handle, carried: Carried<Response>): Promise<Response> {
  const { call, send } = carried
  let grant = await call.waitToSend(Promise.resolve(carried.grant))
  while (grant && handle.isExpired(grant)) {
    const dead: Grant = grant
    // Another session, or its next tokens, may have come while the call waited: these tokens are no refresh of it.
    const own = handle.current() === dead && (await sendInTurn(handle, carried, dead))
    if (own) return own.sent
    grant = await call.waitToSend(Promise.resolve(handle.acquire(dead.session, call.isOneShot, true)))
  }
  return send(grant, false)
}

/** Sends the call as the refresh, unless another call goes first. Resolves to its outcome. Undefined: another one went first. */
async function sendInTurn<Response>(
  handle: Handle,
  { call, send, isUnrelated, isRejection }: Carried<Response>,
  dead: Grant,
): Promise<{ sent: Promise<Response> } | undefined> {
  let sent: Promise<Response> | undefined
  let start: () => void = ignore
  const turn = new Promise<void>(resolve => {
    start = resolve
  })
  const refresh = async (): Promise<TokenResponse | undefined> => {
    start()
    await turn
    try {
      await ready
    } catch {
      // The call was given up: another one goes first.
      return undefined
    }
    sent = send(dead, true)
    const answer = await sent.catch(error => {
      if (error?.response) return error.response as Response
      throw error
    })
    if (isUnrelated(answer)) return undefined
    if (isRejection(answer)) throw Object.assign(new Error('The server refused both tokens'), { status: 401 })
    // The tokens of the answer were collected. If it had none, the server keeps the token for good.
    // Stryker disable next-line OptionalChaining: an error in a flight that is over is ignored
    return { access_token: handle.current()?.accessToken }
  }
  const flight = handle.refreshWith(refresh)
  const ready = call.waitToSend(Promise.race([turn, flight]))
  try {
    await ready
    await call.wait(flight)
  } catch (error) {
    if (!sent || isSessionExpired(error)) throw error
  }
  return sent && { sent }
}
