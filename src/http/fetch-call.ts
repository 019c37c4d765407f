/** One call of a `fetch`: its attempts and its waits. */
import { rethrowOwn } from '../core/errors.js'
import { unlessAborted } from '../core/waiting.js'
import { discard } from './body.js'
import type { Attempt, Call } from './call.js'
import { type Copies, type Given, unlessRefresh } from './fetch-request.js'
import { isForeign, type Origins } from './origins.js'
import type { Report } from './report.js'
import { closedEarly, whileIntact } from './waiting-body.js'

/** The circumstances of a call. */
export interface FetchContext {
  readonly given: Given
  readonly copies: Copies
  /** The origins that may see its token. */
  readonly origins: Origins
  /** Whether its body makes it the refresh, whose 401 is its own. Undefined: it does not. */
  readonly inspection: Promise<unknown> | undefined
  readonly step: Report | undefined
  hasOwnCredentials(): boolean
}

export function createFetchCall(context: FetchContext): Call<Response> {
  const { given, copies, origins, inspection, step, hasOwnCredentials } = context
  const { url, method, signal } = given
  let hasWaited = false
  const wait = <T>(promise: Promise<T>): Promise<T> => {
    hasWaited = true
    return unlessAborted(promise.catch(rethrowOwn), signal)
  }
  return {
    url,
    method,
    isOneShot: given.isOneShot,
    step,
    hasOwnCredentials,
    wait,
    waitToSend: promise =>
      whileIntact(copies.body, wait(promise), explainBody).catch(error => {
        // As `fetch` does, so that the source of a stream learns that it is not needed.
        if (signal?.aborted) for (const body of [copies.body, given.request?.body]) discard(body)
        throw error
      }),
    async send(tokens, { isReplay, mayFollow }): Promise<Attempt<Response>> {
      // An access token that is a cookie adds no header, but its caller may have changed the objects during a wait.
      const isBare = !isReplay && !(tokens && (hasWaited || Object.keys(tokens).length))
      const response = await (isBare ? copies.pass(mayFollow) : copies.send(tokens ?? {}, !mayFollow))
      const isRefresh = !response.ok && inspection && !(await unlessRefresh(inspection, true))
      return {
        response,
        isUnrelated: isRefresh || isAway(response, origins),
        finish: () => response,
        discard: () => discard(response.body),
      }
    },
  }
}

/** Whether a redirect led to another origin. A polyfill may not know whether it was redirected. */
function isAway({ redirected, url }: Response, origins: Origins): boolean {
  return redirected !== false && !!url && isForeign(origins, url, origins[0])
}

/** The error of `fetch` for a body that fails. Undefined: the body was destroyed. */
function explainBody(cause: unknown): TypeError {
  return new TypeError('fetch failed', { cause: cause ?? closedEarly() })
}
