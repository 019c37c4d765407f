/** The facts of one session: types only. */
import type { Backoff } from './backoff.js'
import type { SteadyClock } from './clock.js'
import type { SessionExpiredError } from './errors.js'
import type { Events } from './events.js'
import type { Grant } from './grant.js'
import type { NameToken } from './read.js'
import type { SessionRecord } from './record.js'
import type { RecordStore, Store, Tombstone } from './store.js'
import type {
  AuthLock,
  AuthOptions,
  AuthState,
  Clock,
  Credentials,
  Dpop,
  RefreshFunction,
  RefreshReason,
  Spread,
  TokenResponse,
} from './types.js'

/** The options, complete. */
export interface Settings extends Pick<AuthOptions, 'classify' | 'logout' | 'initialState'> {
  readonly name: string
  /** The namespace of everything that the browser keeps by name. */
  readonly key: string
  /** The records of the session in its storage. */
  readonly records: RecordStore
  readonly lock: AuthLock | undefined
  readonly dpop: Dpop | undefined
  readonly share: Share | undefined
  /** The addresses of the presets. */
  readonly endpoints: readonly (string | undefined)[]
  /** The refresh token is an HttpOnly cookie. */
  readonly cookie: CookieRules | undefined
  /** The access token is one, too. */
  readonly isHidden: boolean
  /** A refresh needs no refresh token from the page: the token is a cookie, or the server issues no refresh tokens. */
  readonly tokenless: boolean
  /** Returns tokens in a known spelling. Read at the start of each flight. */
  refresh: RefreshFunction | undefined
  /** The tokens of an answer, in a known spelling. */
  readonly read: (answer: unknown) => TokenResponse
  /** The window for a token of this lifetime, both in milliseconds. */
  window(lifetime: number, warn?: (message: string) => void): number
  readonly spread: Spread | undefined
  readonly autoRefresh: NonNullable<AuthOptions['autoRefresh']>
  readonly refreshTimeout: number
  readonly limit: number
  readonly delay: number
  readonly maxDelay: number
  readonly clock: Clock
}

/** The part that `cookieSession()` brings. */
export interface CookieRules {
  /** `'cookie'`: the access token is a cookie, too, so no script sees it. */
  readonly access: 'memory' | 'cookie'
  /** Whether there may be a cookie. `false`: no user is logged in, and no request is needed to know that. */
  mayExist(engine: Engine): boolean
  /** The record of the session that the server rendered, if its tokens are cookies. */
  findRendered(engine: Engine): SessionRecord | undefined
  /** Only with `access: 'cookie'`. */
  readonly nameToken: NameToken | undefined
}

/** The parts that a shared storage brings. Undefined: no other page or process can see this session. */
export type Share = (engine: Engine) => Sharing | undefined

export interface Sharing {
  /** Runs a refresh while no other page runs its own, as far as the platform can guarantee that. */
  readonly exclusive: <T>(work: (locked: boolean) => Promise<T>) => Promise<T>
  readonly peers: Peers
  /** The refresh of a page that has gone away may still set the cookie. */
  readonly mark?: RefreshMark
  /** A logout lasts, although no script can delete the cookie, or the page has no time to write to its database. */
  readonly tombstone?: Tombstone
}

/** The other tabs or processes of the session. */
export interface Peers {
  /** The record of this page has changed. */
  announce(): void
  /** Asks for a newer record and waits a moment for it. Resolves to whether another page has answered. */
  ask(): Promise<boolean>
  /** Waits until a message has arrived, where only messages carry the news and another page exists. */
  linger(): Promise<void>
  close(): void
}

/** Cookie mode: a mark for the refresh in progress. Its page may go away, and the request continues without it. */
export interface RefreshMark {
  /** Waits for the refresh of a page that has gone away. The lock does not know about it. */
  wait(): Promise<void>
  /** Notes the start of a refresh. Resolves to a function that notes its end. */
  begin(): Promise<() => void>
}

/** One refresh in progress. It belongs to one session and to the grant that it replaces. */
export interface Flight {
  readonly reason: RefreshReason
  /** Obtains the tokens. */
  readonly call: RefreshFunction | undefined
  /** The last call of a manual refresh, on the wall clock. Tokens that were requested earlier do not answer it. */
  since: number | undefined
  generation: number
  grant: Grant | undefined
  /** Settles when new tokens are in, here or in another tab, or when this flight has failed. */
  promise: Promise<void>
  /** Other tokens of the session came: resolves the promise once they are stored. Later waiters get one of their own. */
  readonly release: (stored: Promise<unknown>) => void
  /** Other tokens came, so its answer is an addition. */
  isReleased: boolean
  /** Only the first call counts. */
  readonly settle: (error?: Error) => void
  done: boolean
  /** Its request has been sent, and no later call may share it. */
  isSent: boolean
  /** It asks for a new pair without the refresh token. A refusal ends nothing. */
  asksForNewPair: boolean
  /** Lets the events of its tokens be delivered, once it has settled. */
  deliver: () => void
}

