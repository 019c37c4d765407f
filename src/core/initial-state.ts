/** The state that a server rendered, shown in place of the browser's own for as long as that one knows nothing. */
import { HANDLE, type Handle } from './handle.js'
import type { Auth, AuthState, LoadingState } from './types.js'

/** The state before anything is known. */
export const LOADING: Readonly<LoadingState> = { status: 'loading' }

/**
 * The initial state until the restore has finished. If the network prevents the restore, it stays, with the error.
 * An initial state of `loading` covers nothing.
 * @param isHidden the session of the initial state, whose access token is a cookie
 */
export function withInitialState<Claims>(
  state: AuthState<Claims>,
  initial: AuthState<Claims> | undefined,
  isHidden?: boolean,
): AuthState<Claims> {
  if (!initial || initial.status === 'loading') return state
  if (state.status === 'loading') return initial
  // No script sees the token, so the claims are those that the server rendered.
  if (isHidden && state.status === 'authenticated' && initial.status === 'authenticated' && initial.claims)
    return { ...state, claims: initial.claims }
  // Only a restore that the network prevented leaves an error without a session.
  return state.status === 'anonymous' && state.error ? { ...initial, error: state.error } : state
}

/** The state that the server rendered: the one that a component was given, or that of the `auth`. */
export function initialStateOf<Claims>(
  auth: Auth<Claims, never>,
  given: AuthState<Claims> | undefined,
): AuthState<Claims> | undefined {
  return (
    given ??
    ((auth as { [HANDLE]?: Handle } | undefined)?.[HANDLE]?.initialState as AuthState<Claims> | undefined)
  )
}

/** `withInitialState` for one page: the same argument gives the same result object. */
export function createView<Claims>(
  initial: AuthState<Claims> | undefined,
): (state: AuthState<Claims>) => AuthState<Claims> {
  let before: AuthState<Claims> | undefined
  let shown: AuthState<Claims> | undefined
  return state => {
    if (state !== before) shown = withInitialState(state, initial)
    before = state
    return shown as AuthState<Claims>
  }
}
