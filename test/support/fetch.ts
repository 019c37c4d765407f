/** Helpers of the tests of the fetch entry: a stage with a server in place of the network. */
import { type Auth, type AuthOptions, createAuth, type RefreshContext, type TokenResponse } from 'tokenflight'
import { type AuthFetch, type AuthFetchOptions, authFetch } from 'tokenflight/fetch'
import { onTestFinished } from 'vitest'
import { API, deferred, LIFETIME, type RefreshCall } from './axios.js'

/** One request as it reached the server. */
export interface Sent {
  readonly method: string
  readonly url: string
  readonly headers: Record<string, string>
  readonly body: string
  /** The access token that it carried. */
  readonly token: string | undefined
  /** The arguments that the sending function received. */
  readonly input: string | URL | Request
  readonly init: RequestInit | undefined
  status: number | undefined
}

export interface Stage {
  readonly api: AuthFetch
  readonly auth: Auth
  /** The device's clock; set `now`. */
  readonly time: { now: number }
  readonly sent: Sent[]
  readonly refreshes: RefreshCall[]
  readonly warnings: string[]
  tokens(): (string | undefined)[]
  statuses(): (number | undefined)[]
  /** Which access tokens the server takes; tokens of refreshes are added. */
  readonly good: Set<string>
  revoke(): void
  pass(milliseconds: number): void
  /** The function that sends: the stage's server. */
  readonly network: typeof fetch
}

export interface StageOptions {
  auth?: AuthOptions
  fetch?: AuthFetchOptions
  /** Refreshes wait until the test answers them. `@default false` */
  manual?: boolean
  refresh?: (context: RefreshContext, stage: Stage) => Promise<TokenResponse>
  /** Answers in place of the stage's server; undefined leaves it to that. */
  respond?: (request: Sent) => Response | undefined | Promise<Response | undefined>
  /** Logs in with `at-1` and `rt-1`. `@default true` */
  login?: boolean
}

/** A stage: a session that is logged in, an `authFetch`, and a server that takes good tokens only. */
export async function stage(options: StageOptions = {}): Promise<Stage> {
  const { manual, respond, login = true } = options
  let count = 0
  const time = { now: 1_760_000_000_000 }
  const refreshes: RefreshCall[] = []
  const sent: Sent[] = []
  const good = new Set<string>()
  const warnings: string[] = []

  const mint = (): { access_token: string; refresh_token: string; expires_in: number } => {
    count++
    good.add(`at-${count}`)
    return { access_token: `at-${count}`, refresh_token: `rt-${count}`, expires_in: LIFETIME / 1000 }
  }
  const refresh = (context: RefreshContext): Promise<TokenResponse> => {
    const { promise, resolve, reject } = deferred<TokenResponse>()
    refreshes.push({ ...context, answer: (tokens = mint()) => resolve(tokens), fail: reject })
    if (options.refresh) return options.refresh(context, self)
    if (!manual) resolve(mint())
    return promise
  }
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
  const auth = createAuth({ clock: { now: () => time.now }, retry: 0, refresh, ...options.auth })
  auth.on('warning', ({ message }) => void warnings.push(message))
  const self: Stage = {
    api: authFetch(auth, { allowedOrigins: [API], fetch: network, ...options.fetch }),
    auth,
    time,
    sent,
    refreshes,
    warnings,
    good,
    network,
    tokens: () => sent.map(({ token }) => token),
    statuses: () => sent.map(({ status }) => status),
    revoke: () => good.clear(),
    pass: milliseconds => {
      time.now += milliseconds
    },
  }
  onTestFinished(() => auth.dispose())
  if (login) await auth.login(mint())
  return self
}
