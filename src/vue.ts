/**
 * Composables and a plugin for an `Auth` in Vue 3.3 and later.
 * @module tokenflight/vue
 */

import type { ComputedRef, DefineComponent, Plugin } from 'vue'
import { defineComponent, onMounted, onUnmounted } from 'vue'
import { initialStateOf } from './core/initial-state.js'
import type { Auth, AuthState, ExpiredState, JwtClaims, TokenResponse } from './core/types.js'
import { loadDevtools } from './devtools/load.js'
import type { AuthDevtoolsProps } from './devtools/options.js'
import { follow, KEY } from './hooks/follow.js'
import { type Bag, isSame } from './hooks/same.js'

export type {
  AuthDevtoolsProps,
  DevtoolsLoader,
  DevtoolsModule,
  DevtoolsOptions,
  DevtoolsPosition,
} from './devtools/options.js'

/** The options of `createAuthPlugin`. */
export interface AuthPluginOptions<Claims = JwtClaims> {
  /**
   * Server rendering only: the state that the server's page shows, `auth.getState()` of its request. Pass it on the
   * server and in the browser. The first render in the browser repeats it, and it stays until the restore has
   * finished. If the network prevents the restore, it stays, with `error`.
   * `@default` the `initialState` of the `auth`; without one, `loading`, and on the server the state of a logged-in `auth`
   */
  readonly serverState?: AuthState<Claims> | undefined
}

/** The state as read-only refs, and the actions. */
export interface UseAuth<Claims = JwtClaims, Answer = TokenResponse>
  extends Pick<Auth<Claims, Answer>, 'login' | 'logout' | 'refresh' | 'getAccessToken'> {
  /** All members below in one object, the result of `auth.getState()`. */
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

/** Provides the `auth` to the whole app: `app.use(createAuthPlugin(auth))`. On a server, one `auth` and one app per request. */
export function createAuthPlugin<Claims>(
  auth: Auth<Claims, never>,
  options: AuthPluginOptions<Claims> = {},
): Plugin {
  return {
    install(app) {
      app.provide(KEY, { auth, initial: initialStateOf(auth, options.serverState) })
    },
  }
}

/**
 * The state as read-only refs, and `login`, `logout`, `refresh` and `getAccessToken`. Call it in `setup`, or wherever
 * the app can be injected from (`app.runWithContext`, a store, a navigation guard); it listens until its scope ends,
 * or outside a scope for as long as the app lives, once for all such calls.
 * Name the type of the claims, and that of the answer that `read` maps, if there is one: `useAuth<MyClaims>()`.
 * @throws Error without the plugin
 */
export function useAuth<Claims = JwtClaims, Answer = TokenResponse>(): UseAuth<Claims, Answer> {
  const { auth, derive } = follow<Claims>()
  const { login, logout, refresh, getAccessToken } = auth
  const view: Record<string, unknown> = {
    login,
    logout,
    refresh,
    getAccessToken,
    state: derive(state => state),
    refreshing: derive(state => !!state.refreshing),
  }
  for (const name of ['status', 'claims', 'expiresAt', 'sessionExpiresAt', 'error', 'reason'] as const) {
    view[name] = derive(state => state[name])
  }
  return view as unknown as UseAuth<Claims, Answer>
}

/**
 * The claims of the access token; undefined without claims. Unverified: for display, never for access decisions.
 * @throws Error without the plugin
 */
export function useClaims<Claims = JwtClaims>(): ComputedRef<Claims | undefined>
/**
 * The result of the selector for the claims; undefined without claims, when the selector is not called. Changes when the
 * result has changed: primitives by value, arrays and plain objects member by member, anything else by identity.
 *
 * @example
 * const isAdmin = useClaims((claims: MyClaims) => claims.roles.includes('admin'))
 */
export function useClaims<Claims = JwtClaims, Selected = unknown>(
  selector: (claims: Claims) => Selected,
): ComputedRef<Selected | undefined>
export function useClaims(selector?: (claims: unknown) => unknown): ComputedRef<unknown> {
  let selected: unknown
  let get = (): unknown => undefined
  const latest = follow().derive(({ claims }) => {
    try {
      const next = claims && selector ? selector(claims) : claims
      if (!isSame(selected as Bag, next as Bag)) {
        selected = next
        get = () => next
      }
    } catch (error) {
      selected = get = () => {
        throw error
      }
    }
    return get
  })
  // A computed ref whose function throws does so once, and then has its value from before: that of another user.
  return {
    __proto__: latest,
    get value() {
      return latest.value()
    },
    // Vue warns of it, and changes nothing.
    set value(value) {
      Object.assign(latest, { value })
    },
  } as never
}

/**
 * The devtools of `tokenflight/devtools`, loaded when the component is mounted. A production build, by
 * `process.env.NODE_ENV`, contains no code of the devtools and shows nothing, unless `load` is given. The options count
 * when it is mounted.
 * @throws Error without the plugin
 */
export const AuthDevtools: DefineComponent<AuthDevtoolsProps> = /* @__PURE__ */ defineComponent({
  name: 'AuthDevtools',
  inheritAttrs: false,
  props: { container: null, open: { type: Boolean, default: undefined }, position: String, load: Function },
  setup(props) {
    const { auth } = follow()
    let remove: () => void
    onMounted(() => {
      remove = loadDevtools(auth, { ...props } as AuthDevtoolsProps)
    })
    onUnmounted(() => remove?.())
    return () => null
  },
}) as never
