/** A server that renews by itself: while the access token is dead, a request is the refresh. */
import type { Engine } from '../core/engine.js'
import { isSessionExpired } from '../core/errors.js'

/** What became of a request. */
export interface Outcome<Response> {
  /** Whether the server refused both tokens. */
  readonly refused: boolean
  /** Returns the answer, or throws what the client throws for it. */
  readonly give: () => Response
}

/**
 * One request goes first, with the dead access token and the refresh token; the others wait for what its answer hands
 * out, so that no refresh token is spent twice. It is sent once, whatever happens.
 * @returns what became of the request, or undefined when another one went first
 * @throws SessionExpiredError when the server refused both tokens
 */
export async function carry<Response>(
  engine: Engine,
  send: () => Promise<Outcome<Response>>,
  patiently: <T>(promise: Promise<T>) => Promise<T>,
): Promise<Outcome<Response> | undefined> {
  let outcome: Promise<Outcome<Response>> | undefined
  const refresh = async (): Promise<{ access_token: string | undefined }> => {
    outcome = send()
    if ((await outcome).refused)
      throw Object.assign(new Error('The server refused both tokens'), { status: 401 })
    // What the answer handed out was collected; if it was nothing, the server holds the token for good.
    return { access_token: engine.lend()?.accessToken }
  }
  try {
    await patiently(engine.carry(refresh))
  } catch (error) {
    if (!outcome || isSessionExpired(error)) throw error
  }
  return outcome
}
