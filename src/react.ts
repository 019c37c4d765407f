/**
 * Hooks and a provider for an `Auth` in React 18 and later.
 * @module tokenflight/react
 */
import {
  type Context,
  createContext,
  createElement,
  type ReactElement,
  type ReactNode,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from 'react'
import { hasWindow } from './core/environment.js'
import { createView, initialStateOf, LOADING } from './core/initial-state.js'
import type {
  Auth,
  AuthenticatedState,
  AuthState,
  ExpiredState,
  JwtClaims,
  TokenResponse,
} from './core/types.js'
import { loadDevtools } from './devtools/load.js'
import type { AuthDevtoolsProps } from './devtools/options.js'
import { type Bag, isSame } from './hooks/same.js'

export type {
  AuthDevtoolsProps,
  DevtoolsLoader,
  DevtoolsModule,
  DevtoolsOptions,
  DevtoolsPosition,
} from './devtools/options.js'

/** The props of `AuthProvider`. */
export interface AuthProviderProps<Claims = JwtClaims> {
  /** Create it once, outside components; on a server once per request. */
  readonly auth: Auth<Claims, never>
  /**
   * Server rendering only: the state that the server's page shows, `auth.getState()` of its request. Pass it on the
   * server and in the browser. The first render in the browser repeats it, and it stays until the restore has
   * finished. If the network prevents the restore, it stays, with `error`. The first one of an `auth` counts.
   * `@default` the `initialState` of the `auth`; without one, `loading`, and on the server the state of a logged-in `auth`
   */
  readonly serverState?: AuthState<Claims> | undefined
  /** The components that may use the hooks. */
  readonly children?: ReactNode
}

type Members = keyof AuthenticatedState | keyof ExpiredState

/** Each state with the members of the others as `undefined`, so that they can be taken apart before `status` is known. */
type Whole<State> = State extends unknown
  ? State & { readonly [Name in Exclude<Members, keyof State>]?: undefined }
  : never

/** The state and the actions. The functions never change. */
export type UseAuth<Claims = JwtClaims, Answer = TokenResponse> = Whole<AuthState<Claims>> &
  Pick<Auth<Claims, Answer>, 'login' | 'logout' | 'refresh' | 'getAccessToken'>

interface Provided {
  readonly auth: Auth<never, never>
  /** The state that the server rendered, if there is one. */
  readonly initial: AuthState<never> | undefined
  /** The state to show: the server's until the restore has finished. */
  readonly getState: () => AuthState<never>
}

const AuthContext: Context<Provided | undefined> = /* @__PURE__ */ createContext<Provided | undefined>(
  undefined,
)

/** Provides the `auth` to the hooks below it. Adds no elements, and does not render again on a change of state. */
export function AuthProvider<Claims>({
  auth,
  serverState,
  children,
}: AuthProviderProps<Claims>): ReactElement {
  // The server has rendered once: an object that is made anew at each render says nothing new.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the first state counts
  const provided = useMemo(() => provide(auth, serverState) as Provided, [auth])
  return createElement(AuthContext.Provider, { value: provided }, children)
}

/**
 * The state, and `login`, `logout`, `refresh` and `getAccessToken`. Renders only when the state has changed.
 * Name the type of the claims, and that of the answer that `read` maps, if there is one: `useAuth<MyClaims>()`.
 * @throws Error without an `AuthProvider` above
 */
export function useAuth<Claims = JwtClaims, Answer = TokenResponse>(): UseAuth<Claims, Answer> {
  const provided = useProvided()
  const auth = provided.auth as Auth<unknown, never> as Auth<Claims, never>
  const state = useSyncExternalStore(auth.subscribe, provided.getState, () => firstState(provided))
  return useMemo(() => {
    const { login, logout, refresh, getAccessToken } = auth
    return { ...state, login, logout, refresh, getAccessToken } as unknown as UseAuth<Claims, Answer>
  }, [auth, state])
}

/**
 * The claims of the access token; undefined without claims. Unverified: for display, never for access decisions.
 * A refresh brings new claims, with another `exp`: to render less often, use a selector.
 * @throws Error without an `AuthProvider` above
 */
export function useClaims<Claims = JwtClaims>(): Claims | undefined
/**
 * The result of the selector for the claims; undefined without claims, when the selector is not called. Renders when the
 * result has changed: primitives by value, arrays and plain objects member by member, anything else by identity.
 *
 * @example
 * const isAdmin = useClaims((claims: MyClaims) => claims.roles.includes('admin'))
 */
export function useClaims<Claims = JwtClaims, Selected = unknown>(
  selector: (claims: Claims) => Selected,
): Selected | undefined
export function useClaims(selector?: (claims: unknown) => unknown): unknown {
  const provided = useProvided()
  // A selector that is made anew at each render selects the same object again.
  const shown = useRef<unknown>(undefined)
  const select = useMemo(() => {
    let claims: unknown = shown
    let selected = shown.current
    return (state: AuthState<unknown>): unknown => {
      const present = 'claims' in state ? state.claims : undefined
      if (present !== claims) {
        const next = present && selector ? selector(present) : present
        if (!isSame(selected as Bag, next as Bag)) selected = next
        // A selector that throws must throw again: what is selected belongs to the claims before.
        claims = present
      }
      return selected
    }
  }, [selector])
  const value = useSyncExternalStore(
    provided.auth.subscribe,
    () => select(provided.getState()),
    () => select(firstState(provided)),
  )
  useEffect(() => {
    shown.current = value
  })
  return value
}

/**
 * The devtools of `tokenflight/devtools`, loaded when it is mounted. A production build, by `process.env.NODE_ENV`,
 * contains no code of the devtools and shows nothing, unless `load` is given. The options count when it is mounted.
 * @throws Error without an `AuthProvider` above
 *
 * @example
 * <AuthProvider auth={auth}>
 *   <App />
 *   <AuthDevtools />
 * </AuthProvider>
 */
export function AuthDevtools(props: AuthDevtoolsProps): null {
  const { auth } = useProvided()
  const [options] = useState(props)
  useEffect(() => loadDevtools(auth, options), [auth, options])
  return null
}

function useProvided(): Provided {
  const provided = useContext(AuthContext)
  if (!provided?.auth) throw new Error('tokenflight: missing <AuthProvider auth={auth}>')
  return provided
}

function provide<Claims>(auth: Auth<Claims, never>, serverState: AuthState<Claims> | undefined): unknown {
  const initial = initialStateOf(auth, serverState)
  const view = createView(initial)
  return { auth, initial, getState: () => view(auth.getState()) }
}

/** The state that the server renders, and that the first render in the browser repeats. */
function firstState({ auth, initial }: Provided): AuthState<never> {
  const state = auth.getState()
  return initial ?? (hasWindow() || state.status !== 'authenticated' ? LOADING : state)
}
