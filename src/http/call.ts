/** A call of a client, as the pipeline sees it. Types only. */

import type { Grant } from '../core/grant.js'
import type { Handle } from '../core/handle.js'
import type { HttpRules } from './options.js'
import type { Report } from './report.js'

/** One attempt of a call. */
export interface Attempt<Response> {
  /** Undefined: the attempt failed without an answer. */
  readonly response: Response | undefined
  /** The answer tells nothing about the token: a redirect led to another origin, or the request is the refresh itself. */
  readonly isUnrelated?: boolean
  /** The answer, for the caller. Throws the failure of an attempt that failed. */
  finish(): Response
  /** The caller never sees the answer. */
  discard(): void
}

/** The place of an attempt among those of its call. */
export interface AttemptPlace {
  /** A rejected attempt came before it. */
  readonly isReplay: boolean
  /** Another attempt may follow. */
  readonly mayFollow: boolean
}

/** One call of the application. */
export interface Call<Response> {
  /** In upper case. */
  readonly method: string
  readonly url: string
  /** Its body can be sent only once. */
  readonly isOneShot: boolean
  /** Reports its steps, if a listener wants them. */
  readonly step: Report | undefined
  /** Whether it has credentials of its own. */
  hasOwnCredentials(): boolean
  /**
   * Sends it.
   * @param tokens the headers to add; undefined: it leaves without a token
   */
  send(tokens: Record<string, string> | undefined, place: AttemptPlace): Promise<Attempt<Response>>
  /** The promise, unless the call is cancelled or times out first. */
  wait<T>(promise: Promise<T>): Promise<T>
  /** The same before the first attempt: a body that fails in the meantime fails the call. */
  waitToSend<T>(promise: Promise<T>): Promise<T>
}

/** The parts that an answer has with every client. */
export interface Answer {
  readonly status: number
  readonly headers: unknown
}

/** The state of one attached client. */
export interface Client<Response extends Answer> {
  readonly handle: Handle
  readonly rules: Pick<HttpRules<never, Response>, 'header' | 'renewal' | 'shouldRefresh'>
  /** The answer as the functions of the application expect it. */
  readonly view: (response: Response) => Response | Promise<Response>
  /** Endpoints that rejected the token of a replay: that may have nothing to do with the token. */
  readonly rejecting: WeakMap<Grant, Set<string>>
  /** Whether answers reject their token: `false` if they tell nothing about it, missing if it was not rejected. */
  readonly rejections: WeakMap<Answer, boolean>
}
