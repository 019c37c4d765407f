/** The session as Vue follows it: for as long as a scope lives, or outside a scope for as long as the app does. */
import type { ComputedRef, InjectionKey } from 'vue'
import {
  computed,
  getCurrentInstance,
  getCurrentScope,
  inject,
  onBeforeUnmount,
  onMounted,
  onScopeDispose,
  shallowRef,
  ssrContextKey,
} from 'vue'
import { hasWindow } from '../core/environment.js'
import { LOADING, withInitialState } from '../core/initial-state.js'
import type { Auth, AuthenticatedState, AuthState, ExpiredState } from '../core/types.js'

interface Provided<Claims> {
  readonly auth: Auth<Claims, never>
  /** The state that the server rendered, if there is one. */
  readonly initial: AuthState<Claims> | undefined
  /** For all calls outside a scope, such as those of a navigation guard: nothing tells when one of them is over. */
  unscoped?: Followed<Claims>
}

interface Followed<Claims> {
  readonly auth: Auth<Claims, never>
  /** Makes a ref of a part of the state. */
  readonly derive: <T>(select: (state: Members) => T) => ComputedRef<T>
}

/** Any member of any state. */
type Members = Partial<Omit<AuthenticatedState<unknown>, 'status'> & Omit<ExpiredState, 'status'>> &
  Pick<AuthState, 'status'>

export const KEY: InjectionKey<object> = Symbol.for('tokenflight.auth')

/** @throws Error without the plugin */
export function follow<Claims>(): Followed<Claims> {
  const provided = (inject(KEY, null) || {}) as Provided<Claims>
  const { auth, initial, unscoped } = provided
  if (!auth) throw new Error('tokenflight: missing app.use(createAuthPlugin(auth))')
  const isScoped = getCurrentScope()
  if (!isScoped && unscoped) return unscoped
  const instance = getCurrentInstance()
  // A server may have a window, too: a polyfill, or a test that renders and hydrates in one place. Before it renders,
  // in a guard, only the state of the page tells it from a script.
  const isServer = instance ? inject(ssrContextKey, null) : initial && !hasWindow()
  // A vnode that is hydrated has its element before it is mounted. Until then the state of the server is kept.
  let isHydrated = isScoped && !isServer && instance?.vnode.el?.parentNode
  const read = (): AuthState<Claims> => {
    const present = auth.getState()
    if (!isServer && !isHydrated) return withInitialState(present, initial)
    // Without a user a server renders `loading`, because the browser may know better.
    return initial ?? (isServer && present.status === 'authenticated' ? present : LOADING)
  }
  const state = shallowRef(read())
  const update = (): void => {
    state.value = read()
  }
  const release = (): void => {
    isHydrated = undefined
    update()
  }
  // The scope may be a store's, which outlives the component that used the store first.
  if (!isServer) {
    const stop = auth.subscribe(update)
    if (isScoped) onScopeDispose(stop)
  }
  if (isHydrated) {
    onMounted(release)
    // The component may be removed before it is mounted.
    onBeforeUnmount(release)
  }
  const followed: Followed<Claims> = {
    auth,
    // A server gets no notification: there the state is read when the ref is read.
    derive: select => computed(() => select((isServer ? read() : state.value) as Members)),
  }
  if (!isScoped) provided.unscoped = followed
  return followed
}
