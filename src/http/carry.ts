/** A server that renews by itself: while the access token is dead, a request is the refresh. */
import type { Engine } from '../core/engine.js'
import { isSessionExpired } from '../core/errors.js'

/** Returns the answer, or throws what the client throws for it. */
export type Outcome<Response> = () => Response

/**
 * One request goes first, with the dead access token and the refresh token; the others wait for what its answer hands
 * out, so that no refresh token is spent twice. It is sent once, whatever happens.
 * @param refuses whether an answer refuses both tokens; asked of an error's `response`, too
 * @returns what became of the request, or undefined when another one went first
 * @throws SessionExpiredError when the server refused both tokens
 */
export async function carry<Response>(
  engine: Engine,
  send: () => Promise<Response>,
  refuses: (response: Response) => boolean,
  patiently: <T>(promise: Promise<T>) => Promise<T>,
): Promise<Outcome<Response> | undefined> {
  let sent: Promise<Response> | undefined
  const refresh = async (): Promise<{ access_token: string | undefined }> => {
    sent = send()
    const answer = await sent.catch(error => {
      if (error?.response) return error.response as Response
      throw error
    })
    if (refuses(answer)) throw Object.assign(new Error('The server refused both tokens'), { status: 401 })
    // What the answer handed out was collected; if it was nothing, the server holds the token for good.
    return { access_token: engine.lend()?.accessToken }
  }
  try {
    await patiently(engine.carry(refresh))
  } catch (error) {
    if (!sent || isSessionExpired(error)) throw error
  }
  if (!sent) return undefined
  const answer = await sent.then(
    response => () => response,
    error => () => {
      throw error
    },
  )
  return answer
}