/** Endpoints that reject every token, as far as one session has met any. Instants are on the steady clock. */
export interface Rejections {
  readonly session: object | undefined
  /** The last rejection by such an endpoint. */
  readonly at: number
  /** The last refresh that it caused all the same. */
  readonly refreshedAt: number
}

/** A session that the server does not know to be over. */
export interface LogoutNotice {
  readonly tokens: Credentials
  /** The time of its logout, epoch milliseconds. */
  since: number
  /** When the server is told no more, on the steady clock. */
  readonly until: number
  /** The call in progress. */
  call: AbortController | undefined
}

/** The logouts that the server does not know yet. */
export interface Logouts {
  readonly notices: Set<LogoutNotice>
  /** Generations that ended by logout here. */
  readonly generations: Set<number>
  /** Refresh tokens of logouts that are being reported to the server, or were. */
  readonly refreshTokens: Set<string | undefined>
  failures: number
  stopTimer: () => void
}

/** Everything that the engine knows about one session. Plain functions take it as their first argument. */
export interface Engine {
  readonly settings: Settings
  /** For deadlines, milliseconds. */
  readonly clock: SteadyClock
  readonly events: Events
  /** Derives the state, sets the timer and delivers events. It ends every operation. */
  readonly publish: () => void
  store: Store
  sharing: Sharing | undefined

  /** The newest record seen. Before the first session it is older than any other. */
  record: SessionRecord
  /** The current grant. Undefined: no user is logged in. */
  grant: Grant | undefined
  /** The end of the last session, unless it was a logout. */
  ended: SessionExpiredError | undefined
  /** The restore of a stored session or of a cookie session. */
  loading: Promise<void> | undefined
  /** Cookie mode: no answer has shown yet whether there is a session. */
  isUndecided: boolean
  /** The session that was found, by its cookie or in another tab, when none was known. */
  found: object | undefined
  /** The access tokens that the page has had, in this session and in those before it, oldest first. */
  seen: ReadonlySet<string>
  /** Greater than 0: the page slept, and storage must be read before the next token. Counts how often. */
  sleeps: number
  /** The page is frozen, so it must start no database work. */
  isFrozen: boolean
  /** The page seems to go away until this instant, on the steady clock: no request is sent. */
  leavingUntil: number
  /** Cookie mode: the page comes back from the back/forward cache, and may have missed the end of its session. */
  isBack: boolean
  /** The last transient or misconfigured failure. */
  error: Error | undefined
  /** Logins and logouts that are being stored. No older record may end them. */
  forcing: number
  /** The version of the older record that was found, and replaced once: a storage may ignore writes. */
  restored: number | undefined

  flight: Flight | undefined
  /** The refresh after the flight, shared by all calls that asked for it during the flight. */
  following: Promise<void> | undefined
  backoff: Backoff
  /** When the network came back, on the steady clock. Failures from before that no longer count. */
  onlineAt: number
  /** Flights whose request has timed out, while the server may still answer. */
  readonly unanswered: Set<Flight>
  /** The refresh requests in progress. */
  readonly requests: Set<AbortController>
  /** The signals that the refresh function and `logout` were given. */
  readonly signals: WeakSet<object>
  /** The refresh function or `logout` is on the current call stack. */
  isCalling: boolean
  rejections: Rejections
  readonly logouts: Logouts

  /** The origins that a warning about plain HTTP has named. */
  readonly plain: Set<string>
  /** A client is attached whose server renews tokens by itself. */
  serverRenews: boolean
  /** The state that the server rendered. */
  readonly initialState: AuthState<unknown> | undefined
  /** The last published state. */
  state: AuthState<unknown> | undefined
  /** Stops the one timer. */
  stopTimer: () => void
  /** Stops the watch for a departure of the page, which runs during a refresh. */
  stopWatching: () => void
  /** Stops the timer of a wake-up, while there is one. */
  stopWaking: (() => void) | undefined
  isDisposed: boolean
}
