/**
 * An `Auth` as Vue reads it; Vue 3.3 and later.
 * @module tokenflight/vue
 */
import {
  type ComputedRef,
  computed,
  getCurrentInstance,
  type InjectionKey,
  inject,
  onMounted,
  onScopeDispose,
  type Plugin,
  type ShallowRef,
  shallowRef,
  ssrContextKey,
} from 'vue'
import type { Auth, AuthenticatedState, AuthState, ExpiredState, JwtClaims } from './core/types.js'

/** What `createAuthPlugin` takes besides the `auth`. */
export interface AuthPluginOptions<Claims = JwtClaims> {
  /**
   * Server rendering only: the state that the server's page shows, `auth.getState()` of its request, handed to the
   * server and to the browser alike, so that the first render in the browser is the same page.
   * `@default` on the server the state of its `auth` where somebody is logged in, everywhere else `loading`
   */
  readonly serverState?: AuthState<Claims> | undefined
}

/** The state as read-only refs, and what can be done about it. */
export interface UseAuth<Claims = JwtClaims>
  extends Pick<Auth<Claims>, 'login' | 'logout' | 'refresh' | 'getAccessToken'> {
  /** Everything below in one, as `auth.getState()` gives it. */
  readonly state: ComputedRef<AuthState<Claims>>
  readonly status: ComputedRef<AuthState['status']>
  /** Unverified: for display, never for access decisions. */
  readonly claims: ComputedRef<Claims | undefined>
  /** When the access token ends, epoch milliseconds. */
  readonly expiresAt: ComputedRef<number | undefined>
  /** When the session ends unless it is renewed, epoch milliseconds. */
  readonly sessionExpiresAt: ComputedRef<number | undefined>
  /** Whether a refresh is under way. */
  readonly refreshing: ComputedRef<boolean>
  /** The last failure of a refresh that did not end the session, or the one that did. */
  readonly error: ComputedRef<Error | undefined>
  /** Why the session ended. */
  readonly reason: ComputedRef<ExpiredState['reason'] | undefined>
}

interface Provided<Claims> {
  readonly auth: Auth<Claims>
  readonly serverState?: AuthState<Claims> | undefined
}

/** Any member of any state. */
type Members = Partial<Omit<AuthenticatedState<unknown>, 'status'> & Omit<ExpiredState, 'status'>> &
  Pick<AuthState, 'status'>

const KEY: InjectionKey<object> = Symbol.for('tokenflight.auth')

/** Gives the `auth` to the whole app: `app.use(createAuthPlugin(auth))`. On a server, one `auth` and one app per request. */
export function createAuthPlugin<Claims>(
  auth: Auth<Claims>,
  options: AuthPluginOptions<Claims> = {},
): Plugin {
  return {
    install(app) {
      app.provide(KEY, { auth, ...options } satisfies Provided<Claims>)
    },
  }
}

/**
 * The state as read-only refs, and `login`, `logout`, `refresh` and `getAccessToken`. Call it in `setup`, or wherever
 * the app can be injected from (`app.runWithContext`, a store, a navigation guard); it listens until its scope ends.
 * Name the type of the claims: `useAuth<MyClaims>()`.
 * @throws Error without the plugin
 */
export function useAuth<Claims = JwtClaims>(): UseAuth<Claims> {
  const { auth, state } = follow<Claims>()
  const view: Record<string, unknown> = {
    state: computed(() => state.value),
    refreshing: computed(() => !!(state.value as Members).refreshing),
    login: auth.login,
    logout: auth.logout,
    refresh: auth.refresh,
    getAccessToken: auth.getAccessToken,
  }
  for (const name of ['status', 'claims', 'expiresAt', 'sessionExpiresAt', 'error', 'reason'] as const) {
    view[name] = computed(() => (state.value as Members)[name])
  }
  return view as unknown as UseAuth<Claims>
}

/**
 * The claims of the access token; undefined when there are none. Unverified: for display, never for access decisions.
 * @throws Error without the plugin
 */
export function useClaims<Claims = JwtClaims>(): ComputedRef<Claims | undefined>
/**
 * What the selector takes of the claims; undefined, and the selector not called, when there are none. Changes when
 * that changed: primitives by value, arrays and plain objects member by member, anything else by identity.
 *
 * @example
 * const isAdmin = useClaims((claims: MyClaims) => claims.roles.includes('admin'))
 */
export function useClaims<Claims = JwtClaims, Selected = unknown>(
  selector: (claims: Claims) => Selected,
): ComputedRef<Selected | undefined>
export function useClaims(selector?: (claims: unknown) => unknown): ComputedRef<unknown> {
  const { state } = follow()
  let selected: unknown
  return computed(() => {
    const { claims } = state.value as Members
    const next = claims && selector ? selector(claims) : claims
    if (!isSame(selected as Bag, next as Bag)) selected = next
    return selected
  })
}

/** The state as a ref, for as long as the scope lives. */
function follow<Claims>(): { auth: Auth<Claims>; state: ShallowRef<AuthState<Claims>> } {
  const { auth, serverState } = (inject(KEY, null) || {}) as Provided<Claims>
  if (!auth) throw new Error('tokenflight: missing app.use(createAuthPlugin(auth))')
  // A server may have a window, too: a polyfill, or a test that renders and hydrates in one place.
  const isPage = !inject(ssrContextKey, null)
  const present = auth.getState()
  const instance = getCurrentInstance()
  // Rendered by a server, or taken over from one: a vnode that is hydrated has its element before it is mounted.
  const isFirst = isPage ? instance?.vnode.el?.parentNode : instance
  const known = isPage || present.status !== 'authenticated' ? ({ status: 'loading' } as const) : present
  const state = shallowRef(isFirst ? (serverState ?? known) : present)
  const update = (): void => {
    state.value = auth.getState()
  }
  const start = (): void => {
    onScopeDispose(auth.subscribe(update))
    update()
  }
  // A server mounts nothing, so nothing listens there that no scope would ever release.
  if (isFirst) onMounted(start)
  else start()
  return { auth, state }
}

type Bag = Record<string, unknown>

/** Whether there is nothing to show anew: the same, or an array or plain object with the same members. */
function isSame(before: Bag, after: Bag): boolean {
  return (
    before === after ||
    (([Array, Object] as unknown[]).includes(before?.constructor) &&
      before.constructor === after?.constructor &&
      Object.keys({ ...before, ...after }).every(name => before[name] === after[name]))
  )
}
