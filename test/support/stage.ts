/** The parts of a stage that both clients share: a session on a clock of its own, and a server that takes good tokens only. */
import { type Auth, type AuthOptions, createAuth, type RefreshContext, type TokenResponse } from 'tokenflight'
import { onTestFinished } from 'vitest'
import { deferred } from './deferred.js'

export const MINUTE = 60_000
/** The lifetime of the stage's access tokens, milliseconds. */
export const LIFETIME = 5 * MINUTE

/** One request as it reached the server. */
export interface SentRequest {
  readonly method: string
  readonly url: string
  /** The access token that it carried. */
  readonly token: string | undefined
  /** The status that it was answered with. */
  status: number | undefined
}

export interface RefreshCall extends RefreshContext {
  answer(tokens?: TokenResponse): void
  fail(error: unknown): void
}

export interface SessionStage<Sent extends SentRequest> {
  readonly auth: Auth
  /** The device's clock; set `now`. */
  readonly time: { now: number }
  readonly sent: Sent[]
  readonly refreshes: RefreshCall[]
  readonly warnings: string[]
  /** The tokens that reached the server, in order. */
  tokens(): (string | undefined)[]
  /** The statuses that the server answered with, in order. */
  statuses(): (number | undefined)[]
  /** Which access tokens the server takes; tokens of refreshes are added. */
  readonly good: Set<string>
  /** The server refuses all tokens handed out so far. */
  revoke(): void
  /** Lets so many milliseconds pass on the device's clock. */
  pass(milliseconds: number): void
}

export interface SessionStageOptions {
  auth?: AuthOptions
  /** Refreshes wait until the test answers them. `@default false` */
  manual?: boolean
  /** Logs in with `at-1` and `rt-1`. `@default true` */
  login?: boolean
  /** Prefix of its tokens. */
  prefix?: string
}

/** A session whose refresh function hands out `at-2`, `at-3` and so on, unless there is another one. */
export function openSession<Sent extends SentRequest>(
  { prefix = '', manual, login = true, auth: options }: SessionStageOptions,
  other?: (context: RefreshContext) => Promise<TokenResponse>,
): SessionStage<Sent> & { begin(): Promise<void> } {
  let count = 0
  const time = { now: 1_760_000_000_000 }
  const refreshes: RefreshCall[] = []
  const sent: Sent[] = []
  const good = new Set<string>()
  const warnings: string[] = []
  const mint = (): { access_token: string; refresh_token: string; expires_in: number } => {
    count++
    good.add(`${prefix}at-${count}`)
    return {
      access_token: `${prefix}at-${count}`,
      refresh_token: `${prefix}rt-${count}`,
      expires_in: LIFETIME / 1000,
    }
  }
  const refresh = (context: RefreshContext): Promise<TokenResponse> => {
    const { promise, resolve, reject } = deferred<TokenResponse>()
    refreshes.push({ ...context, answer: (tokens = mint()) => resolve(tokens), fail: reject })
    if (other) return other(context)
    if (!manual) resolve(mint())
    return promise
  }
  const auth = createAuth({ clock: { now: () => time.now }, retry: 0, refresh, ...options })
  auth.on('warning', ({ message }) => void warnings.push(message))
  onTestFinished(() => auth.dispose())
  return {
    auth,
    time,
    sent,
    refreshes,
    warnings,
    good,
    tokens: () => sent.map(({ token }) => token),
    statuses: () => sent.map(({ status }) => status),
    revoke: () => good.clear(),
    pass: milliseconds => {
      time.now += milliseconds
    },
    begin: async () => {
      if (login) await auth.login(mint())
    },
  }
}
