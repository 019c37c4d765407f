/** Helpers of the tests of the fetch entry: a stage with a server in place of the network. */
import type { RefreshContext, TokenResponse } from 'tokenflight'
import { type AuthFetch, type AuthFetchOptions, authFetch } from 'tokenflight/fetch'
import { API } from './axios.js'
import { openSession, type SentRequest, type SessionStage, type SessionStageOptions } from './stage.js'

/** One request as it reached the server. */
export interface Sent extends SentRequest {
  readonly headers: Record<string, string>
  readonly body: string
  /** The arguments that the sending function received. */
  readonly input: string | URL | Request
  readonly init: RequestInit | undefined
}

export interface Stage extends SessionStage<Sent> {
  readonly api: AuthFetch
  /** The function that sends: the stage's server. */
  readonly network: typeof fetch
}

export interface StageOptions extends SessionStageOptions {
  fetch?: AuthFetchOptions
  refresh?: (context: RefreshContext, stage: Stage) => Promise<TokenResponse>
  /** Answers in place of the stage's server; undefined leaves it to that. */
  respond?: (request: Sent) => Response | undefined | Promise<Response | undefined>
}

/** A stage: a session that is logged in, an `authFetch`, and a server that takes good tokens only. */
export async function stage(options: StageOptions = {}): Promise<Stage> {
  const { refresh, respond } = options
  const { begin, ...session } = openSession<Sent>(options, refresh && (context => refresh(context, self)))
  const { auth, sent, good } = session
  const network = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init)
    // As `fetch` does: an aborted request never leaves.
    request.signal.throwIfAborted()
    const authorization = request.headers.get('Authorization')
    const body = await request.text()
    const entry: Sent = {
      method: request.method,
      url: request.url,
      headers: Object.fromEntries(request.headers),
      body,
      token: authorization?.replace(/^Bearer /, ''),
      input,
      init,
      status: undefined,
    }
    sent.push(entry)
    const response =
      (await respond?.(entry)) ??
      Response.json({ ok: true }, { status: entry.token && good.has(entry.token) ? 200 : 401 })
    entry.status = response.status
    return response
  }
  const api = authFetch(auth, { allowedOrigins: [API], fetch: network, ...options.fetch })
  const self: Stage = { ...session, api, network }
  await begin()
  return self
}
