/**
 * An `Auth` as React reads it; React 18 and later.
 * @module tokenflight/react
 */
import {
  type Context,
  createContext,
  createElement,
  type ReactElement,
  type ReactNode,
  useContext,
  useMemo,
  useSyncExternalStore,
} from 'react'
import { hasWindow } from './core/environment.js'
import type {
  Auth,
  AuthenticatedState,
  AuthState,
  ExpiredState,
  JwtClaims,
  LoadingState,
} from './core/types.js'

/** What `AuthProvider` takes. */
export interface AuthProviderProps<Claims = JwtClaims> {
  /** Create it once, outside components; on a server once per request. */
  readonly auth: Auth<Claims>
  /**
   * Server rendering only: the state that the server's page shows, `auth.getState()` of its request, handed to the
   * server and to the browser alike, so that the first render in the browser is the same page.
   * `@default` on the server the state of its `auth` where somebody is logged in, everywhere else `loading`
   */
  readonly serverState?: AuthState<Claims> | undefined
  /** What may use the hooks. */
  readonly children?: ReactNode
}

type Members = keyof AuthenticatedState | keyof ExpiredState

/** Each state with the members of the others as `undefined`, so that they can be taken apart before `status` is known. */
type Whole<State> = State extends unknown
  ? State & { readonly [Name in Exclude<Members, keyof State>]?: undefined }
  : never

/** The state and what can be done about it. The functions are the same ones for ever. */
export type UseAuth<Claims = JwtClaims> = Whole<AuthState<Claims>> &
  Pick<Auth<Claims>, 'login' | 'logout' | 'refresh' | 'getAccessToken'>

interface Provided {
  readonly auth: Auth<never>
  readonly serverState: AuthState<never> | undefined
}

const LOADING: Readonly<LoadingState> = { status: 'loading' }

const AuthContext: Context<Provided | undefined> = /* @__PURE__ */ createContext<Provided | undefined>(
  undefined,
)

/** Gives the `auth` to the hooks below it. Renders nothing of its own, and never again on a change of state. */
export function AuthProvider<Claims>({
  auth,
  serverState,
  children,
}: AuthProviderProps<Claims>): ReactElement {
  const provided = useMemo(() => ({ auth, serverState }) as never as Provided, [auth, serverState])
  return createElement(AuthContext.Provider, { value: provided }, children)
}

/**
 * The state, and `login`, `logout`, `refresh` and `getAccessToken`. Renders when the state changed, never else.
 * Name the type of the claims: `useAuth<MyClaims>()`.
 * @throws Error without an `AuthProvider` above
 */
export function useAuth<Claims = JwtClaims>(): UseAuth<Claims> {
  const provided = useProvided()
  const auth = provided.auth as Auth<unknown> as Auth<Claims>
  const state = useSyncExternalStore(auth.subscribe, auth.getState, () => firstState<Claims>(provided))
  return useMemo(() => {
    const { login, logout, refresh, getAccessToken } = auth
    return { ...state, login, logout, refresh, getAccessToken } as UseAuth<Claims>
  }, [auth, state])
}

/**
 * The claims of the access token; undefined when there are none. Unverified: for display, never for access decisions.
 * A refresh brings new claims, with another `exp`: to render on less, select.
 * @throws Error without an `AuthProvider` above
 */
export function useClaims<Claims = JwtClaims>(): Claims | undefined
/**
 * What the selector takes of the claims; undefined, and the selector not called, when there are none. Renders when
 * that changed: primitives by value, arrays and plain objects member by member, anything else by identity.
 *
 * @example
 * const isAdmin = useClaims((claims: MyClaims) => claims.roles.includes('admin'))
 */
export function useClaims<Claims = JwtClaims, Selected = unknown>(
  selector: (claims: Claims) => Selected,
): Selected | undefined
export function useClaims(selector?: (claims: unknown) => unknown): unknown {
  const provided = useProvided()
  const { auth } = provided
  const select = useMemo(() => {
    let claims: unknown
    let selected: unknown
    return (state: AuthState<unknown>): unknown => {
      const present = 'claims' in state ? state.claims : undefined
      if (present !== claims) {
        claims = present
        const next = claims && selector ? selector(claims) : claims
        if (!isSame(selected as Bag, next as Bag)) selected = next
      }
      return selected
    }
  }, [selector])
  return useSyncExternalStore(
    auth.subscribe,
    () => select(auth.getState()),
    () => select(firstState(provided)),
  )
}

function useProvided(): Provided {
  const provided = useContext(AuthContext)
  if (!provided?.auth) throw new Error('tokenflight: useAuth needs an <AuthProvider auth={auth}> above it')
  return provided
}

/** What the server renders, and the browser until it has taken over: the browser's own session comes right after. */
function firstState<Claims>({ auth, serverState }: Provided): AuthState<Claims> {
  const state = auth.getState()
  return serverState ?? (hasWindow() || state.status !== 'authenticated' ? LOADING : state)
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
